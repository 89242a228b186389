"""The exact loss of a chain against sets of allowed tags, with its analytic gradient.

    loss_i = log Z_i - log Z_i(allowed),   d loss_i / d E_t[j] = P(y_t = j) - P(y_t = j | allowed)

and likewise for transitions, start and end (Lafferty et al. 2001; for sets, Tsuboi et al. 2008). Where each
token of a sequence allows exactly one tag, log Z(allowed) is the score of that path.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thinc.api import get_array_module

from .chain import Chain, Posterior, subset
from .forbidden import Run, forward_backward_without
from .inference import forward_backward
from .packing import Array, Packing
from .paths import pairs_of, path_score

# of some sequences: emissions, packing, allowed, weights
_Sum = Callable[[Array, Packing, Array, Array | None], Posterior]


@dataclass(frozen=True)
class ChainLoss:
    """losses: (N,) float64, unweighted, inf where no path is allowed. The gradients are of sum_i weights_i losses_i."""

    losses: Array
    d_emissions: Array  # (T, L)
    d_transitions: Array  # (L, L)
    d_start: Array  # (L,)
    d_end: Array  # (L,)


def chain_loss(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    allowed: Array,
    *,
    possible: Array | None = None,
    forbidden: Sequence[Sequence[Run]] | None = None,
    weights: Array | None = None,
) -> ChainLoss:
    """Loss and gradient of a batch.

    emissions: (T, L) float. allowed: (T, L) bool, the gold as a set of tags a token.
    possible: (T, L) bool, tags that a token may bear at all, a superset of `allowed`; None means all.
    forbidden: for each sequence, runs of tags that gold rules out; only sequences that have any cost more.
    weights: (N,) float a sequence, 1 by default.
    """
    xp = get_array_module(emissions)
    share = None
    if weights is not None:
        weights = weights.astype(emissions.dtype)
        if (weights == weights[0]).all():  # a factor of everything: a product with a number costs next to nothing
            share, weights = weights[0], None
    free = forward_backward(emissions, packing, chain, allowed=possible, weights=weights)
    gold = _gold(emissions, packing, chain, allowed, forbidden, weights)
    d_emissions = free.nodes
    d_emissions -= gold.nodes
    if weights is not None:
        d_emissions *= xp.repeat(weights, list(packing.lengths))[:, None]
    d_transitions = free.edges - gold.edges
    if share is not None:
        d_emissions *= share
        d_transitions *= share
    first = packing.flat[: packing.n_sequences]
    last = packing.flat[packing.last]
    losses = xp.full(packing.n_sequences, xp.inf)
    found = gold.log_z > -xp.inf
    losses[found] = free.log_z[found] - gold.log_z[found]
    return ChainLoss(
        losses=losses,
        d_emissions=d_emissions,
        d_transitions=d_transitions,
        d_start=d_emissions[first].sum(axis=0),
        d_end=d_emissions[last].sum(axis=0),
    )


def _gold(
    emissions: Array,
    packing: Packing,
    chain: Chain,
    allowed: Array,
    forbidden: Sequence[Sequence[Run]] | None,
    weights: Array | None,
) -> Posterior:
    """Z(allowed) without the paths that spell a forbidden run."""
    if not forbidden or not any(forbidden):
        return _constrained(emissions, packing, chain, allowed, weights)
    if all(forbidden):
        return forward_backward_without(emissions, packing, chain, allowed, forbidden, weights)
    xp = get_array_module(emissions)
    watched = xp.asarray([bool(runs) for runs in forbidden])
    runs = [of_sequence for of_sequence in forbidden if of_sequence]
    return _in_parts(
        emissions,
        packing,
        allowed,
        weights,
        (watched, lambda rows, part, sets, of: forward_backward_without(rows, part, chain, sets, runs, of)),
        (~watched, lambda rows, part, sets, of: _constrained(rows, part, chain, sets, of)),
    )


def _constrained(emissions: Array, packing: Packing, chain: Chain, allowed: Array, weights: Array | None) -> Posterior:
    """Z(allowed): a path's score where every tag is known, forward-backward where some are not."""
    xp = get_array_module(emissions)
    n_tags = emissions.shape[1]
    # how many tags and, where that is 1, which: one product, for NumPy reduces short rows several times slower
    ids = xp.arange(n_tags, dtype=emissions.dtype)
    nodes = allowed.astype(emissions.dtype)  # (T, L)
    counts, tags = (nodes @ xp.stack([xp.ones_like(ids), ids], axis=1)).T  # (T,), (T,)
    is_set = counts != 1
    if not is_set.any():
        return _one_path(emissions, packing, chain, nodes, tags.astype("int64"), weights)
    known = xp.bincount(packing.sequence, weights=packing.pack(is_set), minlength=packing.n_sequences) == 0
    if not known.any():
        return forward_backward(emissions, packing, chain, allowed=allowed, weights=weights)
    return _in_parts(
        emissions,
        packing,
        allowed,
        weights,
        (known, lambda rows, part, sets, of: _constrained(rows, part, chain, sets, of)),
        (~known, lambda rows, part, sets, of: forward_backward(rows, part, chain, allowed=sets, weights=of)),
    )


def _in_parts(
    emissions: Array, packing: Packing, allowed: Array, weights: Array | None, *parts: tuple[Array, _Sum]
) -> Posterior:
    """The posterior of a batch that is summed in different ways. parts: which sequences, (N,) bool, and how."""
    xp = get_array_module(emissions)
    log_z, nodes, edges = xp.empty(packing.n_sequences), xp.empty_like(emissions), 0.0
    for which, sum_paths in parts:
        rows, part = subset(packing, which, xp)
        share = sum_paths(emissions[rows], part, allowed[rows], None if weights is None else weights[which])
        log_z[which], nodes[rows] = share.log_z, share.nodes
        edges = edges + share.edges
    return Posterior(log_z, nodes, edges)


def _one_path(
    emissions: Array, packing: Packing, chain: Chain, nodes: Array, tags: Array, weights: Array | None
) -> Posterior:
    """The posterior of a path that is certain: `tags`, (T,) its ids; `nodes`, (T, L) the same as rows of a single 1."""
    xp = get_array_module(emissions)
    n_tags = emissions.shape[1]
    of_pairs = None if weights is None else weights[packing.sequence[packing.n_sequences :]]
    edges = xp.bincount(pairs_of(packing.pack(tags), packing, n_tags), weights=of_pairs, minlength=n_tags**2)
    return Posterior(
        log_z=path_score(emissions, packing, chain, tags),
        nodes=nodes,
        edges=edges.reshape(n_tags, n_tags).astype(emissions.dtype),
    )
