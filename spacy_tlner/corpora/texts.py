"""Texts without their annotation, from any file that holds some."""

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ..errors import Errors
from .docbin import SUFFIX
from .faults import CorpusError
from .unlabelled import read_lines


def read_plain(path: Path) -> Iterator[str]:
    """The texts of a file or folder that are not blank: of a .spacy file those of its docs, else a line each.

    See `unlabelled.read_lines` for the other files. Raises CorpusError: TL214, TL221, TL222.
    """
    if path.suffix != SUFFIX:
        yield from read_lines(path)
        return
    try:
        for doc in DocBin().from_disk(path).get_docs(Vocab()):
            if doc.text.strip():
                yield doc.text
    except Exception as error:  # whatever zlib, msgpack or numpy make of bytes that are no DocBin
        raise CorpusError(Errors.TL214.format(path=path, reason=f"{type(error).__name__}: {error}")) from error
