"""GroupedAdam over tables few of whose rows have a gradient, beside thinc's Adam, which visits all of them."""

from collections.abc import Iterator

import numpy
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Adam, Model, Optimizer, PyTorchWrapper

from spacy_tlner.optimizer import GroupedAdam
from spacy_tlner.touched_rows import TouchedRows

N_ROWS, WIDTH = 5000, 4
KEY = (0, "table")
SETTINGS = {"learn_rate": 0.01, "grad_clip": 1.0}


def gradients(n_steps: int, n_rows: int = 30, pool: int = 400) -> Iterator[numpy.ndarray]:
    """Those of `n_rows` rows at a time, of `pool`, so that rows come, stay away, and come again."""
    chance = numpy.random.default_rng(0)
    for _ in range(n_steps):
        gradient = numpy.zeros((N_ROWS, WIDTH), "float32")
        rows = chance.choice(numpy.arange(pool) * (N_ROWS // pool), n_rows, replace=False)
        gradient[rows] = chance.normal(size=(n_rows, WIDTH)).astype("float32")
        yield gradient


def table() -> numpy.ndarray:
    return numpy.random.default_rng(1).normal(size=(N_ROWS, WIDTH)).astype("float32")


def train(optimizer: Optimizer, steps: Iterator[numpy.ndarray]) -> numpy.ndarray:
    weights = table()
    # as GroupedAdam begins; thinc would at zero
    if optimizer.averages is not None:
        optimizer.averages[KEY] = weights.copy()
    for gradient in steps:
        weights, gradient = optimizer(KEY, weights, gradient)
        assert not gradient.any()
    return weights


@pytest.mark.parametrize("n_zeros", [1, 3])
def test_updates_that_move_nothing_count(n_zeros):
    steps = [numpy.zeros((N_ROWS, WIDTH), "float32") for _ in range(n_zeros)]
    found, expected = (
        train(optimizer, iter([step.copy() for step in [*steps, *gradients(3)]]))
        for optimizer in (GroupedAdam(**SETTINGS), Adam(**SETTINGS))
    )
    assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("settings", [{}, {"use_averages": False}, {"grad_clip": 0.0}, {"L2": 0.1}])
@pytest.mark.parametrize("pool", [400, 5000])
def test_it_is_adam(settings, pool):
    ours, theirs = GroupedAdam(**SETTINGS | settings), Adam(**SETTINGS | settings)
    found = train(ours, gradients(40, pool=pool, n_rows=30 if pool == 400 else 600))
    expected = train(theirs, gradients(40, pool=pool, n_rows=30 if pool == 400 else 600))
    assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert_allclose(ours.mom1[KEY], theirs.mom1[KEY], rtol=1e-5, atol=1e-7)
    assert_allclose(ours.mom2[KEY], theirs.mom2[KEY], rtol=1e-5, atol=1e-9)
    if ours.averages is not None:
        assert_allclose(ours.averages[KEY], theirs.averages[KEY], rtol=1e-5, atol=1e-6)


def test_other_rows_stay_to_the_bit():
    optimizer = GroupedAdam(**SETTINGS)
    found = train(optimizer, gradients(10))
    others = numpy.setdiff1d(numpy.arange(N_ROWS), numpy.arange(400) * (N_ROWS // 400))
    assert_array_equal(found[others], table()[others])
    assert_array_equal(optimizer.averages[KEY][others], table()[others])


def test_a_state_that_was_loaded_goes_on():
    whole = GroupedAdam(**SETTINGS)
    expected = train(whole, gradients(20))
    first, second = GroupedAdam(**SETTINGS), GroupedAdam(**SETTINGS)
    steps = list(gradients(20))
    weights = train(first, iter([step.copy() for step in steps[:10]]))
    for part in ("mom1", "mom2", "averages", "nr_update"):
        getattr(second, part)[KEY] = getattr(first, part)[KEY]
    # rows that come no more have momentum still
    for step in steps[10:]:
        second(KEY, weights, step)
    assert_allclose(weights, expected, rtol=1e-5, atol=1e-7)


def test_decay_that_begins_later_moves_every_row():
    def later() -> Iterator[float]:
        yield from [0.0] * 5
        while True:
            yield 0.1

    ours, theirs = GroupedAdam(**SETTINGS, L2=later()), Adam(**SETTINGS, L2=later())
    results = []
    for optimizer in (ours, theirs):
        weights = table()
        optimizer.averages[KEY] = weights.copy()
        for gradient in gradients(20):
            optimizer(KEY, weights, gradient)
            optimizer.step_schedules()
        results.append((weights, optimizer.averages[KEY]))
    for found, expected in zip(*results):
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_few_rows_are_visited_and_most_are_all():
    touched = TouchedRows()
    few, most = numpy.zeros((2, N_ROWS, WIDTH), "float32")
    few[[3, 70]] = 1
    assert touched.visit(KEY, few).tolist() == [3, 70]
    few[3], few[9] = 0, 1
    assert touched.visit(KEY, few).tolist() == [3, 9, 70]
    most[: N_ROWS * 2 // 3] = 1
    assert len(touched.visit(KEY, most)) == N_ROWS * 2 // 3
    assert touched.visit(KEY, few) is None


@pytest.mark.parametrize("shape", [(100, 4), (5000,), (5000, 2, 2)])
def test_small_tables_and_other_shapes_are_visited_whole(shape):
    gradient = numpy.zeros(shape, "float32")
    gradient[0] = 1
    assert TouchedRows().visit(KEY, gradient) is None


def test_a_table_of_torch_is_that_of_adam():
    """As in transformers, whose tables of word pieces are large."""

    class Table(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(N_ROWS, WIDTH)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = self.table(ids.long())
            return vectors

    results = []
    for optimizer in (GroupedAdam(**SETTINGS), Adam(**SETTINGS)):
        torch.manual_seed(0)
        module = Table()
        model: Model = PyTorchWrapper(module)
        optimizer.averages = None
        for step in range(5):
            ids = numpy.arange(3 * step, 3 * step + 20, dtype="float32").reshape(4, 5)
            vectors, backprop = model(ids, is_train=True)
            backprop(numpy.ones_like(vectors))
            model.finish_update(optimizer)
        results.append(module.table.weight.detach().numpy())
    assert_allclose(*results, rtol=1e-5, atol=1e-7)
    assert (results[0][32:] == results[1][32:]).all()
