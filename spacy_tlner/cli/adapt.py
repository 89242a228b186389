"""`spacy tlner adapt`: a Hugging Face checkpoint trained on as a masked language model on the user's own text."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .failure import fail


class Numbers(str, Enum):
    """See `layers.precision`."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def adapt(
    name: Annotated[
        str, typer.Argument(metavar="MODEL", help="Hugging Face model: a folder, or a name on its hub or in its cache.")
    ],
    path: Annotated[
        Path,
        typer.Argument(
            metavar="TEXTS",
            help='Texts, a text a line: .txt, .txt.gz, .jsonl with "text", a folder of these, or .spacy.',
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", file_okay=False, help="Folder for the adapted model.")],
    epochs: Annotated[float, typer.Option(min=0.0, help="How often the texts are read.")] = 1.0,
    max_steps: Annotated[int, typer.Option(min=0, help="Updates after which to stop; 0: after the epochs.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Blocks an update.")] = 16,
    length: Annotated[int, typer.Option(min=1, help="Word pieces of a block, special ones included.")] = 256,
    learn_rate: Annotated[float, typer.Option(min=0.0, help="Learning rate at its height.")] = 5e-5,
    mask_share: Annotated[float, typer.Option(min=0.01, max=0.9, help="Word pieces to be guessed.")] = 0.15,
    dev_share: Annotated[float, typer.Option(min=0.0, max=0.5, help="Blocks held out; at least one is.")] = 0.05,
    save_every: Annotated[int, typer.Option(min=1, help="Updates between checkpoints.")] = 500,
    cased: Annotated[
        bool, typer.Option("--cased", help="Do not lower-case: for a cased model that does not say so, as BioBERT.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of new weights, order, dropout and masks.")] = 0,
    precision: Annotated[
        Numbers, typer.Option(help="Of products in training; bfloat16 is faster on processors with units for it.")
    ] = Numbers.float32,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUTPUT.")] = False,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="-1 for the CPU, else the GPUs that torch sees.")] = -1,
) -> None:
    """Go on with a checkpoint's own pretraining, on your text: domain-adaptive pretraining with transformers' trainer.

    OUTPUT is a Hugging Face folder, for `name` of spacy_tlner.TransformerEncoder.v1 or of spacy-transformers. Until it
    stands, checkpoints are kept in OUTPUT.checkpoints. Needs the package accelerate: pip install "spacy-tlner[adapt]".
    """
    from wasabi import msg

    from ..corpora.faults import CorpusError
    from ..corpora.texts import read_plain
    from ..domain.adapt_settings import AdaptSettings
    from ..domain.faults import DomainError
    from ..domain.masked_lm import adapt_checkpoint
    from .progress import tokenizing

    settings = AdaptSettings(
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        length=length,
        learn_rate=learn_rate,
        mask_share=mask_share,
        dev_share=dev_share,
        save_every=save_every,
        cased=cased,
        seed=seed,
        precision=precision.value,
    )
    try:
        found = adapt_checkpoint(name, tokenizing(read_plain(path)), output, settings, resume=resume, gpu=gpu_id >= 0)
    except (CorpusError, DomainError) as error:
        fail(error)
    if found.new_head:
        msg.warn(f"{name} has no output layer of a masked language model; a new one was trained along")
    msg.info(
        f"{found.texts:,} text(s), {found.pieces:,} word pieces, {found.blocks:,} blocks, {found.dev_blocks:,} of them "
        "held out"
    )
    msg.good(
        f"Held-out loss of a masked word piece: {found.before:.3f} -> {found.after:.3f} after {found.steps:,} updates. "
        f"Written to {output}"
    )
