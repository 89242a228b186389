"""Dropout with one mask a sequence, the same at all of its steps (Gal & Ghahramani 2016)."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

InT = list[Floats2d]
OutT = list[Floats2d]


def VariationalDropout(rate: float = 0.0) -> Model[InT, OutT]:
    """Zero the same columns in every row of a sequence (rows, width), others in the next.

    What is left grows by 1 / (1 - rate). rate: set by `set_dropout_rate`, as that of thinc's `Dropout`. Nothing happens
    at prediction.
    """
    return Model("variational_dropout", forward, attrs={"dropout_rate": rate, "is_enabled": True})


def forward(model: Model[InT, OutT], sequences: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    rate = model.attrs["dropout_rate"]
    if not (is_train and rate and sequences and model.attrs["is_enabled"]):
        return sequences, lambda d_output: d_output
    masks: Any = model.ops.get_dropout_mask((len(sequences), sequences[0].shape[1]), rate)

    def drop(rows: list[Floats2d]) -> list[Floats2d]:
        return [sequence * mask for sequence, mask in zip(rows, masks)]

    return drop(sequences), drop
