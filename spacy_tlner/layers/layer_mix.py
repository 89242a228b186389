"""A trained mix of an encoder's layers."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d, Floats3d


def Mix(n_layers: int) -> Model[Floats3d, Floats2d]:
    """Layers (layers, n, width) mixed with trained weights that add up to 1, times a trained scale (n, width).

    Peters et al. 2018, equation 1. One layer is handed on as it is.
    """
    if n_layers == 1:
        return Model("layer_mix", _only)
    return Model(
        "layer_mix", _mix, init=_init_mix, params={"weights": None, "scale": None}, attrs={"n_layers": n_layers}
    )


def _only(model: Model, layers: Floats3d, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats3d]]:
    return layers[0], lambda d_output: d_output[None]


def _mix(model: Model, layers: Floats3d, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats3d]]:
    xp = model.ops.xp
    stacked: Any = layers
    scale: Any = model.get_param("scale")
    shares: Any = model.get_param("weights")
    shares = xp.exp(shares - shares.max())
    shares /= shares.sum()
    mixed = xp.tensordot(shares, stacked, axes=1)

    def backprop(d_output: Any) -> Any:
        model.inc_grad("scale", (d_output * mixed).sum(keepdims=True).reshape(1))
        d_shares = scale * xp.tensordot(stacked, d_output, axes=2)
        model.inc_grad("weights", shares * (d_shares - (shares * d_shares).sum()))
        return (scale * shares)[:, None, None] * d_output

    return mixed * scale, backprop


def _init_mix(model: Model, X: Any = None, Y: Any = None) -> None:
    one: Any = model.ops.alloc1f(1) + 1
    model.set_param("weights", model.ops.alloc1f(model.attrs["n_layers"]))
    model.set_param("scale", one)
