"""La-DTL's first term: states of tokens that bear the same label are drawn together across two heads' corpora."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy
from numpy.typing import NDArray
from spacy.util import registry
from thinc.api import get_array_module

from ..errors import Errors
from ..tags import OUTSIDE
from .between import Between, check_between, matched_tags
from .label_map import label_map_of_term
from .mmd import PUBLISHED, median_variances, mmd
from .term import HeadView, Update

Kernels = Literal["median", "published"]


@registry.misc("spacy_tlner.LabelAwareMMD.v1")
def make_label_aware_mmd(
    source_head: str = "source",
    target_head: str = "main",
    weight: float = 1.0,
    label_map: Mapping[str, str] | None = None,
    kernels: Kernels = "median",
    outside: bool = True,
    max_tokens: int = 256,
) -> "LabelAwareMMD":
    """`weight` times the sum over matched labels of MMD^2 between the encoder's states of either head's tokens.

    Wang et al. 2018 (La-DTL). source_head, target_head: of the component. label_map: {source label: target label},
    beside labels of equal name. kernels: "median", the mean of five around the median distance; "published", the sum
    of the authors' 19. outside: whether O counts as a label. max_tokens: of one label and side, drawn at random beyond
    that. A label of which one side has fewer than 2 tokens in a batch is passed over there, so batches should hold
    both corpora: `batch_by_corpus.v1` with `mixed`. Raises TL120 on a weight below 0, fewer than 2 tokens or other
    kernels, TL130 on a label map that is estimated.
    """
    if not weight >= 0 or max_tokens < 2 or kernels not in ("median", "published"):
        given = f"weight {weight}, max_tokens {max_tokens}, kernels {kernels!r}"
        raise ValueError(Errors.TL120.format(term="LabelAwareMMD", given=given))
    between = Between(source_head, target_head, label_map_of_term(label_map, "LabelAwareMMD"))
    return LabelAwareMMD(between, weight, kernels, outside, max_tokens)


class LabelAwareMMD:
    """See `make_label_aware_mmd`."""

    def __init__(self, between: Between, weight: float, kernels: Kernels, outside: bool, max_tokens: int):
        self.between, self.weight, self.kernels = between, weight, kernels
        self.outside, self.max_tokens = outside, max_tokens

    def check(self, labels: Mapping[str, Sequence[str]], active: str, name: str) -> None:
        check_between(self.between, labels, name, "LabelAwareMMD")

    def add(self, update: Update) -> float:
        views = [update.heads[head] for head in (self.between.source, self.between.target)]
        if not all(view.docs for view in views):
            return 0.0
        source, target = (_Side(update, view) for view in views)
        classes = [tags for _, *tags in matched_tags(self.between, views[0].scheme, views[1].scheme)]
        if self.outside:
            classes.append([[OUTSIDE], [OUTSIDE]])
        total = 0.0
        for theirs, ours in classes:
            rows = [self._draw(side.bearing(tags)) for side, tags in ((source, theirs), (target, ours))]
            if min(len(each) for each in rows) >= 2:
                total += self._draw_together(source, target, *rows)
        for side in (source, target):
            side.hand_on()
        return self.weight * total

    def _draw(self, rows: NDArray) -> NDArray:
        return rows if len(rows) <= self.max_tokens else numpy.random.choice(rows, self.max_tokens, replace=False)

    def _draw_together(self, source: "_Side", target: "_Side", theirs: NDArray, ours: NDArray) -> float:
        x, y = source.states[theirs], target.states[ours]
        variances = PUBLISHED if self.kernels == "published" else median_variances(x, y)
        value, dx, dy = mmd(x, y, variances)
        share = 1.0 if self.kernels == "published" else 1 / len(variances)
        source.d_states[theirs] += dx * (self.weight * share)
        target.d_states[ours] += dy * (self.weight * share)
        return value * share


class _Side:
    """The documents of one head one after another: states (T, width), their gradient, and which tag is certain."""

    def __init__(self, update: Update, view: HeadView):
        self.update, self.docs = update, view.docs
        self.xp = get_array_module(update.states[0])
        self.states = self.xp.concatenate([update.states[i] for i in view.docs])
        self.d_states = self.xp.zeros_like(self.states)
        allowed = numpy.concatenate(view.allowed)
        self.allowed = allowed & (allowed.sum(axis=1) == 1)[:, None]

    def bearing(self, tags: Sequence[int]) -> NDArray:
        """The rows whose only allowed tag is one of `tags`."""
        return numpy.flatnonzero(self.allowed[:, list(tags)].any(axis=1))

    def hand_on(self) -> None:
        start = 0
        for doc in self.docs:
            end = start + len(self.update.states[doc])
            self.update.d_states[doc] += self.d_states[start:end]
            start = end
