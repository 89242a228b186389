"""How near texts are to a target, as weights: density ratios by a domain classifier. Texts in, arrays out.

A classifier that tells texts of the target from texts of the source, both classes counting alike, gives the ratio of
their densities (Bickel, Brückner & Scheffer 2009):

    p_target(x) / p_source(x) = P(target | x) / P(source | x)

Three things keep 50 target texts from being told apart by heart. The classifier is penalised; no text is scored by one
that saw it (k folds); and what those scores are worth is fitted on them, as Platt (1999) does for the scores of a
support vector machine. The weight is the ratio to the power of a strength (Shimodaira 2000), times what makes the mean
1, kept within bounds.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from spacy.strings import get_string_id

from ..errors import Errors
from .faults import CorpusError
from .logistic import Floats, LogisticLoss, Rows

Keys = NDArray[numpy.uint64]

# Thai, Lao, Burmese, Khmer, kana and Han are written without blanks between words: there a character is a piece.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Pieces and not tokens: corpora differ in their tokenization, and that would tell them apart however near they are.
_PIECE = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")
_REPEATED = re.compile(r"(.)\1+")
_TIMES = numpy.uint64(3)  # odd, so that no bit is lost; not 1, so that the order of a bigram counts


@dataclass(frozen=True)
class WeightSettings:
    """From nearness to weights. Raises CorpusError: TL260 on bounds, TL261 on the others.

    strength: 0 makes all weights 1, 1 makes them density ratios. least, most: the bounds. normalise: whether the mean
    weight of the source is 1. folds: classifiers, each of which leaves a part of the texts out. seed: of the parts.
    penalty: of the classifiers' squared weights, beside a loss that is a mean and so does not grow with the texts.
    A third of the default tells a little more (AUC + 0.02 at most) and takes longer (benchmarks/nearness.py).
    """

    strength: float = 0.5
    least: float = 0.1
    most: float = 10.0
    normalise: bool = True
    folds: int = 5
    seed: int = 0
    penalty: float = 3e-4

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1 <= self.most < math.inf:
            raise CorpusError(Errors.TL260.format(least=self.least, most=self.most))
        if not (0 <= self.strength < math.inf and self.folds >= 2 and 0 < self.penalty < math.inf):
            raise CorpusError(Errors.TL261.format(strength=self.strength, folds=self.folds, penalty=self.penalty))


@dataclass(frozen=True)
class WeightSummary:
    """What became of a source. texts, target: how many there are. mean: of the weights.

    effective: (sum w)^2 / sum w^2, how many texts of equal weight would tell as much (Kish 1965).
    quartiles: of the weights. auc: how often a target text scores above a source text, both unseen: at 0.5 nothing
    tells them apart, at 1 everything.
    """

    texts: int
    target: int
    mean: float
    effective: float
    quartiles: tuple[float, float, float]
    auc: float

    def __str__(self) -> str:
        low, median, high = self.quartiles
        return (
            f"Weights by nearness to {self.target:,} target text(s): {self.texts:,} text(s) count as much as "
            f"{self.effective:,.0f} of equal weight; mean {self.mean:.2f}, quartiles {low:.2f}, {median:.2f}, "
            f"{high:.2f}; told apart with AUC {self.auc:.2f}"
        )


@dataclass(frozen=True)
class Nearness:
    """Weights of texts; made by `fit_nearness`.

    features: (features,) sorted keys. params: (folds, features + 1) of each classifier. known: sorted keys of the texts
    that these were trained on, and fold: the one that did not see each. slope, intercept: from a classifier's logit to
    that of P(target). shift: added to log weights.
    """

    settings: WeightSettings
    summary: WeightSummary
    features: Keys
    params: Floats
    known: Keys
    fold: NDArray[numpy.int64]
    slope: float
    intercept: float
    shift: float

    def log_ratios(self, texts: Sequence[str]) -> Floats:
        """(texts,) log p_target(x) / p_source(x), by the classifier that did not see the text, or the mean of all."""
        rows = _rows(*_text_features(texts), len(texts), self.features)
        logits = _unseen_logits(self.params, rows, *self._folds_of(texts))
        return self.slope * logits + self.intercept

    def weights(self, texts: Sequence[str]) -> Floats:
        """(texts,) the weight of each; the same text has the same weight, whatever stands beside it."""
        return _weights(self.log_ratios(texts), self.settings, self.shift)

    def _folds_of(self, texts: Sequence[str]) -> tuple[NDArray[numpy.int64], NDArray[numpy.bool_]]:
        place, is_known = _look_up(_text_keys(texts, self.settings.seed), self.known)
        return numpy.where(is_known, self.fold[place], 0), is_known


def fit_nearness(source: Iterable[str], target: Iterable[str], settings: WeightSettings) -> Nearness:
    """Train the classifiers. Neither the order of texts nor that of the source among them matters, up to rounding.

    Blank texts are left out. Raises CorpusError, TL263, where there are fewer different texts than folds.
    """
    texts = [[text for text in each if text.strip()] for each in (source, target)]
    keys = [_text_keys(each, settings.seed) for each in texts]
    for each, what in zip(keys, ("source", "target")):
        if len(numpy.unique(each)) < settings.folds:
            count = len(numpy.unique(each))
            raise CorpusError(Errors.TL263.format(what=what, count=count, folds=settings.folds))
    known, fold = _assign_folds(keys[0], keys[1], settings.folds)
    found, text_of = _text_features([*texts[0], *texts[1]])
    is_target = numpy.repeat([0.0, 1.0], [len(each) for each in texts])
    # what occurs in one text only says nothing of another
    features, counts = numpy.unique(found, return_counts=True)
    rows = _rows(found, text_of, len(is_target), features[counts > 1])
    place, _ = _look_up(numpy.concatenate(keys), known)
    params = numpy.stack(
        [_classifier(rows, is_target, fold[place] != k, settings.penalty) for k in range(settings.folds)]
    )
    logits = _unseen_logits(params, rows, fold[place], numpy.ones(len(is_target), dtype=bool))
    slope, intercept = _calibrate(logits, is_target)
    ratios = slope * logits[is_target == 0] + intercept
    shift = _shift_to_mean_one(ratios, settings) if settings.normalise else 0.0
    weights = _weights(ratios, settings, shift)
    low, median, high = (float(q) for q in numpy.quantile(weights, (0.25, 0.5, 0.75)))
    summary = WeightSummary(
        texts=len(weights),
        target=len(texts[1]),
        mean=float(weights.mean()),
        effective=effective_size(weights),
        quartiles=(low, median, high),
        auc=_auc(logits[is_target == 1], logits[is_target == 0]),
    )
    return Nearness(settings, summary, features[counts > 1], params, known, fold, slope, intercept, shift)


def effective_size(weights: Floats) -> float:
    """(sum w)^2 / sum w^2; 0 if all weights are 0."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares else 0.0


