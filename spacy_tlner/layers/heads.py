"""Heads over one encoder: each maps states to emissions for its own label set and owns its own chain.

Which labels a head has is the component's business; here a head has a name and a number of tags.
"""

from collections.abc import Callable, Sequence
from typing import Any

from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d

from ..crf.layer import LinearChain

InT = list[Floats2d]
OutT = list[Floats2d]


def Heads() -> Model[InT, OutT]:
    """A row of heads; predicts with the active one. Input: states (tokens, width), output: emissions (tokens, tags)."""
    return Model("heads", forward, init=init, attrs={"names": [], "active": 0})


def forward(model: Model[InT, OutT], states: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    return model.layers[model.attrs["active"]](states, is_train)


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    for head in model.layers:
        head.initialize(X=X)


def Head(n_tags: int, width: int | None = None) -> Model[InT, OutT]:
    """Dropout, a linear layer (tags, width), and the chain; parts are refs `emission` and `crf`."""
    emission: Model = Linear(n_tags, width)
    emission.name = "emission"
    crf = LinearChain(n_tags)
    head: Model = chain(with_array(chain(Dropout(), emission)), crf)
    head.name = "head"
    head.set_ref("emission", emission)
    head.set_ref("crf", crf)
    return head


def set_head(heads: Model[InT, OutT], name: str, n_tags: int) -> Model[InT, OutT]:
    """Put a new head without weights under `name`, in the place of one of that name if there is one.

    The new head's nodes have new ids, so an optimizer keeps no moments of the old shape for them.
    """
    head = Head(n_tags)
    if heads.ops.device_type != "cpu":
        head.to_gpu(heads.ops.device_id)
    names = heads.attrs["names"]
    if name in names:
        heads.layers[names.index(name)] = head
    else:
        heads.layers.append(head)
        heads.attrs["names"] = [*names, name]
    return head


def get_head(heads: Model[InT, OutT], name: str) -> Model[InT, OutT]:
    """The head of that name; KeyError if there is none."""
    names = heads.attrs["names"]
    if name not in names:
        raise KeyError(name)
    return heads.layers[names.index(name)]


def copy_tags(
    old: Model[InT, OutT],
    new: Model[InT, OutT],
    rows: list[tuple[int, int]],
    parts: Sequence[str] = ("emission", "crf"),
) -> None:
    """Copy emission rows, transitions, start and end between two initialized heads of one width.

    rows: pairs (tag id in old, tag id in new), at least one. parts: "emission", "crf" or both.
    What no pair names keeps the new head's values.
    """
    xp = new.ops.xp
    theirs, ours = (xp.asarray(ids) for ids in zip(*rows))
    for node_name, param, is_square in (
        ("emission", "W", False),
        ("emission", "b", False),
        ("crf", "transitions", True),
        ("crf", "start", False),
        ("crf", "end", False),
    ):
        if node_name not in parts:
            continue
        source: Any = new.ops.asarray(old.get_ref(node_name).get_param(param))
        target: Any = new.get_ref(node_name).get_param(param).copy()
        if is_square:
            target[ours[:, None], ours] = source[theirs[:, None], theirs]
        else:
            target[ours] = source[theirs]
        new.get_ref(node_name).set_param(param, target)
