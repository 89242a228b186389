"""Word vectors from a table with a row for each word that training saw, and one shared vector for all others."""

from collections.abc import Callable
from typing import Any

import numpy
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from .types import Types
from .vocabulary import Attr, drop_rare, forget_words, random_rows, set_table, vocabulary_attrs, word_keys

InT = Types
OutT = Floats2d


def LookupWords(width: int, attr: Attr, unk_rate: float) -> Model[InT, OutT]:
    """Words by lookup, (types, width). The table grows with the vocabulary (`vocabulary.learn_vocabulary`).

    Words outside it share the row `unknown`, trained by `vocabulary.drop_rare`. Raises TL002 on another attr, and TL045
    in training before any vocabulary was learned.
    """
    return Model(
        "words",
        forward,
        init=init,
        dims={"nO": width},
        params={"table": None, "unknown": None},
        attrs={**vocabulary_attrs(attr, unk_rate), "lookup": True},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    if is_train and not model.attrs["learned"]:
        raise ValueError(Errors.TL045)
    ops = model.ops
    table: Any = model.get_param("table")
    keys = word_keys(model, types)
    is_known = ~drop_rare(model, keys, is_train)
    known = ops.xp.asarray(is_known)
    rows = ops.xp.asarray(numpy.searchsorted(model.attrs["seen"], keys[is_known]))
    vectors: Any = ops.alloc2f(len(keys), model.get_dim("nO"))
    vectors[:] = model.get_param("unknown")
    vectors[known] = table[rows]

    def backprop(d_vectors: OutT) -> list:
        model.inc_grad("unknown", d_vectors[~known].sum(axis=0))
        # a table is large and the rows of a batch are few: to a gradient that stands there, those alone are added
        d_table: Any = model.maybe_get_grad("table")
        if d_table is None or d_table.shape != table.shape:  # of a table that another one was loaded over
            d_table = ops.alloc2f(*table.shape)
        ops.scatter_add(d_table, rows.astype("int32"), d_vectors[known])
        model.set_grad("table", d_table)
        return []

    return vectors, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    forget_words(model)
    set_table(model, random_rows(model, 0))
    model.set_param("unknown", model.ops.alloc1f(model.get_dim("nO")))
