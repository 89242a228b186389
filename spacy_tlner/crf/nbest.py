"""The n best paths of a chain, exactly. Arrays only, NumPy or CuPy.

Lawler's partition (1972) on a trellis. Once the best completion of every token and tag is known (one Viterbi pass
from the end), the paths not found yet fall into sets "like path r up to token t, then none of these tags", and
the best of a set is a sum and an arg max. All tokens of all sequences are looked at together.

Shapes: T tokens of the whole batch, N sequences, L tags. `*_p`: packed order (see packing.py). A sequence's *rank*
is its place by length; the first rows of every step are those of rank 0, 1, ...
"""

from dataclasses import dataclass

import numpy
from thinc.api import get_array_module

from .chain import Chain
from .log_space import log_scores
from .packing import Array, Packing


def n_best(
    emissions: Array, packing: Packing, chain: Chain, n: int, *, allowed: Array | None = None
) -> tuple[Array, Array]:
    """Tag ids (n, T) and scores (n, N) float64 of the n best legal paths, best first.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear. Where a sequence has fewer than
    n paths the score is -inf and the tags mean nothing. A path's probability is exp(score - log Z).
    Cost: one Viterbi pass, then O(T (L + n)) a path; memory O(T (L + n)).
    """
    xp = get_array_module(emissions)
    with numpy.errstate(all="ignore"):  # -inf - -inf, where no path is left
        trellis = _Trellis.of(emissions, packing, chain, allowed, xp)
        tags_p, totals = _partition(trellis, n)
    scores = xp.empty_like(totals)
    scores[:, packing.order] = totals
    return tags_p.take(packing.packed, axis=1), scores


@dataclass(frozen=True)
class _Trellis:
    """Best completions: `onward_p` (T, L) the best score from a token and tag to the end, `next_p` the tag after it."""

    packing: Packing
    moves: Array
    onward_p: Array
    next_p: Array
    step_p: Array  # (T,)
    rank_p: Array  # (T,)
    xp: Array

    @classmethod
    def of(cls, emissions: Array, packing: Packing, chain: Chain, allowed: Array | None, xp: Array) -> "_Trellis":
        sizes, offsets = packing.sizes, packing.offsets
        onward_p, moves, ends = log_scores(emissions, packing, chain, allowed)
        onward_p[packing.last] += ends
        next_p = xp.zeros(onward_p.shape, dtype="int64")
        for t in range(len(sizes) - 1, 0, -1):
            earlier = slice(offsets[t - 1], offsets[t - 1] + sizes[t])
            through = moves + onward_p[offsets[t] : offsets[t + 1]][:, None, :]  # (n, L, L)
            next_p[earlier] = through.argmax(axis=2)
            onward_p[earlier] += through.max(axis=2)
        step_p = numpy.repeat(numpy.arange(len(sizes)), sizes)
        rank_p = numpy.arange(packing.n_tokens) - numpy.asarray(offsets)[step_p]
        return cls(packing, moves, onward_p, next_p, xp.asarray(step_p), xp.asarray(rank_p), xp)

    def follow(self, tags_p: Array, since: Array) -> None:
        """Replace, in `tags_p` (T,), what comes after step `since` (N,) of each rank by the best completion."""
        sizes, offsets = self.packing.sizes, self.packing.offsets
        for t in range(int(since.min()) + 1, len(sizes)):
            earlier = slice(offsets[t - 1], offsets[t - 1] + sizes[t])
            here = tags_p[offsets[t] : offsets[t + 1]]
            best = self.xp.take_along_axis(self.next_p[earlier], tags_p[earlier][:, None], axis=1)[:, 0]
            here[...] = self.xp.where(since[: sizes[t]] < t, best, here)

    def rivals(self, tags_p: Array, total: Array, left_at: Array, spent: Array) -> tuple[Array, Array]:
        """Of a path and each of its tokens, the best path that leaves it there: scores (T,) and the tag it takes.

        total: (N,) the path's score by rank. left_at: (N,) the row where it left its parent; it is not left before.
        spent: (N, L) bool, tags that were taken there already.
        """
        n, every = self.packing.n_sequences, self.xp.arange(self.packing.n_tokens)
        through = self.onward_p.copy()
        through[n:] += self.moves[tags_p[self.packing.previous]]
        # from where it left its parent on, a path is the best of its kind: what a rival loses is lost here
        own = through[every, tags_p]
        through[every, tags_p] = -self.xp.inf
        through[left_at] = self.xp.where(spent, -self.xp.inf, through[left_at])
        tags = through.argmax(axis=1)
        scores = total[self.rank_p] + (through[every, tags] - own)
        scores[self.xp.isnan(scores) | (self.step_p < self.step_p[left_at][self.rank_p])] = -self.xp.inf
        return scores, tags


def _partition(trellis: _Trellis, n: int) -> tuple[Array, Array]:
    """The paths (n, T) packed and their scores (n, N) by rank."""
    xp, rank_p, onward_p = trellis.xp, trellis.rank_p, trellis.onward_p
    n_tokens, n_sequences = trellis.packing.n_tokens, trellis.packing.n_sequences
    ranks, every = xp.arange(n_sequences), xp.arange(n_tokens)
    paths, totals = xp.zeros((n, n_tokens), dtype="int64"), xp.empty((n, n_sequences))
    rivals, leave_by = xp.full((n, n_tokens), -xp.inf), xp.zeros((n, n_tokens), dtype="int64")
    left_at = xp.zeros((n, n_sequences), dtype="int64")
    spent = xp.zeros((n, n_sequences, onward_p.shape[1]), dtype=bool)

    paths[0, :n_sequences] = onward_p[:n_sequences].argmax(axis=1)
    totals[0] = onward_p[:n_sequences].max(axis=1)
    left_at[0] = ranks  # the first rows: the best path leaves nothing
    trellis.follow(paths[0], xp.zeros_like(ranks))
    for r in range(1, n):
        rivals[r - 1], leave_by[r - 1] = trellis.rivals(paths[r - 1], totals[r - 1], left_at[r - 1], spent[r - 1])
        parent_p = rivals[:r].argmax(axis=0)
        best_p = rivals[parent_p, every]
        totals[r] = -xp.inf
        xp.maximum.at(totals[r], rank_p, best_p)
        found = xp.flatnonzero(best_p == totals[r][rank_p])
        at = xp.empty_like(ranks)
        at[rank_p[found]] = found  # of equals any one
        parent, tag = parent_p[at], leave_by[parent_p[at], at]
        # the rest of the set that this path comes from is what its own rivals at that token are
        rivals[parent, at] = -xp.inf
        same_set = left_at[parent, ranks] == at
        spent[r] = spent[parent, ranks] & same_set[:, None]
        spent[r, ranks, paths[parent, at]] = True
        left_at[r] = at
        paths[r] = paths[parent[rank_p], every]
        paths[r, at] = tag
        trellis.follow(paths[r], trellis.step_p[at])
    return paths, totals
