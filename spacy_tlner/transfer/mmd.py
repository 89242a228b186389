"""The maximum mean discrepancy of two samples under Gaussian kernels, with its gradient. Arrays only.

    MMD^2(X, Y) = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),   k(u, v) = sum_s exp(-|u - v|^2 / (2 s))

the biased estimate, over all pairs, a sample with itself included (Gretton et al. 2012, equation 5).
"""

from collections.abc import Sequence
from typing import Any

from thinc.api import get_array_module

# of La-DTL as its authors released it (Wang et al. 2018); their "sigma" is not squared either
PUBLISHED = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 5, 10, 15, 20, 25, 30, 35, 100, 1e3, 1e4, 1e5, 1e6)
# of the median squared distance
_MULTIPLES = (0.25, 0.5, 1, 2, 4)


def mmd(x: Any, y: Any, variances: Sequence[float]) -> tuple[float, Any, Any]:
    """MMD^2 of x (m, width) and y (n, width), and its gradients with respect to both. variances: the s above."""
    xp = get_array_module(x)
    points = xp.concatenate([x, y]).astype("float32")
    squared = squared_distances(points)
    weights = xp.concatenate([xp.full(len(x), 1 / len(x)), xp.full(len(y), -1 / len(y))]).astype("float32")
    kernel, slope = xp.zeros_like(squared), xp.zeros_like(squared)  # k and its derivative by the squared distance
    for s in variances:
        bell = xp.exp(squared / (-2 * s))
        kernel += bell
        slope -= bell / (2 * s)
    value = float(weights @ kernel @ weights)
    # a point pulls itself nowhere; left in, this would cancel but for its rounding, which small variances make large
    xp.fill_diagonal(slope, 0)
    # d |u - v|^2 / du = 2 (u - v), and each pair counts twice
    slope *= 4 * weights[:, None] * weights
    gradient = slope.sum(axis=1)[:, None] * points - slope @ points
    return value, gradient[: len(x)], gradient[len(x) :]


def squared_distances(points: Any) -> Any:
    """(n, n) of points (n, width); exactly 0 on the diagonal."""
    xp = get_array_module(points)
    norms = (points * points).sum(axis=1)
    found = xp.maximum(norms[:, None] + norms - 2 * (points @ points.T), 0)
    xp.fill_diagonal(found, 0)
    return found


def median_variances(x: Any, y: Any) -> list[float]:
    """Variances around the median squared distance of two points, so that the scale of states does not matter."""
    xp = get_array_module(x)
    squared = squared_distances(xp.concatenate([x, y]))
    n = len(squared)
    off_diagonal = squared[~xp.eye(n, dtype=bool)]
    median = float(xp.median(off_diagonal)) or 1.0
    return [median * multiple for multiple in _MULTIPLES]
