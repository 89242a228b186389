"""Word pieces of documents: which belong to which token, and windows over them such that none is lost. Arrays only."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy
from spacy.tokens import Doc


class Pieces(NamedTuple):
    """The word pieces of a document: `ids` (pieces,), and of each token the pieces [start, end) that it shares text
    with. A token without any, as most whitespace, has start = end. Neighbours may share a piece."""

    ids: numpy.ndarray  # (pieces,) int64
    starts: numpy.ndarray  # (tokens,) int64
    ends: numpy.ndarray  # (tokens,) int64


class Window(NamedTuple):
    """Pieces [start, end) that are encoded together, and those of them, in order, whose states are taken from here."""

    start: int
    end: int
    kept: numpy.ndarray  # (n,) int64


def align(doc: Doc, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> Pieces:
    """Pieces of `doc.text` beside the tokens.

    offsets: the characters [start, end) of each piece, in the order of the text.
    """
    spans = numpy.asarray(offsets, dtype="int64").reshape(-1, 2)
    # one character may become several pieces, but none begins before the one in front of it
    begins, finishes = (numpy.maximum.accumulate(spans[:, i]) for i in (0, 1))
    tokens = doc.to_array(["IDX", "LENGTH"]).astype("int64").reshape(-1, 2)
    starts = numpy.searchsorted(finishes, tokens[:, 0], side="right")
    ends = numpy.searchsorted(begins, tokens.sum(axis=1), side="left")
    return Pieces(numpy.asarray(ids, dtype="int64"), starts, ends)


def windows(pieces: Pieces, size: int, stride: int) -> list[Window]:
    """Windows of at most `size` pieces, `stride` from start to start, over all of a document.

    Each piece is kept in one window. What hangs together, a token's pieces, is kept in the window where it stands
    whole and farthest from a cut; if it stands whole in none, a window of its own is laid around it. What is longer
    than a window is torn, each piece in the window where it is farthest from a cut.
    """
    n = len(pieces.ids)
    if n <= size:
        return [Window(0, n, numpy.arange(n))] if n else []
    starts = [*range(0, n - size, stride), n - size]  # in order, as `insort` keeps them
    blocks = _blocks(pieces)
    for begin, end in blocks:
        if end - begin <= size and not _whole_in(starts, begin, end, size):
            insort(starts, min(max((begin + end - size) // 2, 0), n - size))
    of_piece = numpy.zeros(n, dtype="int64")  # the start of the window that keeps it
    for begin, end in blocks:
        step = end - begin if end - begin <= size else 1
        for piece in range(begin, end, step):
            of_piece[piece : piece + step] = _best(starts, piece, piece + step, size, n)
    return [
        Window(start, start + size, numpy.flatnonzero(of_piece == start)) for start in numpy.unique(of_piece).tolist()
    ]


def _blocks(pieces: Pieces) -> list[tuple[int, int]]:
    """All pieces, cut into runs [begin, end) that no token crosses."""
    n = len(pieces.ids)
    inner = numpy.zeros(n + 1, dtype="int64")
    several = pieces.ends - pieces.starts > 1
    numpy.add.at(inner, pieces.starts[several] + 1, 1)
    numpy.add.at(inner, pieces.ends[several], -1)
    cuts = numpy.flatnonzero(numpy.cumsum(inner) == 0).tolist()  # places that are inside of no token; 0 and n are
    return list(zip(cuts, cuts[1:]))


def _whole_in(starts: list[int], begin: int, end: int, size: int) -> list[int]:
    """Of the windows that begin at `starts`, those in which [begin, end) stands whole."""
    return starts[bisect_left(starts, end - size) : bisect_right(starts, begin)]


def _best(starts: list[int], begin: int, end: int, size: int, n: int) -> int:
    """Of the windows in which [begin, end) stands whole, the start of that whose nearest cut is farthest."""

    def room(start: int) -> int:
        left = begin - start if start else n  # nothing is cut off before the first piece, nor after the last
        right = start + size - end if start + size < n else n
        return min(left, right)

    return max(_whole_in(starts, begin, end, size), key=room)


def pooling_rows(pieces: Sequence[Pieces], pooling: str) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """How the vectors of a batch's tokens are made of those of its pieces, both in one row behind the other.

    pooling: "first", a token's first piece, or "mean", the mean of all.
    Returns (n,) rows of pieces, (n,) the token each goes to, (n,) float32 with which weight.
    """
    n_pieces = numpy.cumsum([0, *(len(each.ids) for each in pieces)])
    starts = numpy.concatenate([each.starts + offset for each, offset in zip(pieces, n_pieces)])
    lengths = numpy.concatenate([each.ends - each.starts for each in pieces])
    if pooling == "first":
        lengths = numpy.minimum(lengths, 1)
    tokens = numpy.repeat(numpy.arange(len(starts)), lengths)
    within = numpy.arange(len(tokens)) - numpy.repeat(numpy.cumsum(lengths) - lengths, lengths)
    weights = 1 / lengths[tokens].astype("float32")
    return starts[tokens] + within, tokens, weights


def batches(lengths: Sequence[int], limit: int, overhead: int) -> list[numpy.ndarray]:
    """Which sequences to pad together, the longest first, such that padding and calls together cost least.

    limit: padded pieces of a batch that has more than one sequence. overhead: what a call costs, in pieces.
    """
    order = numpy.argsort(-numpy.asarray(lengths), kind="stable")
    falling = numpy.asarray(lengths)[order]
    n = len(falling)
    best = numpy.r_[0, numpy.full(n, numpy.inf)]
    came_from = numpy.zeros(n + 1, dtype="int64")
    for i in range(n):
        most = max(1, limit // int(falling[i]))
        cost = best[i] + falling[i] * numpy.arange(1, min(most, n - i) + 1) + overhead
        part: Any = best[i + 1 : i + 1 + len(cost)]
        better = cost < part
        part[better] = cost[better]
        came_from[i + 1 : i + 1 + len(cost)][better] = i
    cuts = [n]
    while cuts[-1]:
        cuts.append(int(came_from[cuts[-1]]))
    cuts.reverse()
    return [order[begin:end] for begin, end in zip(cuts, cuts[1:])]
