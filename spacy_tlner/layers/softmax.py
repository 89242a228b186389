"""The decoder of a language model: a softmax over many words, cheap because most tokens are of a few words.

Adaptive softmax (Grave et al. 2017): the most frequent classes and one class for each cluster of rarer ones share a
first softmax; a cluster has a softmax of its own over a narrower projection, computed for the tokens that fall in it.
"""

from collections.abc import Sequence
from typing import Any

from thinc.api import Model, torch2xp, xp2torch
from thinc.initializers import glorot_uniform_init
from thinc.types import Floats2d, Ints1d

from .precision import Precision, training_dtype

InT = list[Floats2d]
OutT = list[Floats2d]
_ROUND = 128


def AdaptiveSoftmax(
    nO: int, nI: int, cutoffs: Sequence[int], shrink: float = 4.0, precision: Precision = "float32"
) -> Model[InT, OutT]:
    """The layer that owns the weights. Its forward is the identity; the loss comes from `softmax_loss`.

    nO: classes, most frequent first. nI: width of a state. cutoffs: where clusters begin, rising, each in (0, nO);
    class i is in the first softmax if i < cutoffs[0]. shrink: the projection of the k-th cluster is nI / shrink^k wide.
    precision: of scores and products in training; weights, their gradients' sums and evaluation are float32 always.
    """
    edges = [c for c in cutoffs if c < nO]
    edges = [*edges, nO] if edges else [nO]
    params = ["head_W", "head_b", *(f"{kind}_{k}" for k in range(1, len(edges)) for kind in ("down", "W"))]
    return Model(
        "decoder",
        forward,
        init=init,
        dims={"nO": nO, "nI": nI},
        params=dict.fromkeys(params),
        attrs={"edges": edges, "shrink": float(shrink), "precision": precision},
    )


def forward(model: Model[InT, OutT], states: InT, is_train: bool) -> tuple[OutT, Any]:
    return states, lambda d_states: d_states


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    edges, width = model.attrs["edges"], model.get_dim("nI")
    shapes = {"head_W": (edges[0] + len(edges) - 1, width)}
    for k in range(1, len(edges)):
        narrow = max(1, int(width / model.attrs["shrink"] ** k))
        shapes |= {f"down_{k}": (narrow, width), f"W_{k}": (edges[k] - edges[k - 1], narrow)}
    for name, shape in shapes.items():
        weights: Any = glorot_uniform_init(model.ops, shape)
        model.set_param(name, weights)
    model.set_param("head_b", model.ops.alloc1f(shapes["head_W"][0]))


def softmax_loss(
    model: Model[InT, OutT], states: Floats2d, targets: Ints1d, *, is_train: bool = True
) -> tuple[float, Floats2d]:
    """The sum of -log P(target), in nats, and the gradient of its mean with respect to `states`.

    states: (n, nI). targets: (n,) classes. In training the layer's own gradients grow by those of the mean; otherwise
    nothing is changed and the gradient is zero.
    """
    import torch
    from torch.nn.functional import cross_entropy, linear

    edges, n = model.attrs["edges"], len(targets)
    if not n:
        return 0.0, states
    with torch.set_grad_enabled(is_train):
        inputs = xp2torch(states, requires_grad=is_train)
        weights = {name: xp2torch(model.get_param(name), requires_grad=is_train) for name in model.param_names}
        # in bfloat16 a score of 8 is known to 0.03
        dtype = training_dtype(model.attrs["precision"], is_train)
        x, w = inputs.to(dtype), {name: weight.to(dtype) for name, weight in weights.items()}
        classes = xp2torch(targets).long()
        first = classes.clone()
        losses = []
        for k in range(1, len(edges)):
            inside = torch.nonzero((classes >= edges[k - 1]) & (classes < edges[k])).flatten()
            first[inside] = edges[0] + k - 1
            if len(inside):
                rows, wanted = _padded(x[inside], classes[inside] - edges[k - 1])
                scores = linear(linear(rows, w[f"down_{k}"]), w[f"W_{k}"])
                losses.append(cross_entropy(scores, wanted, reduction="sum"))
        rows, wanted = _padded(x, first)
        scores = linear(rows, w["head_W"], w["head_b"])
        loss = sum(losses, cross_entropy(scores, wanted, reduction="sum"))
    if not is_train:
        return float(loss), model.ops.alloc2f(*states.shape)
    (loss / n).backward()
    for name, weight in weights.items():
        if weight.grad is not None:
            gradient: Any = torch2xp(weight.grad)
            model.inc_grad(name, gradient)
    gradients: Any = inputs.grad
    d_states: Any = torch2xp(gradients)
    return float(loss.detach()), d_states


def _padded(rows: Any, targets: Any) -> tuple[Any, Any]:
    """Rows of zeros, whose targets do not count, up to a round number: torch prepares a product once for each shape,
    which takes longer than the product itself."""
    from torch.nn.functional import pad

    missing = -len(rows) % _ROUND
    return pad(rows, (0, 0, 0, missing)), pad(targets, (0, missing), value=-100)
