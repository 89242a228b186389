"""How far one chain's distribution over paths is from another's: exact, with the gradient for the second.

    KL(p || q) = log Z_q - log Z_p + sum over nodes and edges of P(.) (score_p - score_q)
    d KL / d score_q = Q(.) - P(.)

so a chain is taught a whole distribution over taggings at the cost of one forward-backward more.
"""

from dataclasses import dataclass

from thinc.api import get_array_module

from .chain import Chain
from .inference import forward_backward
from .packing import Array, Packing


@dataclass(frozen=True)
class Divergence:
    """value: in nats, summed over the sequences. The gradients are of it, with respect to the second chain's scores."""

    value: float
    d_emissions: Array  # (T, L)
    d_transitions: Array  # (L, L)
    d_start: Array  # (L,)
    d_end: Array  # (L,)


def divergence(
    theirs: tuple[Array, Chain], ours: tuple[Array, Chain], packing: Packing, *, allowed: Array | None = None
) -> Divergence:
    """KL(theirs || ours), each emissions (T, L) and a chain over the same tags.

    allowed: (T, L) bool, the tags that each token may bear in both. What is legal must be the same in both.
    """
    xp = get_array_module(ours[0])
    p, q = (forward_backward(emissions, packing, chain, allowed=allowed) for emissions, chain in (theirs, ours))
    first, last = packing.flat[: packing.n_sequences], packing.flat[packing.last]
    value = float((q.log_z - p.log_z).sum())
    for nodes, scores in (
        (p.nodes, theirs[0] - ours[0]),
        (p.edges, theirs[1].transitions - ours[1].transitions),
        (p.nodes[first], theirs[1].start - ours[1].start),
        (p.nodes[last], theirs[1].end - ours[1].end),
    ):
        value += float((nodes * scores).sum(dtype="float64"))
    d_emissions = q.nodes - p.nodes
    # rounding may leave it a little below 0 where both are the same
    return Divergence(
        value=max(value, 0.0),
        d_emissions=d_emissions,
        d_transitions=xp.asarray(q.edges - p.edges, dtype=d_emissions.dtype),
        d_start=d_emissions[first].sum(axis=0),
        d_end=d_emissions[last].sum(axis=0),
    )


def restrict(emissions: Array, chain: Chain, tags: Array) -> tuple[Array, Chain]:
    """The same scores over some of the tags, in that order: the distribution given that no other tag occurs."""
    square = tags[:, None], tags
    return emissions[:, tags], Chain(
        transitions=chain.transitions[square],
        start=chain.start[tags],
        end=chain.end[tags],
        legal=chain.legal[square],
        legal_start=chain.legal_start[tags],
        legal_end=chain.legal_end[tags],
    )
