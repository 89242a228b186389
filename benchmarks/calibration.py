"""Confidence of mentions on test before and after a temperature is fitted on dev, beside what else one could use.

    python benchmarks/calibration.py DATA                  models: 11 runs of 1 to 4 minutes; stops and resumes
    python benchmarks/calibration.py DATA --cases bc5cdr
    python benchmarks/calibration.py DATA --report         only print the tables

DATA is the folder of corpora, with mtl-bioinformatics-2016 in it. Cases: `bc5cdr` (all its data, both labels, 3 seeds)
and `ncbi-100` (100 sentences of NCBI-disease to train on and 100 as dev, from BC5CDR Disease, 5 seeds), trained as in
accuracy.py. The mentions are those of the best tagging, and correct if gold has them. Confidences:

    chain, T=1             P(exactly this mention) of the CRF as it was trained
    chain, T               the same at the temperature that `spacy tlner calibrate` fits on dev
    chain, T by likelihood the temperature at which dev's gold taggings are likeliest instead
    product of tokens      product of the tokens' marginals, at T=1 and at a T of its own from dev
    least softmax          the least softmax of emissions over its tokens, likewise: a tagger without a CRF's sums
    constant               dev's share of right mentions: well calibrated, and of no use (AUROC 0.5)

`ece` is in 15 bins of equal mass; `ece_by_chance` what perfect calibration would show of as many mentions. Case
`bc5cdr-halves` compares the two ways to choose T on dev alone, each fitted on one half and measured on the other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy
import spacy
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch

import accuracy
import rows
import runs
from spacy_tlner.chains import Chains
from spacy_tlner.corpora.check import read_examples
from spacy_tlner.gold import training_sets
from spacy_tlner.measure.calibration import Judged, fit_temperature, judge, least_by_temperature
from spacy_tlner.measure.reliability import Reliability
from spacy_tlner.tags import Mention

BENCH = "calibration"
CASES = ("bc5cdr", "ncbi-100")
METRICS = ("n", "correct", "confidence", "ece", "ece_by_chance", "brier", "log_loss", "auroc")
Confidence = Callable[[float], NDArray[numpy.float64]]


@dataclass(frozen=True)
class Split:
    """A corpus as a model sees it."""

    nlp: Language
    examples: list[Example]
    judged: Judged

    @classmethod
    def of(cls, nlp: Language, examples: list[Example]) -> "Split":
        return cls(nlp, examples, judge(nlp, "tl_ner", examples))


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


def trained(data: Path, work: Path, cases: Sequence[str], done: set[tuple[str, int]]) -> Iterator[runs.Run]:
    """The runs of these cases whose case and seed are not done, each with its model in the work folder."""
    work.mkdir(parents=True, exist_ok=True)
    accuracy.convert(data, work / "corpus")
    sizes = [case.removeprefix("ncbi-") for case in cases if case.startswith("ncbi-")]
    planned = list(accuracy.plan(work, ["tl_ner-transfer"], sizes, 0, ["tl_ner"] if "bc5cdr" in cases else []))
    by_key = {run.key: run for run in planned}
    for run in planned:
        if run.test is not None and (run.case, run.seed) not in done:
            for key in run.waits_for():
                runs.trained_model(by_key[key], work)
            runs.trained_model(run, work)
            yield run


def load(run: runs.Run, work: Path) -> tuple[Language, list[Example], list[Example]]:
    """A run's pipeline, and the examples of its dev and test corpus."""
    nlp = spacy.load(runs.model_folder(work, run.key) / "model-best")
    assert run.test is not None
    return nlp, read_examples(run.dev, nlp), read_examples(run.test, nlp)


def measure(run: runs.Run, work: Path) -> list[dict[str, Any]]:
    """All rows of one model."""
    nlp, dev_examples, test_examples = load(run, work)
    dev, test = Split.of(nlp, dev_examples), Split.of(nlp, test_examples)
    found: list[dict[str, Any]] = []
    right = dev.judged.correct

    def add(system: str, confidence: NDArray, temperature: float | None = None, case: str = run.case) -> None:
        of = Reliability.of(confidence, test.judged.correct)
        print(case, run.seed, system, temperature, f"ECE {of.ece:.4f} Brier {of.brier:.4f} AUROC {of.auroc:.4f}")
        values: dict[str, Any] = {name: getattr(of, name) for name in METRICS}
        values |= {} if temperature is None else {"temperature": temperature}
        for metric, value in values.items():
            found.append({"case": case, "system": system, "metric": metric, "value": value, "seed": run.seed})

    ways: dict[str, Callable[[Judged], Confidence]] = {
        "chain": lambda judged: judged.confidence,
        "product of tokens": lambda judged: lambda t: by_tokens(judged, t, Chains.marginals, numpy.prod),
        "least softmax": lambda judged: lambda t: by_tokens(judged, t, softmax, numpy.min),
    }
    for name, way in ways.items():
        temperature = fit_temperature(way(dev.judged), right)
        add(f"{name}, T=1", way(test.judged)(1.0), 1.0)
        add(f"{name}, T", way(test.judged)(temperature), temperature)
    likeliest = by_likelihood(dev)
    add("chain, T by likelihood", test.judged.confidence(likeliest), likeliest)
    add("constant", numpy.full(len(test.judged.correct), right.mean()))
    if run.case == "bc5cdr":
        found += halves(dev, run.seed)
    return found