# --- texts as rows of features ---


def _text_keys(texts: Sequence[str], seed: int) -> Keys:
    """A key for each text, the same where only case and white space differ."""
    return numpy.asarray(
        [get_string_id(f"{seed} {''.join(text.split()).casefold()}") for text in texts], dtype="uint64"
    )


def _text_features(texts: Sequence[str]) -> tuple[Keys, NDArray[numpy.int64]]:
    """Each feature of each text once, as its key and the text's number, sorted by text.

    Features are the pieces in lower case, pairs of neighbours, and shapes: upper, lower case and digits.
    """
    index: dict[str, int] = {}
    pieces = [_PIECE.findall(text) for text in texts]
    ids = numpy.asarray([index.setdefault(piece, len(index)) for each in pieces for piece in each], dtype="int64")
    words = numpy.asarray([get_string_id(f"word {piece.lower()}") for piece in index], dtype="uint64")[ids]
    shapes = numpy.asarray([get_string_id(f"shape {_shape(piece)}") for piece in index], dtype="uint64")[ids]
    lengths = numpy.asarray([len(each) for each in pieces], dtype="int64")
    text_of = numpy.repeat(numpy.arange(len(texts)), lengths)
    are_neighbours = text_of[1:] == text_of[:-1]
    pairs = (words[:-1] * _TIMES + words[1:])[are_neighbours]
    keys = numpy.concatenate([words, shapes, pairs])
    text_of = numpy.concatenate([text_of, text_of, text_of[1:][are_neighbours]])
    order = numpy.lexsort((keys, text_of))
    keys, text_of = keys[order], text_of[order]
    is_first = numpy.ones(len(keys), dtype=bool)
    is_first[1:] = (keys[1:] != keys[:-1]) | (text_of[1:] != text_of[:-1])
    return keys[is_first], text_of[is_first]


def _shape(piece: str) -> str:
    kinds = ("X" if c.isupper() else "d" if c.isdigit() else "x" if c.isalpha() else c for c in piece)
    return _REPEATED.sub(r"\1", "".join(kinds))


