"""A bidirectional LSTM as two one-way LSTMs, whose weights are thinc's and whose arithmetic is torch's.

The second LSTM reads each sequence reversed and left-aligned, so neither ever reads padding before a
token: no packing is needed and the states of a document do not depend on its batch.
"""

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy
from thinc.api import Model, torch2xp, xp2torch
from thinc.initializers import uniform_init
from thinc.types import Floats2d

InT = list[Floats2d]
OutT = list[Floats2d]

_DIRECTIONS = ("forward", "backward")
_PARTS = {"W": "weight_ih_l0", "R": "weight_hh_l0", "b": "bias_ih_l0"}  # our names: torch's
# What a run costs, counted in sequence-steps: each time step as much as this many more sequences, each run
# as much as this many more. The first was read off oneDNN's LSTM on one core (200 states a direction, 4 to 64
# sequences), the second is an estimate of the call's own overhead.
_COST_OF_STEP = 5
_COST_OF_RUN = 40
# Longer rows fall out of the cache in training.
_MAX_BUCKET = 64


def BiLSTM(nO: int | None = None, nI: int | None = None) -> Model[InT, OutT]:
    """States (tokens, nO) of both directions side by side, nO / 2 each.

    The cell of Hochreiter & Schmidhuber 1997 with forget gates, in torch's order: input, forget, cell, output.
    """
    return Model(
        "bilstm",
        forward,
        init=init,
        dims={"nO": nO, "nI": nI},
        params={f"{direction}_{part}": None for direction in _DIRECTIONS for part in _PARTS},
    )


