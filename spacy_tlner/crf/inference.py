"""Exact sums over all paths of a chain: log Z, marginals, entropy. Arrays only, NumPy or CuPy.

Scaled probabilities (scaled.py) where they hold; log space (log_space.py), sequence by sequence, where scaling would
lose mass.
"""

from thinc.api import get_array_module

from .chain import Chain, Posterior, subset
from .log_space import log_space
from .packing import Array, Packing
from .scaled import scaled


def forward_backward(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    *,
    allowed: Array | None = None,
    weights: Array | None = None,
    moves: Array | None = None,
    entropy: bool = False,
) -> Posterior:
    """Sum over all paths that are legal and, if given, allowed.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear.
    weights: (N,) float, multiplies each sequence's share of `edges` only; None means 1.
    moves: (M, 2) tag ids from, to: asks for `Posterior.moves`. entropy: asks for `Posterior.entropy`.
    Cost: two (n, L) x (L, L) products a step, n the sequences that reach it; entropy one more, moves
    (T, M); memory linear in T.
    """
    posterior, lost = scaled(emissions, packing, chain, allowed, weights, moves, entropy)
    if not lost.any():
        return posterior
    if lost.all():
        return log_space(emissions, packing, chain, allowed, weights, moves, entropy)[0]
    # Redo the lost sequences exactly and the kept ones with the edges of the lost left out.
    xp = get_array_module(emissions)
    log_z, nodes, edges = xp.empty(packing.n_sequences), xp.empty_like(emissions), 0.0
    asked = None if moves is None else xp.empty((len(emissions), len(moves)), dtype=emissions.dtype)
    entropies = xp.empty(packing.n_sequences) if entropy else None
    for which, method in ((~lost, scaled), (lost, log_space)):
        rows, part = subset(packing, which, xp)
        found, _ = method(
            emissions[rows],
            part,
            chain,
            None if allowed is None else allowed[rows],
            None if weights is None else weights[which],
            moves,
            entropy,
        )
        log_z[which], nodes[rows] = found.log_z, found.nodes
        edges = edges + found.edges
        if asked is not None:
            asked[rows] = found.moves
        if entropies is not None:
            entropies[which] = found.entropy
    return Posterior(log_z=log_z, nodes=nodes, edges=edges, moves=asked, entropy=entropies)
