"""95 % intervals of paired differences: of one pair of corpora over its seeds, and of a mean over several pairs.

None of them says what another pair of corpora would give; the range over pairs does.
"""

from collections.abc import Sequence
from functools import cache
from statistics import NormalDist, mean, variance

import numpy

FEWEST = 5  # seeds of one pair


def of_seeds(gains: Sequence[float]) -> tuple[float, float] | None:
    """Of the mean over the seeds of one pair, by bootstrap; None below 5 seeds.

    Percentiles are widened for few seeds as in Hesterberg 2015, "What teachers should know about the bootstrap": plain
    ones cover 84 % instead of 95 with 5 seeds.
    """
    n = len(gains)
    if n < FEWEST:
        return None
    drawn = numpy.random.default_rng(0).choice(numpy.asarray(gains), (20_000, n)).mean(axis=1)
    tail = NormalDist().cdf(-_student(n - 1) * (n / (n - 1)) ** 0.5)
    low, high = numpy.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def of_pairs(gains: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Of the mean over these pairs of the mean over seeds; None if one of several pairs has fewer than 2 seeds.

    By Student's t, whose degrees of freedom are Satterthwaite's, for seeds of one pair may differ more than those of
    another. Resampling the 3 seeds of a pair would give their range, whatever is asked for.
    """
    if len(gains) == 1:
        return of_seeds(gains[0])
    if not gains or min(map(len, gains)) < 2:
        return None
    # of each pair's mean
    parts = [variance(of) / len(of) for of in gains]
    middle = mean(map(mean, gains))
    if not sum(parts):
        return middle, middle
    freedom = sum(parts) ** 2 / sum(part**2 / (len(of) - 1) for part, of in zip(parts, gains))
    half = _student(round(freedom, 1)) * sum(parts) ** 0.5 / len(gains)
    return middle - half, middle + half


@cache
def _student(freedom: float) -> float:
    """The 97.5 % quantile, by draws: nothing here needs more than two digits of it."""
    return float(numpy.quantile(numpy.random.default_rng(0).standard_t(freedom, 1_000_000), 0.975))
