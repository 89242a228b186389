"""Forward-backward and Viterbi, judged by all paths, by pytorch-crf in float64, and by a textbook forward recursion."""

from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torchcrf import CRF

from brute_force import by_sequence, enumerate_paths, score_of
from spacy_tlner.crf import scaled
from spacy_tlner.crf.chain import Chain, Posterior
from spacy_tlner.crf.inference import forward_backward
from spacy_tlner.crf.packing import Packing
from spacy_tlner.crf.paths import viterbi
from spacy_tlner.tags import TagScheme
from strategies import Batch, batches, random_chain


def free_chain(transitions: Any, start: Any = None, end: Any = None) -> Chain:
    """A chain on which every move is legal."""
    n = len(transitions)
    zero = numpy.zeros(n, dtype=transitions.dtype)
    all_legal = numpy.ones(n, dtype=bool)
    start, end = zero if start is None else start, zero if end is None else end
    return Chain(transitions, start, end, numpy.ones((n, n), dtype=bool), all_legal, all_legal)


def posterior_of(batch: Batch) -> Posterior:
    return forward_backward(batch.emissions, batch.packing, batch.chain, allowed=batch.allowed, weights=batch.weights)


def one(emissions: Any, chain: Chain, allowed: Any = None) -> Batch:
    """A batch of one sequence."""
    return Batch([len(emissions)], emissions, chain, allowed, numpy.ones(1, dtype=emissions.dtype))


def assert_true(batch: Batch, atol: float = 5e-6) -> None:
    """Log Z, marginals and edges of a batch of short sequences are those of all paths."""
    found = posterior_of(batch)
    edges = numpy.zeros_like(batch.chain.transitions, dtype="float64")
    sequences = zip(*(by_sequence(batch.lengths, rows) for rows in (batch.emissions, batch.allowed, found.nodes)))
    for (emissions, allowed, nodes), log_z, weight in zip(sequences, found.log_z, batch.weights):
        truth = enumerate_paths(emissions, batch.chain, allowed)
        scale = 1 + numpy.abs(emissions).max() + numpy.abs(batch.chain.transitions).max()
        assert_allclose(log_z, truth.log_z, rtol=0, atol=1e-6 * scale)
        # the rounding of a float32 score of size s is 6e-8 s, and that of a probability as much
        assert_allclose(nodes, truth.nodes, atol=atol + 1e-7 * scale)
        edges += weight * truth.edges
    assert_allclose(found.edges, edges, atol=(atol + 1e-7 * scale) * len(batch.lengths))


# the vector of METHODS 0, whose numbers were computed apart from this code
STEPS, TAGS = numpy.arange(4)[:, None], numpy.arange(3)[None]
KNOWN = one(
    numpy.sin(1.0 + 3 * STEPS + 2 * TAGS),
    free_chain(0.5 * numpy.cos(1 + 2 * TAGS.T + 5 * TAGS), 0.1 * (TAGS[0] + 1), -0.2 * TAGS[0]),
)


def test_known_vector():
    found = posterior_of(KNOWN)
    assert_allclose(found.log_z, [5.507529], atol=5e-7)
    nodes = [
        [0.572525, 0.351309, 0.076166],
        [0.166238, 0.183458, 0.650305],
        [0.563724, 0.374686, 0.061590],
        [0.183205, 0.185023, 0.631772],
    ]
    edges = [[0.321626, 0.343090, 0.637771], [0.135866, 0.178047, 0.595539], [0.455674, 0.222030, 0.110357]]
    assert_allclose(found.nodes, nodes, atol=6e-7)
    assert_allclose(found.edges, edges, atol=6e-7)
    path = viterbi(KNOWN.emissions, KNOWN.packing, KNOWN.chain)
    assert path.tolist() == [0, 2, 0, 2]
    assert_allclose(score_of(path, KNOWN.emissions, KNOWN.chain), 3.324680, atol=5e-7)


@given(batches())
@settings(max_examples=150)
def test_sums_over_all_paths(batch):
    assert_true(batch)


@given(batches(max_length=4))
def test_sums_over_all_paths_of_two_labels(batch):
    assert_true(batch)


