"""Docs from spaCy's binary corpus, and to it, whole or not at all."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab

from ..errors import Errors
from ..files import write_whole
from .faults import CorpusError

# What `spacy.Corpus.v1` looks for in a folder; it refuses any other file.
SUFFIX = ".spacy"

Item = TypeVar("Item")


def load(path: str | Path, read: Callable[[Path], Iterable[Item]]) -> list[Item]:
    """All that `read` makes of a .spacy file or a folder of them.

    Raises CorpusError: TL214 on what cannot be read, TL215 if it holds nothing.
    """
    path = Path(path)
    if not path.exists():
        raise CorpusError(Errors.TL214.format(path=path, reason="there is no such file"))
    if path.is_file() and path.suffix != SUFFIX:
        raise CorpusError(Errors.TL214.format(path=path, reason=f"the name does not end in {SUFFIX}"))
    try:
        found = list(read(path))
    except Exception as error:  # whatever zlib, msgpack or numpy make of bytes that are no DocBin
        reason = f"{type(error).__name__}: {error}"
        raise CorpusError(Errors.TL214.format(path=path, reason=reason)) from error
    if not found:
        raise CorpusError(Errors.TL215.format(path=path))
    return found


def read_docs(path: str | Path) -> list[Doc]:
    """The docs of a .spacy file or of all in a folder, with all that is stored of them, but for those without a token.

    Raises CorpusError: TL214, TL215.
    """
    return load(path, lambda path: Corpus(path).read_docbin(Vocab(), walk_corpus(path, SUFFIX)))


def check_suffix(path: Path) -> None:
    """Refuse a name that spaCy's reader would pass over; called before the work as well as at its end."""
    if path.suffix != SUFFIX:
        raise CorpusError(Errors.TL209.format(path=path))


def write_docs(docs: Iterable[Doc], path: str | Path, *, user_data: bool = False) -> None:
    """Write `docs` to `path`, making its folder; a failure leaves the file that stood there, or none.

    user_data: whether to write what `Doc.user_data` holds, stamps among it.
    """
    path = Path(path)
    check_suffix(path)
    data = DocBin(docs=docs, store_user_data=user_data).to_bytes()
    try:
        write_whole(path, data)
    except OSError as error:
        raise CorpusError(Errors.TL210.format(path=path, reason=error.strerror or error)) from error
