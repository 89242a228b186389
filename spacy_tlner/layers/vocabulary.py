"""The words that a word layer has seen in training, and how often; any other word is unknown to it.

A word layer is called "words" and has attrs "attr", "seen" (sorted), "counts" and "learned", and a param "unknown", the
vector of every word that it does not know. If it is a lookup layer, its "table" has a row for each seen word, in order.
"""

from typing import Any, Literal, get_args

import numpy
from thinc.api import Model
from thinc.initializers import uniform_init

from ..errors import Errors
from .types import Types

Attr = Literal["ORTH", "LOWER"]


def vocabulary_attrs(attr: Attr, unk_rate: float) -> dict[str, Any]:
    """The attrs of a layer that has seen nothing. Raises TL002 on an attr that is none."""
    if attr not in get_args(Attr):
        raise ValueError(Errors.TL002.format(attr=attr, expected=list(get_args(Attr))))
    return {"attr": attr, "unk_rate": unk_rate, "seen": _none(), "counts": _none(), "learned": False}


def word_keys(model: Model, types: Types) -> numpy.ndarray:
    """The (n,) uint64 keys under which the layer knows these types."""
    return types.orth if model.attrs["attr"] == "ORTH" else types.lower


def learn_vocabulary(model: Model, keys: numpy.ndarray, counts: numpy.ndarray | None = None) -> None:
    """Set which words count as seen, and how often.

    keys: (n,) uint64, as the layer's attr has them: the tokens of a training corpus, or words with their `counts` (n,).
    """
    seen, which = numpy.unique(keys, return_inverse=True)
    summed = numpy.bincount(which, weights=counts, minlength=len(seen)).astype("int64")
    if is_lookup(model) and model.has_param("table"):
        _fit_rows(model, seen)
    model.attrs.update(seen=seen, counts=summed, learned=True)


def take_words(model: Model, params: dict[str, Any], attrs: dict[str, Any]) -> None:
    """Copy the weights of another word layer and add what it has seen; counts add up.

    params, attrs: the other layer's. If either layer hashes words that it has not seen as well, so does this one then.
    In a lookup layer, words that the other one has not seen start as its unknown vector.
    """
    own = {name: model.attrs[name] for name in ("seen", "counts", "learned")}
    model.attrs.update({name: attrs[name] for name in own})
    for name, value in params.items():
        weights: Any = model.ops.asarray(value, dtype="float32").copy()
        model.set_param(name, weights)
    if own["learned"] and attrs["learned"]:
        both = (numpy.concatenate([attrs[name], own[name]]) for name in ("seen", "counts"))
        learn_vocabulary(model, *both)
    elif is_lookup(model):
        if own["learned"]:
            learn_vocabulary(model, own["seen"], own["counts"])
    else:
        forget_words(model)


def is_lookup(layer: Any) -> bool:
    """Whether the table of a word layer has a row for each seen word. layer: has `attrs`."""
    return "lookup" in layer.attrs


def counts_of(model: Model, keys: numpy.ndarray) -> numpy.ndarray:
    """(n,) int64, how often training had each of `keys`; 0 for words it never saw."""
    seen, counts = model.attrs["seen"], model.attrs["counts"]
    if not len(seen):
        return numpy.zeros(len(keys), dtype="int64")
    place = numpy.minimum(numpy.searchsorted(seen, keys), len(seen) - 1)
    return numpy.where(seen[place] == keys, counts[place], 0)


def drop_rare(model: Model, keys: numpy.ndarray, is_train: bool) -> numpy.ndarray:
    """(n,) bool, which of `keys` count as unknown: those not seen, and in training some that were seen rarely.

    A word that occurred c times is replaced with probability unk_rate / (unk_rate + c), drawn once a batch (Kiperwasser
    & Goldberg 2016, section 4.1); so the unknown vector is trained.
    """
    counts, rate = counts_of(model, keys), model.attrs["unk_rate"]
    unknown: numpy.ndarray = counts == 0
    if is_train and rate:
        unknown |= numpy.random.random(len(keys)) < rate / (rate + counts)
    return unknown


def random_rows(model: Model, n: int, n_summed: int = 1) -> Any:
    """(n, width) fresh rows; a sum of n_summed varies as U(-sqrt(3/width), +sqrt(3/width)) (Ma & Hovy 2016)."""
    width = model.get_dim("nO")
    bound = float(numpy.sqrt(3 / width / n_summed))
    return uniform_init(model.ops, (n, width), lo=-bound, hi=bound)


def forget_words(model: Model) -> None:
    """The layer has seen nothing: for fresh weights, which know no word of an earlier initialization."""
    model.attrs.update(seen=_none(), counts=_none(), learned=False)


def set_table(model: Model, table: Any) -> None:
    """Set the table of a lookup layer. One of another shape is another weight, so the layer gets a new id: under the
    old one thinc keeps a gradient, and optimizers moments and averages, of the old shape."""
    params = {name: model.get_param(name) for name in model.param_names if model.has_param(name)}
    if "table" in params and params["table"].shape != table.shape:
        # thinc keeps what stands under the old id
        if model.has_grad("table"):
            model.set_grad("table", table[:0])
        model.set_param("table", table[:0])
        with Model.global_id_lock:
            Model.global_id += 1
            model.id = Model.global_id
    for name, value in {**params, "table": table}.items():
        model.set_param(name, value)


def _fit_rows(model: Model, seen: numpy.ndarray) -> None:
    """A row for each of `seen`: the word's own, else the unknown vector, else at random if that is untrained."""
    table: Any = model.get_param("table")
    unknown: Any = model.get_param("unknown")
    had = model.attrs["seen"]
    fitted: Any = random_rows(model, len(seen))
    if bool(unknown.any()):
        fitted[:] = unknown
    _, old, new = numpy.intersect1d(had, seen, assume_unique=True, return_indices=True)
    fitted[new] = table[old]
    set_table(model, fitted)


def _none() -> numpy.ndarray:
    return numpy.zeros(0, dtype="uint64")
