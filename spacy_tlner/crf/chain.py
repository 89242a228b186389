"""The scores of a chain, and what is found of it. Arrays only, NumPy or CuPy.

Shapes: T tokens of the whole batch, N sequences, L tags. In this folder arrays named `*_p` are in packed order (see
packing.py), all others in flat order.
"""

from dataclasses import dataclass

from .packing import Array, Packing


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


def subset(packing: Packing, which: Array, xp: Array) -> tuple[Array, Packing]:
    """Flat rows (their mask) and the packing of the sequences where `which` (N,) bool is true."""
    lengths = xp.asarray(packing.lengths)
    part = [length for length, chosen in zip(packing.lengths, which.tolist()) if chosen]
    return xp.repeat(which, lengths.tolist()), Packing.of(part, xp)


def mask_scores(scores_p: Array, packing: Packing, chain: Chain, allowed: Array | None, xp: Array) -> Array:
    """Packed emissions, in place: start scores are added, and -inf is put where a tag cannot stand."""
    if allowed is not None:
        scores_p[~packing.pack(allowed)] = -xp.inf
    first = scores_p[: packing.n_sequences]
    first += chain.start
    first[:, ~chain.legal_start] = -xp.inf
    return scores_p


def finite_log(x: Array, xp: Array) -> Array:
    """log x, 0 where x is 0."""
    return xp.where(x > 0, xp.log(x), 0)


def x_log_x(x: Array, xp: Array) -> Array:
    return x * finite_log(x, xp)
