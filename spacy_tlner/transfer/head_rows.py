"""Heads of two taggers side by side: rows, transitions, start and end are copied by label name."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from thinc.api import Model

from ..layers.heads import copy_tags, get_head
from ..tags import OUTSIDE, TagScheme
from .label_map import LabelMatch, match_labels

# layer group: the part of a head
PARTS = {"head": "emission", "transitions": "crf"}


class HeadPair(NamedTuple):
    """A head of ours, the source's head that it starts from, and which label becomes which."""

    name: str
    old: Model
    new: Model
    old_scheme: TagScheme
    new_scheme: TagScheme
    labels: LabelMatch

    @property
    def widths(self) -> list[int]:
        """Of the states that the two heads read."""
        return [head.get_ref("emission").get_dim("nI") for head in (self.old, self.new)]

    @property
    def rows(self) -> list[tuple[int, int]]:
        """Pairs of tag ids, theirs and ours: O, and the tags of matched labels."""
        found = [(OUTSIDE, OUTSIDE)]
        for target, source in self.labels.matched.items():
            found += list(zip(self.old_scheme.tags_of(source).tolist(), self.new_scheme.tags_of(target).tolist()))
        return found

    def copy(self, groups: Sequence[str]) -> None:
        """groups: "head", "transitions" or both; any others are passed over."""
        parts = [PARTS[group] for group in groups if group in PARTS]
        copy_tags(self.old, self.new, self.rows, parts=parts)


def pair_heads(ours: Any, donor: Any, label_map: dict[str, str] | None) -> Iterator[HeadPair]:
    """Each head of ours with the donor's head of that name, or else with the one that the donor predicts with.

    ours, donor: initialized taggers. label_map: of our active head; others match labels by equal name. Raises TL102
    to TL104.
    """
    for name, scheme in ours.schemes.items():
        theirs = name if name in donor.schemes else donor.head
        labels = match_labels(donor.schemes[theirs].labels, scheme.labels, label_map if name == ours.head else None)
        old, new = get_head(donor.model.get_ref("heads"), theirs), get_head(ours.model.get_ref("heads"), name)
        yield HeadPair(name, old, new, donor.schemes[theirs], scheme, labels)
