"""Rows of transfer.py by pair, size, method and seed, and paired differences between methods."""

from collections.abc import Sequence
from statistics import mean

import rows
from intervals import of_pairs

BENCH = "transfer"
SIZES = ("50", "100", "250", "all")
Scores = dict[str, dict[int, float]]  # of one pair and size: method, seed, value


def read(metric: str) -> dict[tuple[str, str], Scores]:
    """{(pair, size): {method: {seed: value}}}; of rows that stand there twice, the last."""
    found: dict[tuple[str, str], Scores] = {}
    for row in rows.read(BENCH):
        if row["metric"] == metric:
            pair, _, size = row["case"].rpartition("-")
            found.setdefault((pair, size), {}).setdefault(row["system"], {})[row["seed"]] = row["value"]
    return found


def differences(of: Scores, method: str, rival: str) -> list[float]:
    """By seed, where both have one. Nothing but what starts from a language model is compared with one."""
    if method == rival or (rival == "bilm" and not method.startswith(("bilm", "recommended"))):
        return []
    first, second = of.get(method, {}), of.get(rival, {})
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]


def difference(gains: Sequence[Sequence[float]]) -> str:
    """The mean over pairs of the mean over seeds, its interval, and of several pairs the lowest and the highest."""
    gains = [of for of in gains if len(of)]
    if not gains:
        return "-"
    of_each = [mean(of) for of in gains]
    found = of_pairs(gains)
    bounds = f" [{found[0]:+.2f}, {found[1]:+.2f}]" if found else ""
    spread = f"; {min(of_each):+.1f} to {max(of_each):+.1f}" if len(gains) > 1 else ""
    return f"{mean(of_each):+.2f}{bounds}{spread}"


def counted(gains: Sequence[float]) -> str:
    """A mean difference and its number of seeds; "-" below two."""
    return f"{difference([gains])} ({len(gains)})" if len(gains) > 1 else "-"
