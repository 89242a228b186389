"""Forward and backward sums in log space and float64: slow, and exact for any scores."""

import numpy
from thinc.api import get_array_module

from .chain import Chain, Posterior, mask_scores, x_log_x
from .packing import Array, Packing


def log_space(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    allowed: Array | None,
    weights: Array | None,
    asked: Array | None,
    entropy: bool,
) -> tuple[Posterior, Array]:
    """The same sums by log-sum-exp in float64: slow, (n, L, L) a step, and exact for any scores. Nothing is lost."""
    xp = get_array_module(emissions)
    sizes, offsets, n = packing.sizes, packing.offsets, packing.n_sequences
    with numpy.errstate(all="ignore"):  # zero and infinity are looked at afterwards; CuPy never warns
        scores_p, moves, ends = log_scores(emissions, packing, chain, allowed)
        alpha_p = _log_forward(scores_p, moves, packing, xp)
        log_z = xp.empty(n)
        log_z[packing.order] = _logsumexp(alpha_p[packing.last] + ends, 1, xp)

        beta_p = xp.empty_like(scores_p)
        beta_p[packing.last] = ends
        edges = xp.zeros_like(moves)
        asked_p = None if asked is None else xp.zeros((len(emissions), len(asked)), dtype=emissions.dtype)
        entropies = xp.zeros(n)
        for t in range(len(sizes) - 1, 0, -1):
            rows = slice(offsets[t], offsets[t + 1])
            earlier = slice(offsets[t - 1], offsets[t - 1] + sizes[t])
            onward = moves + (scores_p[rows] + beta_p[rows])[:, None, :]  # (n, L, L)
            beta_p[earlier] = _logsumexp(onward, 2, xp)
            of = packing.sequence[rows]
            pairs = xp.exp(alpha_p[earlier][:, :, None] + onward - log_z[of][:, None, None])
            pairs = xp.nan_to_num(pairs)
            edges += (pairs if weights is None else weights[of][:, None, None] * pairs).sum(axis=0)
            if asked is not None or entropy:
                onward -= beta_p[earlier][:, :, None]  # log P(j | i)
            if asked is not None and asked_p is not None:
                asked_p[rows] = xp.nan_to_num(xp.exp(onward[:, asked[:, 0], asked[:, 1]]))
            if entropy:
                entropies[of] -= (pairs * xp.where(pairs > 0, onward, 0)).sum(axis=(1, 2))
        nodes_p = xp.nan_to_num(xp.exp(alpha_p + beta_p - log_z[packing.sequence][:, None]))
        entropies[packing.order] -= x_log_x(nodes_p[:n], xp).sum(axis=1)
    return (
        Posterior(
            log_z=log_z,
            nodes=packing.unpack(nodes_p).astype(emissions.dtype),
            edges=edges.astype(emissions.dtype),
            moves=None if asked_p is None else packing.unpack(asked_p),
            entropy=xp.maximum(entropies, 0) if entropy else None,
        ),
        xp.zeros(n, dtype=bool),
    )


def log_forward(emissions: Array, packing: Packing, chain: Chain, allowed: Array | None) -> tuple[Array, Array, Array]:
    """In float64: log forward variables (T, L) in packed order, log moves (L, L) and ends (L,); -inf: not permitted."""
    xp = get_array_module(emissions)
    with numpy.errstate(all="ignore"):
        scores_p, moves, ends = log_scores(emissions, packing, chain, allowed)
        return _log_forward(scores_p, moves, packing, xp), moves, ends


def _log_forward(scores_p: Array, moves: Array, packing: Packing, xp: Array) -> Array:
    alpha_p, sizes, offsets = scores_p.copy(), packing.sizes, packing.offsets
    for t in range(1, len(sizes)):
        before = alpha_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]
        alpha_p[offsets[t] : offsets[t + 1]] += _logsumexp(before[:, :, None] + moves, 1, xp)
    return alpha_p


def log_scores(emissions: Array, packing: Packing, chain: Chain, allowed: Array | None) -> tuple[Array, Array, Array]:
    """Scores in float64, -inf where not permitted: emissions with start (T, L) packed, moves (L, L), ends (L,)."""
    xp = get_array_module(emissions)
    return (
        mask_scores(packing.pack(emissions.astype("float64")), packing, chain, allowed, xp),
        xp.where(chain.legal, chain.transitions.astype("float64"), -xp.inf),
        xp.where(chain.legal_end, chain.end.astype("float64"), -xp.inf),
    )


def _logsumexp(scores: Array, axis: int, xp: Array) -> Array:
    peak = scores.max(axis=axis, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, 0)
    return xp.log(xp.exp(scores - peak).sum(axis=axis)) + peak.squeeze(axis)
