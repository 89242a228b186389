"""The judge of the chain's algebra: every path of a short sequence, one by one, in float64."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from spacy_tlner.crf.chain import Chain


class Truth(NamedTuple):
    """log_z and best_score are -inf and the marginals 0 where no path is permitted; then best_paths is empty."""

    log_z: float
    nodes: NDArray[numpy.float64]  # (n, L)
    edges: NDArray[numpy.float64]  # (L, L), summed over the sequence
    best_score: float
    best_paths: list[tuple[int, ...]]


def all_paths(emissions: Any, chain: Chain, allowed: Any | None = None) -> tuple[Any, Any]:
    """The permitted ones of the L ** n paths of one sequence (n, L): (paths, n) tag ids, and their probabilities."""
    paths, scores = _scored_paths(emissions, chain, allowed)
    if not len(paths):
        return paths, scores
    best = scores.max()
    return paths, numpy.exp(scores - best - numpy.log(numpy.exp(scores - best).sum()))


def _scored_paths(emissions: Any, chain: Chain, allowed: Any | None) -> tuple[Any, Any]:
    n, n_tags = emissions.shape
    paths = numpy.array(list(product(range(n_tags), repeat=n)))  # (L ** n, n)
    permitted = chain.legal_start[paths[:, 0]] & chain.legal_end[paths[:, -1]]
    scores = chain.start.astype("float64")[paths[:, 0]] + chain.end.astype("float64")[paths[:, -1]]
    for t in range(n):
        scores += emissions.astype("float64")[t, paths[:, t]]
        if allowed is not None:
            permitted &= allowed[t, paths[:, t]]
        if t:
            scores += chain.transitions.astype("float64")[paths[:, t - 1], paths[:, t]]
            permitted &= chain.legal[paths[:, t - 1], paths[:, t]]
    return paths[permitted], scores[permitted]


def enumerate_paths(emissions: Any, chain: Chain, allowed: Any | None = None) -> Truth:
    """All L ** n paths of one sequence (n, L)."""
    n, n_tags = emissions.shape
    paths, scores = _scored_paths(emissions, chain, allowed)
    nodes, edges = numpy.zeros((n, n_tags)), numpy.zeros((n_tags, n_tags))
    if not len(paths):
        return Truth(-numpy.inf, nodes, edges, -numpy.inf, [])
    best = float(scores.max())
    log_z = best + float(numpy.log(numpy.exp(scores - best).sum()))
    probabilities = numpy.exp(scores - log_z)
    for t in range(n):
        numpy.add.at(nodes[t], paths[:, t], probabilities)
        if t:
            numpy.add.at(edges, (paths[:, t - 1], paths[:, t]), probabilities)
    return Truth(log_z, nodes, edges, best, [tuple(path) for path in paths[scores == best].tolist()])


def by_sequence(lengths: list[int], rows: Any) -> Iterator[Any]:
    """Flat rows cut into one array a sequence; None for each if there are none."""
    for start, length in zip(numpy.cumsum([0, *lengths]), lengths):
        yield None if rows is None else rows[start : start + length]


def score_of(path: Any, emissions: Any, chain: Chain) -> float:
    """The score of one path in float64; -inf where a move is not legal."""
    path = numpy.asarray(path)
    legal = chain.legal_start[path[0]] and chain.legal_end[path[-1]] and chain.legal[path[:-1], path[1:]].all()
    if not legal:
        return -numpy.inf
    tokens = emissions.astype("float64")[numpy.arange(len(path)), path].sum()
    moves = chain.transitions.astype("float64")[path[:-1], path[1:]].sum()
    return float(tokens + moves + float(chain.start[path[0]]) + float(chain.end[path[-1]]))
