"""Sums over all paths that avoid given runs of tags: a mention known to be none is ruled out, and nothing else with it.

A run of two tokens or more is no set of tags a token: each of its tags may stand, as part of another mention. So the
chain is widened by copies of the run's tags which remember where a mention began:

    B'  at the run's start, in place of its first tag        I'  inside, after B' or I'
    E'  its inner tag where the last run from there ends     L'  its last tag, after B' or I', but where no run ends

Copies share scores with their originals, and a path of the widened chain is a path of the chain that spells no run,
one for one. Ordinary forward-backward over it is exact therefore, and marginals of copies count for their originals.
Behind E' a mention is longer than any run from its start: originals take over, and the copies are free for another run.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy
from thinc.api import get_array_module

from .chain import Chain, Posterior
from .inference import forward_backward
from .packing import Array, Packing


class Run(NamedTuple):
    """Tokens [start, end) of a sequence, two at least, bear the tags first, inner ... inner, last.

    The three are distinct, and runs with the same `first` have the same `inner` and `last`.
    """

    start: int
    end: int
    first: int
    inner: int
    last: int


class _Watch(NamedTuple):
    """The runs of one sequence that begin alike, and which copies watch over them. Rows are flat."""

    slot: int
    row: int
    ends: list[int]  # the rows on which the runs end


def forward_backward_without(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    allowed: Array,
    runs: Sequence[Sequence[Run]],
    weights: Array | None = None,
) -> Posterior:
    """`forward_backward` over the paths that spell none of `runs`, which are listed a sequence.

    Cost: that of `forward_backward` with 4 tags more for each of the most runs of like tags that overlap.
    """
    xp = get_array_module(emissions)
    n_tags = emissions.shape[1]
    slots, watches = _place(packing, runs)
    of = xp.asarray([*range(n_tags), *(tag for first, inner, last in slots for tag in (first, inner, last, inner))])
    posterior = forward_backward(
        emissions[:, of],
        packing,
        _widened(chain, slots, of),
        allowed=_watched(allowed, slots, watches),
        weights=weights,
    )
    fold = (of[:, None] == xp.arange(n_tags)).astype(emissions.dtype)  # (W, L)
    return Posterior(log_z=posterior.log_z, nodes=posterior.nodes @ fold, edges=fold.T @ posterior.edges @ fold)


def _place(packing: Packing, runs: Sequence[Sequence[Run]]) -> tuple[list[tuple[int, int, int]], list[_Watch]]:
    """The tags (first, inner, last) of each slot of four copies, and who uses it: no two at a time in a sequence."""
    slots: dict[tuple[int, int, int, int], int] = {}  # tags and a count within them: the slot
    watches = []
    offsets = numpy.cumsum([0, *packing.lengths]).tolist()
    for offset, of_sequence in zip(offsets, runs):
        ends: dict[tuple[int, int, int, int], list[int]] = {}  # start and tags: the rows on which runs end
        for start, end, *tags in sorted(of_sequence):
            ends.setdefault((offset + start, *tags), []).append(offset + end - 1)
        busy: dict[tuple[int, ...], list[int]] = {}  # tags: until which row each of their slots is taken
        for (row, *tags), rows in ends.items():
            until = busy.setdefault(tuple(tags), [])
            count = next((i for i, taken in enumerate(until) if taken <= row), len(until))
            until[count : count + 1] = [max(rows)]
            first, inner, last = tags
            slot = slots.setdefault((first, inner, last, count), len(slots))
            watches.append(_Watch(slot, row, sorted(set(rows))))
    return [(first, inner, last) for first, inner, last, _ in slots], watches


def _copies(n_tags: int, slot: int) -> tuple[int, int, int, int]:
    """The columns of B', I', L' and E'."""
    begin = n_tags + 4 * slot
    return begin, begin + 1, begin + 2, begin + 3


def _widened(chain: Chain, slots: list[tuple[int, int, int]], of: Array) -> Chain:
    """The chain over tags and copies. of: (W,) the tag of each."""
    xp = get_array_module(of)
    n_tags = len(chain.start)
    legal = chain.legal[of][:, of]  # (W, W), copies by indexing
    for slot, (first, inner, last) in enumerate(slots):
        begins, *others = _copies(n_tags, slot)
        watching, others = xp.asarray([begins, others[0]])[:, None], xp.asarray(others)
        legal[:, others] = False
        legal[watching, others] = chain.legal[xp.asarray([first, inner])[:, None], xp.asarray([inner, last, inner])]
        legal[watching, xp.asarray([inner, last])] = False
    return replace(
        chain,
        transitions=chain.transitions[of][:, of],
        start=chain.start[of],
        end=chain.end[of],
        legal=legal,
        legal_start=chain.legal_start[of],
        legal_end=chain.legal_end[of],
    )


def _watched(allowed: Array, slots: list[tuple[int, int, int]], watches: list[_Watch]) -> Array:
    """(T, W) bool: `allowed`, but where a run begins, only the copy of its first tag; further copies up to its end."""
    xp = get_array_module(allowed)
    n_tags = allowed.shape[1]
    wide = xp.concatenate([allowed, xp.zeros((len(allowed), 4 * len(slots)), dtype=bool)], axis=1)
    for slot, row, ends in watches:
        first, inner, last = slots[slot]
        begins, goes_on, closes, outlasts = _copies(n_tags, slot)
        between, furthest = slice(row + 1, ends[-1]), ends[-1]
        wide[row, begins] = allowed[row, first]
        wide[row, first] = False
        wide[between, goes_on] = allowed[between, inner]
        wide[between, closes] = allowed[between, last]
        wide[xp.asarray(ends), closes] = False
        wide[furthest, outlasts] = allowed[furthest, inner]
    return wide
