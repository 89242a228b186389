"""The name of the corpus a document comes from, stamped by readers, read by heads and reports."""

from spacy.tokens import Doc

_KEY = "spacy_tlner.corpus"


def stamp(doc: Doc, corpus: str) -> None:
    """Note on `doc` that it comes from `corpus`."""
    doc.user_data[_KEY] = corpus


def corpus_of(doc: Doc) -> str | None:
    """The corpus that `doc` was stamped with; None without a stamp."""
    return doc.user_data.get(_KEY)
