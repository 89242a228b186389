"""How well nearness tells texts of the target from those of a source, and what it leaves of the source.

    python benchmarks/nearness.py DATA           some minutes
    python benchmarks/nearness.py DATA --report  only print the tables

DATA is the folder of corpora. For each pair and seed, n sentences of the target are drawn. Log loss (both classes
counting half; 0.693 for a guess) and AUC are of texts that the classifier did not see, for four penalties;
the effective size of the source, a share of its sentences, is for three strengths, at the default penalty.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy
import typer

import rows
from spacy_tlner.corpora.conll import read_sentences
from spacy_tlner.corpora.nearness import Nearness, WeightSettings, fit_nearness

BENCH = "nearness"
BIO = "mtl-bioinformatics-2016"
# Path and column of the tokens, of source and target.
PAIRS = {
    "BC5CDR -> NCBI-disease": ((f"{BIO}/BC5CDR-IOB/train.tsv", 0), (f"{BIO}/NCBI-disease-IOB/train.tsv", 0)),
    "BC2GM -> Ex-PTM": ((f"{BIO}/BC2GM-IOB/train.tsv", 0), (f"{BIO}/Ex-PTM-IOB/train.tsv", 0)),
    "wikineural -> politics": (("wikineural-en-val/val.conllu", 1), ("crossner/ner_data/politics/train.txt", 0)),
    "wikineural -> wnut17": (("wikineural-en-val/val.conllu", 1), ("wnut17/wnut17train.conll", 0)),
}
SIZES = ((50, None), (200, None), (50, 200))  # sentences of the target, and of the source, None: all
PENALTIES = (3e-3, 1e-3, 3e-4, 1e-4)
STRENGTHS = (0.25, 0.5, 1.0)


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder of corpora"),
    seeds: int = typer.Option(3, help="Seeds 0, 1, ..."),
    report: bool = typer.Option(False, help="Only print the tables"),
) -> None:
    """Run what is missing, then print the tables."""
    if not report:
        done = {(row["case"], row["seed"]) for row in rows.read(BENCH)}
        for name, files in PAIRS.items():
            texts = [_texts(data / path, column) for path, column in files]
            for n, n_source in SIZES:
                case = f"{name}, {n}" if n_source is None else f"{name}, {n}, {n_source} of the source"
                for seed in range(seeds):
                    if (case, seed) not in done:
                        draw = random.Random(seed)
                        near = draw.sample(texts[1], n)
                        source = texts[0] if n_source is None else draw.sample(texts[0], n_source)
                        rows.append(BENCH, [{"case": case, "seed": seed, **row} for row in _measure(source, near)])
    print_tables()


def _texts(path: Path, column: int) -> list[str]:
    return [" ".join(sentence.words) for sentence in read_sentences(path, token_column=column)]


def _measure(source: list[str], target: list[str]) -> Iterator[dict[str, Any]]:
    default = WeightSettings()
    for penalty in PENALTIES:
        started = time.process_time()
        found = fit_nearness(source, target, WeightSettings(penalty=penalty))
        seconds = time.process_time() - started
        facts = {"log_loss": _log_loss(found, source, target), "auc": found.summary.auc, "seconds": seconds}
        yield from ({"system": f"penalty {penalty:g}", "metric": name, "value": v} for name, v in facts.items())
    for strength in STRENGTHS:
        summary = fit_nearness(source, target, WeightSettings(strength=strength, penalty=default.penalty)).summary
        share = summary.effective / summary.texts
        yield {"system": f"strength {strength:g}", "metric": "effective_share", "value": share}


def _log_loss(found: Nearness, source: list[str], target: list[str]) -> float:
    of_target, of_source = found.log_ratios(target), found.log_ratios(source)
    return float(numpy.logaddexp(0, -of_target).mean() + numpy.logaddexp(0, of_source).mean()) / 2


def print_tables() -> None:
    """Means over seeds."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in rows.read(BENCH):
        values.setdefault((row["metric"], row["case"], row["system"]), []).append(row["value"])
    for metric, unit in (("log_loss", ""), ("auc", ""), ("effective_share", ""), ("seconds", " of CPU, one fit")):
        systems = list(dict.fromkeys(system for name, _, system in values if name == metric))
        cases = list(dict.fromkeys(case for name, case, _ in values if name == metric))
        body = [(case, *(f"{mean(values[metric, case, system]):.3f}" for system in systems)) for case in cases]
        print(f"\n{metric}{unit}, mean of seeds")
        print(rows.table(("", *systems), body))


if __name__ == "__main__":
    typer.run(main)
