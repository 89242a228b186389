"""`spacy tlner vectors`: floret vectors from the user's own text, as a pipeline for `[initialize] vectors`."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .failure import fail


class Mode(str, Enum):
    """Every word a vector, from its n-grams; or the frequent words only."""

    floret = "floret"
    default = "default"


class Algorithm(str, Enum):
    """floret's two ways to train."""

    skipgram = "skipgram"
    cbow = "cbow"


def vectors(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="TEXTS",
            help='Texts, a text a line: .txt, .txt.gz, .jsonl with "text", a folder of these, or .spacy.',
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", file_okay=False, help="Folder for the pipeline.")],
    mode: Annotated[
        Mode, typer.Option(help="floret: a vector for any word, from its n-grams; default: for frequent words only.")
    ] = Mode.floret,
    dim: Annotated[int, typer.Option(min=1, help="Width of a vector.")] = 100,
    minn: Annotated[int, typer.Option(min=1, help="Characters of the shortest n-gram.")] = 3,
    maxn: Annotated[int, typer.Option(min=1, help="Characters of the longest n-gram.")] = 6,
    buckets: Annotated[int, typer.Option(min=1, help="Rows of the floret table.")] = 50000,
    hashes: Annotated[int, typer.Option(min=1, max=4, help="Rows of the floret table that an n-gram has.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="How often the texts are read.")] = 5,
    min_count: Annotated[int, typer.Option(min=1, help="Words that occur less often are left out of training.")] = 5,
    window: Annotated[int, typer.Option(min=1, help="Words to each side that a word is trained with.")] = 5,
    algorithm: Annotated[Algorithm, typer.Option(help="How floret trains.")] = Algorithm.skipgram,
    threads: Annotated[
        int, typer.Option(min=1, help="With more than one, floret is faster and no two runs are alike.")
    ] = 1,
    lower: Annotated[bool, typer.Option("--lower", help="Lower-case the texts; words are looked up likewise.")] = False,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the tokenizer.")] = "en",
) -> None:
    """Train word vectors on your own text with floret, and write a spaCy pipeline that has them.

    Use it as [initialize] vectors = OUTPUT, with the layer spacy_tlner.StaticWords.v1 or spaCy's own. Case is kept
    unless --lower is given: in names of genes or people it tells something, and n-grams already tie "the" to "The"
    but for its first letter. Needs the package floret: pip install "spacy-tlner[vectors]".
    """
    from spacy.util import get_lang_class
    from wasabi import msg

    from ..corpora.faults import CorpusError
    from ..corpora.texts import read_plain
    from ..domain.faults import DomainError
    from ..domain.vectors import VectorSettings, train_vectors
    from ..errors import Errors
    from .progress import tokenizing

    try:
        # the tokenizers of some languages need a package of their own
        nlp = get_lang_class(lang)()
    except ImportError as error:
        fail(Errors.TL212.format(lang=lang, reason=error))
    settings = VectorSettings(
        mode=mode.value,
        algorithm=algorithm.value,
        dim=dim,
        minn=minn,
        maxn=maxn,
        buckets=buckets,
        hashes=hashes,
        epochs=epochs,
        min_count=min_count,
        window=window,
        threads=threads,
    )
    try:
        found = train_vectors(tokenizing(read_plain(path)), nlp, output, settings, lower=lower, verbose=2)
    except (CorpusError, DomainError) as error:
        fail(error)
    msg.good(
        f"{nlp.vocab.vectors.shape[0]:,} rows of {dim} -> {output}, from {found.texts:,} text(s), {found.tokens:,} "
        f"token(s), {found.words:,} frequent word(s)"
    )
    msg.text(f'Use it in a config as [initialize] vectors = "{output}"')
