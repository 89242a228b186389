"""A line plot as SVG text: it stands inside the page, needs no library and no script, and stays sharp."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

# Blue and vermilion of Okabe and Ito (2008), told apart under every common colour blindness, then theirs in order;
# lines differ in dash as well, for print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES = ("7 4", "", "2 3", "9 3 2 3", "5 2", "1 2")

_WIDTH, _HEIGHT = 600, 300
# to the right there is room for half a label of the last tick
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 36, 16, 44
_LEGEND = 170  # wide, where there is one


class Series(NamedTuple):
    """A named line through (x, y); y from 0 to 1, shown in percent."""

    name: str
    points: Sequence[tuple[float, float]]


def line_plot(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    ticks: Mapping[float, str] | None = None,
    legend: bool = False,
) -> str:
    """The SVG of `series`; the x axis starts at 0, the y axis spans 0 to the next ten above the highest point.

    ticks: {x: text}; by default round numbers. legend: to the right, for a plot that stands alone.
    """
    x_max = max((x for line in series for x, _ in line.points), default=0.0) or 1.0
    highest = max((y for line in series for _, y in line.points), default=0.0)
    y_step = 0.2 if highest > 0.5 else 0.1
    y_max = min(1.0, max(y_step, y_step * -(-highest // y_step)))
    x_step = _round_step(x_max)
    width = _WIDTH + (_LEGEND if legend else 0)
    if ticks is None:
        ticks = {i * x_step: f"{i * x_step:,.0f}" for i in range(int(x_max / x_step) + 1)}

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / x_max,
            _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * y / y_max,
        )

    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{escape(title)}" '
        'xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
    ]
    for i in range(round(y_max / y_step) + 1):
        (x0, y0), (x1, _) = at(0, i * y_step), at(x_max, 0)
        parts.append(f'<line class="grid" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y0:.1f}"/>')
        parts.append(f'<text x="{x0 - 8:.1f}" y="{y0 + 4:.1f}" text-anchor="end">{100 * i * y_step:.0f}</text>')
    for tick, text in ticks.items():
        x0, y0 = at(tick, 0)
        parts.append(f'<text x="{x0:.1f}" y="{y0 + 18:.1f}" text-anchor="middle">{escape(text)}</text>')
    middle = at(x_max / 2, 0)[0]
    parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    for i, line in enumerate(series):
        color, dash = style(i)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line.points))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5" stroke-linejoin="round" '
            f'stroke-dasharray="{dash}"><title>{escape(line.name)}</title></polyline>'
        )
        if line.points:
            x, y = at(*max(line.points, key=lambda point: (point[1], point[0])))
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color}"/>')
        if legend:
            x, y = _WIDTH - _RIGHT + 20, _TOP + 10 + 22 * i
            line_to = f'x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}"'
            parts.append(f'<line {line_to} stroke="{color}" stroke-width="2.5" stroke-dasharray="{dash}"/>')
            parts.append(f'<text x="{x + 36}" y="{y + 4}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>"])


def style(index: int) -> tuple[str, str]:
    """Colour and dash pattern of the line with this index, for a legend that matches."""
    return COLORS[index % len(COLORS)], _DASHES[index % len(_DASHES)]


def _round_step(x_max: float) -> float:
    """The distance of ticks, 1, 2 or 5 times a power of ten, that gives four to nine of them."""
    for power in range(-3, 12):
        for factor in (1, 2, 5):
            step = float(factor * 10**power)
            if x_max / step <= 9:
                return step
    return x_max
