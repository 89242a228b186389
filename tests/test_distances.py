"""How far samples and chains are from each other: published values, finite differences, enumeration of all taggings."""

from itertools import product
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from brute_force import all_paths
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.divergence import divergence, restrict
from spacy_tlner.crf.packing import Packing
from spacy_tlner.tags import TagScheme
from spacy_tlner.transfer.mmd import PUBLISHED, median_variances, mmd
from strategies import random_chain

X, Y = numpy.array([(0, 0), (1, 0), (0, 2)], dtype="f"), numpy.array([(0.5, 0.5), (2, 1)], dtype="f")


# --- maximum mean discrepancy ---


@pytest.mark.parametrize(("variances", "expected"), [((1.0,), 0.367634), (PUBLISHED, 5.711465)])
def test_mmd_by_hand(variances: Any, expected: float) -> None:
    assert mmd(X, Y, variances)[0] == pytest.approx(expected, abs=1e-6)
    pairs = [(X, X), (Y, Y), (X, Y)]
    means = [
        numpy.mean([sum(numpy.exp(-((u - v) ** 2).sum() / (2 * s)) for s in variances) for u in a for v in b])
        for a, b in pairs
    ]
    assert means[0] + means[1] - 2 * means[2] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [2, 5, 20])
def test_mmd_gradient_of_the_published_kernels_is_no_rounding(n: int) -> None:
    """Against the same in float64, written out pair by pair."""
    rng = numpy.random.default_rng(n)
    x, y = rng.normal(size=(n, 8)), rng.normal(size=(n + 1, 8))

    def slope(u: Any, v: Any) -> Any:
        return sum(numpy.exp(-((u - v) ** 2).sum() / (2 * s)) * (v - u) / s for s in PUBLISHED)

    expected = [2 * sum(slope(u, v) for v in x) / n**2 - 2 * sum(slope(u, v) for v in y) / (n * (n + 1)) for u in x]
    _, found, _ = mmd(x.astype("f"), y.astype("f"), PUBLISHED)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_mmd_gradient_by_finite_differences(m: int, n: int, seed: int) -> None:
    rng = numpy.random.default_rng(seed)
    x, y = (rng.normal(size=(size, 3)).astype("f") for size in (m, n))
    variances = (0.5, 2.0, 10.0)
    _, *gradients = mmd(x, y, variances)
    for which, gradient in enumerate(gradients):
        i, j = rng.integers(len((x, y)[which])), rng.integers(3)
        sides = []
        for step in (0.01, -0.01):
            moved = [x.copy(), y.copy()]
            moved[which][i, j] += step
            sides.append(mmd(*moved, variances)[0])
        assert gradient[i, j] == pytest.approx((sides[0] - sides[1]) / 0.02, abs=3e-4)


def test_mmd_of_a_sample_with_itself_is_nothing() -> None:
    x = numpy.random.default_rng(0).normal(size=(7, 4)).astype("f")
    value, dx, dy = mmd(x, x, median_variances(x, x))
    assert value == pytest.approx(0, abs=1e-6)
    assert_allclose(dx + dy, 0, atol=1e-6)


def test_median_kernels_do_not_depend_on_scale() -> None:
    found = [mmd(X * scale, Y * scale, median_variances(X * scale, Y * scale))[0] for scale in (1, 1000)]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


# --- divergence of chains ---


def pair_of_chains(seed: int, labels: tuple[str, ...] = ("A",)) -> tuple[list[int], Any, Any]:
    rng = numpy.random.default_rng(seed)
    scheme = TagScheme(labels)
    lengths = [int(n) for n in rng.integers(1, 5, size=3)]
    sides = [(rng.normal(0, 2, (sum(lengths), scheme.n_tags)).astype("f"), random_chain(rng, scheme)) for _ in range(2)]
    return lengths, *sides


