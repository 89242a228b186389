"""The best path of a chain, and the score of any path. Arrays only, NumPy or CuPy."""

from thinc.api import get_array_module

from .chain import Chain, mask_scores
from .packing import Array, Packing

# Viterbi scores are shifted to maximum 0 this often, so that float32 holds for any length.
_RESCALE_EVERY = 16
# Viterbi looks at so many pairs of tags at once: a megabyte in float32, which stays in the cache of one core.
_PAIRS_AT_ONCE = 2**18


def viterbi(emissions: Array, packing: Packing, chain: Chain, *, allowed: Array | None = None) -> Array:
    """The best legal path: tag ids (T,). Of equals the lowest id wins, from the end backwards.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear.
    Back-pointers are not stored: along the one path that is followed they cost (n, L) a step to
    find again, against (n, L, L) to store for all.
    """
    xp = get_array_module(emissions)
    sizes, offsets = packing.sizes, packing.offsets
    scores_p = mask_scores(packing.pack(emissions), packing, chain, allowed, xp)
    transitions = xp.where(chain.legal, chain.transitions, -xp.inf).astype(emissions.dtype)
    n_tags, across = len(transitions), transitions[:, None, :]
    at_once = max(1, min(packing.n_sequences, _PAIRS_AT_ONCE // n_tags**2))
    room = xp.empty(at_once * n_tags**2, dtype=emissions.dtype)
    pairs = room.reshape(n_tags, at_once, n_tags)
    best_p = xp.empty_like(scores_p)
    best_p[: offsets[1]] = scores_p[: offsets[1]]
    for t in range(1, len(sizes)):
        before = best_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]  # (n, L)
        here = best_p[offsets[t] : offsets[t + 1]]
        for first in range(0, sizes[t], at_once):
            part = before[first : first + at_once]  # (m, L)
            # (tag before, sequence, tag): a maximum over the first axis is one of long rows, several times as fast
            if len(part) != pairs.shape[1]:
                pairs = room[: n_tags * part.size].reshape(n_tags, -1, n_tags)
            xp.add(part.T[:, :, None], across, out=pairs)
            pairs.max(axis=0, out=here[first : first + at_once])
        here += scores_p[offsets[t] : offsets[t + 1]]
        if t % _RESCALE_EVERY == 0:
            here -= here.max(axis=1, keepdims=True)
    tags_p = xp.empty(packing.n_tokens, dtype="int64")
    ends = xp.where(chain.legal_end, chain.end, -xp.inf).astype(emissions.dtype)
    tags_p[packing.last] = (best_p[packing.last] + ends).argmax(axis=1)
    into = xp.ascontiguousarray(transitions.T)
    for t in range(len(sizes) - 1, 0, -1):
        before = best_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]
        through = into.take(tags_p[offsets[t] : offsets[t + 1]], axis=0)  # (n, L)
        through += before
        tags_p[offsets[t - 1] : offsets[t - 1] + sizes[t]] = through.argmax(axis=1)
    return packing.unpack(tags_p)


def path_score(emissions: Array, packing: Packing, chain: Chain, tags: Array) -> Array:
    """Scores (N,) float64 of the paths spelt by tag ids (T,); -inf where a path is not legal."""
    xp = get_array_module(emissions)
    n, n_tags = packing.n_sequences, emissions.shape[1]
    tags_p = packing.pack(tags)
    # of flattened rows, `take` costs a third of an index in brackets
    tokens_p = emissions.reshape(-1).take(packing.flat * n_tags + tags_p).astype("float64")
    moves = xp.where(chain.legal, chain.transitions, -xp.inf).reshape(-1)
    tokens_p[n:] += moves.take(pairs_of(tags_p, packing, n_tags))
    tokens_p[:n] += xp.where(chain.legal_start, chain.start, -xp.inf).take(tags_p[:n])
    tokens_p[packing.last] += xp.where(chain.legal_end, chain.end, -xp.inf).take(tags_p[packing.last])
    return xp.bincount(packing.sequence, weights=tokens_p, minlength=n)


def pairs_of(tags_p: Array, packing: Packing, n_tags: int) -> Array:
    """Of packed tag ids, each with the one before it: (T - N,) indices into flattened transitions, for steps 1 ..."""
    return tags_p.take(packing.previous) * n_tags + tags_p[packing.n_sequences :]