def halves(dev: Split, seed: int) -> list[dict[str, Any]]:
    """Both ways to choose T, each fitted on one half of dev and measured on the other; means of the two."""
    middle = len(dev.examples) // 2
    first, second = (Split.of(dev.nlp, part) for part in (dev.examples[:middle], dev.examples[middle:]))
    ways: dict[str, Callable[[Split], float]] = {
        "chain, T=1": lambda split: 1.0,
        "chain, T": lambda split: fit_temperature(split.judged.confidence, split.judged.correct),
        "chain, T by likelihood": by_likelihood,
    }
    found = []
    for name, way in ways.items():
        both = [other.judged.reliability(way(fitted)) for fitted, other in ((first, second), (second, first))]
        for metric in METRICS:
            value = mean(getattr(of, metric) for of in both)
            found.append({"case": "bc5cdr-halves", "system": name, "metric": metric, "value": value, "seed": seed})
    return found


def by_likelihood(split: Split) -> float:
    """The temperature at which whole gold taggings are likeliest, missing annotation summed over."""
    pipe: Any = split.nlp.get_pipe("tl_ner")
    batches = []
    for batch in minibatch(split.examples, split.nlp.batch_size):
        sets = [training_sets(example, pipe.scheme)[0] for example in batch]
        batches.append((pipe.chains([example.predicted for example in batch]), numpy.concatenate(sets)))

    def loss(temperature: float) -> float:
        scaled = [(chains.at(temperature), gold) for chains, gold in batches]
        return sum(float((all_.log_z() - replace(all_, possible=gold).log_z()).sum()) for all_, gold in scaled)

    found = least_by_temperature(loss)
    assert found is not None
    return found


def by_tokens(
    judged: Judged,
    temperature: float,
    probabilities: Callable[[Chains], list[NDArray]],
    reduce: Callable[[NDArray], Any],
) -> NDArray[numpy.float64]:
    """(mentions,) what `reduce` makes of the probabilities of a mention's tags, taken token by token."""
    found = []
    for chains, mentions in zip(judged.chains, judged.mentions):
        for of_doc, rows_ in zip(mentions, probabilities(chains.at(temperature))):
            found += [float(reduce(of_tags(rows_, mention, chains))) for mention in of_doc]
    return numpy.minimum(found, 1.0)


def of_tags(tags: NDArray, mention: Mention, chains: Chains) -> NDArray:
    """(tokens of the mention,) from (tokens, tags): the columns of the tags that spell the mention."""
    spelled = list(chains.scheme.spell(mention.label, mention.end - mention.start))
    return tags[numpy.arange(mention.start, mention.end), spelled]


def softmax(chains: Chains) -> list[NDArray]:
    """(tokens, tags) of each document, from the emissions alone."""
    scores = numpy.exp(chains.emissions - chains.emissions.max(axis=1, keepdims=True))
    return numpy.split(scores / scores.sum(axis=1, keepdims=True), numpy.cumsum(chains.lengths)[:-1])


def print_tables() -> None:
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows.read(BENCH):
        values.setdefault((row["case"], row["system"]), {}).setdefault(row["metric"], []).append(row["value"])
    shown = ("n", "temperature", "correct", "confidence", "ece", "ece_by_chance", "brier", "log_loss", "auroc")
    body = []
    for (case, system), found in values.items():
        cells = [summary(found[metric], 0 if metric == "n" else 4) if metric in found else "-" for metric in shown]
        body.append((case, system, str(len(found["n"])), *cells))
    print(rows.table(("case", "confidence", "seeds", *shown), body))


def summary(values: list[float], digits: int) -> str:
    spread = f" ({stdev(values):.{digits}f})" if len(values) > 1 and digits else ""
    return f"{mean(values):.{digits}f}{spread}"


if __name__ == "__main__":
    typer.run(main)
