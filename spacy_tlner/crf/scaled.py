"""Forward-backward in scaled probabilities: a matrix product a step (Rabiner 1989, section V.A)."""

import math

import numpy
from thinc.api import get_array_module

from .chain import Chain, Posterior, finite_log, mask_scores, x_log_x
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


def scaled(
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
        inside = (before @ x_log_x(moves, xp) * factors_p[n:]).sum(axis=1) if entropy else None
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
            surprise_p = (forward_p * finite_log(factors_p, xp)).sum(axis=1, dtype="float64")
            surprise_p -= (forward_p * finite_log(backward_p, xp)).sum(axis=1, dtype="float64")
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
        mask_scores(factors_p, packing, chain, allowed, xp)
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


def _row_max(rows: Array, xp: Array) -> Array:
    """`rows.max(axis=1)` by halving the columns: NumPy reduces short rows several times slower."""
    while rows.shape[1] > 1:
        half = (rows.shape[1] + 1) // 2
        # an odd column in the middle is compared with itself
        rows = xp.maximum(rows[:, :half], rows[:, -half:])
    return rows[:, 0]
