"""Conditionals, entropy, n-best and samples: judged by all paths, and on larger chains by a second derivation."""

import tracemalloc
from collections import Counter
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from brute_force import all_paths, by_sequence, score_of
from spacy_tlner.crf import scaled
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.inference import forward_backward
from spacy_tlner.crf.nbest import n_best
from spacy_tlner.crf.packing import Packing
from spacy_tlner.crf.sample import sample
from spacy_tlner.tags import TagScheme
from strategies import Batch, batches, random_chain

EXTREME = {"emission_sds": (1, 50, 1000), "transition_sds": (1, 5, 20), "dtypes": ("float32",)}


def pairs_of(n_tags: int) -> Any:
    return numpy.stack(numpy.meshgrid(range(n_tags), range(n_tags), indexing="ij"), axis=-1).reshape(-1, 2)


def sequences(batch: Batch, *rows: Any) -> Any:
    return zip(*(by_sequence(batch.lengths, part) for part in (batch.emissions, batch.allowed, *rows)))


def assert_moves_and_entropy(batch: Batch) -> None:
    n_tags = len(batch.chain.start)
    pairs = pairs_of(n_tags)
    found = forward_backward(
        batch.emissions, batch.packing, batch.chain, allowed=batch.allowed, moves=pairs, entropy=True
    )
    plain = forward_backward(batch.emissions, batch.packing, batch.chain, allowed=batch.allowed)
    assert plain.moves is None and plain.entropy is None
    assert (plain.nodes == found.nodes).all() and (plain.edges == found.edges).all()
    for i, (emissions, allowed, moves) in enumerate(sequences(batch, found.moves)):
        paths, probabilities = all_paths(emissions, batch.chain, allowed)
        scale = 1 + numpy.abs(emissions).max() + numpy.abs(batch.chain.transitions).max()
        known = probabilities[probabilities > 0]
        assert_allclose(found.entropy[i], -(known * numpy.log(known)).sum(), atol=2e-5 + 2e-6 * scale)
        assert not moves[0].any()
        for t in range(1, len(emissions)):
            joint = numpy.zeros((n_tags, n_tags))
            numpy.add.at(joint, (paths[:, t - 1], paths[:, t]), probabilities)
            before = joint.sum(axis=1)
            # of a tag that is next to impossible nothing can be told that matters: its mentions are as impossible
            seen = before > 1e-6
            expected = joint[seen] / before[seen][:, None]
            assert_allclose(moves[t].reshape(n_tags, n_tags)[seen], expected, atol=1e-5 + 1e-6 * scale)


@given(batches())
@settings(max_examples=100)
def test_moves_and_entropy_are_those_of_all_paths(batch: Batch) -> None:
    assert_moves_and_entropy(batch)


@given(batches(**EXTREME))
@settings(max_examples=100)
def test_moves_and_entropy_of_extreme_scores(batch: Batch) -> None:
    assert_moves_and_entropy(batch)


@given(batches(**EXTREME))
@settings(max_examples=50)
def test_moves_and_entropy_in_log_space(batch: Batch) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled, "_SCALED_LIMIT", 0.0)  # trust no sequence to scaling
        assert_moves_and_entropy(batch)


@pytest.mark.parametrize("emission_sd", [0.3, 2, 20])
@pytest.mark.parametrize("n_labels", [1, 9])
def test_entropy_is_the_slope_of_log_z(emission_sd: float, n_labels: int) -> None:
    """H = log Z(1) - d log Z(b) / d b at 1, where all scores are multiplied by b. Here in float64, by differences."""
    rng = numpy.random.default_rng(n_labels)
    chain = random_chain(rng, TagScheme(tuple(f"L{i}" for i in range(n_labels))), dtype="float64")
    lengths = [1, 40, 17, 203]
    emissions = rng.normal(0, emission_sd, (sum(lengths), len(chain.start)))
    packing = Packing.of(lengths)

    def log_z(b: float) -> Any:
        scaled = Chain(
            chain.transitions * b, chain.start * b, chain.end * b, chain.legal, chain.legal_start, chain.legal_end
        )
        return forward_backward(emissions * b, packing, scaled).log_z

    step = 1e-5
    expected = log_z(1) - (log_z(1 + step) - log_z(1 - step)) / (2 * step)
    single = Chain(
        *(s.astype("float32") for s in (chain.transitions, chain.start, chain.end)),
        chain.legal, chain.legal_start, chain.legal_end,
    )  # fmt: skip
    found = forward_backward(emissions.astype("float32"), packing, single, entropy=True)
    assert_allclose(found.entropy, expected, rtol=1e-4, atol=1e-4)


def assert_n_best(batch: Batch, n: int) -> None:
    tags, scores = n_best(batch.emissions, batch.packing, batch.chain, n, allowed=batch.allowed)
    assert tags.shape == (n, sum(batch.lengths)) and scores.shape == (n, len(batch.lengths))
    for i, (emissions, allowed, paths) in enumerate(sequences(batch, tags.T)):
        every, _ = all_paths(emissions, batch.chain, allowed)
        best = sorted((score_of(path, emissions, batch.chain) for path in every), reverse=True)[:n]
        assert_allclose(scores[:, i], best + [-numpy.inf] * (n - len(best)), rtol=1e-9, atol=1e-9)
        found = [tuple(path) for path in paths.T.tolist()][: len(best)]
        assert len(set(found)) == len(found)
        assert set(found) <= {tuple(path) for path in every.tolist()}
        assert_allclose([score_of(path, emissions, batch.chain) for path in found], best, rtol=1e-9, atol=1e-9)


