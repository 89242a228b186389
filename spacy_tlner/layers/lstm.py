"""Two one-way LSTMs over the rows of many sequences, whose weights are thinc's and whose arithmetic is torch's.

The second LSTM reads each sequence reversed and left-aligned, so neither ever reads padding before a row: no packing
is needed and the states of a sequence do not depend on its batch.
"""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy
from thinc.api import Model, torch2xp, xp2torch
from thinc.initializers import uniform_init
from thinc.types import Floats2d

from .precision import Precision, training_dtype

_DIRECTIONS = ("forward", "backward")
_PARTS = {"W": "weight_ih_l0", "R": "weight_hh_l0", "b": "bias_ih_l0"}  # our names: torch's
# What a run costs, counted in sequence-steps: each time step as much as this many more sequences, each run
# as much as this many more. The first was read off oneDNN's LSTM on one core (200 states a direction, 4 to 64
# sequences), the second is an estimate of the call's own overhead.
_COST_OF_STEP = 5
_COST_OF_RUN = 40

LSTM_PARAMS = tuple(f"{direction}_{part}" for direction in _DIRECTIONS for part in _PARTS)


def init_lstm(model: Model, n_inputs: int, width: int) -> None:
    """Fresh weights for both directions of `width` states each, under the names `LSTM_PARAMS`."""
    bound = 1 / float(numpy.sqrt(width))
    for direction in _DIRECTIONS:
        model.set_param(f"{direction}_W", uniform_init(model.ops, (4 * width, n_inputs), lo=-bound, hi=bound))
        model.set_param(f"{direction}_R", uniform_init(model.ops, (4 * width, width), lo=-bound, hi=bound))
        bias: Any = model.ops.alloc1f(4 * width)
        bias[width : 2 * width] = 1  # the forget gate starts open (Jozefowicz et al. 2015)
        model.set_param(f"{direction}_b", bias)


def read_both_ways(
    model: Model,
    flat: Floats2d,
    lengths: Sequence[int],
    is_train: bool,
    *,
    ends_only: bool = False,
    max_run: int = 64,
    precision: Precision = "float32",
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """States of both directions side by side, and the way back, which adds to the gradients of `model`.

    model: holds `LSTM_PARAMS`. flat: (rows, inputs), the sequences one after the other. lengths: of the sequences.
    Output: (rows, 2 * width); with ends_only (sequences, 2 * width), what each direction says when it has read all
    of a sequence, zeros for one without rows. max_run: sequences read at once; with some hundred states a direction
    more fall out of the processor's cache in training. precision: of the products in training; the states between them
    are then rounded too.
    """
    import torch

    ops = model.ops
    recurrent: Any = model.get_param("forward_R")  # (4 * width, width)
    width = recurrent.shape[1]
    output: Any = ops.alloc2f(len(lengths) if ends_only else len(flat), 2 * width)
    dtype = training_dtype(precision, is_train)
    leaves = _torch_weights(model, is_train)
    with torch.set_grad_enabled(is_train):
        weights = {d: {part: leaf.to(dtype) for part, leaf in of.items()} for d, of in leaves.items()}
    runs: list[tuple[_Bucket, Any, Any]] = []
    for bucket in _buckets(lengths, max_run):
        for d, direction in enumerate(_DIRECTIONS):
            rows = bucket.rows if direction == "forward" else bucket.rows_reversed  # (time, n)
            inputs = xp2torch(flat[ops.xp.asarray(rows)], requires_grad=is_train)
            with torch.set_grad_enabled(is_train):
                states, _ = torch.func.functional_call(
                    _lstm(flat.shape[1], width, threading.get_ident()), weights[direction], (inputs.to(dtype),)
                )  # (time, n, width)
                states = states.float()
            here, there = _places(bucket, rows, ends_only, ops.xp)
            output[there, d * width : (d + 1) * width] = torch2xp(states.detach())[here]
            if is_train:
                runs.append((bucket, inputs, states))

    def backprop(d_output: Floats2d) -> Floats2d:
        d_flat: Any = ops.alloc2f(*flat.shape)
        for i, (bucket, inputs, states) in enumerate(runs):
            d = i % 2
            rows = bucket.rows if d == 0 else bucket.rows_reversed
            here, there = _places(bucket, rows, ends_only, ops.xp)
            d_states: Any = ops.alloc3f(*states.shape)
            d_states[here] = d_output[there, d * width : (d + 1) * width]
            torch.autograd.backward(states, grad_tensors=xp2torch(d_states))
            real = ops.xp.asarray(bucket.real)
            # a row stands once in each direction, so no two of these additions meet
            d_flat[ops.xp.asarray(rows[bucket.real])] += torch2xp(inputs.grad)[real]
        for direction in _DIRECTIONS:
            for part, torch_name in _PARTS.items():
                grad = leaves[direction][torch_name].grad
                if grad is not None:
                    d_param: Any = torch2xp(grad)
                    model.inc_grad(f"{direction}_{part}", d_param)
        return d_flat

    return output, backprop


class _Bucket(NamedTuple):
    """Sequences of like length. Rows past a sequence's end repeat its last row; `real` says which count."""

    members: numpy.ndarray  # (n,) which sequences
    last: numpy.ndarray  # (n,) their last steps
    rows: numpy.ndarray  # (time, n) flat row of each step
    rows_reversed: numpy.ndarray  # (time, n) the same, each sequence read from its end
    real: numpy.ndarray  # (time, n) bool


def _places(bucket: _Bucket, rows: numpy.ndarray, ends_only: bool, xp: Any) -> tuple[Any, Any]:
    """Where the wanted states stand in a run (time, n), and the rows of the output that they are."""
    if ends_only:
        return (xp.asarray(bucket.last), xp.arange(len(bucket.last))), xp.asarray(bucket.members)
    return xp.asarray(bucket.real), xp.asarray(rows[bucket.real])


def _buckets(lengths: Sequence[int], max_run: int) -> list[_Bucket]:
    """Cut a batch, sorted by length, into runs such that padding and steps together cost least."""
    n = numpy.asarray(lengths, dtype="int64")
    starts = numpy.cumsum(n) - n
    order = numpy.argsort(-n, kind="stable")[: int((n > 0).sum())]
    buckets = []
    for begin, end in _cuts(n[order]):
        for first in range(begin, end, max_run):
            members = order[first : min(end, first + max_run)]
            step = numpy.arange(int(n[members[0]]))[:, None]
            last = n[members] - 1
            buckets.append(
                _Bucket(
                    members=members,
                    last=last,
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


def _torch_weights(model: Model, is_train: bool) -> dict[str, dict[str, Any]]:
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
