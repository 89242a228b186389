"""The words that a language model predicts, most frequent first, with their counts; a text file, a word a line."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy
from numpy.typing import NDArray
from spacy.strings import get_string_id
from spacy.tokens import Doc

from ..errors import Errors
from ..files import write_whole

# classes of the decoder before the first word
UNKNOWN, BOUNDARY = 0, 1
_N_SPECIAL = 2


@dataclass(frozen=True)
class WordList:
    """words: spellings, most frequent first. counts: how often each occurred."""

    words: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def n_classes(self) -> int:
        """Classes of a decoder: unknown, text boundary, the words in order."""
        return _N_SPECIAL + len(self.words)

    @cached_property
    def keys(self) -> NDArray[numpy.uint64]:
        """(words,) keys of the string store, in the order of the words."""
        return numpy.asarray([get_string_id(word) for word in self.words], dtype="uint64")

    @cached_property
    def _sorted(self) -> tuple[NDArray[numpy.uint64], NDArray[numpy.int64]]:
        order = numpy.argsort(self.keys)
        return self.keys[order], order + _N_SPECIAL

    def classes_of(self, keys: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """(n,) the class of each key, UNKNOWN for words that are not in the list."""
        known, classes = self._sorted
        place = numpy.minimum(numpy.searchsorted(known, keys), len(known) - 1)
        return numpy.where(known[place] == keys, classes[place], UNKNOWN)

    @classmethod
    def count(cls, docs: Iterable[Doc], attr: str, n_words: int) -> "WordList":
        """The `n_words` most frequent spellings of `docs`, of equals the first in the alphabet. attr: ORTH or LOWER."""
        counts: Counter[int] = Counter()
        strings = None
        for doc in docs:
            strings = doc.vocab.strings
            keys, n = numpy.unique(doc.to_array([attr]).ravel(), return_counts=True)
            counts.update(dict(zip(keys.tolist(), n.tolist())))
        if strings is None:
            return cls((), ())
        spelt = ((strings[key], n) for key, n in counts.items())
        # a line of the file each: what holds a line break or is blank cannot stand there
        best = sorted((item for item in spelt if item[0].split() == [item[0]]), key=lambda item: (-item[1], item[0]))
        return cls(*map(tuple, zip(*best[:n_words]))) if best else cls((), ())

    def write(self, path: Path) -> None:
        """A line each: the word, a tab, its count."""
        write_whole(path, "".join(f"{word}\t{n}\n" for word, n in zip(self.words, self.counts)).encode())

    @classmethod
    def read(cls, path: Path) -> "WordList":
        """Read what `write` wrote; a word alone counts once. Raises TL601 without a file, TL602 on a bad line."""
        try:
            lines = path.read_text(encoding="utf8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(Errors.TL601.format(path=path, reason=error)) from error
        counts: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            word, _, n = line.partition("\t")
            if not word or word.split() != [word] or word in counts or not (n or "1").isdecimal():
                raise ValueError(Errors.TL602.format(path=path, number=number, line=line))
            counts[word] = int(n or 1)
        if not counts:
            raise ValueError(Errors.TL602.format(path=path, number=0, line=""))
        return cls(tuple(counts), tuple(counts.values()))
