"""Exact inference on a linear chain: log Z, marginals, and the best path. Arrays only, NumPy or CuPy.

Forward-backward runs in scaled probabilities (Rabiner 1989, section V.A; a matrix product and a row sum
per step) and falls back to log space, sequence by sequence, where scaling would lose mass. Arrays named
`*_p` below are in packed order (see packing.py), all others in flat order.

Shapes: T tokens of the whole batch, N sequences, L tags.
"""

from dataclasses import dataclass

import numpy
from thinc.api import get_array_module

from .packing import Array, Packing

# What underflows in a step of the forward variable (below 1e-38, before the division by z) has a marginal below
# 1e-38 r / z. Where r / z stays below this, that is 1e-13; above it the sequence is redone in log space.
_SCALED_LIMIT = 1e25
# Viterbi scores are shifted to maximum 0 this often, so that float32 holds for any length.
_RESCALE_EVERY = 16


@dataclass(frozen=True)
class Chain:
    """Scores of a chain and which moves exist at all.

    transitions: (L, L) float, from row to column. start, end: (L,) float.
    legal: (L, L) bool, legal_start, legal_end: (L,) bool; a move that is not legal has probability 0.
    """

    transitions: Array
    start: Array
    end: Array
    legal: Array
    legal_start: Array
    legal_end: Array


@dataclass(frozen=True)
class Posterior:
    """What forward-backward finds.

    log_z: (N,) float64. nodes: (T, L) tag marginals. edges: (L, L) pair marginals summed over the
    batch, each sequence times its weight. A sequence without any permitted path has log_z -inf and
    all-zero marginals.
    """

    log_z: Array
    nodes: Array
    edges: Array


def forward_backward(
    emissions: Array, packing: Packing, chain: Chain, *, allowed: Array | None = None, weights: Array | None = None
) -> Posterior:
    """Sum over all paths that are legal and, if given, allowed.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear.
    weights: (N,) float, multiplies each sequence's share of `edges` only; None means 1.
    Cost: two (n, L) x (L, L) products a step, n the sequences that reach it; memory linear in T.
    """
    posterior, lost = _scaled(emissions, packing, chain, allowed, weights)
    if posterior is not None and not lost.any():
        return posterior
    xp = get_array_module(emissions)
    if posterior is None or lost.all():
        return _log_space(emissions, packing, chain, allowed, weights)
    # Redo the lost sequences exactly and the kept ones with the edges of the lost left out.
    log_z, nodes, edges = xp.empty(packing.n_sequences), xp.empty_like(emissions), 0.0
    for which, method in ((~lost, _scaled), (lost, _log_space)):
        rows, part = subset(packing, which, xp)
        result = method(
            emissions[rows],
            part,
            chain,
            None if allowed is None else allowed[rows],
            None if weights is None else weights[which],
        )
        found: Posterior = result[0] if isinstance(result, tuple) else result
        log_z[which], nodes[rows] = found.log_z, found.nodes
        edges = edges + found.edges
    return Posterior(log_z=log_z, nodes=nodes, edges=edges)


def viterbi(emissions: Array, packing: Packing, chain: Chain, *, allowed: Array | None = None) -> Array:
    """The best legal path: tag ids (T,). Of equals the lowest id wins, from the end backwards.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear.
    Back-pointers are not stored: along the one path that is followed they cost (n, L) a step to
    find again, against (n, L, L) to store for all.
    """
    xp = get_array_module(emissions)
    sizes, offsets = packing.sizes, packing.offsets
    scores_p = _masked_emissions(emissions, packing, chain, allowed, xp)
    transitions = xp.where(chain.legal, chain.transitions, -xp.inf).astype(emissions.dtype)
    best_p = xp.empty_like(scores_p)
    best_p[: offsets[1]] = scores_p[: offsets[1]]
    for t in range(1, len(sizes)):
        before = best_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]  # (n, L)
        here = best_p[offsets[t] : offsets[t + 1]]
        xp.add(before[:, :, None], transitions[None]).max(axis=1, out=here)  # (n, L, L) -> (n, L)
        here += scores_p[offsets[t] : offsets[t + 1]]
        if t % _RESCALE_EVERY == 0:
            here -= here.max(axis=1, keepdims=True)
    tags_p = xp.empty(packing.n_tokens, dtype="int64")
    ends = xp.where(chain.legal_end, chain.end, -xp.inf).astype(emissions.dtype)
    tags_p[packing.last] = (best_p[packing.last] + ends).argmax(axis=1)
    into = xp.ascontiguousarray(transitions.T)
    for t in range(len(sizes) - 1, 0, -1):
        before = best_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]
        here_tags = tags_p[offsets[t] : offsets[t + 1]]  # (n,)
        tags_p[offsets[t - 1] : offsets[t - 1] + sizes[t]] = (before + into[here_tags]).argmax(axis=1)
    return packing.unpack(tags_p)


