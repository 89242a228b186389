"""What a reader notes on a document about its origin, for whoever trains on it. Nothing here acts on it."""

from collections.abc import Sequence

from spacy.tokens import Doc

from .errors import Errors

_CORPUS = "spacy_tlner.corpus"
_ANNOTATED = "spacy_tlner.annotated"
_WEIGHT = "spacy_tlner.weight"


def stamp(doc: Doc, corpus: str) -> None:
    """Note on `doc` that it comes from `corpus`."""
    doc.user_data[_CORPUS] = corpus


def corpus_of(doc: Doc) -> str | None:
    """The corpus that `doc` was stamped with; None without a stamp."""
    return doc.user_data.get(_CORPUS)


def stamp_annotated(doc: Doc, labels: Sequence[str]) -> None:
    """Note on `doc` that these labels alone were annotated in it: a mention of any other may hide under its O."""
    doc.user_data[_ANNOTATED] = list(labels)


def annotated_labels(doc: Doc) -> list[str] | None:
    """The labels that were annotated in `doc`; None without a stamp, which means every label."""
    return doc.user_data.get(_ANNOTATED)


def stamp_weight(doc: Doc, weight: float) -> None:
    """Note on `doc` how much it counts in a loss, beside 1 for others. Raises TL026 on a weight below 0."""
    if not weight >= 0:
        raise ValueError(Errors.TL026.format(weight=weight))
    doc.user_data[_WEIGHT] = float(weight)


def weight_of(doc: Doc) -> float:
    """How much `doc` counts in a loss; 1 without a stamp."""
    return doc.user_data.get(_WEIGHT, 1.0)
