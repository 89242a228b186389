"""The loss and its gradient, judged by pytorch-crf, by all paths, and by finite differences."""

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from thinc.api import NumpyOps
from torchcrf import CRF

from brute_force import by_sequence, enumerate_paths
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.layer import LinearChain, add_gradient, chain_of
from spacy_tlner.crf.loss import ChainLoss, chain_loss
from spacy_tlner.crf.packing import Packing
from spacy_tlner.crf.paths import viterbi
from spacy_tlner.tags import TagScheme
from strategies import batches, random_chain

BILUO = TagScheme(("X",))  # O B I L U
PARTS = ("transitions", "start", "end")


def one_hot(tags: Any, n_tags: int) -> Any:
    return numpy.asarray(tags)[:, None] == numpy.arange(n_tags)


def everything_legal(*scores: Any) -> Chain:
    n = len(scores[1])
    return Chain(*scores, numpy.ones((n, n), dtype=bool), numpy.ones(n, dtype=bool), numpy.ones(n, dtype=bool))


def test_known_loss():
    """The vector of METHODS 0."""
    t, j = numpy.arange(4)[:, None], numpy.arange(3)[None]
    chain = everything_legal(0.5 * numpy.cos(1 + 2 * j.T + 5 * j), 0.1 * (j[0] + 1), -0.2 * j[0])
    loss = chain_loss(numpy.sin(1.0 + 3 * t + 2 * j), Packing.of([4]), chain, one_hot([0, 1, 2, 1], 3))
    assert_allclose(loss.losses, [6.067764], atol=5e-7)


@pytest.mark.filterwarnings("ignore:where received a uint8:UserWarning")  # torchcrf's
@given(st.integers(0, 2**32 - 1), st.integers(2, 41), st.lists(st.integers(1, 50), min_size=1, max_size=12))
@settings(max_examples=25)
def test_equals_torchcrf(seed, n_tags, lengths):
    rng = numpy.random.default_rng(seed)
    emissions = rng.normal(0, 2, (sum(lengths), n_tags)).astype("float32")
    scores = [rng.normal(0, 1, size).astype("float32") for size in ((n_tags, n_tags), n_tags, n_tags)]
    tags = rng.integers(0, n_tags, sum(lengths))
    weights = rng.random(len(lengths)).astype("float32")
    chain, packing = everything_legal(*scores), Packing.of(lengths)
    ours = chain_loss(emissions, packing, chain, one_hot(tags, n_tags), weights=weights)

    crf = CRF(n_tags, batch_first=True)
    names = ("transitions", "start_transitions", "end_transitions")
    crf.load_state_dict({name: torch.tensor(score) for name, score in zip(names, scores)})
    padded = torch.zeros(len(lengths), max(lengths), n_tags)
    gold, mask = torch.zeros(padded.shape[:2], dtype=torch.long), torch.zeros(padded.shape[:2], dtype=torch.bool)
    for i, (rows, path) in enumerate(zip(by_sequence(lengths, emissions), by_sequence(lengths, tags))):
        padded[i, : len(rows)], gold[i, : len(rows)], mask[i, : len(rows)] = (
            torch.tensor(rows),
            torch.tensor(path),
            True,
        )
    padded.requires_grad_()
    theirs = -crf(padded, gold, mask, reduction="none")
    (theirs * torch.tensor(weights)).sum().backward()

    assert_allclose(ours.losses, theirs.detach().numpy(), rtol=1e-5, atol=1e-4)
    assert padded.grad is not None
    assert_allclose(ours.d_emissions, padded.grad[mask].numpy(), atol=1e-4)  # theirs rounds log sums of 100 and more
    for part, name in zip(PARTS, names):
        grad = getattr(crf, name).grad  # None where no sequence has two tokens
        assert_allclose(getattr(ours, f"d_{part}"), 0 if grad is None else grad.numpy(), rtol=1e-4, atol=1e-4)
    decoded = [tag for path in crf.decode(padded, mask) for tag in path]
    assert viterbi(emissions, packing, chain).tolist() == decoded