@given(batches(emission_sds=(1, 50, 1000), transition_sds=(1, 5, 20, 60), dtypes=("float32",)))
@settings(max_examples=150)
def test_sums_over_all_paths_of_extreme_scores(batch):
    assert_true(batch)


@given(batches(max_length=40, emission_sds=(1, 50, 1000), transition_sds=(1, 5, 20), dtypes=("float32",)))
def test_scaled_and_log_space_agree(batch):
    found = posterior_of(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled, "_SCALED_LIMIT", 0.0)  # trust no sequence to scaling
        expected = posterior_of(batch)
    assert_allclose(found.log_z, expected.log_z, rtol=1e-6, atol=1e-4)
    assert_allclose(found.nodes, expected.nodes, atol=1e-4 if numpy.abs(batch.emissions).max() > 500 else 2e-5)
    assert_allclose(found.edges, expected.edges, atol=2e-3)


@pytest.mark.filterwarnings("ignore:where received a uint8:UserWarning")  # torchcrf's
@pytest.mark.parametrize("emission_sd", [1, 50, 1000])
@pytest.mark.parametrize("transition_sd", [1, 20])
@pytest.mark.parametrize("n_tags", [3, 41])
def test_extreme_scores_against_torchcrf_in_float64(emission_sd, transition_sd, n_tags):
    rng = numpy.random.default_rng(n_tags)
    lengths = [1, 7, 50, 23, 7]
    emissions = rng.normal(0, emission_sd, (sum(lengths), n_tags)).astype("float32")
    scores = [rng.normal(0, transition_sd, size).astype("float32") for size in ((n_tags, n_tags), n_tags, n_tags)]
    batch = Batch(lengths, emissions, free_chain(*scores), None, numpy.ones(5, dtype="float32"))
    found = posterior_of(batch)
    assert numpy.isfinite(found.log_z).all()

    crf = CRF(n_tags, batch_first=True).double()
    names = ("transitions", "start_transitions", "end_transitions")
    crf.load_state_dict({name: torch.tensor(score) for name, score in zip(names, scores)})
    parts = [torch.tensor(rows, dtype=torch.float64, requires_grad=True) for rows in by_sequence(lengths, emissions)]
    zeros = [torch.zeros(length, dtype=torch.long) for length in lengths]
    # log Z of a sequence is its loss for any path and that path's score; its gradient is the marginals
    log_z = torch.stack(
        [
            -crf(part[None], path[None])
            + crf._compute_score(part[:, None], path[:, None], torch.ones(len(part), 1).bool())
            for part, path in zip(parts, zeros)
        ]
    ).flatten()
    log_z.sum().backward()
    assert_allclose(found.log_z, log_z.detach().numpy(), rtol=1e-6)
    atol = 2e-6 + 2e-7 * max(emission_sd, transition_sd)
    assert_allclose(found.nodes, numpy.concatenate([part.grad.numpy() for part in parts]), atol=atol)
    assert_allclose(found.edges, crf.transitions.grad.numpy(), atol=20 * atol)

    # of paths whose scores differ by less than float32 can tell, either may win
    path = viterbi(emissions, batch.packing, batch.chain)
    for tags, part, rows in zip(by_sequence(lengths, path), parts, by_sequence(lengths, emissions)):
        best = score_of(crf.decode(part[None])[0], rows, batch.chain)
        assert_allclose(score_of(tags, rows, batch.chain), best, rtol=1e-6)


BILUO = TagScheme(("X",))  # O B I L U
FLAT = Chain(
    *(numpy.zeros(s, dtype="float32") for s in ((5, 5), 5, 5)), BILUO.legal, BILUO.legal_start, BILUO.legal_end
)
NO_MOVE = numpy.zeros((3, 3), dtype="float32")


@pytest.mark.parametrize("gap", [20, 60, 86, 95, 101, 120, 500, 1e6])
def test_scaling_starves_where_legality_forbids_the_strong_tag(gap):
    """I is far the strongest of its token, but both neighbours can only be O."""
    emissions = numpy.zeros((3, 5), dtype="float32")
    emissions[1, 2], emissions[1, 4] = gap, -0.5
    allowed = numpy.ones((3, 5), dtype=bool)
    allowed[[0, 2]] = [True, False, False, False, False]
    batch = one(emissions, FLAT, allowed)
    assert_true(batch, atol=1e-6)
    expected = 1 / (1 + numpy.exp(-0.5))
    assert_allclose(posterior_of(batch).nodes[1], [expected, 0, 0, 0, 1 - expected], atol=1e-6)


