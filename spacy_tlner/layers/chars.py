"""A convolution over the characters of a word; each filter keeps its maximum over the word (Ma & Hovy 2016)."""

from collections.abc import Callable
from typing import Any

import numpy
from thinc.api import Model
from thinc.initializers import glorot_uniform_init, uniform_init
from thinc.types import Floats2d

from .types import Types

InT = Types
OutT = Floats2d


def CharCNN(filters: int, char_width: int, window: int, rows: int, max_chars: int) -> Model[InT, OutT]:
    """Character features of word types, (types, filters).

    char_width: width of a character's vector. window: characters a filter sees, odd. rows: vectors to share
    among code points (code point modulo rows - 1). max_chars: longer words keep their first and last halves.
    A filter's output is the ReLU of its maximum over the word.
    """
    return Model(
        "characters",
        forward,
        init=init,
        dims={"nO": filters, "nC": char_width, "nV": rows},
        params={"vectors": None, "W": None, "b": None},
        attrs={"window": window, "max_chars": max_chars},
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    xp = model.ops.xp
    vectors: Any
    W: Any
    vectors, W, b = model.get_param("vectors"), model.get_param("W"), model.get_param("b")
    window, n_rows, n_filters = model.attrs["window"], vectors.shape[0], W.shape[2]
    # A window is linear in its characters, so what each filter makes of a character at each place of the
    # window is a table, and a convolution is `window` look-ups.
    tables = xp.matmul(vectors, W)  # (window, rows, filters)
    tables[0] += b
    n_types = len(types.strings)
    output = model.ops.alloc2f(n_types, n_filters)
    # the character that stood at each place of each filter's winning window
    winners = xp.zeros((window, n_types, n_filters), dtype="int64") if is_train else None
    for which, chars in _by_length(types.strings, window, model.attrs["max_chars"], n_rows):
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
        model.inc_grad("vectors", d_vectors)
        model.inc_grad("W", d_W)
        model.inc_grad("b", d_output.sum(axis=0))
        return []

    return output, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    n_filters, width, rows = model.get_dim("nO"), model.get_dim("nC"), model.get_dim("nV")
    bound = float(numpy.sqrt(3 / width))
    model.set_param("vectors", uniform_init(model.ops, (rows, width), lo=-bound, hi=bound))
    window = model.attrs["window"]
    W: Any = glorot_uniform_init(model.ops, (n_filters, window * width))
    model.set_param("W", W.reshape(n_filters, window, width).transpose(1, 2, 0).copy())
    model.set_param("b", model.ops.alloc1f(n_filters))


def _by_length(
    strings: list[str], window: int, max_chars: int, n_rows: int
) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """Words of equal length together: (their positions (n,), their characters (n, length + window - 1)).

    Row 0 stands for the edge of a word on both sides.
    """
    half = max_chars // 2
    short = [s if len(s) <= max_chars else s[: max_chars - half] + s[len(s) - half :] for s in strings]
    codes = numpy.frombuffer("".join(short).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    codes = codes.astype("int64") % (n_rows - 1) + 1
    lengths = numpy.asarray([len(s) for s in short], dtype="int64")
    starts = numpy.cumsum(lengths) - lengths
    edge = window // 2
    groups = []
    for length in numpy.unique(lengths):
        which = numpy.flatnonzero(lengths == length)
        chars = numpy.zeros((len(which), max(int(length), 1) + 2 * edge), dtype="int64")
        chars[:, edge : edge + length] = codes[starts[which][:, None] + numpy.arange(length)]
        groups.append((which, chars))
    return groups
