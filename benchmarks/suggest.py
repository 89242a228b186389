"""Test F1 on NCBI-disease after 1 to 5 rounds of 50 annotated sentences: those that `suggest` chooses, and random ones.

    OMP_NUM_THREADS=1 python benchmarks/suggest.py DATA          all of it; stops and resumes at will
    python benchmarks/suggest.py DATA --report                   only the tables

DATA is the folder of corpora, with mtl-bioinformatics-2016 in it. The pool is NCBI train, its annotation unseen until a
sentence is chosen. Each round trains anew on all sentences so far, with the transfer config and the settings for few
sentences of accuracy.py; n dev sentences, the same for all ways, select the checkpoint. `transfer` starts from a model
of BC5CDR diseases, which also makes the first choice; `scratch` from nothing, after a first round at random. Every way
of a seed starts from the same source and has the same random sentences where it takes some.

Test is read once, at the end. What was tried before, on NCBI dev with seeds 100 and 101 (runs not kept as rows): the
sum of p (1 - p) with diversity 0.5 and 1, the same divided by the square root of the length, and the entropy of the
taggings. By sentences the sum and the entropy were alike and the quotient worse; by tokens the quotient was no better.
Diversity was chosen for near duplicates, in 30,000 sentences of PubMed Central: of 200 suggested, 8 had a cosine over
0.7 to one before without diversity, 2 with 0.5, 1 with 0.8; the mean score fell from 1.27 to 1.25.
"""

import contextlib
import io
import json
import random
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy
import spacy
import torch
import typer
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus

import accuracy
import rows
import runs
from samples import sample
from spacy_tlner.corpora.task_texts import Text, distinct, read_texts
from spacy_tlner.measure.suggest import rank

BENCH = "suggest"
ROUNDS, SIZE = 5, 50
POINTS = [SIZE * (i + 1) for i in range(ROUNDS)]
# The way and the diversity; None takes sentences at random. The others have the default of the command.
WAYS = {"random": None, "suggest": 0.8, "no-diversity": 0.0}
THRESHOLD = 0.05  # the default of the command


class Pool:
    """The distinct sentences of NCBI train: what the chooser sees, and apart from it their annotation."""

    def __init__(self, path: Path):
        nlp = spacy.blank("en")
        gold = list(DocBin().from_disk(path).get_docs(nlp.vocab))
        of = {text.key: doc for text, doc in zip(read_texts(path, nlp), gold, strict=True)}
        self.texts: list[Text] = distinct(read_texts(path, nlp))
        self.gold: list[Doc] = [of[text.key] for text in self.texts]

    def choose(self, model: Path, taken: list[int], diversity: float) -> list[int]:
        nlp = spacy.load(model)
        free = sorted(set(range(len(self.texts))) - set(taken))
        choices = rank(
            nlp,
            "tl_ner",
            (self.texts[i].make_doc(nlp) for i in free),
            SIZE,
            diversity=diversity,
            threshold=THRESHOLD,
            annotated=[self.texts[i].make_doc(nlp) for i in taken],
        )
        return [free[choice.at] for choice in choices]


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder that holds mtl-bioinformatics-2016"),
    work: Path = typer.Option(Path("training/accuracy"), help="Where accuracy.py has its corpora and source models"),
    ways: str = typer.Option("random,suggest", help=f"Of {', '.join(WAYS)}"),
    starts: str = typer.Option("transfer", help="Of transfer, scratch"),
    seeds: int = typer.Option(5, help="Seeds 0, 1, ..."),
    report: bool = typer.Option(False, help="Only print the tables"),
) -> None:
    """Run what is missing, then print the tables."""
    if not report:
        torch.set_num_threads(1)
        accuracy.convert(data, work / "corpus")
        pool = Pool(work / "corpus" / "ncbi.train.spacy")
        for seed in range(seeds):
            for start in starts.split(","):
                for way in ways.split(","):
                    run(start, way, seed, pool, work)
    for start in starts.split(","):
        print_tables(start)


def run(start: str, way: str, seed: int, pool: Pool, work: Path) -> None:
    """All rounds of one way; those whose model and rows are there are not run again."""
    home = work / "suggest" / f"{start}.{way}.{seed}"
    home.mkdir(parents=True, exist_ok=True)
    scored = {(row["case"], row["system"], row["seed"]) for row in rows.read(BENCH)}
    at_random = random.Random(seed).sample(range(len(pool.texts)), ROUNDS * SIZE)
    source = source_model(work, seed) if start == "transfer" else None
    model, taken = source, []
    for n in POINTS:
        folder = home / str(n)
        written = home / f"{n}.json"
        if (f"{start}-{n}", way, seed) in scored and written.exists() and (folder / "model-best").exists():
            model, taken = folder / "model-best", json.loads(written.read_text(encoding="utf8"))
            continue
        diversity = WAYS[way]
        if diversity is None or model is None:
            taken = taken + at_random[n - SIZE : n]
        else:
            taken = taken + pool.choose(model, taken, diversity)
        written.write_text(json.dumps(taken), encoding="utf8")
        found = train_and_score(folder, [pool.gold[i] for i in taken], source, seed, work / "corpus", n)
        print(start, way, seed, n, {metric: round(value, 2) for metric, value in found.items()}, flush=True)
        shared = {"case": f"{start}-{n}", "system": way, "seed": seed}
        rows.append(BENCH, [{**shared, "metric": metric, "value": value} for metric, value in found.items()])
        model = folder / "model-best"


