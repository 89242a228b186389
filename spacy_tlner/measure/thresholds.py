"""The threshold on calibrated probabilities that promises the best F1."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy

from ..chains import Chains
from ..mentions import LEAST_PROBABLE


class Promise(NamedTuple):
    """A threshold, 0 to 1, and the F1, 0 to 1, that is expected of it."""

    threshold: float
    f1: float


def best_expected_f1(batches: Iterable[Chains], n_gold: int) -> Promise:
    """The threshold of best expected F1 over a corpus of `n_gold` gold mentions.

    Of a threshold t the expected F1 is 2 sum(p >= t) / (number of p >= t + n_gold), p over every possible mention; the
    best threshold is half the best F1 (Lipton, Elkan and Naryanaswamy 2014, theorem 1). So of gold only its size is
    used, not which mentions are right, and few documents do. Nor is the expected size used, the sum of all p: the
    temperature is fitted on mentions of the best tagging, and leaves the many unlikely ones too likely (on dev of
    BC5CDR 10,256 are expected of 9,593, benchmarks/decoding.py). Mentions that overlap are counted as if all could be
    taken. Threshold 0 where no mention is likely enough. Cost: one forward-backward.
    """
    found = [p for chains in batches for of in chains.mentions_above(LEAST_PROBABLE) for _, p in of]
    p = numpy.sort(found)[::-1]
    if not len(p):
        return Promise(0.0, 0.0)
    best = float((2 * numpy.cumsum(p) / (numpy.arange(1, len(p) + 1) + n_gold)).max())
    return Promise(best / 2, best)
