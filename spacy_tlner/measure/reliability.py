"""How far confidences can be trusted: calibration error, Brier score, log loss, AUROC, reliability table. Arrays only.

Every function takes the confidences (n,) of n predictions, 0 to 1, and whether each was correct (n,), bool.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy
from numpy.typing import ArrayLike, NDArray

N_BINS = 15
# A probability of float32 is known to about this; nearer to 0 or 1 its logarithm says nothing.
_NEAREST = 1e-6


class Bin(NamedTuple):
    """Predictions of like confidence: how many, their mean confidence, and the share of them that was correct."""

    n: int
    confidence: float
    correct: float


@dataclass(frozen=True)
class Reliability:
    """Every measure of one set of predictions; None where it is not defined.

    n: predictions. correct: the share that was correct. ece_by_chance: see the function of that name. auroc: None also
    if all predictions were correct, or all wrong.
    """

    n: int
    correct: float | None
    confidence: float | None
    ece: float | None
    ece_by_chance: float | None
    brier: float | None
    log_loss: float | None
    auroc: float | None
    bins: tuple[Bin, ...]

    @classmethod
    def of(cls, confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> "Reliability":
        """Measure n predictions."""
        p, y = _arrays(confidence, correct)
        bins = tuple(equal_mass_bins(p, y, n_bins))
        if not len(p):
            return cls(0, None, None, None, None, None, None, None, bins)
        return cls(
            n=len(p),
            correct=float(y.mean()),
            confidence=float(p.mean()),
            ece=ece(p, y, n_bins),
            ece_by_chance=ece_by_chance(p, n_bins),
            brier=brier(p, y),
            log_loss=log_loss(p, y),
            auroc=auroc(p, y),
            bins=bins,
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return {**asdict(self), "bins": [each._asdict() for each in self.bins]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reliability":
        """Of `to_dict`. Raises KeyError or TypeError on anything else."""
        bins = tuple(Bin(int(b["n"]), float(b["confidence"]), float(b["correct"])) for b in values["bins"])
        names = ("correct", "confidence", "ece", "ece_by_chance", "brier", "log_loss", "auroc")
        found = {name: None if values[name] is None else float(values[name]) for name in names}
        return cls(n=int(values["n"]), bins=bins, **found)


def equal_mass_bins(confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> list[Bin]:
    """The reliability table: predictions in order of confidence, cut into bins of equal number.

    Bin i holds those from rank n i // n_bins to before rank n (i + 1) // n_bins; numbers differ by one at most, and
    below n_bins predictions each is a bin of its own. A cut through predictions of equal confidence would depend
    on how they happen to be sorted, so each of these counts as correct to the share in which all of them are.
    Adaptive binning as in Nguyen and O'Connor (2015, section 4).
    """
    p, y = _arrays(confidence, correct)
    _, group = numpy.unique(p, return_inverse=True)
    shares = (numpy.bincount(group, weights=y) / numpy.bincount(group))[group] if len(p) else p
    order = numpy.argsort(p, kind="stable")
    cuts = len(p) * numpy.arange(n_bins + 1) // n_bins
    return [
        Bin(int(j - i), float(p[order[i:j]].mean()), float(shares[order[i:j]].mean()))
        for i, j in zip(cuts[:-1], cuts[1:])
        if j > i
    ]


def ece(confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> float:
    """Expected calibration error (Naeini et al. 2015): sum over bins of n_b / n times |confidence_b - correct_b|.

    In bins of equal mass (`equal_mass_bins`). NaN without predictions.
    """
    bins = equal_mass_bins(confidence, correct, n_bins)
    n = sum(each.n for each in bins)
    return sum(each.n * abs(each.confidence - each.correct) for each in bins) / n if n else float("nan")


def ece_by_chance(confidence: ArrayLike, n_bins: int = N_BINS) -> float:
    """The calibration error to be expected of perfect calibration: n_b outcomes scatter about their probability.

    Each bin's share is taken as normal about its mean confidence, whose mean deviation is sqrt(2 / pi) standard
    deviations. What is measured below this cannot be told from perfect (Broecker 2012: ECE is biased upwards).
    """
    p = numpy.sort(_arrays(confidence, numpy.zeros(numpy.shape(confidence)))[0])
    cuts = len(p) * numpy.arange(n_bins + 1) // n_bins
    spread = [numpy.sqrt((p[i:j] * (1 - p[i:j])).sum()) for i, j in zip(cuts[:-1], cuts[1:])]
    return float(numpy.sqrt(2 / numpy.pi) * sum(spread) / len(p)) if len(p) else float("nan")


def brier(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Mean squared distance of confidence and outcome (Brier 1950). NaN without predictions."""
    p, y = _arrays(confidence, correct)
    return float(((p - y) ** 2).mean()) if len(p) else float("nan")


def log_loss(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Mean of -log P(outcome) in nats; confidences count as at least 1e-6 from 0 and 1. NaN without predictions."""
    p, y = _arrays(confidence, correct)
    p = numpy.clip(p, _NEAREST, 1 - _NEAREST)
    return float(-numpy.log(numpy.where(y > 0, p, 1 - p)).mean()) if len(p) else float("nan")


def auroc(confidence: ArrayLike, correct: ArrayLike) -> float | None:
    """P(a correct prediction has more confidence than a wrong one), equals counting one half.

    That is the area under the ROC curve (Hanley and McNeil 1982); 0.5 for a constant. None unless some predictions
    were correct and some wrong.
    """
    p, y = _arrays(confidence, correct)
    n_correct = int(y.sum())
    n_wrong = len(y) - n_correct
    if not n_correct or not n_wrong:
        return None
    _, group, sizes = numpy.unique(p, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(sizes) - (sizes - 1) / 2)[group]  # from 1; of equals their mean
    return float((ranks[y > 0].sum() - n_correct * (n_correct + 1) / 2) / (n_correct * n_wrong))


def _arrays(confidence: ArrayLike, correct: ArrayLike) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]:
    return numpy.asarray(confidence, dtype="float64").ravel(), numpy.asarray(correct, dtype="float64").ravel()
