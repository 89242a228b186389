"""Word vectors by hashing, with one shared vector for words that training never saw."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy
from thinc.api import Model
from thinc.initializers import uniform_init
from thinc.types import Floats2d
from thinc.util import partial

from ..errors import Errors
from .types import Types

InT = Types
OutT = Floats2d
Attr = Literal["ORTH", "LOWER"]
# Each word is the sum of this many rows, as in thinc's HashEmbed: two words that share one row differ in the rest.
_N_HASHES = 4


def HashWords(width: int, rows: int, attr: Attr, unk_rate: float, nO: int | None = None) -> Model[InT, OutT]:
    """Hash-embedded words, (types, width).

    Once a vocabulary was learned (`learn_vocabulary`), words outside it share the row `unknown`, which is trained by
    replacing a word that occurred c times in training with probability unk_rate / (unk_rate + c), drawn once a
    batch (Kiperwasser & Goldberg 2016, section 4.1). Before that, every word is embedded. attr: which spelling is
    the word, "ORTH" or "LOWER". Raises TL002 on another attr.
    """
    if attr not in get_args(Attr):
        raise ValueError(Errors.TL002.format(attr=attr, expected=list(get_args(Attr))))
    return Model(
        "words",
        forward,
        init=init,
        dims={"nO": width, "nV": rows},
        params={"table": None, "unknown": None},
        attrs={"attr": attr, "unk_rate": unk_rate, "seed": 0, "seen": _none(), "counts": _none(), "learned": False},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    ops, attrs = model.ops, model.attrs
    table: Any
    unknown: Any
    table, unknown = model.get_param("table"), model.get_param("unknown")
    keys = word_keys(model, types)
    is_unknown = numpy.zeros(len(keys), dtype=bool)
    if attrs["learned"]:
        counts = counts_of(model, keys)
        is_unknown = counts == 0
        if is_train and attrs["unk_rate"]:
            is_unknown |= numpy.random.random(len(keys)) < attrs["unk_rate"] / (attrs["unk_rate"] + counts)
    rows: Any = ops.hash(ops.xp.asarray(keys), attrs["seed"]) % table.shape[0]  # (types, hashes)
    unknown_rows = ops.xp.asarray(is_unknown)
    vectors = table[rows[:, 0]]
    for i in range(1, _N_HASHES):
        vectors += table[rows[:, i]]
    vectors[unknown_rows] = unknown

    def backprop(d_vectors: OutT) -> list:
        model.inc_grad("unknown", d_vectors[unknown_rows].sum(axis=0))
        d_known = d_vectors[~unknown_rows]
        d_table = ops.alloc2f(*table.shape)
        for i in range(_N_HASHES):
            ops.scatter_add(d_table, ops.asarray1i(rows[~unknown_rows, i]), d_known)
        model.inc_grad("table", d_table)
        return []

    return vectors, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    # The sum of the hashed rows starts with the variance of U(-sqrt(3/width), +sqrt(3/width)) (Ma & Hovy 2016).
    width = model.get_dim("nO")
    bound = float(numpy.sqrt(3 / width / _N_HASHES))
    make = partial(uniform_init, lo=-bound, hi=bound)
    model.set_param("table", make(model.ops, (model.get_dim("nV"), width)))
    model.set_param("unknown", model.ops.alloc1f(width))


def word_keys(model: Model[InT, OutT], types: InT) -> numpy.ndarray:
    """The (n,) uint64 keys under which the layer knows these types."""
    return types.orth if model.attrs["attr"] == "ORTH" else types.lower


def learn_vocabulary(model: Model[InT, OutT], keys: numpy.ndarray, counts: numpy.ndarray | None = None) -> None:
    """Set which words count as seen, and how often.

    keys: (n,) uint64, as the layer's attr has them: the tokens of a training corpus, or words with their `counts` (n,).
    """
    seen, which = numpy.unique(keys, return_inverse=True)
    summed = numpy.bincount(which, weights=counts, minlength=len(seen)).astype("int64")
    model.attrs.update(seen=seen, counts=summed, learned=True)


def unite_vocabularies(model: Model[InT, OutT], other: Model[InT, OutT]) -> None:
    """Add what `other` has seen; counts add up. If either embeds every word, so does the outcome."""
    add_vocabulary(model, other.attrs["seen"], other.attrs["counts"], learned=other.attrs["learned"])


def add_vocabulary(model: Model[InT, OutT], keys: numpy.ndarray, counts: numpy.ndarray, *, learned: bool) -> None:
    """Add words (n,) with counts (n,) to those seen. learned: whether their layer tells seen words from others."""
    ours = model.attrs
    if not (ours["learned"] and learned):
        model.attrs.update(seen=_none(), counts=_none(), learned=False)
        return
    learn_vocabulary(model, numpy.concatenate([ours["seen"], keys]), numpy.concatenate([ours["counts"], counts]))


def counts_of(model: Model[InT, OutT], keys: numpy.ndarray) -> numpy.ndarray:
    """(n,) int64, how often training had each of `keys`; 0 for words it never saw."""
    seen, counts = model.attrs["seen"], model.attrs["counts"]
    if not len(seen):
        return numpy.zeros(len(keys), dtype="int64")
    place = numpy.minimum(numpy.searchsorted(seen, keys), len(seen) - 1)
    return numpy.where(seen[place] == keys, counts[place], 0)


def _none() -> numpy.ndarray:
    return numpy.zeros(0, dtype="uint64")