@given(batches(), st.integers(1, 30))
@settings(max_examples=100)
def test_n_best_of_all_paths(batch: Batch, n: int) -> None:
    assert_n_best(batch, n)


@given(batches(max_length=4, **EXTREME), st.sampled_from([1, 2, 10]))
@settings(max_examples=100)
def test_n_best_of_extreme_scores(batch: Batch, n: int) -> None:
    assert_n_best(batch, n)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 4), min_size=1, max_size=3))
@settings(max_examples=50)
def test_n_best_of_ties(seed: int, lengths: list[int]) -> None:
    """Scores of 0 and 1 tie everywhere; each path still comes once."""
    rng = numpy.random.default_rng(seed)
    scores = [rng.integers(0, 2, size).astype("float32") for size in ((5, 5), 5, 5)]
    scheme = TagScheme(("X",))
    chain = Chain(*scores, scheme.legal, scheme.legal_start, scheme.legal_end)
    emissions = rng.integers(0, 2, (sum(lengths), 5)).astype("float32")
    assert_n_best(Batch(lengths, emissions, chain, None, None), 12)


@pytest.mark.parametrize("lengths", [[60, 3, 25], [1, 1], [400]])
@pytest.mark.parametrize("n_labels", [2, 9])
def test_n_best_is_what_lists_of_the_best_give(lengths: list[int], n_labels: int) -> None:
    """Against the textbook's way: at each token and tag, the n best ways to get there."""
    rng = numpy.random.default_rng(3)
    chain = random_chain(rng, TagScheme(tuple(f"L{i}" for i in range(n_labels))))
    emissions = rng.normal(0, 1, (sum(lengths), len(chain.start))).astype("float32")
    _, scores = n_best(emissions, Packing.of(lengths), chain, 10)
    moves = numpy.where(chain.legal, chain.transitions.astype("float64"), -numpy.inf)
    for i, rows in enumerate(by_sequence(lengths, emissions.astype("float64"))):
        ways = numpy.where(chain.legal_start, chain.start + rows[0], -numpy.inf)[None]  # (ways, tags)
        for row in rows[1:]:
            through = (ways[:, :, None] + moves).reshape(-1, len(row))
            ways = -numpy.sort(-through, axis=0)[:10] + row
        best = numpy.sort((ways + numpy.where(chain.legal_end, chain.end, -numpy.inf)).ravel())[::-1][:10]
        assert_allclose(scores[: len(best), i], best, rtol=1e-9, atol=1e-9)


def test_samples_are_as_frequent_as_their_paths_are_likely() -> None:
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, TagScheme(("X",)))
    lengths, n = [4, 1, 3], 20_000
    emissions = rng.normal(0, 1, (8, 5)).astype("float32")
    allowed = rng.random((8, 5)) < 0.8
    allowed[:, 0] = True
    drawn = sample(emissions, Packing.of(lengths), chain, n, rng, allowed=allowed)
    assert drawn.shape == (n, 8)
    batch = Batch(lengths, emissions, chain, allowed, None)
    for rows, may, tags in sequences(batch, drawn.T):
        paths, probabilities = all_paths(rows, chain, may)
        counts = Counter(tuple(path) for path in tags.T.tolist())
        assert set(counts) <= {tuple(path) for path in paths.tolist()}
        expected = n * probabilities
        found = numpy.array([counts[tuple(path)] for path in paths.tolist()])
        common = expected > 10
        chi_square = ((found - expected) ** 2 / expected)[common].sum()
        # the mean of a chi-square is its degrees of freedom, its variance twice that: 5 sd are never met by chance
        assert chi_square < common.sum() + 5 * numpy.sqrt(2 * common.sum())


def test_samples_of_a_seed_are_the_same() -> None:
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, TagScheme(("X",)))
    emissions = rng.normal(0, 1, (8, 5)).astype("float32")
    first, again, other = (
        sample(emissions, Packing.of([8]), chain, 5, numpy.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all() and (first != other).any()


def test_a_document_of_100_000_tokens() -> None:
    rng = numpy.random.default_rng(0)
    scheme = TagScheme(("X",))
    chain = random_chain(rng, scheme)
    emissions = rng.normal(0, 5, (100_000, 5)).astype("float32")
    packing = Packing.of([100_000])
    found = forward_backward(emissions, packing, chain, moves=scheme.inner_moves, entropy=True)
    assert numpy.isfinite(found.log_z).all() and numpy.isfinite(found.entropy).all()
    assert_allclose(found.nodes.sum(axis=1), 1, atol=5e-3)
    tags, scores = n_best(emissions, packing, chain, 2)
    for path, score in zip(tags, scores[:, 0]):
        assert_allclose(score_of(path, emissions, chain), score, rtol=1e-9)
    assert scores[1, 0] <= scores[0, 0] <= found.log_z[0]


@pytest.mark.parametrize("sd", [1, 1000])  # 1,000: in log space
def test_memory_is_linear_in_tokens(sd: float) -> None:
    rng = numpy.random.default_rng(0)
    scheme = TagScheme(("X", "Y"))
    chain = random_chain(rng, scheme)

    def peak(n_tokens: int) -> int:
        emissions = rng.normal(0, sd, (n_tokens, 9)).astype("float32")
        packing = Packing.of([n_tokens])
        tracemalloc.start()
        forward_backward(emissions, packing, chain, moves=scheme.inner_moves, entropy=True)
        n_best(emissions, packing, chain, 3)
        sample(emissions, packing, chain, 3, rng)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(2000) < 2.5 * peak(1000)