def enumerated(lengths: list[int], theirs: Any, ours: Any) -> float:
    total, start = 0.0, 0
    for n in lengths:
        p, q = (all_paths(emissions[start : start + n], chain)[1] for emissions, chain in (theirs, ours))
        total += float((p * (numpy.log(p) - numpy.log(q))).sum())
        start += n
    return total


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_divergence_is_that_of_all_taggings(seed: int) -> None:
    lengths, theirs, ours = pair_of_chains(seed)
    found = divergence(theirs, ours, Packing.of(lengths))
    assert found.value == pytest.approx(enumerated(lengths, theirs, ours), rel=1e-4, abs=1e-4)
    assert divergence(ours, ours, Packing.of(lengths)).value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_gradient_of_the_divergence_by_finite_differences(seed: int) -> None:
    lengths, theirs, ours = pair_of_chains(seed)
    found = divergence(theirs, ours, Packing.of(lengths))
    emissions, chain = ours
    legal = numpy.argwhere(chain.legal)
    rng = numpy.random.default_rng(seed)
    places = [
        ("emissions", (rng.integers(len(emissions)), rng.integers(emissions.shape[1]))),
        ("transitions", tuple(legal[rng.integers(len(legal))])),
        ("start", (int(rng.choice(numpy.flatnonzero(chain.legal_start))),)),
        ("end", (int(rng.choice(numpy.flatnonzero(chain.legal_end))),)),
    ]
    for name, at in places:
        sides = []
        for step in (0.02, -0.02):
            scores = {"emissions": emissions, "transitions": chain.transitions, "start": chain.start, "end": chain.end}
            scores[name] = scores[name].astype("f8")
            scores[name][at] += step
            moved = Chain(
                scores["transitions"], scores["start"], scores["end"], chain.legal, chain.legal_start, chain.legal_end
            )
            sides.append(enumerated(lengths, theirs, (scores["emissions"], moved)))
        assert getattr(found, f"d_{name}")[at] == pytest.approx((sides[0] - sides[1]) / 0.04, abs=2e-3), name


def test_restricted_to_some_tags_it_is_the_distribution_given_that_no_other_occurs() -> None:
    rng = numpy.random.default_rng(0)
    scheme = TagScheme(("A", "B"))
    emissions, chain = rng.normal(0, 2, (3, 9)).astype("f"), random_chain(rng, scheme)
    tags = numpy.array([0, 5, 6, 7, 8])  # O and B's
    found = all_paths(*restrict(emissions, chain, tags))
    allowed = numpy.zeros((3, 9), dtype=bool)
    allowed[:, tags] = True
    paths, probabilities = all_paths(emissions, chain, allowed)
    assert (tags[found[0]] == paths).all()
    assert_allclose(found[1], probabilities, atol=1e-6)


@given(st.integers(0, 10_000), st.floats(0.05, 2.0))
@settings(max_examples=60, deadline=None)
def test_parameters_that_are_near_make_distributions_that_are_near(seed: int, distance: float) -> None:
    """The bound that L_p rests on: KL <= max(n H, n - 1)^2 (|dW|^2 + |dA|^2), over random states and parameters."""
    rng = numpy.random.default_rng(seed)
    scheme, n = TagScheme(("A",)), 4
    states = rng.normal(size=(n, 3)).astype("f")
    w, a = rng.normal(size=(5, 3)), rng.normal(size=(5, 5))
    dw, da = rng.normal(0, distance, (5, 3)), rng.normal(0, distance, (5, 5))
    zero = numpy.zeros(5, dtype="f")
    sides = [
        (
            (states @ of.T).astype("f"),
            Chain(t.astype("f"), zero, zero, scheme.legal, scheme.legal_start, scheme.legal_end),
        )
        for of, t in ((w, a), (w + dw, a + da))
    ]
    found = divergence(sides[0], sides[1], Packing.of([n])).value
    h = numpy.linalg.norm(states, axis=1).max()
    # the most that the score of one tagging moves, over all of them
    scores = [path_scores(*side) for side in sides]
    most = numpy.abs(scores[0] - scores[1]).max()
    moved = numpy.linalg.norm(dw), numpy.linalg.norm(da)
    assert most <= n * h * moved[0] + (n - 1) * moved[1] + 1e-4
    # both log-probabilities move by at most twice that; and Hoeffding's lemma
    assert 0 <= found <= min(2 * most, most**2 / 2) + 1e-5
    assert found <= max(n * h, n - 1) ** 2 * (moved[0] ** 2 + moved[1] ** 2)


def path_scores(emissions: Any, chain: Chain) -> Any:
    """Of every legal tagging, by enumeration, in one order for all chains of a scheme."""
    n, n_tags = emissions.shape
    found = []
    for path in product(range(n_tags), repeat=n):
        steps = list(zip(path, path[1:]))
        if chain.legal_start[path[0]] and chain.legal_end[path[-1]] and all(chain.legal[step] for step in steps):
            score = sum(emissions[i, tag] for i, tag in enumerate(path)) + sum(
                chain.transitions[step] for step in steps
            )
            found.append(float(score + chain.start[path[0]] + chain.end[path[-1]]))
    return numpy.array(found)
