"""Batches of like length, and of several corpora: judged by counting."""

import random
from collections import Counter
from itertools import chain, count, islice

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from spacy_tlner.corpora.batchers import batch_by_corpus, batch_by_length
from spacy_tlner.stamps import corpus_of, stamp

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


# --- several corpora ---


def corpora_of(**sizes: int) -> list[Example]:
    examples = []
    for name, n in sizes.items():
        part = examples_of([1 + i % 7 for i in range(n)])
        for eg in part:
            stamp(eg.reference, name)
        examples += part
    random.shuffle(examples)
    return examples


def counts(batch: list[Example]) -> dict[str, int]:
    return dict(Counter(str(corpus_of(eg.reference)) for eg in batch))


def test_mixed_batches_hold_every_corpus_by_its_share():
    examples = corpora_of(big=900, small=100)
    for settings, expected in (
        ({"alpha": 0.0}, {"big": 16, "small": 16}),
        ({"alpha": 1.0}, {"big": 29, "small": 3}),
        ({"shares": {"big": 1.0, "small": 3.0}}, {"big": 8, "small": 24}),
        ({"shares": {"big": 1.0, "small": 1000.0}}, {"big": 1, "small": 31}),
    ):
        batches = list(batch_by_corpus(32, mixed=True, **settings)(examples))
        assert len(batches) == -(-1000 // 32)
        assert all(counts(batch) == expected for batch in batches), settings


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.1)])
def test_corpora_are_drawn_by_size_to_the_alpha(alpha, expected):
    """900 and 100 documents: 30 and 10 by the square root."""
    random.seed(0)
    examples = corpora_of(big=900, small=100)
    drawn = [counts(batch) for _ in range(40) for batch in batch_by_corpus(10, alpha)(examples)]
    assert all(len(batch) == 1 and sum(batch.values()) == 10 for batch in drawn)
    assert len(drawn) == 40 * 100
    # five standard errors of a share of 4,000 draws
    assert abs(sum("small" in batch for batch in drawn) / len(drawn) - expected) < 5 * (0.25 / 4000) ** 0.5


@pytest.mark.parametrize("mixed", [True, False])
def test_every_document_of_a_corpus_comes_before_one_comes_again(mixed):
    examples = corpora_of(big=70, small=9)
    batches = list(batch_by_corpus(8, 0.0, mixed, pool=2)(examples))
    seen = Counter(id(eg) for batch in batches for eg in batch)
    for name in ("big", "small"):
        times = {seen[id(eg)] for eg in examples if corpus_of(eg.reference) == name}
        assert max(times) - min(times) <= 1, name
    assert sum(seen.values()) == 80


def test_documents_of_like_length_come_together_within_a_corpus():
    examples = corpora_of(big=400, small=80)
    for batch in batch_by_corpus(16, 1.0, pool=5)(examples):
        assert max(len(eg.predicted) for eg in batch) - min(len(eg.predicted) for eg in batch) <= 2


def test_one_corpus_is_like_any_other():
    examples = corpora_of(only=20)
    assert [len(batch) for batch in batch_by_corpus(8, mixed=True)(examples)] == [8, 8, 8]
    assert list(batch_by_corpus(8)([])) == []


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ({"size": 0}, "TL250"),
        ({"alpha": -1.0}, "TL251"),
        ({"shares": {"big": 0.0, "small": 1.0}}, "TL251"),
        ({"shares": {"big": 1.0}}, r"TL253.*big, small"),
        ({"shares": {"big": 1.0, "small": 1.0, "none": 1.0}}, "TL253"),
        ({"size": 1, "mixed": True}, "TL253"),
    ],
)
def test_what_batches_of_corpora_cannot_be(settings, number):
    examples = sorted(corpora_of(big=3, small=3), key=lambda eg: str(corpus_of(eg.reference)))
    with pytest.raises(ValueError, match=number):
        list(batch_by_corpus(**settings)(examples))


def test_documents_without_a_corpus_are_refused():
    with pytest.raises(ValueError, match=r"TL252.*MultiCorpus"):
        list(batch_by_corpus(4)(examples_of([1, 2])))


def test_config_resolves_batches_of_corpora():
    block = {"@batchers": "spacy_tlner.batch_by_corpus.v1", "size": 4, "mixed": True, "shares": {"a": 0.75, "b": 0.25}}
    batcher = registry.resolve({"b": block})["b"]
    assert counts(next(batcher(corpora_of(a=8, b=8)))) == {"a": 3, "b": 1}
