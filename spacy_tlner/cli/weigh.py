"""`spacy tlner weigh`: how near each text of a corpus is to a target, and a corpus that carries the weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failure import fail

if TYPE_CHECKING:
    from ..corpora.nearness import Nearness


def weigh(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Corpus to weigh: a .spacy file or a folder of them.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            help='Training text of the target, annotated or not: as SOURCE, or .txt, .txt.gz, .jsonl with "text".',
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Argument(metavar="OUTPUT", help="The .spacy file to write: SOURCE with its weights."),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=0, help="How many of the nearest and farthest to show.")] = 10,
    strength: Annotated[float, typer.Option(help="0: all weights are 1; 1: they are density ratios.")] = 0.5,
    least: Annotated[float, typer.Option(help="No weight is smaller.")] = 0.1,
    most: Annotated[float, typer.Option(help="No weight is larger.")] = 10.0,
    normalise: Annotated[
        bool, typer.Option("--normalise/--raw", help="Mean weight 1; or ratios as they are, to compare sources.")
    ] = True,
    folds: Annotated[int, typer.Option(help="Classifiers, each trained on all but its part of the texts.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the parts.")] = 0,
) -> None:
    """Show how much each text of a corpus would count in training by its nearness to a target.

    Training needs no OUTPUT: the reader spacy_tlner.WeightedCorpus.v1 weighs likewise as it reads. OUTPUT is for
    spacy.Corpus.v1, which keeps the weights unless it makes new documents: with an augmenter, gold_preproc, or
    max_length where it splits.
    """
    from wasabi import msg

    from ..corpora.docbin import check_suffix, read_docs, write_docs
    from ..corpora.faults import CorpusError
    from ..corpora.nearness import WeightSettings, fit_nearness
    from ..errors import Errors
    from ..stamps import stamp_weight

    try:
        settings = WeightSettings(strength, least, most, normalise, folds, seed)
        if output is not None:
            check_suffix(output)
            place = output.resolve()
            if {source.resolve(), target.resolve()} & {place, *place.parents}:
                raise CorpusError(Errors.TL264.format(path=output))
        docs = read_docs(source)
        texts = [doc.text for doc in docs]
        nearness = fit_nearness(texts, _texts_of(target), settings)
        if output is not None:
            for doc, weight in zip(docs, nearness.weights(texts)):
                stamp_weight(doc, weight)
            write_docs(docs, output, user_data=True)
    except CorpusError as error:
        fail(error)
    msg.info(str(nearness.summary))
    if n:
        _print_extremes(nearness, texts, n)
    if output is not None:
        msg.good(f"{len(docs):,} doc(s) with their weights -> {output}")


def _texts_of(path: Path) -> list[str]:
    from ..corpora.docbin import SUFFIX, read_docs
    from ..corpora.texts import read_plain

    if path.suffix == SUFFIX or (path.is_dir() and any(path.rglob(f"*{SUFFIX}"))):
        return [doc.text for doc in read_docs(path)]
    return list(read_plain(path))


def _print_extremes(nearness: "Nearness", texts: Sequence[str], n: int) -> None:
    from wasabi import msg

    # by ratio, since many may have the weight of a bound
    different = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    ratios, weights = nearness.log_ratios(different), nearness.weights(different)
    order = sorted(range(len(different)), key=lambda i: -ratios[i])
    for title, chosen in (("Nearest", order[:n]), ("Farthest", order[::-1][:n])):
        msg.divider(title)
        for i in chosen:
            text = different[i]
            msg.text(f"{weights[i]:6.2f}  {text if len(text) <= 100 else text[:97] + '...'}")
