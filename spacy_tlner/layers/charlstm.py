"""A bidirectional LSTM over the characters of a word; its last states are the word's vector (Lample et al. 2016)."""

from collections.abc import Callable
from typing import Any

import numpy
from thinc.api import Model
from thinc.initializers import uniform_init
from thinc.types import Floats2d

from .codes import code_points
from .lstm import LSTM_PARAMS, init_lstm, read_both_ways
from .types import Types

InT = Types
OutT = Floats2d


def CharLSTM(width: int, char_width: int, rows: int, max_chars: int) -> Model[InT, OutT]:
    """Character features of word types, (types, width), width / 2 a direction.

    char_width: width of a character's vector. rows: vectors to share among code points (code point modulo rows).
    max_chars: longer words keep their first and last halves. The forward half is the state after the last
    character, the backward half that after the first.
    """
    return Model(
        "characters",
        forward,
        init=init,
        dims={"nO": width, "nC": char_width, "nV": rows},
        params={"vectors": None, **dict.fromkeys(LSTM_PARAMS)},
        attrs={"max_chars": max_chars},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    ops = model.ops
    vectors: Any = model.get_param("vectors")
    codes, lengths = code_points(types.strings, model.attrs["max_chars"])
    rows: Any = ops.xp.asarray(codes % len(vectors))  # (characters,)
    # its states are few, so many words are read at once
    output, backprop_states = read_both_ways(
        model, vectors[rows], lengths.tolist(), is_train, ends_only=True, max_run=256
    )

    def backprop(d_output: OutT) -> list:
        d_vectors = ops.alloc2f(*vectors.shape)
        ops.scatter_add(d_vectors, rows.astype("int32"), backprop_states(d_output))
        model.inc_grad("vectors", d_vectors)
        return []

    return output, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    char_width, rows = model.get_dim("nC"), model.get_dim("nV")
    bound = float(numpy.sqrt(3 / char_width))
    model.set_param("vectors", uniform_init(model.ops, (rows, char_width), lo=-bound, hi=bound))
    init_lstm(model, char_width, model.get_dim("nO") // 2)
