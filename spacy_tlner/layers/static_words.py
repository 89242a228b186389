"""Word vectors out of the vocab's table, default or floret, fixed; a linear layer over them may be trained.

The table is the vocab's, stored once with the pipeline: nothing of it is a weight here or goes into our bytes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy
from spacy.attrs import LOWER, ORTH
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.initializers import glorot_uniform_init
from thinc.types import Floats2d

from ..errors import Errors
from .types import TypeCache, Types

InT = Types
OutT = Floats2d


class VectorCache(TypeCache):
    """Vectors as the table has them. They depend on no weight, so no training step empties it."""

    def finish_update(self, optimizer: Any) -> None:
        pass

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        yield

    def copy(self) -> "VectorCache":
        return VectorCache(self.size)


def StaticWords(width: int | None, cache_size: int) -> Model[InT, OutT]:
    """The vectors of words, (types, width) projected without bias, or (types, the table's width) if width is None.

    A word that a default table does not have is a row of zeros; a floret table has a vector for every word.
    cache_size: floret vectors remembered, in training too: each is summed from the word's n-grams one by one.
    Raises TL050 if the vocab has no vectors, TL051 if they are not of the width that the layer was initialized with.
    """
    return Model(
        "vectors",
        forward,
        init=init,
        dims={"nO": width},
        params={} if width is None else {"W": None},
        shims=[VectorCache(cache_size)],
    )


def forward(model: Model[InT, OutT], types: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], list]]:
    ops = model.ops
    if not len(types.orth):
        return ops.alloc2f(0, model.get_dim("nO")), lambda d_output: []
    vectors = _lookup(model, types)
    if not model.has_param("W"):
        return vectors, lambda d_output: []
    W: Any = model.get_param("W")

    def backprop(d_output: OutT) -> list:
        model.inc_grad("W", ops.gemm(d_output, vectors, trans1=True))
        return []

    return ops.gemm(vectors, W, trans2=True), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    if X is None:
        return
    width = _table_width(X.vocab)
    if "W" in model.param_names:
        model.set_param("W", glorot_uniform_init(model.ops, (model.get_dim("nO"), width)))
    else:
        model.set_dim("nO", width, force=True)  # another initialization may find another table


def _table_width(vocab: Vocab | None) -> int:
    """Raises TL050 if there is no table."""
    shape = (0, 0) if vocab is None else vocab.vectors.shape
    if not all(shape):
        raise ValueError(Errors.TL050)
    return int(shape[1])


def _lookup(model: Model[InT, OutT], types: InT) -> Floats2d:
    """(types, the table's width) vectors as the table has them."""
    width = _table_width(types.vocab)
    expected = model.get_param("W").size // model.get_dim("nO") if model.has_param("W") else model.get_dim("nO")
    if width != expected:
        raise ValueError(Errors.TL051.format(found=width, expected=expected))
    assert types.vocab is not None
    ops, table = model.ops, types.vocab.vectors
    keys, which = numpy.unique(_keys(types), return_inverse=True)
    if isinstance(table, Vectors) and table.mode == Mode.default:
        rows = table.find(keys=keys.tolist())
        vectors: Any = ops.asarray2f(table.data[rows])
        vectors[ops.xp.asarray(rows < 0)] = 0  # -1 has picked the last row
    else:
        cache = model.shims[0]
        assert isinstance(cache, VectorCache)
        all_keys = keys.tolist()
        vectors = cache.lookup(
            all_keys, lambda new: ops.asarray2f(table.get_batch([all_keys[i] for i in new])), ops, types.vocab
        )
    return ops.as_contig(vectors[ops.xp.asarray(which)])


def _keys(types: InT) -> numpy.ndarray:
    """The (types,) uint64 keys by which the table is looked up: it may hold lower-cased or normal forms."""
    if types.looked_up is not None:
        return types.looked_up
    assert types.vocab is not None
    return types.lower if getattr(types.vocab.vectors, "attr", ORTH) == LOWER else types.orth