def source_model(work: Path, seed: int) -> Path:
    """The source that accuracy.py would start this seed from, trained if it is not there."""
    for wanted in accuracy.plan(work, ["tl_ner-transfer"], [], 0, []):
        if wanted.seed == seed % accuracy.N_SOURCES:
            return runs.trained_model(wanted, work)
    raise LookupError(f"no source for seed {seed}")


def train_and_score(
    folder: Path, docs: list[Doc], source: Path | None, seed: int, corpus: Path, n: int
) -> dict[str, float]:
    """What `spacy train` does, in this process, and the scores of its best model on test."""
    folder.mkdir(exist_ok=True)
    DocBin(docs=docs).to_disk(folder / "train.spacy")
    overrides = {
        "paths.train": str(folder / "train.spacy"),
        "paths.dev": str(sample(corpus / "ncbi.devel.spacy", str(n), seed)),
        "paths.source": None if source is None else str(source),
        "system.seed": seed,
        **accuracy.FEW,
    }
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        train(accuracy.CONFIGS / "ner_bilstm_crf_transfer.cfg", folder, overrides=overrides)
    (folder / "train.log").write_text(log.getvalue(), encoding="utf8")
    nlp = spacy.load(folder / "model-best")
    scores = nlp.evaluate(list(Corpus(corpus / "ncbi.test.spacy")(nlp)))
    return {
        **{f"test_{x}": 100 * scores[f"ents_{x}"] for x in "fpr"},
        "tokens": sum(len(doc) for doc in docs),
        "mentions": sum(len(doc.ents) for doc in docs),
    }


def print_tables(start: str) -> None:
    """The curve, the area under it by sentences and by tokens, and paired differences to random."""
    values: dict[tuple[str, str], dict[int, dict[int, float]]] = {}  # (way, metric): {seed: {n: value}}
    for row in rows.read(BENCH):
        name, n = row["case"].rsplit("-", 1)
        if name == start:
            of_seed = values.setdefault((row["system"], row["metric"]), {}).setdefault(row["seed"], {})
            of_seed[int(n)] = row["value"]
    ways = [way for way in WAYS if (way, "test_f") in values]
    header = ("", *(f"{n}" for n in POINTS))
    print(f"\n{start}: test F1 after n sentences, mean (sd, seeds)")
    print(rows.table(header, [(way, *(_summary(_at(values[way, "test_f"], n)) for n in POINTS)) for way in ways]))
    print(f"\n{start}: tokens / mentions in n sentences, mean")
    print(
        rows.table(
            header,
            [
                (
                    way,
                    *(
                        "{:.0f} / {:.0f}".format(*(mean(_at(values[way, m], n)) for m in ("tokens", "mentions")))
                        for n in POINTS
                    ),
                )
                for way in ways
            ],
        )
    )
    body = []
    for way in ways:
        full = {seed: of for seed, of in values[way, "test_f"].items() if len(of) == ROUNDS}
        line: list[Any] = [way, _summary([_area(POINTS, _curve(of)) for of in full.values()])]
        others = {seed: of for seed, of in values.get(("random", "test_f"), {}).items() if len(of) == ROUNDS}
        both = sorted(full.keys() & others.keys()) if way != "random" else []
        by_sentences = [_area(POINTS, _curve(full[s])) - _area(POINTS, _curve(others[s])) for s in both]
        by_tokens = [_gain_by_tokens(values, way, s) for s in both]
        for gains in (by_sentences, by_tokens):
            line.append(f"{_summary(gains)}, {sum(g > 0 for g in gains)} of {len(gains)}" if gains else "")
        body.append(line)
    print(f"\n{start}: mean height of the curve from {POINTS[0]} to {POINTS[-1]} sentences (its area over its width)")
    print(rows.table(("", "height", "minus random, paired", "minus random at equal tokens, paired"), body))


def _curve(of_seed: dict[int, float]) -> list[float]:
    return [of_seed[n] for n in POINTS]


def _area(x: Iterable[float], y: Iterable[float]) -> float:
    """The mean height of the polygon through the points."""
    x, y = numpy.asarray(list(x), dtype="float64"), numpy.asarray(list(y), dtype="float64")
    return float(((y[1:] + y[:-1]) / 2 * numpy.diff(x)).sum() / (x[-1] - x[0]))


def _gain_by_tokens(values: Any, way: str, seed: int) -> float:
    """How much higher the curve over tokens is, in the range that both have."""
    curves = [[_curve(values[name, metric][seed]) for metric in ("tokens", "test_f")] for name in (way, "random")]
    low, high = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    grid = numpy.linspace(low, high, 200)
    first, second = (_area(grid, numpy.interp(grid, x, y)) for x, y in curves)
    return first - second


def _at(by_seed: dict[int, dict[int, float]], n: int) -> list[float]:
    return [of[n] for of in by_seed.values() if n in of]


def _summary(found: list[float]) -> str:
    if not found:
        return "-"
    spread = f"{stdev(found):.2f}" if len(found) > 1 else "-"
    return f"{mean(found):.2f} ({spread}, {len(found)})"


if __name__ == "__main__":
    typer.run(main)
