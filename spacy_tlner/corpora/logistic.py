"""Logistic regression on sparse rows: its loss, and the weights at its minimum. Arrays only.

    loss(w, b) = sum_i c_i (log(1 + exp(z_i)) - t_i z_i) + penalty / 2 |w|^2,   z = X w + b

With penalty > 0 and targets of both kinds it is strictly convex, so there is one minimum; Newton's method finds it,
each step by conjugate gradients on products with the Hessian, which is never stored.
"""

from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]

_MAX_STEPS = 100
_MAX_PRODUCTS = 200  # with the Hessian, a step
_SUFFICIENT = 1e-4  # of the decrease that the slope promises: the usual constant of Armijo's rule


@dataclass(frozen=True)
class Rows:
    """A sparse matrix as its entries, sorted by row. row, column, value: (entries,), each place at most once."""

    row: NDArray[numpy.int64]
    column: NDArray[numpy.int64]
    value: Floats
    shape: tuple[int, int]

    def times(self, vector: Floats) -> Floats:
        """(columns,) -> (rows,). The sum of a row does not depend on the other rows, to the last bit."""
        sums: Floats = numpy.bincount(self.row, vector[self.column] * self.value, self.shape[0]).astype(
            "float64", copy=False
        )
        return sums

    def transposed_times(self, vector: Floats) -> Floats:
        """(rows,) -> (columns,)."""
        sums: Floats = numpy.bincount(self.column, vector[self.row] * self.value, self.shape[1]).astype(
            "float64", copy=False
        )
        return sums


@dataclass(frozen=True)
class LogisticLoss:
    """The loss above. targets: (rows,) from 0 to 1. importance: (rows,) the c_i, at least 0.

    Parameters are one array (columns + 1,), the weights and then the bias, which is not penalised.
    """

    rows: Rows
    targets: Floats
    importance: Floats
    penalty: float

    def logits(self, params: Floats) -> Floats:
        """(rows,) z."""
        return self.rows.times(params[:-1]) + params[-1]

    def value(self, params: Floats, logits: Floats) -> float:
        """The loss, given the logits that belong to `params`."""
        rows = numpy.logaddexp(0.0, logits) - self.targets * logits
        return float(self.importance @ rows + self.penalty / 2 * (params[:-1] @ params[:-1]))

    def gradient(self, params: Floats, logits: Floats) -> Floats:
        """(columns + 1,) the gradient of `value`."""
        return self._back(self.importance * (sigmoid(logits) - self.targets), params)

    def hessian_times(self, logits: Floats, direction: Floats) -> Floats:
        """(columns + 1,) the Hessian where these logits are, times a direction."""
        p = sigmoid(logits)
        return self._back(self.importance * p * (1 - p) * self.logits(direction), direction)

    def minimum(self, tolerance: float = 1e-7) -> Floats:
        """(columns + 1,) the parameters at which the gradient's norm is below `tolerance`, from 0 on."""
        params = numpy.zeros(self.rows.shape[1] + 1)
        logits = self.logits(params)
        for _ in range(_MAX_STEPS):
            gradient = self.gradient(params, logits)
            norm = float(numpy.linalg.norm(gradient))
            if norm < tolerance:
                break
            # far from the minimum a rough direction is enough; near it the square root keeps convergence superlinear
            direction = self._newton_direction(logits, gradient, min(0.1, norm**0.5) * norm)
            length = self._line_search(params, logits, gradient, direction)
            if length == 0.0:
                break  # no float is lower
            params = params + length * direction
            logits = self.logits(params)
        return params

    def _back(self, d_logits: Floats, params: Floats) -> Floats:
        weights = self.rows.transposed_times(d_logits) + self.penalty * params[:-1]
        return numpy.append(weights, d_logits.sum())

    def _newton_direction(self, logits: Floats, gradient: Floats, tolerance: float) -> Floats:
        """Conjugate gradients on H d = -gradient, until the residual's norm is below `tolerance`."""
        found = numpy.zeros_like(gradient)
        residual = -gradient
        search = residual.copy()
        square = residual @ residual
        for _ in range(_MAX_PRODUCTS):
            product = self.hessian_times(logits, search)
            curvature = search @ product
            if curvature <= 0:  # in exact arithmetic only where the loss is flat
                break
            length = square / curvature
            found += length * search
            residual = residual - length * product
            before, square = square, residual @ residual
            if square**0.5 < tolerance:
                break
            search = residual + square / before * search
        return found if found.any() else -gradient

    def _line_search(self, params: Floats, logits: Floats, gradient: Floats, direction: Floats) -> float:
        """The longest of 1, 1/2, 1/4, ... that lowers the loss sufficiently; 0 if none does."""
        start, slope = self.value(params, logits), float(gradient @ direction)
        change, length = self.logits(direction), 1.0
        while length > 1e-10:
            reached = self.value(params + length * direction, logits + length * change)
            if reached <= start + _SUFFICIENT * length * slope:
                return length
            length /= 2
        return 0.0


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    return 0.5 * (1.0 + numpy.tanh(0.5 * logits))
