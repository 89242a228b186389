"""Vectors of discrete features by hashing: each feature has a key, each key a few rows of one table, and all add up."""

from collections.abc import Callable
from typing import Any

import numpy
from spacy.strings import get_string_id
from thinc.api import Model
from thinc.initializers import uniform_init
from thinc.types import Floats2d

# Two rows a feature tell features apart where one row is shared (Svenstrup et al. 2017, section 5).
_N_HASHES = 2
# An odd number with as many ones as zeros: multiplication by it spreads the bits of what was mixed so far.
_SPREAD = numpy.uint64(0x9E3779B97F4A7C15)


def salt_of(name: str) -> numpy.uint64:
    """A number for a feature's name, the same in every process: equal values of two features get different keys."""
    return numpy.uint64(get_string_id(name))


def mix(state: numpy.ndarray, value: numpy.ndarray | numpy.uint64) -> numpy.ndarray:
    """A key for what `state` stands for followed by `value`; uint64, elementwise, and the order counts."""
    return ((state ^ (state >> numpy.uint64(29))) * _SPREAD) ^ value


def add_up(model: Model, keys: numpy.ndarray) -> tuple[Floats2d, Callable[[Floats2d], None]]:
    """The sum of the vectors of each row of keys (n, features), and the way back; output (n, width)."""
    ops = model.ops
    table: Any = model.get_param("table")
    hashed: Any = ops.hash(ops.xp.asarray(numpy.ascontiguousarray(keys).ravel()), model.attrs["seed"])[:, :_N_HASHES]
    rows: Any = (hashed % table.shape[0]).astype("int32").reshape(len(keys), keys.shape[1] * _N_HASHES)

    def backprop(d_output: Floats2d) -> None:
        d_table = ops.alloc2f(*table.shape)
        for i in range(rows.shape[1]):
            ops.scatter_add(d_table, ops.as_contig(rows[:, i]), d_output)
        model.inc_grad("table", d_table)

    # thinc's gather_add looks at the first row, whether there is one or not
    return ops.gather_add(table, rows) if len(rows) else ops.alloc2f(0, table.shape[1]), backprop


def init_table(model: Model, n_features: int) -> None:
    """Fresh rows, such that the sum over `n_features` starts with the variance of U(-sqrt(3/width), +sqrt(3/width))."""
    width = model.get_dim("nO")
    bound = float(numpy.sqrt(3 / width / _N_HASHES / n_features))
    model.set_param("table", uniform_init(model.ops, (model.get_dim("nV"), width), lo=-bound, hi=bound))
