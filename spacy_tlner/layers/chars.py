"""A convolution over the characters of a word; each filter keeps its maximum over the word (Ma & Hovy 2016)."""

from collections.abc import Callable
from typing import Any

import numpy
from thinc.api import Model
from thinc.initializers import glorot_uniform_init, uniform_init
from thinc.types import Floats2d

from .codes import LOWER, PUNCTUATION, UPPER, code_points, kinds_of
from .types import Types

InT = Types
OutT = Floats2d
# Chiu & Nichols' types of characters (upper case, lower case, punctuation, other), and first the edge of a word.
_N_TYPES = 5


def CharCNN(
    filters: int, char_width: int, window: int, rows: int, max_chars: int, type_width: int = 0
) -> Model[InT, OutT]:
    """Character features of word types, (types, filters).

    char_width: width of a character's vector. window: characters a filter sees, odd. rows: vectors to share
    among code points (code point modulo rows - 1). max_chars: longer words keep their first and last halves.
    type_width: width of a second vector beside it, that of the character's type: upper case, lower case, punctuation
    or other (Chiu & Nichols 2016, section 2.4); 0 leaves it out. A filter's output is the ReLU of its maximum over
    the word.
    """
    # nothing of it without types, for the bytes of models that have none
    dims, params = ({"nT": type_width}, {"type_vectors": None}) if type_width else ({}, {})
    return Model(
        "characters",
        forward,
        init=init,
        dims={"nO": filters, "nC": char_width, "nV": rows, **dims},
        params={"vectors": None, "W": None, "b": None, **params},
        attrs={"window": window, "max_chars": max_chars},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    xp = model.ops.xp
    vectors: Any
    W: Any
    W, b = model.get_param("W"), model.get_param("b")
    window, n_filters = model.attrs["window"], W.shape[2]
    edge = window // 2
    codes, lengths = code_points(types.strings, model.attrs["max_chars"])
    ids, vectors, backprop_vectors = _embed(model, codes)
    n_rows = len(vectors)
    # A window is linear in its characters, so what each filter makes of a character at each place of the
    # window is a table, and a convolution is `window` look-ups.
    tables = xp.matmul(vectors, W)  # (window, rows, filters)
    tables[0] += b
    n_types = len(types.strings)
    output = model.ops.alloc2f(n_types, n_filters)
    # the character that stood at each place of each filter's winning window
    winners = xp.zeros((window, n_types, n_filters), dtype="int64") if is_train else None
    for which, chars in _by_length(ids, lengths, edge):
        chars, which = xp.asarray(chars), xp.asarray(which)  # (n, length + window - 1), (n,)
        length = chars.shape[1] - window + 1
        scores = tables[0][chars[:, :length]]  # (n, length, filters)
        for k in range(1, window):
            scores += tables[k][chars[:, k : k + length]]
        output[which] = scores.max(axis=1)
        if winners is not None:
            best = scores.argmax(axis=1)  # (n, filters)
            for k in range(window):
                winners[k, which] = xp.take_along_axis(chars, best + k, axis=1)
    xp.maximum(output, 0, out=output)

    def backprop(d_output: OutT) -> list:
        assert winners is not None  # the callback of a prediction is never called
        d_output = d_output * (output > 0)
        d_vectors: Any = model.ops.alloc2f(*vectors.shape)
        d_W: Any = model.ops.alloc3f(*W.shape)
        cells = winners * n_filters + xp.arange(n_filters)
        for k in range(window):
            d_table = xp.bincount(cells[k].ravel(), weights=d_output.ravel(), minlength=n_rows * n_filters)
            d_table = d_table.reshape(n_rows, n_filters).astype("float32")
            d_vectors += d_table @ W[k].T
            d_W[k] = vectors.T @ d_table
        backprop_vectors(d_vectors)
        model.inc_grad("W", d_W)
        model.inc_grad("b", d_output.sum(axis=0))
        return []

    return output, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    n_filters, width, rows = model.get_dim("nO"), model.get_dim("nC"), model.get_dim("nV")
    bound = float(numpy.sqrt(3 / width))
    model.set_param("vectors", uniform_init(model.ops, (rows, width), lo=-bound, hi=bound))
    if model.has_dim("nT"):
        type_width = model.get_dim("nT")
        bound = float(numpy.sqrt(3 / type_width))
        model.set_param("type_vectors", uniform_init(model.ops, (_N_TYPES, type_width), lo=-bound, hi=bound))
        width += type_width
    window = model.attrs["window"]
    W: Any = glorot_uniform_init(model.ops, (n_filters, window * width))
    model.set_param("W", W.reshape(n_filters, window, width).transpose(1, 2, 0).copy())
    model.set_param("b", model.ops.alloc1f(n_filters))


def _embed(model: Model[InT, OutT], codes: numpy.ndarray) -> tuple[numpy.ndarray, Any, Callable[[Any], None]]:
    """Which vector each character has (characters,), the vectors (rows, width), the way back. The edge has vector 0."""
    ops = model.ops
    vectors: Any = model.get_param("vectors")
    ids = codes % (len(vectors) - 1) + 1
    if not model.has_dim("nT"):
        return ids, vectors, lambda d_vectors: model.inc_grad("vectors", d_vectors)

    # Code points that share a vector may differ in type, so each pair that occurs gets a row of its own.
    pairs, which = numpy.unique(numpy.r_[0, ids * _N_TYPES + _types_of(codes)], return_inverse=True)
    rows, type_rows = (ops.xp.asarray(part, dtype="int32") for part in numpy.divmod(pairs, _N_TYPES))
    type_vectors: Any = model.get_param("type_vectors")
    width = vectors.shape[1]

    def backprop(d_both: Any) -> None:
        for name, table, at, columns in (
            ("vectors", vectors, rows, d_both[:, :width]),
            ("type_vectors", type_vectors, type_rows, d_both[:, width:]),
        ):
            d_table = ops.alloc2f(*table.shape)
            ops.scatter_add(d_table, at, ops.as_contig(columns))
            model.inc_grad(name, d_table)

    return which[1:], ops.xp.hstack([vectors[rows], type_vectors[type_rows]]), backprop


def _types_of(codes: numpy.ndarray) -> numpy.ndarray:
    """Of each code point its type: 1 upper case, 2 lower case, 3 punctuation, 4 other."""
    kinds = kinds_of(codes)
    return numpy.where(kinds & UPPER, 1, numpy.where(kinds & LOWER, 2, numpy.where(kinds & PUNCTUATION, 3, 4)))


def _by_length(ids: numpy.ndarray, lengths: numpy.ndarray, edge: int) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """Words of equal length together: (their positions (n,), their characters (n, length + 2 * edge)).

    ids: (characters,) of all words. edge: places at either end of a word, where the id is 0.
    """
    starts = numpy.cumsum(lengths) - lengths
    groups = []
    for length in numpy.unique(lengths):
        which = numpy.flatnonzero(lengths == length)
        chars = numpy.zeros((len(which), max(int(length), 1) + 2 * edge), dtype="int64")
        chars[:, edge : edge + length] = ids[starts[which][:, None] + numpy.arange(length)]
        groups.append((which, chars))
    return groups
