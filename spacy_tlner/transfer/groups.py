"""Layer groups: the names by which users speak of parts of a tagger, in warm starts and learning rates."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from spacy.attrs import IDS
from spacy.language import Language
from thinc.api import Model

# Node names that are groups of their own; a node with weights under any other name belongs to the encoder.
_GROUP_OF_NODE = {
    "words": "words",
    "vectors": "vectors",
    "characters": "characters",
    "features": "features",
    "lexicon": "lexicon",
    "transformer": "transformer",
    "private": "private",
    "emission": "head",
    "crf": "transitions",
}
# what all heads have in common; "body" means all of these at once, in `layers` and in `GroupedAdam`
BODY_GROUPS = ("words", "vectors", "characters", "features", "lexicon", "transformer", "encoder")
BODY = "body"
GROUPS = (*BODY_GROUPS, "private", "head", "transitions")

_NAMES = {number: name for name, number in IDS.items()}  # of token attributes


def group_of(node_name: str) -> str:
    """The group of a layer with weights, by the name of its node."""
    return _GROUP_OF_NODE.get(node_name, "encoder")


def weighted(model: Model) -> Iterator[Model]:
    """The nodes with weights below `model`, in the order of its structure."""
    for node in model.walk(order="dfs_pre"):
        if node.param_names or any(shim._model is not None for shim in node.shims):
            yield node


def layer_groups(model: Model) -> dict[str, list[Model]]:
    """The nodes with weights below `model`, by group, each group in the order of the model's structure."""
    groups: dict[str, list[Model]] = {}
    for node in weighted(model):
        groups.setdefault(group_of(node.name), []).append(node)
    return {group: groups[group] for group in GROUPS if group in groups}


def tokens_read(nodes: Iterable[Any], attr: Callable[[Any, str], Any] = lambda node, key: node.attrs[key]) -> list[str]:
    """What encoders read of tokens: attributes, which of them each of spaCy's tables hashes by which seed, source tags.

    Settings of nodes that mean nothing by themselves, but without which weights mean nothing. nodes: of a model. attr:
    how a node gives one of its own.
    """
    reading = []
    for node in nodes:
        if node.name == "extract_features":
            reading.append(", ".join(_NAMES.get(column, column) for column in attr(node, "columns")))
        elif node.name == "hashembed":
            reading.append(f"column {attr(node, 'column')} by seed {attr(node, 'seed')}")
        elif node.name == "source_marginals":
            reading.append(f"{', '.join(attr(node, 'tags'))} of a source by {attr(node, 'scale')}")
    return reading


def parts_read(names: Iterable[str]) -> list[str]:
    """The groups that stand side by side below the encoder, in their order, on which the meaning of its weights rests.

    names: of the nodes that have weights, in the order of the model's structure.
    """
    groups = (group_of(name) for name in names)
    return [group for group, _ in groupby(groups) if group in BODY_GROUPS and group != "encoder"]


def inputs_added(model: Model) -> list[int]:
    """How many residual connections are around each layer of the group "encoder", in the order of `layer_groups`."""
    found = []

    def walk(node: Model, above: int) -> None:
        if (node.param_names or node.shims) and group_of(node.name) == "encoder":
            found.append(above)
        # thinc names the node after what it wraps
        inside = above + node.name.startswith("residual(")
        for layer in node.layers:
            walk(layer, inside)

    walk(model, 0)
    return found


def listeners(model: Model) -> list[Any]:
    """The nodes that hand on what a shared tok2vec or transformer computes."""
    return [node for node in model.walk() if hasattr(node, "upstream_name")]


def upstream_of(listener: Any, nlp: Language) -> Any | None:
    """The pipe that a listener listens to; None if the pipeline has none.

    Disabled pipes count: while others are initialized, spaCy disables those that were sourced or are frozen.
    """
    named = [
        pipe
        for name, pipe in nlp.components
        if hasattr(pipe, "find_listeners") and listener.upstream_name in ("*", name)
    ]
    # "*" means any pipe of the listener's own kind; only spaCy knows kinds, and it has linked what it knows
    linked = [pipe for pipe in named if any(known is listener for known in getattr(pipe, "listeners", ()))]
    return next(iter(linked + named), None)


def fresh_upstreams(model: Model, nlp: Language | None) -> Iterator[Model]:
    """The models of the pipes that `model` listens to, but for disabled ones: those came with weights."""
    if nlp is None:
        return
    for listener in listeners(model):
        pipe = upstream_of(listener, nlp)
        if pipe is not None and any(pipe is enabled for _, enabled in nlp.pipeline):
            yield pipe.model
