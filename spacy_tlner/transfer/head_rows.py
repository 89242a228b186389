"""Heads of two taggers side by side: rows, columns that read tags, transitions, start and end, by label name."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from thinc.api import Model

from ..layers.heads import copy_tags, get_head, private_layers, width_without_tags
from ..tags import OUTSIDE, TagScheme
from .label_map import LabelMatch, match_labels

# layer group: the part of a head
PARTS = {"head": "emission", "transitions": "crf"}


class HeadPair(NamedTuple):
    """A head of ours, the source's head that it starts from, and which label becomes which.

    read: where both read another head each, and these two belong together as well, that pair.
    """

    name: str
    old: Model
    new: Model
    old_scheme: TagScheme
    new_scheme: TagScheme
    labels: LabelMatch
    read: "HeadPair | None" = None

    @property
    def widths(self) -> list[int]:
        """Of what the two heads read: states and private layer, without the tags of other heads."""
        return [width_without_tags(head) for head in (self.old, self.new)]

    @property
    def privates(self) -> tuple[list[Model], list[Model]]:
        """The private layer of the old and of the new head, or none."""
        return private_layers(self.old), private_layers(self.new)

    @property
    def columns(self) -> list[tuple[int, int]]:
        """Pairs of columns of the emissions' weights: all of `widths`, and the tags of another head by label."""
        width = self.widths[0]
        tags = self.read.rows if self.read else []
        return [*((i, i) for i in range(width)), *((width + old, width + new) for old, new in tags)]

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
        # of heads of unlike width only the chain can be copied
        columns = self.columns if "head" in groups else None
        copy_tags(self.old, self.new, self.rows, parts=parts, columns=columns)


def partner_of(name: str, donor: Any) -> str:
    """The donor's head that a head called `name` starts from: of that name, or else the one the donor predicts with."""
    return name if name in donor.schemes else donor.head


def pair_heads(
    ours: Any, donor: Any, label_map: Mapping[str, str] | None, seed_labels: Mapping[str, str] | None = None
) -> list[HeadPair]:
    """Each head of ours with the donor's head that it starts from.

    ours, donor: initialized taggers. label_map, seed_labels: of our active head; others match labels by equal name.
    Raises TL102 to TL104, TL113 to TL115.
    """
    our_heads, their_heads = ours.model.get_ref("heads"), donor.model.get_ref("heads")
    pairs = {}
    for name, scheme in ours.schemes.items():
        theirs = partner_of(name, donor)
        told = (label_map, seed_labels) if name == ours.head else (None, None)
        labels = match_labels(donor.schemes[theirs].labels, scheme.labels, *told)
        old, new = get_head(their_heads, theirs), get_head(our_heads, name)
        pairs[name] = HeadPair(name, old, new, donor.schemes[theirs], scheme, labels)
    for name, other in our_heads.attrs["reads"].items():
        if name in pairs and their_heads.attrs["reads"].get(partner_of(name, donor)) == partner_of(other, donor):
            pairs[name] = pairs[name]._replace(read=pairs[other])
    return list(pairs.values())
