"""What rows of transfer.py say: tables, and docs/transfer.md with a table and a plot a pair.

python benchmarks/transfer_report.py            the tables
python benchmarks/transfer_report.py docs       the page docs/transfer.md and its plots, docs/transfer/*.svg
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log2
from pathlib import Path
from statistics import mean

import typer

import rows
from runs import summary
from spacy_tlner.report.plot import Series, line_plot
from transfer_corpora import ALL_PAIRS, GENERAL, TEXTS
from transfer_methods import BASELINES, LADDER, METHODS
from transfer_papers import tables
from transfer_rows import SIZES, Scores, counted, difference, differences, read

CHOOSING = ("bc5cdr-ncbi", "wikineural-politics")
CHOOSING_SEEDS = 3  # all methods were run with these there; more seeds came later, of some
ORDER = [*METHODS, *LADDER]
# Plots stand outside of the report's page, and bring its style along.
_STYLE = """<style>
.plot { background: #fff; font: 13px sans-serif; } .plot text { fill: #333; } .grid { stroke: #ddd; }
</style>"""
# What all others are compared with, and of a language model itself what starts from one.
RIVALS = ("scratch", "spelling", "spacy-continued", "bilm")
# The first that a case has. The choosing pairs recommend the first two, between which they do not decide; the others
# are the same without a language model, for which not every pair has text of its field.
RECOMMENDED = ("bilm_silver", "bilm_warm_start", "silver", "warm_start")
RECOMMENDED_LINE = "recommended: bilm_silver, without text silver"
DEFAULT = "spelling_warm_start"  # of project.yml
_MINUS = tuple(f"minus {rival}" for rival in RIVALS)
MEANS = ("method", "pairs", "seeds", "test F1", *_MINUS)
BY_SIZE = ("pair", "method", *SIZES)
BY_SIZE_TITLE = "The default and what is recommended, minus scratch, by target sentences"
HEADER = ("method", "test F1: mean (sd, seeds)", *_MINUS)
ABOUT = ("source", "target", "what changes", "label map", "text for silver", "text of language models")
_PLOTTED = 6  # lines in a plot
INTRODUCTION = Path(__file__).with_name("transfer_introduction.md")


def main(
    folder: Path | None = typer.Argument(None, help="Where transfer.md goes; without it, tables on the screen"),
) -> None:
    """Print or write what the rows say."""
    if folder is None:
        print_tables()
    else:
        write(folder)


def print_tables() -> None:
    """What stands on the page, but for what is forgotten of the source."""
    test = read("test_f")
    body = [(pair, size, *cells) for (pair, size), of in sorted(test.items()) for cells in lines(of)]
    print(rows.table(("pair", "size", *HEADER), body))
    for title, body in averages(test):
        print(f"\n{title}\n" + rows.table(MEANS, body))
    print(f"\n{BY_SIZE_TITLE}\n" + rows.table(BY_SIZE, by_size(test)))
    for title, _, header, body in tables(test):
        print(f"\n{title}\n" + rows.table(header, body))


def lines(of: Scores) -> list[tuple[str, ...]]:
    """A line a method, in the order of the table of methods."""
    body = []
    for method in sorted(of, key=lambda name: [*ORDER, name].index(name)):
        told = []
        for rival in RIVALS:
            gains = differences(of, method, rival)
            fewer = f" ({len(gains)} of {len(of[method])} seeds)" if 0 < len(gains) < len(of[method]) else ""
            told.append(difference([gains]) + fewer)
        body.append((method, summary(list(of[method].values())), *told))
    return body


def averages(test: Mapping[tuple[str, str], Scores]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Title and table of the means over the pairs that choose what is recommended, and over those that judge it."""
    for title, choose in (("on which a method is chosen", True), ("that did not choose", False)):
        cases = {
            (pair, size): of for (pair, size), of in test.items() if size == "100" and choose == (pair in CHOOSING)
        }
        if choose:
            cases = {
                case: {method: _first(of, CHOOSING_SEEDS) for method, of in scores.items()}
                for case, scores in cases.items()
            }
        if cases:
            yield f"Means over the pairs {title}, at 100 target sentences", average(cases)


def _first(of: Mapping[int, float], n: int) -> dict[int, float]:
    return {seed: value for seed, value in of.items() if seed < n}


def by_size(test: Mapping[tuple[str, str], Scores]) -> list[tuple[str, ...]]:
    """The default and what is recommended, minus scratch: a line a pair, and one for the pairs that have all sizes."""
    body = []
    for name, candidates in ((DEFAULT, (DEFAULT,)), ("recommended", RECOMMENDED)):
        gains: dict[str, dict[str, list[float]]] = {}  # of a pair and size
        for (pair, size), scores in sorted(test.items()):
            method = next((candidate for candidate in candidates if candidate in scores), None)
            found = differences(scores, method, "scratch") if method else []
            if size in SIZES and len(found) > 1:
                gains.setdefault(pair, {})[size] = found
        # politics has 200 sentences in all
        whole = [of for of in gains.values() if {"50", "100", "all"} <= of.keys()]
        for pair, of in gains.items():
            if len(of) == 1:  # nothing by size
                continue
            body.append((pair, name, *(counted(of[size]) if size in of else "-" for size in SIZES)))
        if len(whole) > 1:
            told = [difference([of[size] for of in whole if size in of]) for size in SIZES]
            body.append((f"mean of {len(whole)} pairs", name, *told))
    return body


def average(cases: Mapping[tuple[str, str], Scores]) -> list[tuple[str, ...]]:
    """A line a method: over how many pairs and seeds, its mean F1 there, and the means of its differences.

    Of each pair, the seeds that both scratch and spaCy's continued model have, for some draw an easier sample than
    others; a method counts where it has all of these.
    """
    body = []
    kept = []
    for scores in cases.values():
        seeds = set.intersection(*(set(scores.get(rival, {})) for rival in ("scratch", "spacy-continued")))
        if seeds:
            there = {name: {seed: of[seed] for seed in seeds} for name, of in scores.items() if seeds <= of.keys()}
            best = next((name for name in RECOMMENDED if name in there), None)
            kept.append({**there, **({RECOMMENDED_LINE: there[best]} if best else {})})
    for method in (*ORDER, RECOMMENDED_LINE):
        of = [scores for scores in kept if method in scores]
        if of:
            counts = sorted({len(scores[method]) for scores in of})
            told = [difference([g for scores in of if (g := differences(scores, method, rival))]) for rival in RIVALS]
            f1 = mean(mean(scores[method].values()) for scores in of)
            body.append((method, str(len(of)), " or ".join(map(str, counts)), f"{f1:.2f}", *told))
    return body


def write(folder: Path) -> None:
    """docs/transfer.md, and an SVG a pair with more than one size."""
    test, kept = read("test_f"), read("source_macro_f")
    plots = folder / "transfer"
    plots.mkdir(parents=True, exist_ok=True)
    introduction = INTRODUCTION.read_text(encoding="utf8").strip().format(coverage=_coverage())
    parts = [introduction, _markdown(("", *ABOUT), [*_pairs()])]
    for title, body in averages(test):
        parts += [f"## {title}", _markdown(MEANS, body)]
    parts += [f"## {BY_SIZE_TITLE}", _markdown(BY_SIZE, by_size(test))]
    for title, about, header, body in tables(test):
        parts += [f"## {title}", about, _markdown(header, body)]
    for pair in sorted({pair for pair, _ in test}):
        sizes = sorted((size for of, size in test if of == pair), key=_place)
        parts.append(f"## {pair}")
        before = kept.get((pair, "source"), {})
        if before:
            told = ", ".join(f"{kind} {summary(list(of.values()))}" for kind, of in before.items())
            parts.append(f"Source models on the source: {told}.")
        plotted = [size for size in sizes if "scratch" in test[pair, size]]
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


def _pairs() -> Iterator[tuple[str, ...]]:
    """What a reader should know of the corpora."""
    for name, of in ALL_PAIRS.items():
        label_map = ", ".join(f"{old} = {new}" for old, new in of.label_map.items()) or "labels of equal name"
        silver = Path(TEXTS[name]).stem if name in TEXTS else "the rest of target train"
        model = (
            "encyclopedia and novels" if name in GENERAL else "trial and case reports" if of.lang == "en" else "none"
        )
        yield name, of.source.name, of.target.name, of.about, label_map, silver, model


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
