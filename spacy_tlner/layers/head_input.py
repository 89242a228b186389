"""What a head reads beside the shared encoder's states: a private layer, and what another head makes of the token."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from .bilstm import BiLSTM

InT = list[Floats2d]
OutT = list[Floats2d]


def HeadInput(private_width: int, reads_other: bool) -> Model[InT, OutT]:
    """States (tokens, nI) with those of a BiLSTM over them, (tokens, private_width), and another head's tag
    probabilities (tokens, its tags) beside them.

    private_width: 0 for none. reads_other: the ref `other` then takes the other head's layers below its chain
    (`read_head`), whose softmax is what is read, as in Crichton et al. 2017.
    """
    private = [BiLSTM(private_width)] if private_width else []
    for layer in private:
        layer.name = "private"
    model: Model[InT, OutT] = Model("head_input", forward, init=init, dims={"nI": None}, layers=list(private))
    if reads_other:
        other: Model = Model("other", read_other)
        model.layers.append(other)
        model.set_ref("other", other)
    return model


def read_head(model: Model[InT, OutT], head: Model[InT, OutT]) -> None:
    """Let a head input read what another head makes of states: its very layers, which then learn from both heads."""
    before = [head.get_ref("input")] if head.has_ref("input") else []
    model.get_ref("other").layers[:] = [*before, head.get_ref("emission")]


def forward(model: Model[InT, OutT], states: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    found = [layer(states, is_train) for layer in model.layers]
    ops = model.ops
    parts: list[list[Any]] = [list(states), *(list(output) for output, _ in found)]
    output = [ops.xp.concatenate(rows, axis=1) for rows in zip(*parts)]
    widths = [rows[0].shape[1] if rows else 0 for rows in parts]

    def backprop(d_output: OutT) -> InT:
        d_states: list[Any] = [d_rows[:, : widths[0]].copy() for d_rows in d_output]
        start = widths[0]
        for width, (_, backprop_layer) in zip(widths[1:], found):
            share = [ops.xp.ascontiguousarray(d_rows[:, start : start + width]) for d_rows in d_output]
            for d_rows, added in zip(d_states, backprop_layer(share)):
                d_rows += added
            start += width
        return d_states

    return output, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    if X:
        model.set_dim("nI", X[0].shape[1])
    for layer in model.layers:
        if layer.name == "private":
            layer.initialize(X=X)


def read_other(model: Model[InT, OutT], states: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    """Softmax of the other head's emissions. There is no init beside it: the other head's weights are not ours."""
    ops = model.ops
    lengths = ops.asarray1i([len(rows) for rows in states])
    *before, emission = model.layers
    read = [layer(states, is_train) for layer in before]  # of one layer at most
    emissions, backprop_emission = emission(ops.flatten(read[0][0] if read else states), is_train)
    shares: Any = ops.softmax(emissions)

    def backprop(d_output: OutT) -> InT:
        d_shares: Any = ops.flatten(d_output)
        d_emissions = shares * (d_shares - (d_shares * shares).sum(axis=1, keepdims=True))
        d_read = ops.unflatten(backprop_emission(d_emissions), lengths)
        return read[0][1](d_read) if read else d_read

    return ops.unflatten(shares, lengths), backprop
