"""Word vectors by hashing, with one shared vector for words that training never saw."""

from collections.abc import Callable
from typing import Any

import numpy
from thinc.api import Model
from thinc.types import Floats2d

from .types import Types
from .vocabulary import Attr, drop_rare, forget_words, random_rows, vocabulary_attrs, word_keys

InT = Types
OutT = Floats2d
# Each word is the sum of this many rows, as in thinc's HashEmbed: two words that share one row differ in the rest.
_N_HASHES = 4


def HashWords(width: int, rows: int, attr: Attr, unk_rate: float) -> Model[InT, OutT]:
    """Hash-embedded words, (types, width).

    Once a vocabulary was learned (`learn_vocabulary`), words outside it share the row `unknown`, which is trained by
    replacing a word that occurred c times in training with probability unk_rate / (unk_rate + c), drawn once a
    batch (Kiperwasser & Goldberg 2016, section 4.1). Before that, every word is embedded. attr: which spelling is
    the word, "ORTH" or "LOWER". Raises TL002 on another attr.
    """
    return Model(
        "words",
        forward,
        init=init,
        dims={"nO": width, "nV": rows},
        params={"table": None, "unknown": None},
        attrs={**vocabulary_attrs(attr, unk_rate), "seed": 0},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    ops, attrs = model.ops, model.attrs
    table: Any
    unknown: Any
    table, unknown = model.get_param("table"), model.get_param("unknown")
    keys = word_keys(model, types)
    is_unknown = drop_rare(model, keys, is_train) if attrs["learned"] else numpy.zeros(len(keys), dtype=bool)
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
    forget_words(model)
    model.set_param("table", random_rows(model, model.get_dim("nV"), _N_HASHES))
    model.set_param("unknown", model.ops.alloc1f(model.get_dim("nO")))