@given(batches(), st.data())
@settings(max_examples=75)
def test_loss_is_that_of_all_paths(batch, data):
    """log Z over what is possible minus log Z over what is allowed of it; inf where that is nothing."""
    share = data.draw(st.sampled_from([0.4, 0.8]))
    rng = numpy.random.default_rng(len(batch.emissions))
    allowed = rng.random(batch.emissions.shape) < share
    if batch.allowed is not None:
        allowed &= batch.allowed
    loss = chain_loss(batch.emissions, batch.packing, batch.chain, allowed, possible=batch.allowed)
    parts = (by_sequence(batch.lengths, rows) for rows in (batch.emissions, batch.allowed, allowed))
    for (emissions, possible, gold), found in zip(zip(*parts), loss.losses):
        allowed_log_z = enumerate_paths(emissions, batch.chain, gold).log_z
        if allowed_log_z == -numpy.inf:
            assert found == numpy.inf
        else:
            expected = enumerate_paths(emissions, batch.chain, possible).log_z - allowed_log_z
            assert_allclose(found, expected, rtol=1e-6, atol=1e-4)
    assert all(numpy.isfinite(part).all() for part in gradients(loss))


def gradients(loss: ChainLoss) -> list[Any]:
    return [loss.d_emissions, loss.d_transitions, loss.d_start, loss.d_end]


@pytest.mark.parametrize("gold", ["tags", "sets", "both"])
@pytest.mark.parametrize("with_possible", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_gradient_by_finite_differences(gold, with_possible, seed):
    """Every entry of every gradient, in float64."""
    rng = numpy.random.default_rng(seed)
    lengths = [4, 1, 6, 2]
    chain = random_chain(rng, BILUO, dtype="float64")
    emissions = rng.normal(size=(sum(lengths), 5))
    weights = rng.random(len(lengths))
    packing = Packing.of(lengths)
    allowed = one_hot(viterbi(rng.normal(size=emissions.shape), packing, chain), 5)  # some legal path
    if gold != "tags":
        sets = rng.random(emissions.shape) < 0.5
        if gold == "both":
            sets[lengths[0] :] = False  # known tags in all sequences but the first
        allowed |= sets
    possible = allowed | (rng.random(emissions.shape) < 0.6) if with_possible else None

    def total(emissions: Any, chain: Chain) -> float:
        loss = chain_loss(emissions, packing, chain, allowed, possible=possible, weights=weights)
        return float((loss.losses * weights).sum())

    loss = chain_loss(emissions, packing, chain, allowed, possible=possible, weights=weights)
    assert numpy.isfinite(loss.losses).all() and (loss.losses > -1e-12).all()
    assert_allclose(loss.d_emissions, differences(lambda x: total(x, chain), emissions), atol=1e-7)
    for part in PARTS:
        scores = getattr(chain, part)
        expected = differences(lambda x, part=part: total(emissions, replace(chain, **{part: x})), scores)
        assert_allclose(getattr(loss, f"d_{part}"), expected, atol=1e-7)


def differences(function: Any, x: Any, step: float = 1e-5) -> Any:
    """The gradient of a function of an array by central differences, an entry at a time."""
    gradient = numpy.zeros_like(x)
    for index in numpy.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (function(ahead) - function(behind)) / (2 * step)
    return gradient


@given(batches(emission_sds=(1, 50, 1000), transition_sds=(1, 20), dtypes=("float32",), with_sets=False))
def test_extreme_scores(batch):
    """Losses against all paths, and the gradient of emissions: what is expected of all paths less what of the gold."""
    path = viterbi(-batch.emissions, batch.packing, batch.chain)  # a bad path, legal where there is one
    allowed = one_hot(path, batch.emissions.shape[1])
    loss = chain_loss(batch.emissions, batch.packing, batch.chain, allowed)
    parts = (by_sequence(batch.lengths, rows) for rows in (batch.emissions, allowed, loss.d_emissions))
    for (emissions, gold, d_emissions), found in zip(zip(*parts), loss.losses):
        free, constrained = (enumerate_paths(emissions, batch.chain, sets) for sets in (None, gold))
        if constrained.log_z == -numpy.inf:
            assert found == numpy.inf
            continue
        scale = max(numpy.abs(scores).max() for scores in (emissions, *(getattr(batch.chain, part) for part in PARTS)))
        assert_allclose(found, free.log_z - constrained.log_z, rtol=2e-6, atol=1e-6 * scale)
        assert_allclose(d_emissions, free.nodes - gold, atol=5e-6 + 1e-7 * scale)


@pytest.mark.parametrize("sets", [False, True])
def test_gold_without_a_path_costs_infinity_and_harms_nobody(sets):
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, BILUO)
    emissions = rng.normal(size=(7, 5)).astype("float32")
    allowed = one_hot([0, 4, 0, 1, 0, 0, 0], 5)  # the second sequence reads B O
    if sets:
        allowed[4, 4] = True  # B O or B U
    both = chain_loss(emissions, Packing.of([3, 2, 2]), chain, allowed)
    assert both.losses[1] == numpy.inf and numpy.isfinite(both.losses[[0, 2]]).all()
    assert all(numpy.isfinite(part).all() for part in gradients(both))
    kept = numpy.array([0, 1, 2, 5, 6])
    alone = chain_loss(emissions[kept], Packing.of([3, 2]), chain, allowed[kept])
    assert_allclose(both.losses[[0, 2]], alone.losses)
    assert_allclose(both.d_emissions[kept], alone.d_emissions, atol=1e-6)


