"""A gate between what a layer says and what it was given (Srivastava, Greff & Schmidhuber 2015)."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.initializers import glorot_uniform_init
from thinc.types import Floats2d

InT = list[Floats2d]
OutT = list[Floats2d]
# Below zero, so that at first most of the input passes through (section 2.2 of the paper: -1 to -3).
_FIRST_BIAS = -1.0


def Highway(layer: Model[InT, OutT], width: int) -> Model[InT, OutT]:
    """t * layer(x) + (1 - t) * x with t = sigmoid(W x + b), all (rows, width) a sequence."""
    return Model(
        "highway", forward, init=init, layers=[layer], dims={"nO": width, "nI": width}, params={"W": None, "b": None}
    )


def forward(model: Model[InT, OutT], sequences: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    ops = model.ops
    lengths = ops.asarray1i([len(sequence) for sequence in sequences])
    x: Any = _flat(model, sequences)  # (rows, width)
    W: Any = model.get_param("W")
    hidden, backprop_layer = model.layers[0](sequences, is_train)
    h: Any = _flat(model, hidden)
    t: Any = ops.sigmoid(ops.gemm(x, W, trans2=True) + model.get_param("b"))

    def backprop(d_output: OutT) -> InT:
        dy: Any = _flat(model, d_output)
        da = dy * (h - x) * t * (1 - t)
        model.inc_grad("W", ops.gemm(da, x, trans1=True))
        model.inc_grad("b", da.sum(axis=0))
        dx: Any = _flat(model, backprop_layer(ops.unflatten(dy * t, lengths)))
        return ops.unflatten(dx + dy * (1 - t) + ops.gemm(da, W), lengths)

    return ops.unflatten(x + t * (h - x), lengths), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    width = model.get_dim("nO")
    model.layers[0].initialize(X=X)
    model.set_param("W", glorot_uniform_init(model.ops, (width, width)))
    bias: Any = model.ops.alloc1f(width)
    bias += _FIRST_BIAS
    model.set_param("b", bias)


def _flat(model: Model[InT, OutT], sequences: list[Floats2d]) -> Floats2d:
    # ops.flatten needs a sequence to know the width
    return model.ops.flatten(sequences) if any(map(len, sequences)) else model.ops.alloc2f(0, model.get_dim("nO"))
