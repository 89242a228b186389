"""Which texts to annotate next: how much a model doubts in each, and a choice that does not take the same one twice.

A text's score is the sum of p (1 - p) over its possible mentions, p being the exact probability that just these tokens
bear just this label. That is the variance of "is it one?", added up, and the squared error (Brier) that the model
expects of its own probabilities: a sure mention and a sure blank count nothing, a coin toss 1/4.
Arrays and plain Python; no pipeline (see suggest.py).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from ..mentions import Scored

Words = NDArray[numpy.uint64]  # (tokens,) a number a word, such as spaCy's hash of its lower case


class Choice(NamedTuple):
    """A chosen text: its place among those offered, its score, and the largest similarity to one chosen before."""

    at: int
    score: float
    similarity: float


def doubt(mentions: Iterable[Scored]) -> float:
    """The sum of p (1 - p) over the possible mentions of one text."""
    p = numpy.asarray([scored.probability for scored in mentions], dtype="float64")
    return float((p * (1 - p)).sum())


def choose(
    scores: Sequence[float] | NDArray[numpy.float64],
    texts: Sequence[Words],
    n: int,
    *,
    diversity: float,
    taken: Iterable[int] = (),
) -> list[Choice]:
    """Up to n texts, one after another, each the one with the largest score * (1 - diversity * similarity).

    scores: (texts,) at least 0. similarity: the largest cosine (`Cosines`) to a text chosen before or `taken`; those
    taken are not chosen. diversity: 0 goes by score alone, with 1 a text of the same words as one before is worth
    nothing. Of equals the earlier one is chosen. This is maximal marginal relevance (Carbonell & Goldstein 1998) as a
    product, so that it does not depend on the scale of the scores.
    Cost: n times what `Cosines.to` costs, and memory for the words; never (texts, texts).
    """
    scores = numpy.asarray(scores, dtype="float64")
    taken = sorted(set(taken))
    free = numpy.ones(len(scores), dtype=bool)
    free[taken] = False
    nearest = numpy.zeros(len(scores))
    cosines = Cosines(texts) if diversity else None
    if cosines is not None:
        for index in taken:
            numpy.maximum(nearest, cosines.to(index), out=nearest)
    chosen: list[Choice] = []
    for _ in range(min(n, int(free.sum()))):
        index = int(numpy.where(free, scores * (1 - diversity * nearest), -1.0).argmax())
        chosen.append(Choice(index, float(scores[index]), float(nearest[index])))
        free[index] = False
        if cosines is not None:
            numpy.maximum(nearest, cosines.to(index), out=nearest)
    return chosen


class Cosines:
    """Cosines between texts as sets of words: the weight of the words shared, over the mean weight of both (geometric).

    A word weighs log(1 + texts / texts that have it). Its weight and not, as is usual, the square: else the one name in
    which two near duplicates differ would outweigh all that they share. Kept twice, as the words of each text and as
    the texts of each word.
    """

    def __init__(self, texts: Sequence[Words]):
        bags = [numpy.unique(words) for words in texts]
        self._n = len(bags)
        sizes = numpy.asarray([len(bag) for bag in bags], dtype="int64")
        of = numpy.repeat(numpy.arange(self._n), sizes)  # (entries,)
        flat = numpy.concatenate(bags) if bags else numpy.zeros(0, dtype="uint64")
        _, word, count = numpy.unique(flat, return_inverse=True, return_counts=True)
        weight = numpy.sqrt(numpy.log1p(self._n / count))[word]
        weight /= numpy.sqrt(numpy.bincount(of, weight**2, self._n))[of]
        by_word = numpy.argsort(word, kind="stable")
        self._word, self._weight = word, weight
        self._of_word, self._weight_of_word = of[by_word], weight[by_word]
        self._text_at = numpy.concatenate([[0], numpy.cumsum(sizes)])
        self._word_at = numpy.concatenate([[0], numpy.cumsum(count)])

    def to(self, index: int) -> NDArray[numpy.float64]:
        """(texts,) the cosine of every text to this one; a text without words has 0. Cost: texts of its words."""
        entries = slice(self._text_at[index], self._text_at[index + 1])
        cosines = numpy.zeros(self._n)
        for word, weight in zip(self._word[entries], self._weight[entries]):
            posting = slice(self._word_at[word], self._word_at[word + 1])
            # each text once a posting, so plain indexing adds them all
            cosines[self._of_word[posting]] += weight * self._weight_of_word[posting]
        return numpy.minimum(cosines, 1.0)
