"""How often the 95 % intervals of transfer_report.py hold the truth: simulated seeds and pairs.

    python benchmarks/coverage.py

Differences between two methods are drawn from a normal distribution around 0, as many seeds of as many pairs as the
report has, with standard deviations as unlike as there; an interval is right if it holds 0.
"""

import numpy
import typer

import rows
from intervals import of_pairs

BENCH = "coverage"
# (seeds, standard deviation) of each pair
SHAPES = {
    "1 pair of 5": [(5, 1.0)],
    "2 pairs of 3": [(3, 1.0)] * 2,
    "2 pairs of 3, one with 8 times the sd": [(3, 8.0), (3, 1.0)],
    "4 pairs of 3": [(3, 1.0)] * 4,
    "4 pairs of 3, sd as of a warm start": [(3, 4.3), (3, 5.0), (3, 0.7), (3, 1.4)],
    "4 pairs of 5": [(5, 1.0)] * 4,
    "2, 3, 3 and 3, the first with 4 times the sd": [(2, 4.0), (3, 1.0), (3, 1.0), (3, 1.0)],
}


def main(trials: int = typer.Option(1000, help="Intervals of each kind")) -> None:
    """Simulate, print and append."""
    rng = numpy.random.default_rng(0)
    found = {}
    for name, pairs in SHAPES.items():
        intervals = [of_pairs([list(rng.normal(scale=sd, size=n)) for n, sd in pairs]) for _ in range(trials)]
        found[name] = 100 * sum(1 for ends in intervals if ends and ends[0] <= 0 <= ends[1]) / trials
    print(rows.table(("seeds", "% that hold the truth"), [(name, f"{share:.1f}") for name, share in found.items()]))
    rows.append(
        BENCH,
        [
            {"case": name, "system": "interval", "metric": "coverage_percent", "value": share, "seed": 0}
            for name, share in found.items()
        ],
    )


if __name__ == "__main__":
    typer.run(main)
