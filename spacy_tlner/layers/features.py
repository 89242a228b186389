"""What the spelling of a word says: casing, affixes, shape, and the spelling features of Huang et al. 2015."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy
from thinc.api import Model
from thinc.types import Floats2d

from .codes import DIGIT, LETTER, LOWER, PUNCTUATION, UPPER, code_points, kinds_of
from .hashed import add_up, init_table, mix, salt_of
from .types import Types

InT = Types
OutT = Floats2d


class Casing(IntEnum):
    """Collobert et al. 2011's classes of capitals and those of numbers, the first that holds from the top down."""

    OTHER = 0  # nothing of the below, e.g. punctuation
    NUMERIC = 1  # digits only
    MOSTLY_NUMERIC = 2  # more than half of the characters are digits
    ALL_LOWER = 3  # lower case, no upper case
    ALL_UPPER = 4  # upper case, no lower case
    INITIAL_UPPER = 5  # the first character is the only one in upper case
    MIXED = 6  # upper case elsewhere
    CONTAINS_DIGIT = 7  # a digit, and no case


def WordFeatures(
    width: int, rows: int, features: Sequence[str], prefixes: Sequence[int], suffixes: Sequence[int]
) -> Model[InT, OutT]:
    """The sum of the hashed vectors of a word's features, (types, width).

    features: names out of FEATURES. prefixes, suffixes: lengths of affixes, of the word in lower case; a shorter word
    is its own affix. rows: of the table that all features share. A feature's key depends on its name and value only,
    so layers with other features and equal rows and width fit each other's weights.
    """
    return Model(
        "features",
        forward,
        init=init,
        dims={"nO": width, "nV": rows},
        params={"table": None},
        attrs={"features": [*features], "prefixes": [*prefixes], "suffixes": [*suffixes], "seed": 0},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    attrs = model.attrs
    keys = feature_keys(types.strings, attrs["features"], attrs["prefixes"], attrs["suffixes"])
    vectors, backprop_table = add_up(model, keys)

    def backprop(d_vectors: OutT) -> list:
        backprop_table(d_vectors)
        return []

    return vectors, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    init_table(model, sum(len(model.attrs[kind]) for kind in ("features", "prefixes", "suffixes")))


def feature_keys(
    strings: Sequence[str], features: Sequence[str], prefixes: Sequence[int], suffixes: Sequence[int]
) -> numpy.ndarray:
    """The key of each feature of each word, (words, features + prefixes + suffixes) uint64."""
    words = Characters.of(strings)
    columns = [mix(FEATURES[name](words).astype("uint64"), salt_of(name)) for name in features]
    if len(prefixes) or len(suffixes):
        lower = Characters.of([string.lower() for string in strings])
        columns += [mix(lower.hash_of(lower.place < n), salt_of(f"prefix{n}")) for n in prefixes]
        from_end = lower.lengths[lower.word] - lower.place  # 1 at the last character
        columns += [mix(lower.hash_of(from_end <= n), salt_of(f"suffix{n}")) for n in suffixes]
    return numpy.stack(columns, axis=1)


@dataclass(frozen=True)
class Characters:
    """The characters of all words in a row. `count` and `hash_of` say something of each word."""

    codes: numpy.ndarray  # (characters,) int64
    kinds: numpy.ndarray  # (characters,) uint8, see layers.codes
    word: numpy.ndarray  # (characters,) which word
    place: numpy.ndarray  # (characters,) place in the word
    lengths: numpy.ndarray  # (words,)

    @classmethod
    def of(cls, strings: Sequence[str]) -> "Characters":
        codes, lengths = code_points(strings)
        word = numpy.repeat(numpy.arange(len(lengths)), lengths)
        place = numpy.arange(len(codes)) - (numpy.cumsum(lengths) - lengths)[word]
        return cls(codes, kinds_of(codes), word, place, lengths)

    def count(self, which: numpy.ndarray) -> numpy.ndarray:
        """How many characters of each word are among `which`, (characters,) of truth values; (words,)."""
        return numpy.bincount(self.word[which.astype(bool)], minlength=len(self.lengths))

    def hash_of(self, keep: numpy.ndarray, codes: numpy.ndarray | None = None) -> numpy.ndarray:
        """A key for the string of each word's kept characters, (words,) uint64. codes: others in their place."""
        word = self.word[keep]
        kept = self.count(keep)
        place = numpy.arange(len(word)) - (numpy.cumsum(kept) - kept)[word]
        # a polynomial in an odd number, modulo 2 ** 64
        powers = numpy.cumprod(numpy.full(int(kept.max(initial=0)) + 1, 0x9E3779B97F4A7C15, dtype="uint64"))
        terms = ((self.codes if codes is None else codes)[keep] + 1).astype("uint64") * powers[place]
        hashes = numpy.zeros(len(self.lengths), dtype="uint64")
        numpy.add.at(hashes, word, terms)
        return hashes

    def shape(self) -> numpy.ndarray:
        """Upper case as A, other letters as a, digits as 0, the rest as it is; (characters,)."""
        conditions = [self.kinds & kind > 0 for kind in (UPPER, LETTER, DIGIT)]
        return numpy.select(conditions, [ord("A"), ord("a"), ord("0")], self.codes)


def casing(words: Characters) -> numpy.ndarray:
    """The `Casing` of each word, (words,)."""
    upper, lower = words.count(words.kinds & UPPER), words.count(words.kinds & LOWER)
    digits = words.count(words.kinds & DIGIT)
    first_upper = words.count((words.kinds & UPPER > 0) & (words.place == 0))
    return numpy.select(
        [
            (digits > 0) & (digits == words.lengths),
            2 * digits > words.lengths,
            (lower > 0) & (upper == 0),
            (upper > 0) & (lower == 0),
            (upper == 1) & (first_upper == 1),
            upper > 0,
            digits > 0,
        ],
        [
            Casing.NUMERIC,
            Casing.MOSTLY_NUMERIC,
            Casing.ALL_LOWER,
            Casing.ALL_UPPER,
            Casing.INITIAL_UPPER,
            Casing.MIXED,
            Casing.CONTAINS_DIGIT,
        ],
        default=Casing.OTHER,
    )


def _first_upper(words: Characters) -> numpy.ndarray:
    return words.count((words.kinds & UPPER > 0) & (words.place == 0)) > 0


def _inner_upper(words: Characters) -> numpy.ndarray:
    return words.count((words.kinds & UPPER > 0) & (words.place > 0)) > 0


def _all_upper(words: Characters) -> numpy.ndarray:
    return (words.count(words.kinds & UPPER) == words.lengths) & (words.lengths > 0)


def _all_lower(words: Characters) -> numpy.ndarray:
    return (words.count(words.kinds & LOWER) == words.lengths) & (words.lengths > 0)


def _letters_and_digits(words: Characters) -> numpy.ndarray:
    return (words.count(words.kinds & LETTER) > 0) & (words.count(words.kinds & DIGIT) > 0)


def _has_punctuation(words: Characters) -> numpy.ndarray:
    return words.count(words.kinds & PUNCTUATION) > 0


def _apostrophe_s(words: Characters) -> numpy.ndarray:
    left = words.lengths[words.word] - words.place
    apostrophe = (left == 2) & ((words.codes == ord("'")) | (words.codes == ord("\N{RIGHT SINGLE QUOTATION MARK}")))
    s = (left == 1) & ((words.codes == ord("s")) | (words.codes == ord("S")))
    return words.count(apostrophe | s) == 2


def _letters(words: Characters) -> numpy.ndarray:
    return words.hash_of(words.kinds & LETTER > 0)


def _non_letters(words: Characters) -> numpy.ndarray:
    return words.hash_of(words.kinds & LETTER == 0)


def _shape(words: Characters) -> numpy.ndarray:
    return words.hash_of(numpy.ones(len(words.codes), dtype=bool), words.shape())


def _short_shape(words: Characters) -> numpy.ndarray:
    shape = words.shape()
    repeated = (words.place > 0) & (shape == numpy.roll(shape, 1))
    return words.hash_of(~repeated, shape)


# What a word can be asked: (words,) of numbers, equal where the answers are.
FEATURES: dict[str, Callable[[Characters], numpy.ndarray]] = {
    "casing": casing,
    "first_upper": _first_upper,
    "all_upper": _all_upper,
    "all_lower": _all_lower,
    "inner_upper": _inner_upper,
    "letters_and_digits": _letters_and_digits,
    "punctuation": _has_punctuation,
    "apostrophe_s": _apostrophe_s,
    "letters": _letters,
    "non_letters": _non_letters,
    "shape": _shape,
    "short_shape": _short_shape,
}
