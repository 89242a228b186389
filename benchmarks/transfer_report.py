"""What rows of transfer.py say: tables, and docs/transfer.md with a table and a plot a pair.

python benchmarks/transfer_report.py            the tables
python benchmarks/transfer_report.py docs       the page docs/transfer.md and its plots, docs/transfer/*.svg
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from pathlib import Path
from statistics import NormalDist, mean

import numpy
import typer

import rows
from runs import summary
from spacy_tlner.report.plot import Series, line_plot
from transfer_methods import BASELINES, LADDER, METHODS

BENCH = "transfer"
CHOOSING = ("bc5cdr-ncbi", "news-politics")
SIZES = ("50", "100", "250", "all")
ORDER = [*METHODS, *LADDER]
Scores = dict[str, dict[int, float]]  # of one pair and size: method, seed, value
# Plots stand outside of the report's page, and bring its style along.
_STYLE = """<style>
.plot { background: #fff; font: 13px sans-serif; } .plot text { fill: #333; } .grid { stroke: #ddd; }
</style>"""
RIVALS = ("scratch", "spacy-continued")
# What the choosing pairs recommend, the first that a case has: language models need text of the field, which not every
# pair has, and silver needs sentences beside those that are annotated.
RECOMMENDED = ("bilm_silver", "bilm_warm_start", "silver", "warm_start")
_RECOMMENDED = "recommended: bilm_silver, without text silver"
_MINUS = tuple(f"minus {rival} [95 %]" for rival in RIVALS)
MEANS = ("method", "pairs", "seeds", "test F1", *_MINUS)
BY_SIZE = ("method", *SIZES)
HEADER = ("method", "test F1: mean (sd, seeds)", *_MINUS)
DEFAULT = "warm_start"  # of project.yml
_PLOTTED = 6  # lines in a plot


def main(
    folder: Path | None = typer.Argument(None, help="Where transfer.md goes; without it, tables on the screen"),
) -> None:
    """Print or write what the rows say."""
    if folder is None:
        print_tables()
    else:
        write(folder)


def read(metric: str) -> dict[tuple[str, str], Scores]:
    """{(pair, size): {method: {seed: value}}}; of rows that stand there twice, the last."""
    found: dict[tuple[str, str], Scores] = {}
    for row in rows.read(BENCH):
        if row["metric"] == metric:
            pair, _, size = row["case"].rpartition("-")
            found.setdefault((pair, size), {}).setdefault(row["system"], {})[row["seed"]] = row["value"]
    return found


def print_tables() -> None:
    """Test F1 by pair, size and method, and the paired difference to scratch with its bootstrap interval."""
    test = read("test_f")
    body = [(pair, size, *cells) for (pair, size), of in sorted(test.items()) for cells in lines(of)]
    print(rows.table(("pair", "size", *HEADER), body))
    for title, body in averages(test):
        print(f"\n{title}\n" + rows.table(MEANS, body))


def lines(of: Scores) -> list[tuple[str, ...]]:
    """A line a method, in the order of the table of methods."""
    body = []
    for method in sorted(of, key=lambda name: [*ORDER, name].index(name)):
        told = [
            difference([differences(of[method], of.get(rival, {}))]) if method != rival else "-" for rival in RIVALS
        ]
        body.append((method, summary(list(of[method].values())), *told))
    return body


def averages(test: Mapping[tuple[str, str], Scores]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Title and table of the means over the pairs that choose what is recommended, and over those that judge it."""
    for title, choose in (("on which a method is chosen", True), ("that did not choose", False)):
        cases = {
            (pair, size): of for (pair, size), of in test.items() if size == "100" and choose == (pair in CHOOSING)
        }
        if cases:
            yield f"Means over the pairs {title}, at 100 target sentences", average(cases)


def by_size(test: Mapping[tuple[str, str], Scores]) -> list[tuple[str, ...]]:
    """A line a method: its difference to scratch at each size over all pairs, and how many pairs these are."""
    gains: dict[str, dict[str, list[list[float]]]] = {}
    for (_, size), scores in sorted(test.items()):
        best = next((name for name in RECOMMENDED if name in scores), None)
        recommended = {_RECOMMENDED: scores[best]} if best else {}
        for method, of in {**scores, **recommended}.items():
            if method != "scratch" and (found := differences(of, scores.get("scratch", {}))):
                gains.setdefault(method, {}).setdefault(size, []).append(found)
    lines = {
        method: [f"{difference(of[size])} ({len(of[size])})" if size in of else "-" for size in SIZES]
        for method, of in gains.items()
    }
    # of one size alone the tables above say more
    return [(name, *lines[name]) for name in (*METHODS, _RECOMMENDED) if name in lines and len(gains[name]) > 1]


def average(cases: Mapping[tuple[str, str], Scores]) -> list[tuple[str, ...]]:
    """A line a method: over how many pairs and seeds, its mean F1 there, and the means of its differences.

    Of each pair, the seeds that all of its methods have: some draw an easier sample than others.
    """
    body = []
    common = {case: set.intersection(*(set(of) for of in scores.values())) for case, scores in cases.items()}
    kept = [
        {method: {seed: of[seed] for seed in common[case]} for method, of in scores.items()}
        for case, scores in cases.items()
        if common[case]
    ]
    for scores in kept:
        best = next((name for name in RECOMMENDED if name in scores), None)
        if best:
            scores[_RECOMMENDED] = scores[best]
    for method in (*ORDER, _RECOMMENDED):
        there = [scores for scores in kept if method in scores]
        if there:
            counts = sorted({len(scores[method]) for scores in there})
            told = [
                difference([gain for scores in there if (gain := differences(scores[method], scores.get(rival, {})))])
                if method != rival
                else "-"
                for rival in RIVALS
            ]
            f1 = mean(mean(scores[method].values()) for scores in there)
            body.append((method, str(len(there)), " or ".join(map(str, counts)), f"{f1:.2f}", *told))
    return body


def differences(first: dict[int, float], second: dict[int, float]) -> list[float]:
    """By seed, where both have one."""
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]


