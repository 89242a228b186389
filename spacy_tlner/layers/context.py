"""The words around a token: n-grams at each place of a window (Huang et al. 2015, section 3.2.2)."""

from collections.abc import Callable, Sequence

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .hashed import add_up, init_table, mix, salt_of

InT = list[Doc]
OutT = list[Floats2d]
# What stands before the first and after the last token of a document; no tokenizer makes a word with blanks in it.
_OUTSIDE = salt_of("outside of the document")


def ContextFeatures(width: int, rows: int, attr: str, window: int, orders: Sequence[int]) -> Model[InT, OutT]:
    """The sum of the hashed vectors of the n-grams around each token, (tokens, width) a document.

    attr: the token attribute whose n-grams are meant. window: tokens to either side. orders: lengths of n-grams; all
    that lie in the window count, each place apart. rows: of the table that all share.
    """
    return Model(
        "features",
        forward,
        init=init,
        dims={"nO": width, "nV": rows},
        params={"table": None},
        attrs={"attr": attr, "window": window, "orders": [*orders], "seed": 0},
    )


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    ops, attrs = model.ops, model.attrs
    lengths = ops.asarray1i([len(doc) for doc in docs])
    values = [doc.to_array(attrs["attr"]).ravel().astype("uint64") for doc in docs]
    vectors, backprop_table = add_up(model, context_keys(values, attrs["attr"], attrs["window"], attrs["orders"]))

    def backprop(d_output: OutT) -> InT:
        backprop_table(ops.flatten(d_output) if int(lengths.sum()) else vectors)
        return []

    return ops.unflatten(vectors, lengths), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    n_places = 2 * model.attrs["window"] + 1
    init_table(model, sum(n_places - order + 1 for order in model.attrs["orders"]))


def context_keys(values: Sequence[numpy.ndarray], attr: str, window: int, orders: Sequence[int]) -> numpy.ndarray:
    """The key of each n-gram around each token, (tokens, n-grams) uint64. values: (tokens,) uint64 a document."""
    padding = numpy.full(window, _OUTSIDE, dtype="uint64")
    padded = numpy.concatenate([part for of in values for part in (padding, of)] + [padding])
    lengths = [len(of) for of in values]
    # where each token stands among the padded ones
    places = numpy.arange(sum(lengths)) + numpy.repeat((numpy.arange(len(lengths)) + 1) * window, lengths)
    columns = []
    for order in orders:
        for start in range(-window, window - order + 2):
            key = numpy.full(len(places), salt_of(f"{attr} {order} {start}"), dtype="uint64")
            for offset in range(start, start + order):
                key = mix(key, padded[places + offset])
            columns.append(key)
    return numpy.stack(columns, axis=1)
