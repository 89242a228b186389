"""All that a run of pretraining needs to go on as if it had never stopped: weights, optimizer, chance, position."""

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import srsly
import torch
from thinc.api import Model, Optimizer

from ..errors import Errors
from ..files import write_whole


@dataclass
class Position:
    """epoch and batch: those to come next. step: updates so far. words: seen so far. best: lowest dev perplexity."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    words: int = 0
    best: float = float("inf")


def save(
    path: Path, model: Model, optimizer: Optimizer, position: Position, epoch_chance: Any, settings: dict[str, Any]
) -> None:
    """Write a checkpoint, whole or not at all.

    epoch_chance: `chance()` as it was when the epoch began. settings: of the run, for whoever resumes it.
    """
    state = {
        "position": asdict(position),
        "words": model.attrs["words"],
        "tok2vec": model.get_ref("tok2vec").to_bytes(),
        "decoder": model.get_ref("decoder").to_bytes(),
        "optimizer": _optimizer_state(model, optimizer),
        "chance": chance(),
        "epoch_chance": epoch_chance,
        "settings": settings,
    }
    write_whole(path, srsly.msgpack_dumps(state))


def load(path: Path, model: Model, optimizer: Optimizer) -> tuple[Position, Any, Any, dict[str, Any]]:
    """Set weights and optimizer from a checkpoint. Where to go on, `chance` when the epoch began and now, the settings.

    Raises TL604 on a file that is no checkpoint, or one of another model.
    """
    try:
        state = srsly.msgpack_loads(path.read_bytes())
        position = Position(**state["position"])
        if not numpy.array_equal(state["words"], model.attrs["words"]):
            raise ValueError("its word list is another one")
        model.get_ref("tok2vec").from_bytes(state["tok2vec"])
        model.get_ref("decoder").from_bytes(state["decoder"])
        _set_optimizer_state(model, optimizer, state["optimizer"], position.step)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(Errors.TL604.format(path=path, reason=error)) from error
    return position, state["epoch_chance"], state["chance"], state.get("settings", {})


def read_position(path: Path) -> tuple[Position, dict[str, Any]] | None:
    """Where the run of a checkpoint stands, and its settings; None if there is none that can be read."""
    try:
        state = srsly.msgpack_loads(path.read_bytes())
        return Position(**state["position"]), state["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def chance() -> dict[str, Any]:
    """The state of every random generator that training draws from, on the CPU."""
    version, numbers, gauss = random.getstate()
    name, keys, pos, has_gauss, cached = numpy.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, numpy.asarray(keys), int(pos), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state().numpy(),
    }


def set_chance(state: dict[str, Any]) -> None:
    """Put every generator into the state that `chance` returned."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, pos, has_gauss, cached = state["numpy"]
    numpy.random.set_state((name, numpy.asarray(keys), pos, has_gauss, cached))
    torch.set_rng_state(torch.from_numpy(numpy.array(state["torch"])))


def _keys(model: Model) -> dict[tuple[int, str], str]:
    """The optimizer's key of each parameter, and a name for it that holds in every process."""
    return {
        (node.id, name): f"{i}.{node.name}.{name}"
        for i, node in enumerate(model.walk(order="dfs_pre"))
        for name in node.param_names
    }


def _optimizer_state(model: Model, optimizer: Optimizer) -> dict[str, dict[str, Any]]:
    names = _keys(model)
    parts: dict[str, Any] = {"mom1": optimizer.mom1, "mom2": optimizer.mom2, "averages": optimizer.averages or {}}
    state = {
        part: {names[key]: model.ops.to_numpy(value) for key, value in of.items() if key in names}
        for part, of in parts.items()
    }
    return {**state, "nr_update": {names[key]: n for key, n in optimizer.nr_update.items() if key in names}}


def _set_optimizer_state(model: Model, optimizer: Optimizer, state: dict[str, Any], steps: int) -> None:
    keys = {name: key for key, name in _keys(model).items()}
    for part in ("mom1", "mom2", "averages"):
        of = getattr(optimizer, part)
        if of is not None:
            of.update({keys[name]: model.ops.xp.array(value) for name, value in state[part].items()})
    optimizer.nr_update.update({keys[name]: n for name, n in state["nr_update"].items()})
    for _ in range(steps):
        optimizer.step_schedules()
