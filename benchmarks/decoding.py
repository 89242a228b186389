"""Test F1 of decoding by marginals beside the best tagging (Viterbi).

    python benchmarks/decoding.py DATA                  models: 11 runs of 1 to 4 minutes, those of calibration.py
    python benchmarks/decoding.py DATA --cases ncbi-100
    python benchmarks/decoding.py DATA --report         only print the tables

DATA is the folder of corpora, with mtl-bioinformatics-2016 in it. Cases and models are those of calibration.py. Ways:

    viterbi          the best tagging
    threshold 0.5    mentions of at least this probability; of overlapping ones the most probable
    threshold dev    the threshold of best F1 on dev, in steps of 0.02
    threshold F*/2   the threshold of best expected F1, which is half that F1 (Lipton et al. 2014); expected by the
                     model itself on dev, of whose gold only the number is used
    posterior        the legal tagging of the highest sum of token marginals

with probabilities as trained (T=1), or at the temperature that is fitted on dev (T). The best of all on dev is "chosen
on dev". Dev selects, test is read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy
import typer
from spacy.training import Example

import rows
import runs
from calibration import CASES, load, trained
from spacy_tlner.chains import Chains
from spacy_tlner.measure.calibration import fit_temperature, judge, verdicts
from spacy_tlner.measure.thresholds import best_expected_f1
from spacy_tlner.mentions import Scored, best_first
from spacy_tlner.tags import Mention

BENCH = "decoding"
THRESHOLDS = [round(0.02 * i, 2) for i in range(1, 50)]
Decoder = Callable[[Chains], list[list[Mention]]]


class Score(NamedTuple):
    """Percent."""

    f: float
    p: float
    r: float


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder that holds mtl-bioinformatics-2016"),
    work: Path = typer.Option(Path("training/probabilities"), help="Where corpora and models go"),
    cases: str = typer.Option(",".join(CASES), help="Of the table"),
    report: bool = typer.Option(False, help="Only print the tables"),
) -> None:
    """Run what is missing, then print the tables."""
    if not report:
        done = {(row["case"], row["seed"]) for row in rows.read(BENCH)}
        for run in trained(data, work, cases.split(","), done):
            rows.append(BENCH, measure(run, work))
    print_tables()


def measure(run: runs.Run, work: Path) -> list[dict[str, Any]]:
    """All rows of one model."""
    nlp, dev, test = load(run, work)
    pipe: Any = nlp.get_pipe("tl_ner")
    on_dev, on_test = (pipe.chains([example.predicted for example in split]) for split in (dev, test))
    judged = judge(nlp, "tl_ner", dev)
    n_gold = sum(len(example.reference.ents) for example in dev)
    fitted = fit_temperature(judged.confidence, judged.correct)
    ways: dict[str, tuple[float, Decoder]] = {"viterbi": (1.0, viterbi)}
    settings: dict[str, dict[str, float]] = {}
    for suffix, temperature in (("T=1", 1.0), ("T", fitted)):
        chains = on_dev.at(temperature)
        likely = chains.mentions_above(min(THRESHOLDS))
        scores = {t: score(dev, [best_first(above(of, t)) for of in likely]).f for t in THRESHOLDS}
        chosen = max(THRESHOLDS, key=lambda t: scores[t])
        half = best_expected_f1([chains], n_gold).threshold
        for name, threshold in (("threshold 0.5", 0.5), ("threshold dev", chosen), ("threshold F*/2", half)):
            ways[f"{name}, {suffix}"] = (temperature, by_threshold(threshold))
            settings[f"{name}, {suffix}"] = {"threshold": threshold, "temperature": temperature}
        settings[f"threshold F*/2, {suffix}"] |= {"dev_gold": n_gold, "dev_expected": expected_mentions(chains)}
        ways[f"posterior, {suffix}"] = (temperature, posterior)
        settings[f"posterior, {suffix}"] = {"temperature": temperature}
    found, of_dev = [], {}
    of_test: dict[str, Score] = {}
    for name, (temperature, decode) in ways.items():
        of_dev[name] = score(dev, decode(on_dev.at(temperature)))
        of_test[name] = score(test, decode(on_test.at(temperature)))
    best = max(of_dev, key=lambda name: of_dev[name].f)
    of_dev["chosen on dev"], of_test["chosen on dev"] = of_dev[best], of_test[best]
    for name in of_test:
        print(run.key, name, f"dev {of_dev[name].f:.2f} test {of_test[name].f:.2f}", flush=True)
        values = {"dev_f": of_dev[name].f, **{f"test_{x}": getattr(of_test[name], x) for x in "fpr"}}
        for metric, value in {**values, **settings.get(name, {})}.items():
            found.append({"case": run.case, "system": name, "metric": metric, "value": value, "seed": run.seed})
    return found


def viterbi(chains: Chains) -> list[list[Mention]]:
    """Mentions of the best tagging."""
    return [chains.scheme.decode(tags) for tags in chains.best()]


def posterior(chains: Chains) -> list[list[Mention]]:
    """Mentions of the legal tagging with the most tokens right in expectation: Viterbi over marginals for scores."""
    flat = numpy.concatenate(chains.marginals())
    no_moves = {name: numpy.zeros_like(getattr(chains.chain, name)) for name in ("transitions", "start", "end")}
    return viterbi(replace(chains, emissions=flat, chain=replace(chains.chain, **no_moves)))


def by_threshold(threshold: float) -> Decoder:
    """As the component does with `threshold` set."""
    return lambda chains: [best_first(of) for of in chains.mentions_above(threshold)]


def expected_mentions(chains: Chains) -> float:
    """The number of mentions that the model expects: each has one tag B or U."""
    begins = chains.scheme.legal_start & (numpy.arange(chains.scheme.n_tags) > 0)
    return sum(float(tags[:, begins].sum(dtype="float64")) for tags in chains.marginals())


def above(scored: Sequence[Scored], threshold: float) -> list[Scored]:
    return [item for item in scored if item.probability >= threshold]


def score(examples: Sequence[Example], found: Sequence[Sequence[Mention]]) -> Score:
    """Micro-averaged over exact mentions, as spaCy's scorer."""
    right = sum(bool(is_right) for eg, of in zip(examples, found) for _, is_right in verdicts(eg, of))
    n_found, n_gold = sum(map(len, found)), sum(len(example.reference.ents) for example in examples)
    return Score(*(100 * x for x in (2 * right / (n_found + n_gold), right / max(n_found, 1), right / n_gold)))


def print_tables() -> None:
    values: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for row in rows.read(BENCH):
        by_metric = values.setdefault((row["case"], row["system"]), {})
        by_metric.setdefault(row["metric"], {})[row["seed"]] = row["value"]
    body = []
    for (case, system), found in values.items():
        base = values[case, "viterbi"]["test_f"]
        paired = [value - base[seed] for seed, value in found["test_f"].items()]
        won = f"{sum(d > 0 for d in paired)} of {len(paired)}"
        cells = [summary(list(found[m].values())) if m in found else "-" for m in ("test_f", "test_p", "test_r")]
        threshold = summary(list(found["threshold"].values())) if "threshold" in found else "-"
        body.append((case, system, threshold, *cells, summary(paired), won))
    header = ("case", "way", "threshold", "test F1: mean (sd)", "P", "R", "minus viterbi: mean (sd)", "above")
    print(rows.table(header, body))


def summary(values: list[float]) -> str:
    spread = f" ({stdev(values):.2f})" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread}"


if __name__ == "__main__":
    typer.run(main)
