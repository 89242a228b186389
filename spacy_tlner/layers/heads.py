"""Heads over one encoder: each maps states to emissions for its own label set and owns its own chain.

Which labels a head has is the component's business; here a head has a name and a number of tags.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d

from ..crf.layer import LinearChain
from .head_input import HeadInput, read_head

InT = list[Floats2d]
OutT = list[Floats2d]


def Heads(private_width: int = 0, reads: Mapping[str, str] | None = None) -> Model[InT, OutT]:
    """A row of heads; predicts with the active one. Input: states (tokens, width), output: emissions (tokens, tags).

    private_width, reads: {head: another head}: see `head_input`, of every head and of those that are named.
    """
    attrs: dict[str, Any] = {"names": [], "active": 0, "private_width": private_width, "reads": dict(reads or {})}
    return Model("heads", forward, init=init, attrs=attrs)


def forward(model: Model[InT, OutT], states: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    return model.layers[model.attrs["active"]](states, is_train)


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    # a head that reads another comes after it
    for head in sorted(model.layers, key=_reads_other):
        head.initialize(X=X)


def Head(n_tags: int, width: int | None = None, read: Model[InT, OutT] | None = None) -> Model[InT, OutT]:
    """Dropout, a linear layer (tags, width), and the chain; parts are refs `emission` and `crf`.

    read: what comes before (`head_input`), the ref `input`.
    """
    emission: Model = Linear(n_tags, width)
    emission.name = "emission"
    crf = LinearChain(n_tags)
    scores: Model = with_array(chain(Dropout(), emission))
    head: Model = chain(scores, crf) if read is None else chain(read, scores, crf)
    head.name = "head"
    head.set_ref("input", read)
    head.set_ref("emission", emission)
    head.set_ref("crf", crf)
    return head


def set_head(heads: Model[InT, OutT], name: str, n_tags: int) -> Model[InT, OutT]:
    """Put a new head without weights under `name`, in the place of one of that name if there is one.

    The new head's nodes have new ids, so an optimizer keeps no moments of the old shape for them.
    """
    width, reads = heads.attrs["private_width"], name in heads.attrs["reads"]
    head = Head(n_tags, read=HeadInput(width, reads) if width or reads else None)
    if heads.ops.device_type != "cpu":
        head.to_gpu(heads.ops.device_id)
    names = heads.attrs["names"]
    if name in names:
        heads.layers[names.index(name)] = head
    else:
        heads.layers.append(head)
        heads.attrs["names"] = [*names, name]
    return head


def link_heads(heads: Model[InT, OutT]) -> None:
    """Let heads that read another one read it as it is now. Raises KeyError if it is not there."""
    for name, other in heads.attrs["reads"].items():
        if name in heads.attrs["names"]:
            read_head(get_head(heads, name).get_ref("input"), get_head(heads, other))


def replace_head(heads: Model[InT, OutT], name: str, n_tags: int) -> tuple[Model[InT, OutT], Model[InT, OutT]]:
    """Put an initialized head of another number of tags in the place of one with weights; returns the old and the new.

    What it reads beside the states is as it was; emissions and chain are fresh (`copy_tags` brings back what stays).
    """
    old, new = get_head(heads, name), set_head(heads, name, n_tags)
    new.get_ref("emission").set_dim("nI", old.get_ref("emission").get_dim("nI"))
    pairs = list(zip(private_layers(old), private_layers(new)))
    for theirs, ours in pairs:
        ours.set_dim("nI", theirs.get_dim("nI"))
    new.initialize()
    for theirs, ours in pairs:
        for param in theirs.param_names:
            ours.set_param(param, theirs.get_param(param).copy())
    link_heads(heads)
    return old, new


def _reads_other(head: Model[InT, OutT]) -> bool:
    return bool(head.has_ref("input") and head.get_ref("input").has_ref("other"))


def private_layers(head: Model[InT, OutT]) -> list[Model]:
    """The private layer of a head, or none."""
    return [layer for layer in head.get_ref("input").layers if layer.name == "private"] if head.has_ref("input") else []


def width_without_tags(head: Model[InT, OutT]) -> int:
    """Of the input of an initialized head, but for the other head's tags, which come last."""
    width = head.get_ref("emission").get_dim("nI")
    return width - head.get_ref("input").get_ref("other").layers[-1].get_dim("nO") if _reads_other(head) else width


def get_head(heads: Model[InT, OutT], name: str) -> Model[InT, OutT]:
    """The head of that name; KeyError if there is none."""
    names = heads.attrs["names"]
    if name not in names:
        raise KeyError(name)
    return heads.layers[names.index(name)]


def has_weights(head: Model[InT, OutT]) -> bool:
    """Whether it was initialized, or loaded."""
    return bool(head.get_ref("crf").has_param("start"))


def copy_tags(
    old: Model[InT, OutT],
    new: Model[InT, OutT],
    rows: list[tuple[int, int]],
    parts: Sequence[str] = ("emission", "crf"),
    columns: list[tuple[int, int]] | None = None,
) -> None:
    """Copy emission rows, transitions, start and end between two initialized heads.

    rows: pairs (tag id in old, tag id in new), at least one. parts: "emission", "crf" or both. columns: likewise pairs,
    of what the emissions are made from; None where both heads read the same. What no pair names keeps the new head's
    values.
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
        elif param == "W" and columns is not None:
            old_columns, new_columns = (xp.asarray(ids) for ids in zip(*columns))
            target[ours[:, None], new_columns] = source[theirs[:, None], old_columns]
        else:
            target[ours] = source[theirs]
        new.get_ref(node_name).set_param(param, target)