def path_score(emissions: Array, packing: Packing, chain: Chain, tags: Array) -> Array:
    """Scores (N,) float64 of the paths spelt by tag ids (T,); -inf where a path is not legal."""
    xp = get_array_module(emissions)
    tags_p, last = packing.pack(tags), packing.last
    first_tags, last_tags = tags_p[: packing.n_sequences], tags_p[last]
    before, after = tags_p[packing.previous], tags_p[packing.n_sequences :]
    tokens_p = emissions[packing.flat, tags_p].astype("float64")
    tokens_p[packing.n_sequences :] += chain.transitions[before, after]
    scores = xp.bincount(packing.sequence, weights=tokens_p, minlength=packing.n_sequences)
    scores[packing.order] += chain.start[first_tags] + chain.end[last_tags]
    broken_p = xp.zeros(packing.n_tokens)
    broken_p[packing.n_sequences :] = ~chain.legal[before, after]
    broken = xp.bincount(packing.sequence, weights=broken_p, minlength=packing.n_sequences)
    broken[packing.order] += ~chain.legal_start[first_tags] | ~chain.legal_end[last_tags]
    scores[broken > 0] = -xp.inf
    return scores


def subset(packing: Packing, which: Array, xp: Array) -> tuple[Array, Packing]:
    """Flat rows (their mask) and the packing of the sequences where `which` (N,) bool is true."""
    lengths = xp.asarray(packing.lengths)
    part = [length for length, chosen in zip(packing.lengths, which.tolist()) if chosen]
    return xp.repeat(which, lengths.tolist()), Packing.of(part, xp)


def _masked_emissions(emissions: Array, packing: Packing, chain: Chain, allowed: Array | None, xp: Array) -> Array:
    """Packed emissions with the start scores folded in and -inf where a tag cannot stand."""
    scores_p = packing.pack(emissions)
    if allowed is not None:
        scores_p[~packing.pack(allowed)] = -xp.inf
    first = scores_p[: packing.n_sequences]
    first += chain.start
    first[:, ~chain.legal_start] = -xp.inf
    return scores_p


def _scaled(
    emissions: Array, packing: Packing, chain: Chain, allowed: Array | None, weights: Array | None = None
) -> tuple[Posterior, Array]:
    """Forward-backward in scaled probabilities, and (N,) bool: where float32 may have lost mass.

    a_t = (a_{t-1} G) * F_t / z_t,  r_t = G (F_{t+1} * r_{t+1} / z_{t+1}),  P(y_t) = a_t * r_t
    with F_t = exp(E_t - max E_t), G = exp(A - max A), and z_t the sum that makes a_t a distribution.
    """
    xp = get_array_module(emissions)
    sizes, offsets, n = packing.sizes, packing.offsets, packing.n_sequences
    with numpy.errstate(all="ignore"):  # zero and infinity are looked at afterwards; CuPy never warns
        move_peak = xp.where(chain.legal, chain.transitions, -xp.inf).max()
        moves = xp.where(chain.legal, xp.exp(chain.transitions - move_peak), 0).astype(emissions.dtype)  # G
        end_peak = xp.where(chain.legal_end, chain.end, -xp.inf).max()
        ends = xp.where(chain.legal_end, xp.exp(chain.end - end_peak), 0).astype(emissions.dtype)
        factors_p = _masked_emissions(emissions, packing, chain, allowed, xp)
        peaks_p = _row_max(factors_p, xp)
        factors_p -= peaks_p[:, None]
        xp.exp(factors_p, out=factors_p)  # F

        forward_p = xp.empty_like(factors_p)  # a
        sums_p = xp.empty_like(peaks_p)  # z
        ones = xp.ones(factors_p.shape[1], dtype=factors_p.dtype)
        forward_p[:n] = factors_p[:n]
        for t in range(len(sizes)):
            here = forward_p[offsets[t] : offsets[t + 1]]  # (n, L)
            if t:
                xp.matmul(forward_p[offsets[t - 1] : offsets[t - 1] + sizes[t]], moves, out=here)
                here *= factors_p[offsets[t] : offsets[t + 1]]
            total = sums_p[offsets[t] : offsets[t + 1]]  # (n,)
            xp.matmul(here, ones, out=total)
            here /= total[:, None]

        backward_p = xp.empty_like(factors_p)  # r
        mass = forward_p[packing.last] @ ends  # (n,) q
        backward_p[packing.last] = ends / mass[:, None]
        factors_p /= sums_p[:, None]  # becomes F r / z as the loop goes down
        moves_back = xp.ascontiguousarray(moves.T)
        for t in range(len(sizes) - 1, 0, -1):
            onward = factors_p[offsets[t] : offsets[t + 1]]
            onward *= backward_p[offsets[t] : offsets[t + 1]]
            xp.matmul(onward, moves_back, out=backward_p[offsets[t - 1] : offsets[t - 1] + sizes[t]])

        # NaN compares false: it counts as lost
        lost = xp.zeros(n, dtype=bool)
        if not backward_p.max() < _SCALED_LIMIT * sums_p.min():
            lost_p = ~(backward_p.max(axis=1) < _SCALED_LIMIT * sums_p)
            lost = xp.bincount(packing.sequence, weights=lost_p.astype("float64"), minlength=n) > 0

        logs_p = xp.log(sums_p.astype("float64")) + peaks_p
        log_z = xp.bincount(packing.sequence, weights=logs_p, minlength=n)
        lengths = xp.asarray(packing.lengths)
        log_z += (lengths - 1) * float(move_peak) + float(end_peak)
        log_z[packing.order] += xp.log(mass.astype("float64"))

        before = forward_p.take(packing.previous, axis=0)
        if weights is not None:
            before *= weights[packing.sequence[n:]][:, None]
        edges = (before.T @ factors_p[n:]) * moves
        forward_p *= backward_p
    return Posterior(log_z=log_z, nodes=packing.unpack(forward_p), edges=edges), lost