def test_possible_without_a_path_costs_infinity_too():
    emissions = numpy.zeros((2, 5), dtype="float32")
    nothing = one_hot([1, 0], 5)
    chain = random_chain(numpy.random.default_rng(0), BILUO)
    loss = chain_loss(emissions, Packing.of([2]), chain, nothing, possible=nothing)
    assert loss.losses.tolist() == [numpy.inf]
    assert all(numpy.isfinite(part).all() for part in gradients(loss))


@pytest.mark.parametrize("length", [5000, 20000])
def test_long_document(length):
    rng = numpy.random.default_rng(0)
    scheme = TagScheme(("X", "Y"))
    chain = random_chain(rng, scheme)
    emissions = rng.normal(0, 3, (length, 9)).astype("float32")
    gold = one_hot(viterbi(rng.normal(size=emissions.shape), Packing.of([length]), chain), 9)
    in_float32 = chain_loss(emissions, Packing.of([length]), chain, gold)
    wide = replace(chain, **{part: getattr(chain, part).astype("float64") for part in PARTS})
    in_float64 = chain_loss(emissions.astype("float64"), Packing.of([length]), wide, gold)
    assert_allclose(in_float32.losses, in_float64.losses, rtol=1e-6)
    assert_allclose(in_float32.d_emissions, in_float64.d_emissions, atol=5e-3)
    assert_allclose(in_float32.d_transitions, in_float64.d_transitions, rtol=1e-3, atol=1e-3 * length)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the best of no path
@given(batches(max_length=30, max_sequences=6, with_sets=False, dtypes=("float64",)))
@settings(max_examples=40)
def test_weighted_batch_is_the_sum_of_its_sequences(batch):
    allowed = one_hot(viterbi(-batch.emissions, batch.packing, batch.chain), batch.emissions.shape[1])
    together = chain_loss(batch.emissions, batch.packing, batch.chain, allowed, weights=batch.weights)
    parts = zip(by_sequence(batch.lengths, batch.emissions), by_sequence(batch.lengths, allowed))
    alone = [chain_loss(rows, Packing.of([len(rows)]), batch.chain, gold) for rows, gold in parts]
    assert_allclose(together.losses, [float(loss.losses[0]) for loss in alone], atol=1e-9)
    rows = numpy.concatenate([weight * loss.d_emissions for weight, loss in zip(batch.weights, alone)])
    assert_allclose(together.d_emissions, rows, atol=1e-9)
    for part in PARTS:
        expected = sum(weight * getattr(loss, f"d_{part}") for weight, loss in zip(batch.weights, alone))
        assert_allclose(getattr(together, f"d_{part}"), expected, atol=1e-9)


def test_layer_learns_the_chain_of_its_data():
    """Gradient steps on the layer's three parameters alone bring the loss down to the entropy of fixed tag pairs."""
    model = LinearChain(5)
    model.initialize()
    gold = one_hot([1, 3] * 4, 5)  # B L, four documents: nothing but the chain can tell
    emissions, packing = numpy.zeros((8, 5), dtype="float32"), Packing.of([2] * 4)
    assert model.predict([emissions])[0] is emissions
    losses = []
    for _ in range(60):
        chain = chain_of(model, BILUO.legal, BILUO.legal_start, BILUO.legal_end)
        loss = chain_loss(emissions, packing, chain, gold)
        losses.append(loss.losses.mean())
        add_gradient(model, loss)
        for part in PARTS:
            model.set_param(part, model.get_param(part) - 0.25 * model.get_grad(part))
            model.set_grad(part, NumpyOps().alloc(model.get_grad(part).shape))
    # at first every legal pair is as likely: O O, O U, U O, U U, B L
    assert_allclose(losses[0], numpy.log(5), rtol=1e-6)
    assert losses[-1] < 0.05
