"""Which rows of a table an optimizer has to visit: those that a gradient has reached so far."""

from typing import Any

import numpy

Key = tuple[int, str]
# Fewer rows are visited faster than looked at; so are most rows of a table.
_MIN_ROWS = 2048
_MAX_SHARE = 0.5
_N_PROBES = 64


class TouchedRows:
    """For each parameter the rows that any gradient has reached.

    The others have no momentum: Adam would add zero to them. In a table of a language model's words that is most of
    them, when a few hundred sentences fine-tune it. Once all rows of a parameter were visited, they are for good.
    """

    def __init__(self) -> None:
        self._touched: dict[Key, numpy.ndarray | None] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether a parameter was visited before."""
        return key in self._touched

    def visit(self, key: Key, gradient: Any) -> numpy.ndarray | None:
        """The rows to visit, ascending, those of this gradient (rows, width) among them; None for all of them."""
        if key not in self._touched:
            self._touched[key] = numpy.zeros(len(gradient), bool) if _is_sparse(gradient) else None
        touched = self._touched[key]
        if touched is None:
            return None
        touched |= gradient.any(axis=1)
        rows = numpy.flatnonzero(touched)
        if len(rows) > _MAX_SHARE * len(touched):
            self._touched[key] = None
        return rows

    def visit_all(self, key: Key) -> None:
        """For good: what was done to all rows of this parameter is known for none of them."""
        self._touched[key] = None


def _is_sparse(gradient: Any) -> bool:
    """Whether most rows of a large table seem to be zero, by a few of them. Not on a GPU, where a look is slow."""
    if not isinstance(gradient, numpy.ndarray) or gradient.ndim != 2 or len(gradient) < _MIN_ROWS:
        return False
    probes = gradient[:: len(gradient) // _N_PROBES]
    return bool(probes.any(axis=1).mean() <= _MAX_SHARE)
