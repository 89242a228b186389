"""The adaptive softmax: its definition written out, finite differences, both precisions."""

from typing import Any

import numpy
import pytest
from numpy.testing import assert_allclose
from thinc.api import Model

from pretraining_runs import log_probabilities
from spacy_tlner.layers.softmax import AdaptiveSoftmax, softmax_loss


def softmax_of(cutoffs: list[int], n_classes: int = 30) -> tuple[Model, Any, Any]:
    rng = numpy.random.default_rng(0)
    model = AdaptiveSoftmax(n_classes, 12, cutoffs, shrink=2)
    model.initialize()
    for name in model.param_names:
        model.set_param(name, rng.normal(0, 0.5, model.get_param(name).shape).astype("float32"))
    return model, rng.normal(size=(50, 12)).astype("float32"), rng.integers(0, n_classes, 50)


@pytest.mark.parametrize("cutoffs", [[], [10], [5, 12], [5, 12, 29], [100]])
def test_softmax_is_its_definition(cutoffs: list[int]) -> None:
    model, states, targets = softmax_of(cutoffs)
    expected = log_probabilities(model, states)
    assert_allclose(numpy.exp(expected).sum(axis=1), 1)
    for is_train in (True, False):
        loss, _ = softmax_loss(model, states, targets, is_train=is_train)
        assert_allclose(loss, -expected[numpy.arange(50), targets].sum(), rtol=1e-5)


def test_softmax_gradient() -> None:
    model, states, targets = softmax_of([5, 12])

    def mean_loss() -> float:
        return float(-log_probabilities(model, states)[numpy.arange(50), targets].mean())

    _, d_states = softmax_loss(model, states, targets)
    checked = [(states, d_states), *((model.get_param(n), model.get_grad(n)) for n in model.param_names)]
    rng = numpy.random.default_rng(1)
    for values, gradient in checked:
        for place in rng.integers(0, values.size, 12):
            value = values.flat[place]
            ends = []
            for step in (1e-3, -1e-3):
                values.flat[place] = value + step
                ends.append(mean_loss())
            values.flat[place] = value
            assert_allclose(gradient.flat[place], (ends[0] - ends[1]) / 2e-3, atol=2e-4)


def test_evaluation_changes_nothing() -> None:
    model, states, targets = softmax_of([5, 12])
    _, d_states = softmax_loss(model, states, targets, is_train=False)
    assert not d_states.any() and not any(model.has_grad(name) for name in model.param_names)


def test_bfloat16_is_close() -> None:
    model, states, targets = softmax_of([5, 12])
    exact, d_exact = softmax_loss(model, states, targets)
    model.attrs["precision"] = "bfloat16"
    rough, d_rough = softmax_loss(model, states, targets)
    assert rough != exact and abs(rough / exact - 1) < 0.02
    assert_allclose(d_rough, d_exact, atol=0.05 * abs(d_exact).max())