@pytest.mark.parametrize("step", [5, 20, 46, 60])
def test_scaling_starves_where_a_path_decays_and_comes_back(step):
    """I falls behind O by e^-46 = 1e-20 a token; the last token, which must be L, pays it all back, or nearly."""
    n = 6
    emissions = numpy.zeros((n, 5), dtype="float32")
    emissions[:, 2] = -step
    emissions[n - 1, 3] = (n - 2) * step - 1
    batch = one(emissions, FLAT)
    assert_true(batch, atol=2e-6)
    paid_back = posterior_of(batch).nodes[0, 1]
    assert 0.05 < paid_back < 0.95  # both ways are open, so a loss of either would show


@pytest.mark.parametrize("strong", [50, 75, 100])
def test_scaling_starves_where_small_moves_meet_small_sums(strong):
    """Each step alone is within range, the product of backward variable and sum is not: found by fuzzing."""
    emissions = numpy.array(
        [[25, -100, 50], [25, 50, -50], [25, 75, -50], [-100, 1, -25], [50, 100, 75]], dtype="float32"
    ) * numpy.float32(strong / 50)
    legal = numpy.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    ends = numpy.ones(3, dtype=bool)
    allowed = numpy.ones((5, 3), dtype=bool)
    allowed[1, 1:], allowed[3, 2] = False, False
    assert_true(one(emissions, Chain(NO_MOVE, NO_MOVE[0], NO_MOVE[0], legal, ends, ends), allowed), atol=1e-6)


