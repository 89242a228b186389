"""A bidirectional LSTM over the tokens of documents. See `layers.lstm`."""

from collections.abc import Callable
from functools import partial

from thinc.api import Model
from thinc.types import Floats2d

from .lstm import LSTM_PARAMS, init_lstm, read_both_ways
from .precision import Precision

InT = list[Floats2d]
OutT = list[Floats2d]


def BiLSTM(nO: int | None = None, nI: int | None = None, precision: Precision = "float32") -> Model[InT, OutT]:
    """States (tokens, nO) of both directions side by side, nO / 2 each.

    The cell of Hochreiter & Schmidhuber 1997 with forget gates, in torch's order: input, forget, cell, output.
    precision: of the products in training.
    """
    run = partial(forward, precision=precision)
    return Model("bilstm", run, init=init, dims={"nO": nO, "nI": nI}, params=dict.fromkeys(LSTM_PARAMS))


def forward(
    model: Model[InT, OutT], sequences: InT, is_train: bool, precision: Precision
) -> tuple[OutT, Callable[[OutT], InT]]:
    ops = model.ops
    lengths = [len(sequence) for sequence in sequences]
    flat = ops.flatten(sequences) if sum(lengths) else ops.alloc2f(0, model.get_dim("nI"))
    states, backprop_states = read_both_ways(model, flat, lengths, is_train, precision=precision)

    def backprop(d_output: OutT) -> InT:
        d_states = ops.flatten(d_output) if sum(lengths) else ops.alloc2f(0, model.get_dim("nO"))
        return ops.unflatten(backprop_states(d_states), ops.asarray1i(lengths))

    return ops.unflatten(states, ops.asarray1i(lengths)), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", X[0].shape[1])
    init_lstm(model, model.get_dim("nI"), model.get_dim("nO") // 2)
