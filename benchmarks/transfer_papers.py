"""What papers found, beside rows of transfer.py: which layers, how much of the error, one task against several."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from transfer_methods import LADDER
from transfer_rows import SIZES, Scores, counted, differences

Test = Mapping[tuple[str, str], Scores]
Table = tuple[str, str, tuple[str, ...], list[tuple[str, ...]]]  # title, what it shows, header, lines
RUNGS = (*LADDER, "warm_start")
LAYERS = (
    "Which layers to take",
    """Lee et al. 2017 took ever more layers from the source, from below, and fine-tuned all of them: the gain was
largest with the fewest sentences, and the layers up to the token LSTM gave nearly all of it. F1 minus scratch
(seeds):""",
)
ERROR = (
    "How much of the error a warm start removes",
    """Giorgi & Bader 2018 warm started from silver annotation, which removed 11 % of the error on average over 23
corpora, most where there was least target annotation. Here the source is annotated, WikiNEuRal's by
machine: (F1 - scratch) / (100 - scratch), in percent, as the mean over seeds (their number):""",
)
TASKS = (
    "One task against several",
    """Crichton et al. 2017 trained one encoder on many corpora with a head each, which was 0.8 F1 above one corpus
alone on average over 15, up to 6.3 and on one of them worse; more with fewer sentences. Here the source is the second
corpus. F1 minus scratch (seeds):""",
)


def tables(test: Test) -> Iterator[Table]:
    """Those that have lines."""
    for about, header, body in (
        (LAYERS, ("pair", "up to", *SIZES), ladder(test)),
        (ERROR, ("pair", *SIZES), error(test)),
        (TASKS, ("pair", "method", *SIZES), tasks(test)),
    ):
        if body:
            yield *about, header, body


def ladder(test: Test) -> list[tuple[str, ...]]:
    """A line a pair and rung, of pairs on which any rung below the last was run."""
    return [
        (pair, "all" if rung == "warm_start" else rung.removeprefix("up_to_"), *_gains(test, pair, rung, RUNGS))
        for pair in _pairs_with(test, [*LADDER])
        for rung in RUNGS
    ]


def tasks(test: Test) -> list[tuple[str, ...]]:
    """A line a pair and way to train on several corpora, beside the warm start that one of them has."""
    methods = ("multi_task", "warm_multi_task", "warm_start")
    return [
        (pair, method, *_gains(test, pair, method, methods))
        for pair in _pairs_with(test, methods[:1])
        for method in methods
    ]


def error(test: Test) -> list[tuple[str, ...]]:
    """A line a pair: the share of scratch's error that the warm start removes."""
    body = []
    for pair in _pairs_with(test, ["warm_start"]):
        cells = []
        for size in SIZES:
            of = test.get((pair, size), {})
            old, new = of.get("scratch", {}), of.get("warm_start", {})
            shares = [100 * (new[seed] - old[seed]) / (100 - old[seed]) for seed in old.keys() & new.keys()]
            cells.append(f"{mean(shares):.0f} ({len(shares)})" if len(shares) > 1 else "-")
        body.append((pair, *cells))
    return body


def _gains(test: Test, pair: str, method: str, beside: Sequence[str]) -> list[str]:
    """Minus scratch by size. Over the seeds that all methods of the table have there: some draw an easier sample."""
    cells = []
    for size in SIZES:
        of = test.get((pair, size), {})
        there = {name: of[name] for name in ("scratch", *beside) if name in of}
        seeds = set.intersection(*map(set, there.values())) if there else set()
        kept = {name: {seed: value[seed] for seed in seeds} for name, value in there.items()}
        cells.append(counted(differences(kept, method, "scratch")))
    return cells


def _pairs_with(test: Test, methods: list[str] | tuple[str, ...]) -> list[str]:
    """Pairs on which any of these methods was run, at any size."""
    return sorted({pair for (pair, _), of in test.items() if not of.keys().isdisjoint(methods)})
