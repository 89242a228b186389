"""Words as numbers: the code points of many strings in one array, and what kind of character each is."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy

# Kinds of characters; they do not exclude each other.
UPPER, LOWER, LETTER, DIGIT, PUNCTUATION = 1, 2, 4, 8, 16


def code_points(strings: Sequence[str], max_chars: int | None = None) -> tuple[numpy.ndarray, numpy.ndarray]:
    """All code points one after the other (characters,) int64, and how many each string has (strings,).

    max_chars: longer strings keep their first and last halves; None keeps them whole.
    """
    if max_chars is not None:
        half = max_chars // 2
        strings = [s if len(s) <= max_chars else s[: max_chars - half] + s[len(s) - half :] for s in strings]
    # Python's strings may hold halves of surrogate pairs
    codes = numpy.frombuffer("".join(strings).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype("int64")
    return codes, numpy.asarray([len(s) for s in strings], dtype="int64")


def kinds_of(codes: numpy.ndarray) -> numpy.ndarray:
    """Of each code point the sum of its kinds, uint8 of the same shape."""
    distinct, which = numpy.unique(codes, return_inverse=True)
    kinds = numpy.asarray([_kinds(code) for code in distinct.tolist()], dtype="uint8")
    return kinds[which.reshape(codes.shape)]


@lru_cache(maxsize=65536)
def _kinds(code: int) -> int:
    char = chr(code)
    return (
        UPPER * (char.isupper() or char.istitle())
        + LOWER * char.islower()
        + LETTER * char.isalpha()
        + DIGIT * char.isdecimal()
        # symbols such as $ and + too, as in the C library's ispunct
        + PUNCTUATION * (unicodedata.category(char)[0] in "PS")
    )