def _log_space(emissions: Array, packing: Packing, chain: Chain, allowed: Array | None, weights: Array) -> Posterior:
    """The same sums by log-sum-exp in float64: slow, (n, L, L) a step, and exact for any scores."""
    xp = get_array_module(emissions)
    sizes, offsets, n = packing.sizes, packing.offsets, packing.n_sequences
    with numpy.errstate(all="ignore"):  # zero and infinity are looked at afterwards; CuPy never warns
        scores_p = _masked_emissions(emissions.astype("float64"), packing, chain, allowed, xp)
        moves = xp.where(chain.legal, chain.transitions.astype("float64"), -xp.inf)
        ends = xp.where(chain.legal_end, chain.end.astype("float64"), -xp.inf)
        alpha_p = scores_p.copy()
        for t in range(1, len(sizes)):
            before = alpha_p[offsets[t - 1] : offsets[t - 1] + sizes[t]]
            alpha_p[offsets[t] : offsets[t + 1]] += _logsumexp(before[:, :, None] + moves, 1, xp)
        log_z = xp.empty(n)
        log_z[packing.order] = _logsumexp(alpha_p[packing.last] + ends, 1, xp)

        beta_p = xp.empty_like(scores_p)
        beta_p[packing.last] = ends
        edges = xp.zeros_like(moves)
        for t in range(len(sizes) - 1, 0, -1):
            rows = slice(offsets[t], offsets[t + 1])
            earlier = slice(offsets[t - 1], offsets[t - 1] + sizes[t])
            onward = moves + (scores_p[rows] + beta_p[rows])[:, None, :]  # (n, L, L)
            beta_p[earlier] = _logsumexp(onward, 2, xp)
            of = packing.sequence[rows]
            pairs = xp.exp(alpha_p[earlier][:, :, None] + onward - log_z[of][:, None, None])
            pairs = xp.nan_to_num(pairs)
            edges += (pairs if weights is None else weights[of][:, None, None] * pairs).sum(axis=0)
        nodes_p = xp.nan_to_num(xp.exp(alpha_p + beta_p - log_z[packing.sequence][:, None]))
    nodes = packing.unpack(nodes_p).astype(emissions.dtype)
    return Posterior(log_z=log_z, nodes=nodes, edges=edges.astype(emissions.dtype))


def _row_max(rows: Array, xp: Array) -> Array:
    """`rows.max(axis=1)` by halving the columns: NumPy reduces short rows several times slower."""
    while rows.shape[1] > 1:
        half = (rows.shape[1] + 1) // 2
        # an odd column in the middle is compared with itself
        rows = xp.maximum(rows[:, :half], rows[:, -half:])
    return rows[:, 0]


def _logsumexp(scores: Array, axis: int, xp: Array) -> Array:
    peak = scores.max(axis=axis, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, 0)
    return xp.log(xp.exp(scores - peak).sum(axis=axis)) + peak.squeeze(axis)
