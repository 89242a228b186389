"""Labels to BILUO tags, which tag may follow which, and mentions to tag ids and back. Arrays only, no spaCy.

Tag 0 is O; label k (0-based) owns the four tags 1 + 4 k + (0, 1, 2, 3) = B, I, L, U. A tag is *legal*
at the start, after another tag or at the end as the BILUO scheme says; legality is a mask beside the
scores, never a large number among them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from .errors import Errors

OUTSIDE = 0
PREFIXES = ("B", "I", "L", "U")
_B, _I, _L, _U = range(4)


class Mention(NamedTuple):
    """Tokens [start, end) of a document bear `label`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class TagScheme:
    """The BILUO tags of an ordered set of labels.

    labels: entity types in the order of their tags. Raises TL001 on a label that is empty, repeated or no string.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        for i, label in enumerate(self.labels):
            if not isinstance(label, str) or not label or label in self.labels[:i]:
                raise ValueError(Errors.TL001.format(label=label, labels=list(self.labels)))

    @property
    def n_tags(self) -> int:
        return 1 + 4 * len(self.labels)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Tag names in the order of their ids: O, B-X, I-X, L-X, U-X, B-Y, ..."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in PREFIXES))

    @cached_property
    def ids(self) -> dict[str, int]:
        """Tag name to tag id."""
        return {name: i for i, name in enumerate(self.names)}

    def tags_of(self, label: str) -> NDArray[numpy.intp]:
        """The four tag ids B, I, L, U of `label`."""
        return 1 + 4 * self.labels.index(label) + numpy.arange(4)

    @cached_property
    def _prefix(self) -> NDArray[numpy.intp]:
        """(n_tags,) position of each tag in PREFIXES; -1 for O."""
        return numpy.concatenate([[-1], numpy.tile(numpy.arange(4), len(self.labels))]).astype(numpy.intp)

    @cached_property
    def legal_start(self) -> NDArray[numpy.bool_]:
        """(n_tags,) whether a document may begin with the tag: O, B and U may. These three masks are read-only."""
        return _frozen((self._prefix == -1) | (self._prefix == _B) | (self._prefix == _U))

    @cached_property
    def legal_end(self) -> NDArray[numpy.bool_]:
        """(n_tags,) whether a document may end with the tag: O, L and U may."""
        return _frozen((self._prefix == -1) | (self._prefix == _L) | (self._prefix == _U))

    @cached_property
    def legal(self) -> NDArray[numpy.bool_]:
        """(n_tags, n_tags) whether column may follow row: B-X and I-X go on to I-X or L-X, the rest starts anew."""
        label = numpy.concatenate([[-1], numpy.repeat(numpy.arange(len(self.labels)), 4)])
        is_open = (self._prefix == _B) | (self._prefix == _I)
        goes_on = (self._prefix == _I) | (self._prefix == _L)
        inside = is_open[:, None] & goes_on[None] & (label[:, None] == label[None])
        return _frozen(inside | (self.legal_end[:, None] & self.legal_start[None]))

    @cached_property
    def boundaries(self) -> NDArray[numpy.bool_]:
        """(n_tags,) tags that begin or end a mention (B, L, U): what a whitespace token may not bear."""
        return _frozen((self._prefix == _B) | (self._prefix == _L) | (self._prefix == _U))

    @cached_property
    def inner_moves(self) -> NDArray[numpy.intp]:
        """(4 labels, 2) tag ids from, to, of the moves in a mention: B to I, B to L, I to I, I to L of each label."""
        first = 1 + 4 * numpy.arange(len(self.labels))[:, None, None]
        return (first + numpy.asarray([(_B, _I), (_B, _L), (_I, _I), (_I, _L)])).reshape(-1, 2)

    def encode(self, mentions: Iterable[Mention], n_tokens: int) -> NDArray[numpy.intp]:
        """Tag ids (n_tokens,) of non-overlapping mentions. Raises KeyError on a label that is not in the scheme."""
        tags = numpy.zeros(n_tokens, dtype=numpy.intp)
        for start, end, label in mentions:
            tags[start:end] = self.spell(label, end - start)
        return tags

    def spell(self, label: str, length: int) -> Sequence[int]:
        """The tag ids of one mention of `length` tokens: U, or B I ... I L."""
        if length == 1:
            return [self.ids[f"U-{label}"]]
        first, inner, last = (self.ids[f"{prefix}-{label}"] for prefix in "BIL")
        return [first, *[inner] * (length - 2), last]

    def decode(self, tags: NDArray[numpy.intp]) -> list[Mention]:
        """Mentions, in order, that a legal sequence of tag ids (n_tokens,) spells."""
        prefix = self._prefix[tags]
        starts = numpy.flatnonzero((prefix == _B) | (prefix == _U))
        ends = numpy.flatnonzero((prefix == _L) | (prefix == _U)) + 1
        return [Mention(int(s), int(e), self.labels[(tags[s] - 1) // 4]) for s, e in zip(starts, ends)]


def _frozen(mask: NDArray[numpy.bool_]) -> NDArray[numpy.bool_]:
    mask.setflags(write=False)
    return mask
