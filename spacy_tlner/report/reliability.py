"""A reliability diagram as SVG text: how often predictions are right against how confident the model is."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from ..measure.reliability import Bin

_SIZE = 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 12, 44
_SPAN = _SIZE - _LEFT - _RIGHT


def lowest(tables: Iterable[Sequence[Bin]]) -> float:
    """Where the axes of diagrams that are to be compared begin: a tenth, at most one half."""
    least = min((min(each.confidence, each.correct) for bins in tables for each in bins), default=0.5)
    return min(math.floor(10 * least) / 10, 0.5)


def reliability_plot(bins: Sequence[Bin], *, low: float, color: str, title: str) -> str:
    """The SVG of one reliability table, both axes from `low` to 1, shown in percent.

    A dot a bin; its bar is one standard error of the share to either side, sqrt(c (1 - c) / n).
    """
    height = _SIZE - _RIGHT + _BOTTOM - _LEFT + _TOP

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + _SPAN * (x - low) / (1 - low), _TOP + _SPAN * (1 - y) / (1 - low)

    parts = [
        f'<svg class="plot square" viewBox="0 0 {_SIZE} {height}" role="img" aria-label="{escape(title)}" '
        'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
    ]
    tenths = round(10 * (1 - low))
    step = 0.1 if tenths <= 5 else 0.2
    for tick in (1 - i * step for i in range(int(tenths / (10 * step) + 1e-9) + 1)):
        (x0, y0), (x1, y1) = at(low, tick), at(1, tick)
        parts.append(f'<line class="grid" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
        parts.append(f'<text x="{x0 - 8:.1f}" y="{y0 + 4:.1f}" text-anchor="end">{100 * tick:.0f}</text>')
        x, y = at(tick, low)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{100 * tick:.0f}</text>')
    (x0, y0), (x1, y1) = at(low, low), at(1, 1)
    parts.append(f'<line class="ideal" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    x, y = at((1 + low) / 2, low)
    parts.append(f'<text x="{x:.1f}" y="{y + 36:.1f}" text-anchor="middle">confidence, %</text>')
    y = at(low, (1 + low) / 2)[1]
    parts.append(f'<text transform="translate(12 {y:.1f}) rotate(-90)" text-anchor="middle">right, %</text>')
    path = " ".join("{:.1f},{:.1f}".format(*at(each.confidence, each.correct)) for each in bins)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    for each in bins:
        x, y = at(each.confidence, each.correct)
        error = math.sqrt(each.correct * (1 - each.correct) / each.n)
        top, bottom = (at(0, min(max(each.correct + side * error, low), 1))[1] for side in (1, -1))
        told = f"{each.n} mentions: {100 * each.correct:.0f} right of 100, confidence {100 * each.confidence:.0f}"
        parts.append(
            f'<g fill="{color}" stroke="{color}"><title>{told}</title>'
            f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/></g>'
        )
    return "\n".join([*parts, "</svg>"])
