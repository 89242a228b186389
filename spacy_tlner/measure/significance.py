"""Whether one model is better than another on a test corpus, or only luckier with its documents. Arrays only.

    F1 = 2 tp / (2 tp + fp + fn), over documents drawn with replacement, the same draw for both models

The paired bootstrap (Efron & Tibshirani 1993, chapter 16; for F1 of spans Berg-Kirkpatrick et al. 2012).
"""

from typing import Literal, NamedTuple

import numpy
from numpy.typing import NDArray

Verdict = Literal["better", "worse", "undecided"]
# documents times draws that are counted at once
_AT_ONCE = 20_000_000


class Difference(NamedTuple):
    """F1 of one model minus that of another, both from 0 to 1, and the middle 95 % of it over resampled corpora."""

    points: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Of the first model against the second; undecided if the interval holds 0."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "undecided"


def paired_bootstrap(
    first: NDArray[numpy.integer], second: NDArray[numpy.integer], n: int = 2000, seed: int = 0
) -> Difference:
    """The difference of the F1 of two models over the same documents.

    first, second: (documents, 3) true positives, false positives and false negatives of each. n: draws.
    """
    both = numpy.stack([first, second]).astype("float64")  # (2, documents, 3)
    points = float(numpy.subtract(*_f1(both.sum(axis=1))))
    n_docs = both.shape[1]
    if not n_docs:
        return Difference(points, 0.0, 0.0)
    rng = numpy.random.default_rng(seed)
    drawn = []
    step = max(1, _AT_ONCE // n_docs)
    for start in range(0, n, step):
        times = rng.multinomial(n_docs, numpy.full(n_docs, 1 / n_docs), size=min(step, n - start))
        drawn.append(numpy.subtract(*_f1(times.astype("float64") @ both)))
    low, high = numpy.percentile(numpy.concatenate(drawn), [2.5, 97.5])
    return Difference(points, float(low), float(high))


def f1(counts: NDArray[numpy.integer]) -> float:
    """Of documents (documents, 3), from 0 to 1; 0 where nothing is right."""
    return float(_f1(counts.sum(axis=0).astype("float64")))


def _f1(counts: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """Of counts (..., 3); 0 where nothing is right."""
    right, wrong, missed = numpy.moveaxis(counts, -1, 0)
    return 2 * right / numpy.maximum(2 * right + wrong + missed, 1e-12)
