"""Which pieces belong to which token, and windows over them, beside brute force."""

from typing import Any

import numpy
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.tokens import Doc

from spacy_tlner.layers.word_pieces import Pieces, align, batches, pooling_rows, windows

NLP = spacy.blank("en")


def test_alignment_by_hand() -> None:
    """A piece that crosses two tokens belongs to both; the blank in front of a piece makes it nobody else's."""
    doc = Doc(NLP.vocab, words=["do", "n't", "go", "\n", "🙂"], spaces=[False, True, True, False, False])
    assert doc.text == "don't go \n🙂"
    offsets = [(0, 3), (3, 4), (4, 5), (5, 8), (10, 11), (10, 11)]
    pieces = align(doc, range(6), offsets)
    assert pieces.starts.tolist() == [0, 0, 3, 4, 4] and pieces.ends.tolist() == [1, 3, 4, 4, 6]
    for pooling, expected in (("first", [0, 0, 3, 4]), ("mean", [0, 0, 1, 2, 3, 4, 5])):
        rows, tokens, weights = pooling_rows([pieces], pooling)
        assert rows.tolist() == expected
        assert_allclose(numpy.bincount(tokens, weights, minlength=5), [1, 1, 1, 0, 1])


def test_a_piece_of_no_text_goes_with_the_one_in_front_of_it() -> None:
    """Some tokenizers add a piece, and say that it comes from nowhere: characters 0 to 0."""
    doc = Doc(NLP.vocab, words=["abc", "d"])
    pieces = align(doc, range(3), [(0, 3), (0, 0), (4, 5)])
    assert pieces.starts.tolist() == [0, 2] and pieces.ends.tolist() == [2, 3]


@st.composite
def pieces_and_windows(draw: Any) -> tuple[Pieces, int, int]:
    """Tokens of 0 to 9 pieces, some of which are shared with the token before or are nobody's; a size and a stride."""
    starts, ends, n = [], [], 0
    for length, step in draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([-1, 0, 0, 0, 1])), max_size=25)):
        begin = max(n + step, ends[-1] - 1 if ends else 0)
        begin = max(begin, starts[-1] if starts else 0)
        starts.append(begin)
        ends.append(begin + length)
        n = max(n, begin + length)
    n += draw(st.integers(0, 2))
    size = draw(st.integers(1, 14))
    return (
        Pieces(numpy.arange(n), *(numpy.array(x, dtype="int64") for x in (starts, ends))),
        size,
        draw(st.integers(1, size)),
    )


@given(pieces_and_windows())
@settings(max_examples=150)
def test_no_piece_is_lost_and_tokens_are_whole_where_most_is_around_them(drawn: tuple[Pieces, int, int]) -> None:
    pieces, size, stride = drawn
    n = len(pieces.ids)
    found = windows(pieces, size, stride)
    # each piece exactly once, in the window that it stands in
    assert sorted(piece for window in found for piece in window.kept.tolist()) == list(range(n))
    home = {}
    for window in found:
        assert 0 <= window.start < window.end <= n and window.end - window.start == min(size, n)
        assert len(window.kept) and (numpy.diff(window.kept) > 0).all()
        home.update(dict.fromkeys(window.kept.tolist(), window))
        assert window.start <= window.kept[0] and window.kept[-1] < window.end
    # what hangs together, by brute force: pieces that some token has in common
    parts = [{piece} for piece in range(n)]
    for begin, end in zip(pieces.starts.tolist(), pieces.ends.tolist()):
        touched = [part for part in parts if part & set(range(begin, end))]
        if touched:
            parts = [part for part in parts if part not in touched] + [set.union(*touched)]
    starts = {0, *range(0, max(1, n - size), stride), max(0, n - size), *(window.start for window in found)}
    for part in parts:
        if len(part) > size:
            part_list = [{piece} for piece in part]
        else:
            part_list = [part]
            assert len({home[piece].start for piece in part}) == 1
        for whole in part_list:

            def room(start: int, whole: set[int] = whole) -> float:
                left = min(whole) - start if start > 0 else numpy.inf
                right = min(start + size, n) - 1 - max(whole) if start + size < n else numpy.inf
                return min(left, right)

            most = max(room(start) for start in starts if start <= min(whole) and max(whole) < start + size)
            assert room(home[min(whole)].start) == most


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(1, 200), st.integers(0, 50))
def test_batches_are_the_cheapest(lengths: list[int], limit: int, overhead: int) -> None:
    found = batches(lengths, limit, overhead)
    assert sorted(i for batch in found for i in batch.tolist()) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= limit for b in found)
    cost = sum(len(b) * max(lengths[i] for i in b) + overhead for b in found)
    falling = sorted(lengths, reverse=True)
    best = [0.0]
    for end in range(1, len(lengths) + 1):
        runs = [(begin, falling[begin] * (end - begin)) for begin in range(end)]
        best.append(min(best[b] + padded + overhead for b, padded in runs if padded <= limit or end - b == 1))
    assert cost == best[-1]