def test_scaling_starves_where_moves_underflow():
    """exp(-100) and below among the moves, and emissions that make up for it: found by fuzzing."""
    emissions = numpy.array([[-21, 40, -20, -40], [-30, 19, 1, -19], [-40, -40, -9, -20], [30, 0, 40, 20]], "float32")
    transitions = numpy.array([[0, 0, 0, 10], [0, -40, 0, 0], [-20, 0, 0, 0], [40, -20, 0, 20]], "float32")
    allowed = numpy.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 1]], dtype=bool)
    assert_true(one(emissions, free_chain(transitions), allowed), atol=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_scaling_starves_anywhere(seed):
    """Scores on a coarse grid cancel often, over distances that float32 cannot hold."""
    rng = numpy.random.default_rng(seed)
    n_tags, n, grid = rng.integers(2, 6), rng.integers(2, 6), rng.choice([10, 20, 25, 30, 40, 43, 50])
    emissions = (rng.integers(-4, 5, (n, n_tags)) * grid + rng.normal(0, 0.5, (n, n_tags))).astype("float32")
    transitions = (rng.integers(-4, 5, (n_tags, n_tags)) * grid * rng.integers(0, 2, (n_tags, n_tags))).astype(
        "float32"
    )
    chain = free_chain(transitions)
    legal = rng.random((n_tags, n_tags)) < rng.uniform(0.3, 1)
    chain = Chain(chain.transitions, chain.start, chain.end, legal, chain.legal_start, chain.legal_end)
    assert_true(one(emissions, chain, rng.random((n, n_tags)) < rng.uniform(0.5, 1)), atol=3e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_narrow_scores_up_to_their_limits(seed):
    """Where scores are near 0, steps go without shift and mostly without sum: right up to where that ends."""
    rng = numpy.random.default_rng(seed)
    n_tags, lengths = int(rng.integers(2, 20)), rng.integers(1, 25, rng.integers(1, 5)).tolist()
    top = max(rng.choice([1, 5, 16.8, 18, 21]) - rng.choice([0, numpy.log(n_tags)]), 0.5)
    size = (sum(lengths), n_tags)
    emissions = [
        rng.uniform(-top, top, size),
        rng.choice([-top, 0, top], size) + rng.normal(0, 0.02, size),
        -top + (rng.random(size) < 0.2) * 2 * top + rng.normal(0, 0.02, size),
    ][rng.integers(3)].astype("float32")
    moves = rng.choice([-1, 0, 1], (n_tags, n_tags)) * rng.choice([0.1, 3, 10, 25, 39.9])
    ends = rng.choice([-1, 0, 1], n_tags) * rng.choice([0, 1, 39])
    share = rng.choice([0.1, 0.3, 0.7, 1])
    legal = [rng.random(of) < share for of in ((n_tags, n_tags), n_tags, n_tags)]
    chain = Chain(moves.astype("float32"), numpy.zeros(n_tags, dtype="float32"), ends.astype("float32"), *legal)
    allowed = None if rng.random() < 0.5 else rng.random(size) < rng.choice([0.3, 0.8])
    batch = Batch(lengths, emissions, chain, allowed, None)
    found = posterior_of(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled, "_SCALED_LIMIT", 0.0)
        expected = posterior_of(batch)
    assert (numpy.isfinite(found.log_z) == numpy.isfinite(expected.log_z)).all()
    assert_allclose(found.log_z, expected.log_z, rtol=3e-6, atol=3e-6)
    assert_allclose(found.nodes, expected.nodes, atol=1e-5)
    assert_allclose(found.edges, expected.edges, atol=1e-5 * sum(lengths))


def test_no_permitted_path():
    """One sequence without a path leaves its batch alone."""
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, BILUO)
    emissions = rng.normal(size=(7, 5)).astype("float32")
    allowed = numpy.ones((7, 5), dtype=bool)
    allowed[3] = [False, False, True, False, False]  # I as first token of the second sequence
    batch = Batch([3, 2, 2], emissions, chain, allowed, numpy.ones(3, dtype="float32"))
    found = posterior_of(batch)
    assert found.log_z[1] == -numpy.inf and numpy.isfinite(found.log_z[[0, 2]]).all()
    assert not found.nodes[3:5].any()
    assert_true(batch)


@given(batches(max_length=60, max_sequences=8, emission_sds=(1, 5), with_sets=False))
@settings(max_examples=50)
def test_marginals_are_probabilities(batch):
    found = posterior_of(batch)
    has_path = numpy.repeat(numpy.isfinite(found.log_z), batch.lengths)
    assert (found.nodes >= 0).all() and (found.edges >= 0).all()
    assert_allclose(found.nodes.sum(axis=1), has_path, atol=1e-4)
    moves = (numpy.array(batch.lengths) - 1) * numpy.isfinite(found.log_z)
    assert_allclose(found.edges.sum(), (batch.weights * moves).sum(), rtol=1e-4, atol=1e-5)
    assert not found.edges[~batch.chain.legal].any()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the best of no path
@given(batches(max_length=30, max_sequences=8, emission_sds=(1, 10), with_sets=False))
@settings(max_examples=50)
def test_a_sequence_does_not_depend_on_its_batch(batch):
    together = posterior_of(batch)
    path = viterbi(batch.emissions, batch.packing, batch.chain)
    parts = (by_sequence(batch.lengths, rows) for rows in (batch.emissions, together.nodes, path))
    for emissions, nodes, tags, log_z in zip(*parts, together.log_z):
        alone = posterior_of(one(emissions, batch.chain))
        assert_allclose(alone.log_z, log_z, rtol=1e-6, atol=1e-5)
        assert_allclose(alone.nodes, nodes, atol=1e-5)
        if numpy.isfinite(log_z):
            assert viterbi(emissions, Packing.of([len(emissions)]), batch.chain).tolist() == tags.tolist()


@pytest.mark.parametrize("lengths", [[5000], [20000], [3, 5000, 1, 200]])
@pytest.mark.parametrize("emission_sd", [1, 30])
def test_long_documents(lengths, emission_sd):
    rng = numpy.random.default_rng(1)
    scheme = TagScheme(("X", "Y"))
    chain = random_chain(rng, scheme)
    emissions = rng.normal(0, emission_sd, (sum(lengths), 9)).astype("float32")
    weights = numpy.ones(len(lengths), dtype="float32")
    found = forward_backward(emissions, Packing.of(lengths), chain, weights=weights)
    exact = [log_forward(rows, chain) for rows in by_sequence(lengths, emissions)]
    assert_allclose(found.log_z, exact, rtol=1e-6)
    assert_allclose(found.nodes.sum(axis=1), 1, atol=3e-3)
    assert_allclose(found.edges.sum(), sum(lengths) - len(lengths), rtol=1e-3)
    path = viterbi(emissions, Packing.of(lengths), chain)
    best = [log_forward(rows, chain, numpy.maximum) for rows in by_sequence(lengths, emissions)]
    parts = (by_sequence(lengths, rows) for rows in (path, emissions))
    assert_allclose([score_of(tags, rows, chain) for tags, rows in zip(*parts)], best, rtol=1e-6)


def log_forward(emissions: Any, chain: Chain, add: Any = numpy.logaddexp) -> float:
    """Log Z of one sequence by the recursion of any textbook, in float64; with `numpy.maximum`, the best score."""
    emissions = emissions.astype("float64")
    transitions = numpy.where(chain.legal, chain.transitions.astype("float64"), -numpy.inf)
    alpha = numpy.where(chain.legal_start, chain.start + emissions[0], -numpy.inf)
    for row in emissions[1:]:
        alpha = add.reduce(alpha[:, None] + transitions, axis=0) + row
    return float(add.reduce(alpha + numpy.where(chain.legal_end, chain.end.astype("float64"), -numpy.inf)))


def test_viterbi_tells_small_differences_after_large_sums():
    """Scores of 1,000 a token, and 0.05 between tags: without a chain, each token's best tag is the path."""
    rng = numpy.random.default_rng(0)
    emissions = (1000 + 0.05 * rng.permuted(numpy.tile(numpy.arange(3), (5000, 1)), axis=1)).astype("float32")
    path = viterbi(emissions, Packing.of([5000]), free_chain(NO_MOVE))
    assert (path == emissions.argmax(axis=1)).all()


@given(batches())
@settings(max_examples=150)
def test_viterbi_is_the_best_of_all_paths(batch):
    path = viterbi(batch.emissions, batch.packing, batch.chain, allowed=batch.allowed)
    parts = (by_sequence(batch.lengths, rows) for rows in (path, batch.emissions, batch.allowed))
    for tags, emissions, allowed in zip(*parts):
        truth = enumerate_paths(emissions, batch.chain, allowed)
        if truth.best_paths:
            assert_allclose(score_of(tags, emissions, batch.chain), truth.best_score, rtol=1e-6, atol=1e-5)
            assert allowed is None or allowed[numpy.arange(len(tags)), tags].all()


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_viterbi_ties_go_to_the_lowest_id_from_the_end(seed, lengths):
    """Scores of 0 and 1 tie everywhere and float32 adds them exactly."""
    rng = numpy.random.default_rng(seed)
    scores = [rng.integers(0, 2, size).astype("float32") for size in ((5, 5), 5, 5)]
    chain = Chain(*scores, BILUO.legal, BILUO.legal_start, BILUO.legal_end)
    emissions = rng.integers(0, 2, (sum(lengths), 5)).astype("float32")
    path = viterbi(emissions, Packing.of(lengths), chain)
    for tags, rows in zip(by_sequence(lengths, path), by_sequence(lengths, emissions)):
        best = enumerate_paths(rows, chain).best_paths
        assert tuple(tags.tolist()) == min(best, key=lambda path: path[::-1])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the best of no path
@given(batches(max_length=60, max_sequences=8, emission_sds=(1, 1000), with_sets=False, dtypes=("float32",)))
@settings(max_examples=50)
def test_viterbi_path_is_legal_and_leaves_its_input_alone(batch):
    before = batch.emissions.copy()
    path = viterbi(batch.emissions, batch.packing, batch.chain)
    assert (batch.emissions == before).all()
    has_path = numpy.isfinite(posterior_of(batch).log_z)
    assert (batch.emissions == before).all()
    for tags, rows, found in zip(
        by_sequence(batch.lengths, path), by_sequence(batch.lengths, batch.emissions), has_path
    ):
        assert not found or score_of(tags, rows, batch.chain) > -numpy.inf