def difference(gains: Sequence[Sequence[float]]) -> str:
    """The mean over pairs of the mean over seeds, and its interval where there are seeds enough to know one."""
    gains = [of for of in gains if len(of)]
    if not gains:
        return "-"
    told = f"{mean(map(mean, gains)):+.2f}"
    found = interval(gains)
    return f"{told} [{found[0]:+.2f}, {found[1]:+.2f}]" if found else told


def interval(gains: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Of the mean over pairs of the mean over seeds: a 95 % bootstrap interval over seeds, within pairs.

    None below 4 degrees of freedom, which is 5 seeds of one pair. Percentiles are widened for few seeds as in
    Hesterberg 2015, "What teachers should know about the bootstrap": plain ones cover 84 % instead of 95 with 5 seeds.
    """
    freedom = sum(len(of) - 1 for of in gains)
    if freedom < 4:
        return None
    rng = numpy.random.default_rng(0)
    drawn = numpy.mean([rng.choice(numpy.asarray(of), (20_000, len(of))).mean(axis=1) for of in gains], axis=0)
    # Student's t, by draws: nothing here needs more than two digits of it
    t = float(numpy.quantile(rng.standard_t(freedom, 1_000_000), 0.975))
    widening = mean(len(of) / (len(of) - 1) for of in gains if len(of) > 1) ** 0.5
    tail = NormalDist().cdf(-t * widening)
    low, high = numpy.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def write(folder: Path) -> None:
    """docs/transfer.md, and an SVG a pair with more than one size."""
    test, kept = read("test_f"), read("source_macro_f")
    plots = folder / "transfer"
    plots.mkdir(parents=True, exist_ok=True)
    parts = [
        "# What each way to transfer is worth",
        "Written by `python benchmarks/transfer_report.py docs` from `benchmarks/results/transfer.jsonl`. Test F1;"
        " at n target sentences a dev sample of n sentences selects. Differences are paired by seed; in brackets, "
        "where there are five seeds or several pairs, the 95 % bootstrap interval over seeds, which holds the truth "
        f"{_coverage()} times of 100 (simulated by `benchmarks/coverage.py`). *Source kept*: mean "
        "F1 of the source's labels on at most 1,000 sentences of its test set afterwards (where it has none, of dev, "
        "which selected the source model). Silver text is "
        "target train without its labels, but for the n sentences; of politics, which has 200 in all, it is "
        "wikitext-2. The page grows with the runs: a figure of fewer than five seeds, or three at all target "
        "sentences, is not finished.",
    ]
    for title, body in averages(test):
        parts += [f"## {title}", _markdown(MEANS, body)]
    parts += [
        "## Minus scratch, means over all pairs, by target sentences",
        "In parentheses, how many pairs. Of all target sentences none is left to be labelled, so what is recommended "
        "there is the same without silver. Negative transfer would show as an interval below 0.",
        _markdown(BY_SIZE, by_size(test)),
    ]
    for pair in sorted({pair for pair, _ in test}):
        sizes = sorted((size for of, size in test if of == pair), key=_place)
        parts.append(f"## {pair}")
        before = kept.get((pair, "source"), {})
        if before:
            told = ", ".join(f"{kind} {summary(list(of.values()))}" for kind, of in before.items())
            parts.append(f"Source models on the source: {told}.")
        plotted = [size for size in sizes if size != "0"]
        if len(plotted) > 1:
            path = plots / f"{pair}.svg"
            path.write_text(plot(pair, {size: test[pair, size] for size in plotted}), encoding="utf8")
            parts.append(f"![Test F1 of {pair} by target sentences](transfer/{path.name})")
        for size in sizes:
            after = kept.get((pair, size), {})
            body = [
                (*cells, summary(list(after[cells[0]].values())) if cells[0] in after else "-")
                for cells in lines(test[pair, size])
            ]
            parts += [f"### {size} target sentences", _markdown((*HEADER, "source kept"), body)]
    (folder / "transfer.md").write_text("\n\n".join(parts) + "\n", encoding="utf8")


def _coverage() -> str:
    """Of the intervals, as measured by coverage.py: lowest and highest."""
    shares = {row["case"]: row["value"] for row in rows.read("coverage")}.values()
    return f"{min(shares):.0f} to {max(shares):.0f}"


def curves(scores: Mapping[str, Scores]) -> list[Series]:
    """The mean F1 of methods by size: baselines, what is recommended, the default, and the best of the rest.

    Of each size, the seeds that all of these methods have there: some draw an easier sample than others.
    """
    sizes = list(scores)
    recommended = next((name for name in RECOMMENDED if any(name in of for of in scores.values())), None)

    def rank(method: str) -> tuple[bool, int, float]:
        there = [mean(of[method].values()) for of in scores.values() if method in of]
        # where most were run
        return method in (recommended, DEFAULT), len(there), mean(there)

    others = sorted({name for of in scores.values() for name in of} - {*BASELINES, *LADDER}, key=rank, reverse=True)
    names = [*BASELINES, *others[: _PLOTTED - len(BASELINES)]]
    at = positions(sizes)
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for size in sizes:
        there = {name: scores[size][name] for name in names if name in scores[size]}
        seeds = set.intersection(*(set(of) for of in there.values())) if there else set()
        for name, of in there.items():
            if seeds:
                points[name].append((at[size], mean(of[seed] for seed in seeds) / 100))
    return [Series(name, of) for name, of in points.items() if of]


def plot(pair: str, scores: Mapping[str, Scores]) -> str:
    """The SVG, with its style inside. scores: by size, in order."""
    series = curves(scores)
    ticks = {x: size for size, x in positions(list(scores)).items()}
    svg = line_plot(series, title=f"Test F1 of {pair}", x_label="target sentences", ticks=ticks, legend=True)
    return svg.replace("<title>", f"{_STYLE}<title>", 1) + "\n"


def _place(size: str) -> int:
    return 10**9 if size == "all" else int(size)


def positions(sizes: Sequence[str]) -> dict[str, float]:
    """Where sizes stand on the axis: by their doublings, and "all" behind the others."""
    numbers = [log2(int(size)) for size in sizes if size != "all"]
    if not numbers:
        return dict.fromkeys(sizes, 0.0)
    at = {size: (max(numbers) + 1.5 if size == "all" else log2(int(size))) - min(numbers) for size in sizes}
    return {size: x + 0.5 for size, x in at.items()}


def _markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *body))


if __name__ == "__main__":
    typer.run(main)