def forward(model: Model[InT, OutT], sequences: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    import torch

    ops = model.ops
    width = model.get_dim("nO") // 2
    lengths = [len(sequence) for sequence in sequences]
    flat = ops.flatten(sequences) if sum(lengths) else ops.alloc2f(0, model.get_dim("nI"))
    output: Any = ops.alloc2f(len(flat), 2 * width)
    weights = _torch_weights(model, is_train)
    runs: list[tuple[_Bucket, Any, Any]] = []
    for bucket in _buckets(lengths):
        for d, direction in enumerate(_DIRECTIONS):
            rows = bucket.rows if direction == "forward" else bucket.rows_reversed  # (time, n)
            inputs = xp2torch(flat[ops.xp.asarray(rows)], requires_grad=is_train)
            with torch.set_grad_enabled(is_train):
                states, _ = torch.func.functional_call(
                    _lstm(flat.shape[1], width, threading.get_ident()), weights[direction], (inputs,)
                )  # (time, n, width)
            real = ops.xp.asarray(bucket.real)
            here = ops.xp.asarray(rows[bucket.real])
            output[here, d * width : (d + 1) * width] = torch2xp(states.detach())[real]
            if is_train:
                runs.append((bucket, inputs, states))

    def backprop(d_output: OutT) -> InT:
        d_flat_output = ops.flatten(d_output) if sum(lengths) else ops.alloc2f(0, 2 * width)
        d_flat: Any = ops.alloc2f(*flat.shape)
        for i, (bucket, inputs, states) in enumerate(runs):
            d = i % 2
            rows = bucket.rows if d == 0 else bucket.rows_reversed
            real, here = ops.xp.asarray(bucket.real), ops.xp.asarray(rows[bucket.real])
            d_states: Any = ops.alloc3f(*states.shape)
            d_states[real] = d_flat_output[here, d * width : (d + 1) * width]
            torch.autograd.backward(states, grad_tensors=xp2torch(d_states))
            # a row stands once in each direction, so no two of these additions meet
            d_flat[here] += torch2xp(inputs.grad)[real]
        for direction in _DIRECTIONS:
            for part, torch_name in _PARTS.items():
                grad = weights[direction][torch_name].grad
                if grad is not None:
                    d_param: Any = torch2xp(grad)
                    model.inc_grad(f"{direction}_{part}", d_param)
        return ops.unflatten(d_flat, ops.asarray1i(lengths))

    return ops.unflatten(output, ops.asarray1i(lengths)), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", X[0].shape[1])
    width, n_inputs = model.get_dim("nO") // 2, model.get_dim("nI")
    bound = 1 / float(numpy.sqrt(width))
    for direction in _DIRECTIONS:
        model.set_param(f"{direction}_W", uniform_init(model.ops, (4 * width, n_inputs), lo=-bound, hi=bound))
        model.set_param(f"{direction}_R", uniform_init(model.ops, (4 * width, width), lo=-bound, hi=bound))
        bias: Any = model.ops.alloc1f(4 * width)
        bias[width : 2 * width] = 1  # the forget gate starts open (Jozefowicz et al. 2015)
        model.set_param(f"{direction}_b", bias)


class _Bucket(NamedTuple):
    """Sequences of like length. Rows past a sequence's end repeat its last row; `real` says which count."""

    rows: numpy.ndarray  # (time, n) flat row of each step
    rows_reversed: numpy.ndarray  # (time, n) the same, each sequence read from its end
    real: numpy.ndarray  # (time, n) bool


def _buckets(lengths: list[int]) -> list[_Bucket]:
    """Cut a batch, sorted by length, into runs such that padding and steps together cost least."""
    n = numpy.asarray(lengths, dtype="int64")
    starts = numpy.cumsum(n) - n
    order = numpy.argsort(-n, kind="stable")[: int((n > 0).sum())]
    buckets = []
    for begin, end in _cuts(n[order]):
        for first in range(begin, end, _MAX_BUCKET):
            members = order[first : min(end, first + _MAX_BUCKET)]
            step = numpy.arange(int(n[members[0]]))[:, None]
            last = n[members] - 1
            buckets.append(
                _Bucket(
                    rows=starts[members] + numpy.minimum(step, last),
                    rows_reversed=starts[members] + numpy.maximum(last - step, 0),
                    real=step <= last,
                )
            )
    return buckets


def _cuts(falling: numpy.ndarray) -> list[tuple[int, int]]:
    """The cheapest division of lengths, longest first, into runs [begin, end): a shortest path."""
    if not len(falling):
        return []
    firsts = numpy.flatnonzero(numpy.r_[True, falling[1:] != falling[:-1]])
    longest = falling[firsts]
    ends = numpy.r_[firsts[1:], len(falling)]
    best = numpy.full(len(firsts) + 1, numpy.inf)
    best[0] = 0
    came_from = numpy.zeros(len(firsts) + 1, dtype="int64")
    for i in range(len(firsts)):
        # a run that begins with length group i and ends after group i, i + 1, ...
        cost = best[i] + longest[i] * (ends[i:] - firsts[i] + _COST_OF_STEP) + _COST_OF_RUN
        better = cost < best[i + 1 :]
        best[i + 1 :][better] = cost[better]
        came_from[i + 1 :][better] = i
    cuts, group = [], len(firsts)
    while group:
        cuts.append((int(firsts[came_from[group]]), int(ends[group - 1])))
        group = int(came_from[group])
    return cuts[::-1]


@lru_cache(maxsize=64)
def _lstm(n_inputs: int, width: int, thread: int) -> Any:
    """torch's module for one direction, without weights of its own; one a thread, since each call swaps weights in."""
    import torch

    return torch.nn.LSTM(n_inputs, width, device="meta")


def _torch_weights(model: Model[InT, OutT], is_train: bool) -> dict[str, dict[str, Any]]:
    """The layer's parameters as torch leaves that share their memory, under torch's names."""
    import torch

    weights: dict[str, dict[str, Any]] = {}
    for direction in _DIRECTIONS:
        weights[direction] = {
            torch_name: xp2torch(model.get_param(f"{direction}_{part}"), requires_grad=is_train)
            for part, torch_name in _PARTS.items()
        }
        # torch adds two biases; ours is the first
        weights[direction]["bias_hh_l0"] = torch.zeros_like(weights[direction]["bias_ih_l0"], requires_grad=False)
    return weights
