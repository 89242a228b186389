"""The thinc layer that owns the parameters of a chain. Its forward is the identity: scores come from inference."""

from collections.abc import Callable

from thinc.api import Model
from thinc.types import Floats2d

from .chain import Chain
from .loss import ChainLoss
from .packing import Array

InT = list[Floats2d]
OutT = list[Floats2d]


def LinearChain(nO: int | None = None) -> Model[InT, OutT]:
    """Transitions (nO, nO), start (nO,) and end (nO,) scores, all zero at first.

    Input and output: emissions, (tokens, nO) a document, unchanged.
    """
    return Model("crf", forward, init=init, dims={"nO": nO}, params={"transitions": None, "start": None, "end": None})


def forward(model: Model[InT, OutT], emissions: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    return emissions, lambda d_emissions: d_emissions


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    if model.has_dim("nO") is None and X:
        model.set_dim("nO", X[0].shape[1])
    n_tags = model.get_dim("nO")
    model.set_param("transitions", model.ops.alloc2f(n_tags, n_tags))
    model.set_param("start", model.ops.alloc1f(n_tags))
    model.set_param("end", model.ops.alloc1f(n_tags))


def chain_of(model: Model[InT, OutT], legal: Array, legal_start: Array, legal_end: Array) -> Chain:
    """The chain to run inference on: the layer's scores beside masks of what is legal, on the layer's device."""
    return Chain(
        transitions=model.get_param("transitions"),
        start=model.get_param("start"),
        end=model.get_param("end"),
        legal=model.ops.asarray(legal),
        legal_start=model.ops.asarray(legal_start),
        legal_end=model.ops.asarray(legal_end),
    )


def add_gradient(model: Model[InT, OutT], loss: ChainLoss) -> None:
    """Add the gradients of transitions, start and end to the layer's."""
    model.inc_grad("transitions", loss.d_transitions)
    model.inc_grad("start", loss.d_start)
    model.inc_grad("end", loss.d_end)
