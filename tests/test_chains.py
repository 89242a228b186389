"""Probabilities of mentions and taggings: judged by all taggings, and on longer documents by constrained sums."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from brute_force import all_paths, by_sequence
from spacy_tlner.chains import Chains
from spacy_tlner.crf.inference import forward_backward
from spacy_tlner.crf.packing import Packing
from spacy_tlner.mentions import LEAST_PROBABLE, Scored, best_first
from spacy_tlner.tags import Mention, TagScheme
from strategies import LABELS, random_chain


@st.composite
def chains(draw: st.DrawFn, max_length: int = 5, sds: tuple[float, ...] = (0.5, 3, 1000)) -> Chains:
    """A few short documents, empty ones among them; some with tags that they rule out, each with a tagging left."""
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scheme = TagScheme(LABELS[: draw(st.integers(1, 2))])
    lengths = draw(st.lists(st.integers(0, max_length if len(scheme.labels) == 1 else 4), min_size=1, max_size=4))
    emissions = rng.normal(0, draw(st.sampled_from(sds)), (sum(lengths), scheme.n_tags)).astype("float32")
    possible = None
    if draw(st.booleans()):
        possible = rng.random(emissions.shape) < 0.8
        possible[:, 0] = True
    return Chains(emissions, random_chain(rng, scheme, draw(st.sampled_from([1, 5]))), scheme, lengths, possible)


def taggings(asked: Chains) -> Iterator[tuple[Any, Any]]:
    """Of each document: all its taggings (paths, tokens) and their probabilities."""
    for emissions, possible in zip(*(by_sequence(asked.lengths, rows) for rows in (asked.emissions, asked.possible))):
        if len(emissions):
            yield all_paths(emissions, asked.chain, possible)
        else:
            yield numpy.zeros((1, 0), dtype=int), numpy.ones(1)


def mention_truth(asked: Chains) -> list[dict[Mention, float]]:
    """Of each document: every mention that any tagging spells, and the mass of the taggings that do."""
    found = []
    for paths, probabilities in taggings(asked):
        mass: dict[Mention, float] = {}
        for path, p in zip(paths, probabilities.tolist()):
            for mention in asked.scheme.decode(path):
                mass[mention] = mass.get(mention, 0.0) + p
        found.append(mass)
    return found


def tolerance(asked: Chains) -> float:
    return 1e-5 + 1e-6 * float(numpy.abs(asked.emissions).max(initial=0))


@given(chains())
@settings(max_examples=150)
def test_mention_probabilities_are_those_of_all_taggings(asked: Chains) -> None:
    truth = mention_truth(asked)
    found = asked.mention_probabilities([list(of_doc) for of_doc in truth])
    for expected, p in zip(truth, found, strict=True):
        assert_allclose(p, list(expected.values()), atol=tolerance(asked))
        assert (p <= 1).all()


@given(chains(), st.sampled_from([0.0, 0.02, 0.3, 0.5, 0.9, 1.0]))
@settings(max_examples=150)
def test_every_mention_above_a_threshold_is_found(asked: Chains, threshold: float) -> None:
    least = max(threshold, LEAST_PROBABLE)
    for expected, found in zip(mention_truth(asked), asked.mentions_above(threshold), strict=True):
        got = dict(found)
        assert len(got) == len(found) and list(got) == sorted(got)
        near = tolerance(asked)
        assert {m for m, p in expected.items() if p >= least + near} <= set(got)
        assert set(got) <= {m for m, p in expected.items() if p >= least - near}
        assert_allclose(list(got.values()), [expected[m] for m in got], atol=near)


@given(chains(max_length=30, sds=(0.3, 3)), st.randoms())
@settings(max_examples=40)
def test_mention_probability_is_a_ratio_of_sums(asked: Chains, random: Any) -> None:
    """P(mention) = Z(its tokens bear its tags) / Z: the constrained sum knows nothing of conditionals."""
    for i, length in enumerate(asked.lengths):
        if not length:
            continue
        start = random.randrange(length)
        end = random.randrange(start, length) + 1
        label = random.choice(asked.scheme.labels)
        rows = slice(sum(asked.lengths[:i]), sum(asked.lengths[: i + 1]))
        emissions, packing = asked.emissions[rows], Packing.of([length])
        may = numpy.ones_like(emissions, dtype=bool) if asked.possible is None else asked.possible[rows]
        spelt = may.copy()
        spelt[start:end] &= numpy.arange(asked.scheme.n_tags) == numpy.asarray(asked.scheme.spell(label, end - start))[:, None]  # fmt: skip  # noqa: E501
        free, held = (forward_backward(emissions, packing, asked.chain, allowed=sets).log_z for sets in (may, spelt))
        mentions: list[list[Mention]] = [[] for _ in asked.lengths]
        mentions[i] = [Mention(start, end, label)]
        assert_allclose(asked.mention_probabilities(mentions)[i], numpy.exp(held - free), atol=2e-5)


@given(chains())
@settings(max_examples=50)
def test_overlapping_mentions_exclude_each_other(asked: Chains) -> None:
    for found in asked.mentions_above(0.0):
        for token in range(max((m.end for m, _ in found), default=0)):
            assert sum(p for m, p in found if m.start <= token < m.end) <= 1 + 1e-4


@given(chains())
@settings(max_examples=100)
def test_taggings(asked: Chains) -> None:
    truth = list(taggings(asked))
    entropies = [-(p[p > 0] * numpy.log(p[p > 0])).sum() for _, p in truth]
    assert_allclose(asked.entropies(), entropies, atol=20 * tolerance(asked))
    near = max(tolerance(asked), 1e-5)
    chosen = [paths[len(paths) // 2] for paths, _ in truth]
    expected = [p[len(p) // 2] for _, p in truth]
    assert_allclose(numpy.exp(asked.log_probabilities(chosen)), expected, atol=near)
    for (paths, p), ranked, best, marginals in zip(
        truth, asked.n_best(3), asked.best(), asked.marginals(), strict=True
    ):
        assert_allclose([q for _, q in ranked], numpy.sort(p)[::-1][: len(ranked)], atol=near)
        assert len(ranked) == min(3, (p > 0).sum()) or p.min() < 1e-30
        assert_allclose(p[(paths == best).all(axis=1)], p.max(), atol=near)
        nodes = numpy.zeros((paths.shape[1], asked.scheme.n_tags))
        for t in range(paths.shape[1]):
            numpy.add.at(nodes[t], paths[:, t], p)
        assert_allclose(marginals, nodes, atol=near)


def test_a_tagging_that_is_ruled_out_has_no_probability() -> None:
    scheme = TagScheme(("X",))
    rng = numpy.random.default_rng(0)
    possible = numpy.ones((5, 5), dtype=bool)
    possible[1, scheme.ids["U-X"]] = False
    asked = Chains(rng.normal(size=(5, 5)).astype("float32"), random_chain(rng, scheme), scheme, [2, 0, 3], possible)
    ruled_out, illegal = [0, scheme.ids["U-X"]], [scheme.ids["I-X"], 0, 0]
    found = asked.log_probabilities([numpy.array(ruled_out), numpy.zeros(0), numpy.array(illegal)])
    assert found.tolist() == [-numpy.inf, 0.0, -numpy.inf]
    assert numpy.isfinite(asked.log_probabilities([numpy.zeros(n) for n in asked.lengths])).all()


@given(chains(sds=(0.5, 3)), st.sampled_from([0.5, 1.0, 2.0, 7.5]))
@settings(max_examples=50)
def test_temperature_is_a_power_of_every_probability(asked: Chains, temperature: float) -> None:
    warm = asked.at(temperature)
    for (_, before), (_, after) in zip(taggings(asked), taggings(warm)):
        powered = before ** (1 / temperature)
        assert_allclose(after, powered / powered.sum(), atol=1e-5)
    assert all((a == b).all() for a, b in zip(asked.best(), warm.best()))


def test_no_tokens_at_all() -> None:
    scheme = TagScheme(("X",))
    chain = random_chain(numpy.random.default_rng(0), scheme)
    asked = Chains(numpy.zeros((0, 5), dtype="float32"), chain, scheme, [0, 0])
    assert [tags.tolist() for tags in asked.best()] == [[], []]
    assert asked.mentions_above(0.1) == [[], []] and asked.candidates(0.1, [[], []]) == [[], []]
    assert [len(m) for m in asked.marginals()] == [0, 0] and asked.entropies().tolist() == [0, 0]
    assert [[p for _, p in ranked] for ranked in asked.n_best(3)] == [[1.0], [1.0]]
    assert asked.log_probabilities([numpy.zeros(0)] * 2).tolist() == [0, 0]
    assert [drawn.shape for drawn in asked.sample(4, numpy.random.default_rng(0))] == [(4, 0), (4, 0)]
    nothing = Chains(numpy.zeros((0, 5), dtype="float32"), chain, scheme, [])
    assert nothing.best() == nothing.marginals() == nothing.n_best(2) == nothing.mentions_above(0.1) == []


def test_the_n_best_of_a_long_document() -> None:
    """Probabilities of taggings of 20,000 tokens are 0 in float64, and there are still taggings."""
    scheme = TagScheme(("X",))
    rng = numpy.random.default_rng(0)
    asked = Chains(rng.normal(size=(20_000, 5)).astype("float32"), random_chain(rng, scheme), scheme, [20_000])
    assert [p for _, p in asked.n_best(3)[0]] == [0.0] * 3 and asked.n_best(0) == [[]]


@pytest.mark.parametrize("mention", [(-1, 1, "X"), (1, 1, "X"), (0, 4, "X"), (2, 1, "X"), (0, 1, "Y")])
def test_mentions_that_cannot_be_asked_for(mention: tuple[int, int, str]) -> None:
    scheme = TagScheme(("X",))
    rng = numpy.random.default_rng(0)
    asked = Chains(rng.normal(size=(3, 5)).astype("float32"), random_chain(rng, scheme), scheme, [3])
    with pytest.raises(ValueError, match="TL016"):
        asked.mention_probabilities([[Mention(*mention)]])
    with pytest.raises(ValueError, match="zip"):
        asked.log_probabilities([numpy.zeros(3), numpy.zeros(3)])


def test_samples_by_document() -> None:
    scheme = TagScheme(("X",))
    rng = numpy.random.default_rng(0)
    asked = Chains(rng.normal(size=(5, 5)).astype("float32"), random_chain(rng, scheme), scheme, [2, 0, 3])
    drawn = asked.sample(4000, rng)
    assert [tags.shape for tags in drawn] == [(4000, 2), (4000, 0), (4000, 3)]
    for tags, marginals in zip(drawn, asked.marginals()):
        for t, expected in enumerate(marginals):
            assert_allclose(numpy.bincount(tags[:, t], minlength=5) / 4000, expected, atol=5 * 0.5 / 4000**0.5)


def scored(*items: tuple[int, int, float]) -> list[Scored]:
    return [Scored(Mention(start, end, "X"), p) for start, end, p in items]


@pytest.mark.parametrize(
    ("items", "taken"),
    [
        (scored((0, 2, 0.4), (1, 3, 0.3), (2, 4, 0.2)), [(0, 2), (2, 4)]),
        (scored((0, 2, 0.3), (1, 3, 0.4), (2, 4, 0.2)), [(1, 3)]),
        (scored((0, 1, 0.5), (0, 1, 0.4)), [(0, 1)]),
        (scored((0, 4, 0.3), (0, 4, 0.3)), [(0, 4)]),
        ([], []),
    ],
)
def test_best_first(items: list[Scored], taken: list[tuple[int, int]]) -> None:
    assert [(m.start, m.end) for m in best_first(items)] == taken


@given(chains(sds=(0.5, 1)))
@settings(max_examples=100)
def test_a_lower_threshold_only_adds(asked: Chains) -> None:
    for found in asked.mentions_above(0.0):
        levels = [set(best_first(s for s in found if s.probability >= t)) for t in (0.8, 0.5, 0.3, 0.1, 0.01)]
        assert all(fewer <= more for fewer, more in zip(levels, levels[1:]))
        for mentions in levels:
            assert all(a.end <= b.start or b.end <= a.start for a, b in combinations(mentions, 2))


def test_an_open_mention_ends_with_its_document() -> None:
    """B and I are strong on both sides of the border between two documents."""
    scheme = TagScheme(("X",))
    chain = random_chain(numpy.random.default_rng(0), scheme, 0.1)
    emissions = numpy.zeros((6, 5), dtype="float32")
    emissions[:, [1, 2]] = 3
    found = Chains(emissions, chain, scheme, [3, 3]).mentions_above(0.0)
    assert all(m.end <= 3 for of_doc in found for m, _ in of_doc) and all(found)
    assert {tuple(m)[:2] for m, _ in found[0]} == {(s, e) for s, e in product(range(3), range(4)) if s < e}
