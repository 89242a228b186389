"""batch_by_length: every document once, in batches of like length."""

import random
from itertools import chain, count, islice

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from spacy_tlner.corpora.batchers import batch_by_length

VOCAB = spacy.blank("en").vocab


def examples_of(lengths: list[int]) -> list[Example]:
    docs = [Doc(VOCAB, words=["w"] * n) for n in lengths]
    return [Example(doc, doc.copy()) for doc in docs]


def number(examples: list[Example], batches: list[list[Example]]) -> list[list[int]]:
    """The place in the corpus of each example of each batch."""
    place = {id(eg): i for i, eg in enumerate(examples)}
    return [[place[id(eg)] for eg in batch] for batch in batches]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 5), st.integers(1, 4))
def test_every_document_once_and_like_lengths_together(lengths, size, pool):
    examples = examples_of(lengths)
    batches = list(batch_by_length(size, pool)(examples))
    places = number(examples, batches)
    assert sorted(chain.from_iterable(places)) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(lengths) // size)  # only the last pool may end in a batch that is not full
    # a pool is `size * pool` documents of the corpus in its order, and its batches come together
    per_pool = size * pool
    for first in range(0, len(lengths), per_pool):
        mine = places[first // size : (first + per_pool) // size]
        assert sorted(chain.from_iterable(mine)) == list(range(first, min(first + per_pool, len(lengths))))
        # sorted by length, each batch ends before the next begins
        spans = sorted((min(lengths[i] for i in batch), max(lengths[i] for i in batch)) for batch in mine)
        assert all(end <= begin for (_, end), (begin, _) in zip(spans, spans[1:]))


def test_the_seed_decides_and_epochs_differ():
    examples = examples_of([3, 1, 2] * 20)
    batcher = batch_by_length(4, 5)
    epochs = []
    for seed in (0, 0, 1):
        random.seed(seed)
        epochs.append(number(examples, list(batcher(examples))))
    assert epochs[0] == epochs[1] != epochs[2]


def test_short_batches_do_not_always_come_first():
    examples = examples_of(list(range(1, 9)))
    random.seed(0)
    firsts = {len(next(batch_by_length(2, 4)(examples))[0].predicted) for _ in range(50)}
    assert {(first + 1) // 2 for first in firsts} == {1, 2, 3, 4}


def test_reads_no_further_than_it_must():
    """A corpus may have no end."""
    stream = (examples_of([i % 7])[0] for i in count())
    assert [len(batch) for batch in islice(batch_by_length(2, 3)(stream), 4)] == [2] * 4


@pytest.mark.parametrize(("size", "pool"), [(0, 1), (1, 0), (-1, 5)])
def test_empty_batches_are_refused(size, pool):
    with pytest.raises(ValueError, match="TL250"):
        batch_by_length(size, pool)


def test_config_resolves_it():
    batcher = registry.resolve({"b": {"@batchers": "spacy_tlner.batch_by_length.v1", "size": 2, "pool": 3}})["b"]
    assert sorted(len(batch) for batch in batcher(examples_of([1] * 5))) == [1, 2, 2]
