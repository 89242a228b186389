"""How often the 95 % intervals of transfer_report.py hold the truth: simulated seeds and pairs.

    python benchmarks/coverage.py

Differences between two methods are drawn from a normal distribution around 0, as many seeds of as many pairs as the
report has; an interval is right if it holds 0.
"""

import numpy
import typer

import rows
from transfer_report import interval

BENCH = "coverage"
# seeds of each pair
SHAPES = {"1 pair of 5": (5,), "2 pairs of 3": (3, 3), "4 pairs of 3": (3,) * 4, "4 pairs of 5": (5,) * 4}


def main(trials: int = typer.Option(1000, help="Intervals of each kind")) -> None:
    """Simulate, print and append."""
    rng = numpy.random.default_rng(0)
    found = {}
    for name, seeds in SHAPES.items():
        intervals = [interval([list(rng.normal(size=n)) for n in seeds]) for _ in range(trials)]
        found[name] = 100 * sum(1 for ends in intervals if ends and ends[0] <= 0 <= ends[1]) / trials
    print(rows.table(("seeds", "% that hold the truth"), [(name, f"{share:.1f}") for name, share in found.items()]))
    rows.append(
        BENCH,
        [
            {"case": name, "system": "bootstrap", "metric": "coverage_percent", "value": share, "seed": 0}
            for name, share in found.items()
        ],
    )


if __name__ == "__main__":
    typer.run(main)
