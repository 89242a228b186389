"""Write docs as spaCy's binary corpus, whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc, DocBin

from ..errors import Errors
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
    # beside the target, since a rename is only atomic within one file system
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise CorpusError(Errors.TL210.format(path=path, reason=error.strerror or error)) from error
    finally:
        # an unwritable folder is already the error being raised; after os.replace there is nothing left to remove
        if part.exists():
            part.unlink()
