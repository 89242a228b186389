"""Write docs as spaCy's binary corpus, whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc, DocBin

from ..errors import Errors
from ..files import write_whole
from .faults import CorpusError

# What `spacy.Corpus.v1` looks for in a folder; it refuses any other file.
SUFFIX = ".spacy"


def check_suffix(path: Path) -> None:
    """Refuse a name that spaCy's reader would pass over; called before the work as well as at its end."""
    if path.suffix != SUFFIX:
        raise CorpusError(Errors.TL209.format(path=path))


def write_docs(docs: Iterable[Doc], path: str | Path) -> None:
    """Write `docs` to `path`, making its folder; a failure leaves the file that stood there, or none."""
    path = Path(path)
    check_suffix(path)
    data = DocBin(docs=docs).to_bytes()
    try:
        write_whole(path, data)
    except OSError as error:
        raise CorpusError(Errors.TL210.format(path=path, reason=error.strerror or error)) from error
