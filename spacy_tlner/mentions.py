"""From the marginals of a chain to probabilities of mentions. Arrays only, no spaCy.

A mention of one token is the tag U. A longer one is B at its first token, then I ..., then L, and because tags depend
on their neighbours only,

    P(exactly [s, e) bears label k) = P(y_s = B) P(I | B) P(I | I) ... P(L | I).

These are probabilities of events: mentions that overlap exclude each other, so theirs add up to at most 1.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from .errors import Errors
from .tags import Mention, TagScheme

# Below this no mention is looked for: the search stays linear in tokens, whatever the threshold.
LEAST_PROBABLE = 1e-3
_U, _B = 3, 0


class Scored(NamedTuple):
    """A mention and its probability."""

    mention: Mention
    probability: float


def probabilities_of(
    mentions: Iterable[Mention], nodes: NDArray, moves: NDArray, scheme: TagScheme
) -> NDArray[numpy.float64]:
    """The probability of each mention of one document.

    nodes: (tokens, tags) marginals. moves: (tokens, 4 labels) conditionals of `scheme.inner_moves`.
    Cost: the length of the mentions. Raises TL016 on a mention outside the document or of another label.
    """
    return numpy.asarray([_probability(mention, nodes, moves, scheme) for mention in mentions], dtype="float64")


def _probability(mention: Mention, nodes: NDArray, moves: NDArray, scheme: TagScheme) -> float:
    start, end, label = mention
    if not 0 <= start < end <= len(nodes) or label not in scheme.labels:
        message = Errors.TL016.format(mention=tuple(mention), length=len(nodes), labels=", ".join(scheme.labels))
        raise ValueError(message)
    k = scheme.labels.index(label)
    if end - start == 1:
        return float(min(nodes[start, 1 + 4 * k + _U], 1.0))
    # columns of `inner_moves`: 0 B to I, 1 B to L, 2 I to I, 3 I to L
    steps = [1] if end - start == 2 else [0, *[2] * (end - start - 3), 3]
    path = moves[numpy.arange(start + 1, end), 4 * k + numpy.asarray(steps)]
    return min(float(nodes[start, 1 + 4 * k + _B]) * float(numpy.prod(path, dtype="float64")), 1.0)


def mentions_above(
    threshold: float, nodes: NDArray, moves: NDArray, lengths: Sequence[int], scheme: TagScheme
) -> list[list[Scored]]:
    """Of each document of a batch, every mention of at least this probability, overlapping ones too.

    In order of start, end, label. nodes, moves: as above, of the documents one after another. lengths: tokens of each.
    Cost: O(T labels) to find the beginnings, then the tokens of what is found: a beginning is followed while the
    mass of its open mention is enough. Mentions below LEAST_PROBABLE are never found.
    """
    least = max(threshold, LEAST_PROBABLE)
    single, opening = nodes[:, 1 + _U :: 4], nodes[:, 1 + _B :: 4]  # (T, labels)
    found = [(*(at := numpy.nonzero(single >= least)), at[0] + 1, single[at])]
    start, label = numpy.nonzero(opening >= least)
    mass = opening[start, label].astype("float64")
    end, into, out = start + 1, 0, 1
    while len(start):
        closed = mass * moves[end, 4 * label + out]
        hit = closed >= least
        found.append((start[hit], label[hit], end[hit] + 1, closed[hit]))
        mass = mass * moves[end, 4 * label + into]
        going = (mass >= least) & (end + 1 < len(nodes))
        start, label, end, mass = start[going], label[going], end[going] + 1, mass[going]
        into, out = 2, 3
    starts, labels, ends, scores = (numpy.concatenate(column) for column in zip(*found))
    alphabetical = numpy.argsort(numpy.argsort(numpy.asarray(scheme.labels, dtype=str)))
    order = numpy.lexsort((alphabetical[labels], ends, starts))
    offsets = numpy.concatenate([[0], numpy.cumsum(lengths)]).astype("int64")
    cuts = numpy.searchsorted(starts[order], offsets)
    columns = [column[order].tolist() for column in (starts, ends, labels, numpy.minimum(scores, 1.0))]
    return [
        [
            Scored(Mention(s - base, e - base, scheme.labels[k]), p)
            for s, e, k, p in zip(*(column[i:j] for column in columns))
        ]
        for base, i, j in zip(offsets.tolist(), cuts[:-1].tolist(), cuts[1:].tolist())
    ]


def best_first(scored: Iterable[Scored]) -> list[Mention]:
    """Mentions taken in order of probability, leaving out what overlaps one taken before; in order of position."""
    taken: list[Mention] = []
    covered: set[int] = set()
    for mention, _ in sorted(scored, key=lambda item: (-item.probability, item.mention)):
        tokens = range(mention.start, mention.end)
        if covered.isdisjoint(tokens):
            covered.update(tokens)
            taken.append(mention)
    return sorted(taken)
