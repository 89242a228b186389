"""Test F1 of thresholds beside the best tagging, for models of transfer_pairs.py: from 50 target sentences to all.

    python benchmarks/transfer_decoding.py DATA --work training/transfer      what stands in the work folder
    python benchmarks/transfer_decoding.py DATA --report                      only print the table

Ways, of those in decoding.py:

    viterbi          the best tagging
    threshold dev    the threshold of best F1 on dev, in steps of 0.02, of probabilities as trained
    threshold F*/2   the threshold that `spacy tlner calibrate` names, of probabilities at the temperature that it fits

Dev is the sample that selected the checkpoint, as many sentences as the model was trained on. Stops and resumes.
"""

from pathlib import Path
from statistics import mean
from typing import Any

import typer

import rows
import runs
from calibration import load
from decoding import THRESHOLDS, Decoder, above, by_threshold, score, viterbi
from spacy_tlner.measure.calibration import UnfittedError, fit_temperature, judge
from spacy_tlner.measure.thresholds import best_expected_f1
from spacy_tlner.mentions import best_first
from transfer import Plan
from transfer_corpora import PAIRS
from transfer_methods import METHODS
from transfer_pairs import make_pair
from transfer_rows import SIZES, difference

BENCH = "transfer_decoding"
WAYS = ("viterbi", "threshold dev", "threshold F*/2")


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder of corpora"),
    work: Path = typer.Option(Path("training/transfer"), help="Where corpora and models are"),
    methods: str = typer.Option("warm_start", help="Of transfer.py"),
    report: bool = typer.Option(False, help="Only print the table"),
) -> None:
    """Measure what was trained and has no rows yet, then print the table."""
    if not report:
        done = {(row["case"], row["seed"]) for row in rows.read(BENCH)}
        for name in PAIRS:
            plan = Plan(make_pair(name, data, None, work), work)
            planned = (
                plan.target(method, METHODS[method], size, seed)
                for method in methods.split(",")
                for size in SIZES
                for seed in range(5)
                if (runs.model_folder(work, (f"{name}-{size}", method, seed)) / "model-best").exists()
            )
            for run in planned:
                if (_case(run), run.seed) not in done and (runs.model_folder(work, run.key) / runs.FINISHED).exists():
                    rows.append(BENCH, measure(run, work))
    print_table()


def measure(run: runs.Run, work: Path) -> list[dict[str, Any]]:
    """All rows of one model."""
    nlp, dev, test = load(run, work)
    pipe: Any = nlp.get_pipe("tl_ner")
    on_dev, on_test = (pipe.chains([example.predicted for example in split]) for split in (dev, test))
    judged = judge(nlp, "tl_ner", dev)
    try:
        fitted = fit_temperature(judged.confidence, judged.correct)
    except UnfittedError:  # as `calibrate` does
        fitted = 1.0
    likely = on_dev.mentions_above(min(THRESHOLDS))
    by_f1 = {t: score(dev, [best_first(above(of, t)) for of in likely]).f for t in THRESHOLDS}
    n_gold = sum(len(example.reference.ents) for example in dev)
    half = best_expected_f1([on_dev.at(fitted)], n_gold).threshold
    ways: dict[str, tuple[float, Decoder, dict[str, float]]] = {}
    ways["viterbi"] = 1.0, viterbi, {}
    for name, temperature, threshold in (
        ("threshold dev", 1.0, max(THRESHOLDS, key=lambda t: by_f1[t])),
        ("threshold F*/2", fitted, half),
    ):
        ways[name] = temperature, by_threshold(threshold), {"threshold": threshold, "temperature": temperature}
    found = []
    for name, (temperature, decode, settings) in ways.items():
        of_test = score(test, decode(on_test.at(temperature)))
        print(_case(run), run.seed, name, f"test {of_test.f:.2f}", flush=True)
        values = {f"test_{x}": getattr(of_test, x) for x in "fpr"} | settings
        for metric, value in values.items():
            found.append({"case": _case(run), "system": name, "metric": metric, "value": value, "seed": run.seed})
    return found


def _case(run: runs.Run) -> str:
    return f"{run.case}.{run.system}"


def print_table() -> None:
    """A line a case, and one a method and size over the pairs: F1 minus that of the best tagging."""
    f1: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows.read(BENCH):
        if row["metric"] == "test_f":
            f1.setdefault(row["case"], {}).setdefault(row["system"], {})[row["seed"]] = row["value"]
    body = []
    together: dict[str, list[dict[str, list[float]]]] = {}
    for case, of in sorted(f1.items()):
        gains = {way: [of[way][seed] - best for seed, best in of["viterbi"].items()] for way in WAYS[1:]}
        body.append(
            (case, f"{mean(of['viterbi'].values()):.2f}", *(f"{difference([g])} ({len(g)})" for g in gains.values()))
        )
        pair_and_size, method = case.split(".")
        together.setdefault(f"{method}, {pair_and_size.rpartition('-')[2]}", []).append(gains)
    for case, of_pairs in together.items():
        if len(of_pairs) > 1:
            told = (difference([gains[way] for gains in of_pairs]) for way in WAYS[1:])
            body.append((f"{case}: {len(of_pairs)} pairs", "", *told))
    print(rows.table(("case", "viterbi", *(f"{way}, minus viterbi" for way in WAYS[1:])), body))


if __name__ == "__main__":
    typer.run(main)
