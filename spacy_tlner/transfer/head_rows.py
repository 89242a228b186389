"""Heads of two taggers side by side: rows, transitions, start and end are copied by label name."""

from collections.abc import Iterator, Mapping, Sequence
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
        """Pairs of tag ids, theirs and ours: O, and the tags of matched and of seeded labels.

        A source label may stand in several pairs, X and Y of ours from s: then X to Y is as likely as s to s, from the
        end of one mention to the beginning of the next, and what is not legal between two labels is masked as ever.
        No noise tells their equal rows apart: gold does, with the first gradient. Between them, they find at first what
        the source's label found, and together are a little likelier than it was, being two names for one mention.
        """
        found = [(OUTSIDE, OUTSIDE)]
        for target, source in (*self.labels.matched.items(), *self.labels.seeded.items()):
            found += list(zip(self.old_scheme.tags_of(source).tolist(), self.new_scheme.tags_of(target).tolist()))
        return found

    def copy(self, groups: Sequence[str]) -> None:
        """groups: "head", "transitions" or both; any others are passed over."""
        parts = [PARTS[group] for group in groups if group in PARTS]
        copy_tags(self.old, self.new, self.rows, parts=parts)


def partner_of(name: str, donor: Any) -> str:
    """The donor's head that a head called `name` starts from: of that name, or else the one the donor predicts with."""
    return name if name in donor.schemes else donor.head


def pair_heads(
    ours: Any, donor: Any, label_map: Mapping[str, str] | None, seed_labels: Mapping[str, str] | None = None
) -> Iterator[HeadPair]:
    """Each head of ours with the donor's head that it starts from.

    ours, donor: initialized taggers. label_map, seed_labels: of our active head; others match labels by equal name.
    Raises TL102 to TL104, TL113 to TL115.
    """
    for name, scheme in ours.schemes.items():
        theirs = partner_of(name, donor)
        told = (label_map, seed_labels) if name == ours.head else (None, None)
        labels = match_labels(donor.schemes[theirs].labels, scheme.labels, *told)
        old, new = get_head(donor.model.get_ref("heads"), theirs), get_head(ours.model.get_ref("heads"), name)
        yield HeadPair(name, old, new, donor.schemes[theirs], scheme, labels)
