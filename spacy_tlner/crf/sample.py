"""Taggings drawn from the distribution of a chain. Arrays only, NumPy or CuPy."""

import numpy
from thinc.api import get_array_module

from .chain import Chain
from .log_space import log_forward
from .packing import Array, Packing


def sample(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    n: int,
    rng: numpy.random.Generator,
    *,
    allowed: Array | None = None,
) -> Array:
    """Tag ids (n, T) of n independent legal paths a sequence, each as likely as the chain says.

    Forward filtering, backward sampling: the last tag from P(y_n), each earlier one from P(y_t | y_{t+1}), by the
    Gumbel trick. emissions: (T, L) float. allowed: (T, L) bool; every sequence must have a path.
    Cost: a forward pass in log space, (L, L) a token, then (n, L) a token.
    """
    xp = get_array_module(emissions)
    sizes, offsets = packing.sizes, packing.offsets
    forward_p, moves, ends = log_forward(emissions, packing, chain, allowed)
    tags_p = xp.empty((n, packing.n_tokens), dtype="int64")

    def draw(logits: Array) -> Array:
        return (logits + xp.asarray(rng.gumbel(size=logits.shape))).argmax(axis=-1)

    final = forward_p[packing.last] + ends  # (N, L)
    tags_p[:, packing.last] = draw(xp.broadcast_to(final, (n, *final.shape)))
    into = xp.ascontiguousarray(moves.T)
    for t in range(len(sizes) - 1, 0, -1):
        earlier = slice(offsets[t - 1], offsets[t - 1] + sizes[t])
        tags_p[:, earlier] = draw(forward_p[earlier] + into[tags_p[:, offsets[t] : offsets[t + 1]]])
    return tags_p.take(packing.packed, axis=1)
