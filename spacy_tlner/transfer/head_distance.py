"""La-DTL's second term: two heads' parameters are held together where their labels are the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from spacy.util import registry

from ..errors import Errors
from ..tags import OUTSIDE
from .between import Between, check_between, matched_tags
from .label_map import label_map_of_term
from .term import Update

# of a head: the part, its parameter, and whether it is indexed by tags twice
_PARAMS = (
    ("emission", "W", False),
    ("emission", "b", False),
    ("crf", "transitions", True),
    ("crf", "start", False),
    ("crf", "end", False),
)


@registry.misc("spacy_tlner.HeadDistance.v1")
def make_head_distance(
    source_head: str = "source",
    target_head: str = "main",
    weight: float = 0.1,
    label_map: Mapping[str, str] | None = None,
) -> "HeadDistance":
    """`weight` / 2 times the squared distance of two heads' parameters, over O and the tags of matched labels.

    Wang et al. 2018 (La-DTL): it bounds the divergence of the two heads' distributions over taggings of one text,
        KL(p_s || p_t) <= max(n H, n - 1)^2 (|W_s - W_t|^2 + |A_s - A_t|^2),   H = max |h|,  n tokens, no biases.
    source_head, target_head: of the component. label_map: {source label: target label}, beside labels of equal name.
    Raises TL120 on a weight below 0, TL130 on a label map that is estimated; in training TL125 where one head reads
    the other, so that their widths differ.
    """
    if not weight >= 0:
        raise ValueError(Errors.TL120.format(term="HeadDistance", given=f"weight {weight}"))
    return HeadDistance(Between(source_head, target_head, label_map_of_term(label_map, "HeadDistance")), weight)


class HeadDistance:
    """See `make_head_distance`."""

    def __init__(self, between: Between, weight: float):
        self.between, self.weight = between, weight

    def check(self, labels: Mapping[str, Sequence[str]], active: str, name: str) -> None:
        check_between(self.between, labels, name, "HeadDistance")

    def add(self, update: Update) -> float:
        source, target = update.heads[self.between.source], update.heads[self.between.target]
        widths = [view.model.get_ref("emission").get_dim("nI") for view in (source, target)]
        if widths[0] != widths[1]:
            given = {"source": self.between.source, "target": self.between.target, "widths": widths}
            raise ValueError(Errors.TL125.format(**given))
        theirs, ours = [OUTSIDE], [OUTSIDE]
        for _, of_source, of_target in matched_tags(self.between, source.scheme, target.scheme):
            theirs, ours = theirs + of_source, ours + of_target
        xp, total = source.model.ops.xp, 0.0
        for part, param, is_square in _PARAMS:
            nodes = [view.model.get_ref(part) for view in (source, target)]
            rows: list[Any] = [xp.asarray(ids) for ids in (theirs, ours)]
            if is_square:
                rows = [(ids[:, None], ids) for ids in rows]
            difference = nodes[0].get_param(param)[rows[0]] - nodes[1].get_param(param)[rows[1]]
            total += float((difference * difference).sum()) / 2
            for node, at, sign in zip(nodes, rows, (self.weight, -self.weight)):
                gradient = xp.zeros_like(node.get_param(param))
                gradient[at] = sign * difference
                node.inc_grad(param, gradient)
        return self.weight * total
