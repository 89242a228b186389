"""Two heads of one component, as terms that act between them see them: which label of one is which of the other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import Errors
from ..tags import TagScheme
from .label_map import match_labels


class Between(NamedTuple):
    """Names of two heads, and {source label: target label} beside labels of equal name."""

    source: str
    target: str
    label_map: Mapping[str, str]


def check_between(between: Between, labels: Mapping[str, Sequence[str]], name: str, term: str) -> None:
    """Raise TL121 unless there are both heads, TL122 unless they share a label, TL102 to TL104 on a wrong map."""
    for head in between[:2]:
        if head not in labels:
            raise ValueError(Errors.TL121.format(term=term, name=name, head=head, heads=", ".join(labels)))
    if not match_labels(labels[between.source], labels[between.target], between.label_map).matched:
        theirs, ours = (", ".join(labels[head]) for head in between[:2])
        raise ValueError(Errors.TL122.format(term=term, name=name, theirs=theirs, ours=ours))


def matched_tags(between: Between, source: TagScheme, target: TagScheme) -> list[tuple[str, list[int], list[int]]]:
    """Of each matched pair: our label, the source's four tag ids and the target's."""
    matched = match_labels(source.labels, target.labels, between.label_map).matched
    return [(ours, source.tags_of(theirs).tolist(), target.tags_of(ours).tolist()) for ours, theirs in matched.items()]