def _rows(keys: Keys, text_of: NDArray[numpy.int64], n_texts: int, features: Keys) -> Rows:
    """A row for each text, all its features alike, of length 1 before those that are not among `features` are left out.

    So a long text is not the surer for its length; and which of its features others share changes no value of the rest,
    which would tell copies of target texts from other texts of the source.
    """
    column, is_known = _look_up(keys, features)
    value = 1 / numpy.sqrt(numpy.bincount(text_of, minlength=n_texts)[text_of])
    return Rows(text_of[is_known], column[is_known], value[is_known], (n_texts, len(features)))


def _look_up(keys: Keys, among: Keys) -> tuple[NDArray[numpy.int64], NDArray[numpy.bool_]]:
    """Where each key stands in a sorted array, and whether it does; 0 where it does not."""
    place = numpy.searchsorted(among, keys)
    is_known = place < len(among)
    is_known[is_known] = among[place[is_known]] == keys[is_known]
    return numpy.where(is_known, place, 0), is_known


# --- classifiers and what their scores are worth ---


def _assign_folds(source: Keys, target: Keys, n_folds: int) -> tuple[Keys, NDArray[numpy.int64]]:
    """The different texts, sorted, and the fold of each: of either class as many in each fold as in another, at random.

    Copies of a text share its fold, also if one is in the source and one in the target: no classifier sees any of them
    before it scores another. Keys are random numbers, so their order is a random one that no order of texts changes.
    """
    targets = numpy.unique(target)
    others = numpy.setdiff1d(source, targets)
    known = numpy.concatenate([targets, others])
    fold = numpy.concatenate([numpy.arange(len(targets)) % n_folds, numpy.arange(len(others)) % n_folds])
    order = numpy.argsort(known)
    return known[order], fold[order]


def _classifier(rows: Rows, is_target: Floats, is_seen: NDArray[numpy.bool_], penalty: float) -> Floats:
    """(features + 1,) trained on the texts that it may see, each class counting half."""
    importance = numpy.zeros(len(is_target))
    for kind in (0.0, 1.0):
        chosen = is_seen & (is_target == kind)
        importance[chosen] = 0.5 / max(chosen.sum(), 1)
    return LogisticLoss(rows, is_target, importance, penalty).minimum()


def _unseen_logits(params: Floats, rows: Rows, fold: NDArray[numpy.int64], is_known: NDArray[numpy.bool_]) -> Floats:
    """(texts,) by the classifier that did not see a text; of a text that none saw, the mean."""
    each = numpy.stack([rows.times(one[:-1]) + one[-1] for one in params])  # (folds, texts)
    return numpy.where(is_known, each[fold, numpy.arange(each.shape[1])], each.mean(axis=0))


def _calibrate(logits: Floats, is_target: Floats) -> tuple[float, float]:
    """Slope and intercept that make of unseen logits those of P(target), both classes counting half.

    Platt (1999), with his targets, which are short of 0 and 1 by what that many texts cannot exclude: the slope stays
    finite if all are told apart. A negative slope would call near what is far; then nothing tells, and all are alike.
    """
    n_target, n_source = is_target.sum(), (1 - is_target).sum()
    targets = numpy.where(is_target == 1, (n_target + 1) / (n_target + 2), 1 / (n_source + 2))
    importance = numpy.where(is_target == 1, 0.5 / n_target, 0.5 / n_source)
    n_texts = len(logits)
    rows = Rows(numpy.arange(n_texts), numpy.zeros(n_texts, dtype="int64"), logits, (n_texts, 1))
    slope, intercept = LogisticLoss(rows, targets, importance, 0.0).minimum()
    return (float(slope), float(intercept)) if slope > 0 else (0.0, 0.0)


def _auc(above: Floats, below: Floats) -> float:
    """The share of pairs in which the first is larger, ties counting half (Mann & Whitney)."""
    ordered = numpy.sort(below)
    sides = [numpy.searchsorted(ordered, above, side).mean() for side in ("left", "right")]
    return float(sum(sides)) / (2 * len(below))


# --- from ratios to weights ---


def _weights(log_ratios: Floats, settings: WeightSettings, shift: float) -> Floats:
    # clipped twice: first so that exp stays finite, then so that rounding oversteps no bound
    bounded = numpy.minimum(settings.strength * log_ratios + shift, math.log(settings.most))
    return numpy.clip(numpy.exp(bounded), settings.least, settings.most)


def _shift_to_mean_one(log_ratios: Floats, settings: WeightSettings) -> float:
    """What to add to log weights so that their mean within the bounds is 1, by bisection: the mean grows with it."""
    powers = settings.strength * log_ratios
    # at the one end no weight is above 1, at the other none below
    low, high = -float(powers.max()), -float(powers.min())
    while low < (middle := (low + high) / 2) < high:
        if _weights(log_ratios, settings, middle).mean() > 1:
            high = middle
        else:
            low = middle
    return low
