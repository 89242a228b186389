"""Exact inference on a linear chain: log Z, marginals, entropy, and the best path. Arrays only, NumPy or CuPy.

Forward-backward runs in scaled probabilities (Rabiner 1989, section V.A; a matrix product and a row sum
per step) and falls back to log space, sequence by sequence, where scaling would lose mass. Arrays named
`*_p` below are in packed order (see packing.py), all others in flat order.

Shapes: T tokens of the whole batch, N sequences, L tags.
"""

import math
from dataclasses import dataclass

import numpy
from thinc.api import get_array_module

from .packing import Array, Packing, take_into

# What underflows in a step of the forward variable (below 1e-38, before the division by z) has a marginal below
# 1e-38 r / z. Where r / z stays below this, that is 1e-13; above it the sequence is redone in log space.
_SCALED_LIMIT = 1e25
# Where no score is far from 0, forward variables are made distributions only every so many steps. In a step their sum
# grows e^_NARROW_STEP-fold at most, so to e^51 until then: times 1e-38 lost in the backward variable, that is 1e-16.
# A factor of e^-17 divided by a sum of e^68 can still be told from 0 in float32, and so can e^-80, the smallest move.
_NORMALIZE_EVERY = 4
_NARROW_STEP = 17.0
_NARROW_MOVE = 40.0
# Viterbi scores are shifted to maximum 0 this often, so that float32 holds for any length.
_RESCALE_EVERY = 16
# Viterbi looks at so many pairs of tags at once: a megabyte in float32, which stays in the cache of one core.
_PAIRS_AT_ONCE = 2**18


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
    all-zero marginals. The rest only if asked for: moves (T, M), P(y_t = j | y_{t-1} = i) for each
    asked move (i, j), 0 at a sequence's first token; entropy (N,) float64 of the paths, in nats.
    """

    log_z: Array
    nodes: Array
    edges: Array
    moves: Array | None = None
    entropy: Array | None = None


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
    posterior, lost = _scaled(emissions, packing, chain, allowed, weights, moves, entropy)
    if not lost.any():
        return posterior
    if lost.all():
        return _log_space(emissions, packing, chain, allowed, weights, moves, entropy)[0]
    # Redo the lost sequences exactly and the kept ones with the edges of the lost left out.
    xp = get_array_module(emissions)
    log_z, nodes, edges = xp.empty(packing.n_sequences), xp.empty_like(emissions), 0.0
    asked = None if moves is None else xp.empty((len(emissions), len(moves)), dtype=emissions.dtype)
    entropies = xp.empty(packing.n_sequences) if entropy else None
    for which, method in ((~lost, _scaled), (lost, _log_space)):
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


def viterbi(emissions: Array, packing: Packing, chain: Chain, *, allowed: Array | None = None) -> Array:
    """The best legal path: tag ids (T,). Of equals the lowest id wins, from the end backwards.

    emissions: (T, L) float. allowed: (T, L) bool, the tags that each token may bear.
    Back-pointers are not stored: along the one path that is followed they cost (n, L) a step to
    find again, against (n, L, L) to store for all.
    """
    xp = get_array_module(emissions)
    sizes, offsets = packing.sizes, packing.offsets
    scores_p = _mask(packing.pack(emissions), packing, chain, allowed, xp)
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


def subset(packing: Packing, which: Array, xp: Array) -> tuple[Array, Packing]:
    """Flat rows (their mask) and the packing of the sequences where `which` (N,) bool is true."""
    lengths = xp.asarray(packing.lengths)
    part = [length for length, chosen in zip(packing.lengths, which.tolist()) if chosen]
    return xp.repeat(which, lengths.tolist()), Packing.of(part, xp)


def _mask(scores_p: Array, packing: Packing, chain: Chain, allowed: Array | None, xp: Array) -> Array:
    """Packed emissions, in place: start scores are added, and -inf is put where a tag cannot stand."""
    if allowed is not None:
        scores_p[~packing.pack(allowed)] = -xp.inf
    first = scores_p[: packing.n_sequences]
    first += chain.start
    first[:, ~chain.legal_start] = -xp.inf
    return scores_p


def _scaled(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    allowed: Array | None,
    weights: Array | None,
    asked: Array | None,
    entropy: bool,
) -> tuple[Posterior, Array]:
    """Forward-backward in scaled probabilities, and (N,) bool: where float32 may have lost mass.

    a_t = (a_{t-1} G) * F_t / z_t,  r_t = G (F_{t+1} * r_{t+1} / z_{t+1}),  P(y_t) = a_t * r_t
    with F_t = exp(E_t - max E_t), G = exp(A - max A), and z_t the sum that makes a_t a distribution. The formulas hold
    for other peaks and sums too: where scores are near 0, F_t = exp E_t, and z_t = 1 in most steps.
    """
    xp = get_array_module(emissions)
    n = packing.n_sequences
    with numpy.errstate(all="ignore"):  # zero and infinity are looked at afterwards; CuPy never warns
        # 0 if no move is legal: the one token of a sequence needs none
        move_peak = float(xp.where(chain.legal, chain.transitions, -xp.inf).max()) if chain.legal.any() else 0.0
        moves = xp.where(chain.legal, xp.exp(chain.transitions - move_peak), 0).astype(emissions.dtype)  # G
        end_peak = xp.where(chain.legal_end, chain.end, -xp.inf).max()
        ends = xp.where(chain.legal_end, xp.exp(chain.end - end_peak), 0).astype(emissions.dtype)
        # One block: where malloc is the C library's, it stays for the next call. Of four, some would go back to the
        # system and come again page by page, which takes as long as the arithmetic.
        factors_p, forward_p, backward_p, before = xp.empty((4, *emissions.shape), dtype=emissions.dtype)
        widest = _narrow(emissions, chain, xp)
        peaks_p = _factors(factors_p, emissions, packing, chain, allowed, widest is not None, xp)
        sums_p = _forward(forward_p, factors_p, moves, packing, 1 if widest is None else _NORMALIZE_EVERY, xp)
        mass = forward_p[packing.last] @ ends  # (n,) q
        backward_p[packing.last] = ends / mass[:, None]
        _backward(backward_p, factors_p, moves, packing, xp)

        # NaN compares false: it counts as lost
        lost = xp.zeros(n, dtype=bool)
        limits_p = sums_p * (_SCALED_LIMIT * (1 if widest is None else math.exp(-widest)))
        if not backward_p.max() < limits_p.min():
            lost_p = ~(backward_p.max(axis=1) < limits_p)
            lost = xp.bincount(packing.sequence, weights=lost_p.astype("float64"), minlength=n) > 0

        logs_p = xp.log(sums_p.astype("float64")) + peaks_p
        log_z = xp.bincount(packing.sequence, weights=logs_p, minlength=n)
        lengths = xp.asarray(packing.lengths)
        log_z += (lengths - 1) * move_peak + float(end_peak)
        log_z[packing.order] += xp.log(mass.astype("float64"))

        before = take_into(before[n:], forward_p, packing.previous)
        # sum_ij P(i, j at t) log G_ij, the part of the entropy that is the moves'
        inside = (before @ _x_log_x(moves, xp) * factors_p[n:]).sum(axis=1) if entropy else None
        if weights is not None:
            before *= weights[packing.sequence[n:]][:, None]
        edges = (before.T @ factors_p[n:]) * moves
        forward_p *= backward_p
        asked_p = None
        if asked is not None:  # G_ij x_j / r_i, x = F r / z
            asked_p = xp.zeros((len(emissions), len(asked)), dtype=emissions.dtype)
            asked_p[n:] = factors_p[n:].take(asked[:, 1], axis=1)
            asked_p[n:] *= moves[asked[:, 0], asked[:, 1]]
            asked_p[n:] /= backward_p.take(packing.previous, axis=0).take(asked[:, 0], axis=1)
            asked_p[~xp.isfinite(asked_p)] = 0
        entropies = None
        if entropy:
            # H = H(y_1) + sum_t H(y_t | y_{t-1}), P(j | i) = G_ij x_j / r_i (Hernando et al. 2005)
            factors_p[:n], backward_p[packing.last] = forward_p[:n], 1
            surprise_p = (forward_p * _finite_log(factors_p, xp)).sum(axis=1, dtype="float64")
            surprise_p -= (forward_p * _finite_log(backward_p, xp)).sum(axis=1, dtype="float64")
            surprise_p[n:] += inside
            entropies = xp.maximum(-xp.bincount(packing.sequence, weights=surprise_p, minlength=n), 0)
    return (
        Posterior(
            log_z=log_z,
            nodes=packing.unpack(forward_p),
            edges=edges,
            moves=None if asked_p is None else packing.unpack(asked_p),
            entropy=entropies,
        ),
        lost,
    )


def _narrow(emissions: Array, chain: Chain, xp: Array) -> float | None:
    """The largest score of a token if all scores are so small that steps may go without shift and sum, else None."""
    widest = float(max(emissions.max(), -emissions.min()) + xp.abs(chain.start).max())
    moves = max(float(xp.abs(scores).max()) for scores in (chain.transitions, chain.end))
    return widest if widest + math.log(len(chain.start)) < _NARROW_STEP and moves < _NARROW_MOVE else None


def _factors(
    factors_p: Array, emissions: Array, packing: Packing, chain: Chain, allowed: Array | None, narrow: bool, xp: Array
) -> Array | float:
    """Fill in F; returns what was taken off the scores of each row before exp."""
    take_into(factors_p, emissions, packing.flat)
    first = factors_p[: packing.n_sequences]
    if not narrow:
        _mask(factors_p, packing, chain, allowed, xp)
        peaks_p = _row_max(factors_p, xp)
        factors_p -= peaks_p[:, None]
        xp.exp(factors_p, out=factors_p)
        return peaks_p
    first += chain.start
    xp.exp(factors_p, out=factors_p)
    first *= chain.legal_start
    if allowed is not None:
        factors_p *= packing.pack(allowed)
    return 0.0


def _forward(forward_p: Array, factors_p: Array, moves: Array, packing: Packing, every: int, xp: Array) -> Array:
    """Fill in a; returns z, 1 but every so many steps, by which factors are divided as well."""
    sizes, offsets = packing.sizes, packing.offsets
    sums_p = xp.ones(len(factors_p), dtype=factors_p.dtype)
    ones = xp.ones(len(moves), dtype=factors_p.dtype)
    forward_p[: packing.n_sequences] = factors_p[: packing.n_sequences]
    for t in range(len(sizes)):
        here, factors = forward_p[offsets[t] : offsets[t + 1]], factors_p[offsets[t] : offsets[t + 1]]  # (n, L)
        if t:
            # the method costs half as much per call as `xp.matmul`
            forward_p[offsets[t - 1] : offsets[t - 1] + sizes[t]].dot(moves, out=here)
            here *= factors
        if t % every == 0:
            total = sums_p[offsets[t] : offsets[t + 1]]  # (n,)
            # a product with ones, for NumPy sums short rows several times slower
            here.dot(ones, out=total)
            here /= total[:, None]
            factors /= total[:, None]
    return sums_p


def _backward(backward_p: Array, factors_p: Array, moves: Array, packing: Packing, xp: Array) -> None:
    """Fill in r, of which the last of each sequence is there; factors become F r / z, but in the first step."""
    sizes, offsets = packing.sizes, packing.offsets
    moves_back = xp.ascontiguousarray(moves.T)
    for t in range(len(sizes) - 1, 0, -1):
        onward = factors_p[offsets[t] : offsets[t + 1]]
        onward *= backward_p[offsets[t] : offsets[t + 1]]
        onward.dot(moves_back, out=backward_p[offsets[t - 1] : offsets[t - 1] + sizes[t]])


def _log_space(
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
        entropies[packing.order] -= _x_log_x(nodes_p[:n], xp).sum(axis=1)
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
        _mask(packing.pack(emissions.astype("float64")), packing, chain, allowed, xp),
        xp.where(chain.legal, chain.transitions.astype("float64"), -xp.inf),
        xp.where(chain.legal_end, chain.end.astype("float64"), -xp.inf),
    )


def _finite_log(x: Array, xp: Array) -> Array:
    """log x, 0 where x is 0."""
    return xp.where(x > 0, xp.log(x), 0)


def _x_log_x(x: Array, xp: Array) -> Array:
    return x * _finite_log(x, xp)


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
