"""Words per second, to train and to predict, beside spaCy's `ner` in one run on one thread; and memory of both.

    python benchmarks/speed.py DATA

DATA is the folder of corpora, with mtl-bioinformatics-2016 in it. Both systems train on BC5CDR train in turns of a
few batches, each with the batches of its own config, then label BC5CDR test through `nlp.pipe` in turns: fresh
documents each time, each system at its best batch size, our cache of word types emptied before every pass.
Then the same model writes every mention of at least 0.05 with its probability as well, in turns with itself.
"""

import os

THREADS = 1
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import json  # noqa: E402
import re  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import spacy  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc  # noqa: E402
from spacy.training import Corpus, Example  # noqa: E402
from spacy.util import load_config, load_model_from_config, registry  # noqa: E402
from thinc.api import fix_random_seed  # noqa: E402

import rows  # noqa: E402
from spacy_tlner.corpora.convert import convert_file  # noqa: E402
from spacy_tlner.layers.types import clear_caches  # noqa: E402

BENCH = "speed"
CONFIG = Path(__file__).parent.parent / "configs" / "ner_bilstm_crf.cfg"
BATCH_SIZES = (32, 64, 128, 256, 512, 1000)
TURNS = 7  # passes over the test set at the best batch size
CANDIDATES = 0.05  # the least probability of a candidate
BLOCK = 20  # batches of training a turn

torch.set_num_threads(THREADS)


class System:
    """A pipeline with its training loop as `spacy train` would run it."""

    def __init__(self, name: str, config_path: Path, train: Path, overrides: dict[str, Any]):
        fix_random_seed(0)
        config = load_config(config_path, overrides={"paths.train": str(train), **overrides})
        self.name = name
        self.nlp: Language = load_model_from_config(config, auto_fill=True)
        settings = registry.resolve(self.nlp.config.interpolate()["training"])
        self.examples = list(Corpus(train)(self.nlp))
        self.optimizer, self.drop = settings["optimizer"], settings["dropout"]
        self.nlp.initialize(lambda: self.examples, sgd=self.optimizer)
        self.batches = self._batches(settings["batcher"])
        self.rates: list[float] = []

    def _batches(self, batcher: Any) -> Iterator[list[Example]]:
        while True:
            yield from batcher([Example(eg.predicted.copy(), eg.reference) for eg in self.examples])

    def train_block(self) -> None:
        batches = [next(self.batches) for _ in range(BLOCK)]
        start = time.perf_counter()
        for batch in batches:
            self.nlp.update(batch, drop=self.drop, sgd=self.optimizer)
            self.optimizer.step_schedules()
        seconds = time.perf_counter() - start
        self.rates.append(sum(len(eg.reference) for batch in batches for eg in batch) / seconds)


def predict(nlp: Language, texts: list[list[str]], batch_size: int) -> float:
    """Words per second of one pass over fresh documents, with empty caches."""
    docs = [Doc(nlp.vocab, words=words) for words in texts]
    pipe: Any
    for _, pipe in nlp.pipeline:
        clear_caches(pipe.model)
    start = time.perf_counter()
    for _ in nlp.pipe(docs, batch_size=batch_size):
        pass
    return sum(map(len, texts)) / (time.perf_counter() - start)


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder that holds mtl-bioinformatics-2016"),
    only: str = typer.Option("", hidden=True),
    blocks: int = typer.Option(24, help="Turns of training"),
) -> None:
    """Measure, print and append."""
    with tempfile.TemporaryDirectory() as tmp:
        home = data / "mtl-bioinformatics-2016" / "BC5CDR-IOB"
        train, test = Path(tmp) / "train.spacy", Path(tmp) / "test.spacy"
        convert_file(home / "train.tsv", train)
        convert_file(home / "test.tsv", test)
        theirs = Path(tmp) / "spacy.cfg"
        init = ["init", "config", str(theirs), "--pipeline", "ner", "--optimize", "efficiency"]
        subprocess.run([sys.executable, "-m", "spacy", *init], check=True, capture_output=True)
        # its batches grow from 100 words to 1,000; the larger are the faster
        at_most = {"training.batcher.size": 1000}
        make = {
            "tl_ner": lambda: System("tl_ner", CONFIG, train, {}),
            "spacy-ner": lambda: System("spacy-ner", theirs, train, at_most),
        }
        vocab = spacy.blank("en").vocab
        texts = [[token.text for token in eg.reference] for eg in Corpus(test)(spacy.blank("en", vocab=vocab))]
        if only:
            print(json.dumps(_memory(make[only](), texts)))
            return
        systems = [build() for build in make.values()]
        found: dict[str, dict[str, float]] = {system.name: {} for system in systems}
        for _ in range(blocks):
            for system in systems:
                system.train_block()
        for system in systems:
            # the first turn pays for first calls
            found[system.name]["train_tokens_per_second"] = median(system.rates[1:])
        best = {system.name: max(BATCH_SIZES, key=lambda size: predict(system.nlp, texts, size)) for system in systems}
        passes: dict[str, list[float]] = {system.name: [] for system in systems}
        for _ in range(TURNS):
            for system in systems:
                passes[system.name].append(predict(system.nlp, texts, best[system.name]))
        found["tl_ner"]["percent_slower_with_candidates"] = _slowdown(systems[0], texts, best["tl_ner"])
        for name in found:
            found[name]["predict_words_per_second"] = median(passes[name])
            found[name]["best_batch_size"] = best[name]
            found[name]["parameters"] = n_weights(next(s for s in systems if s.name == name).nlp)
        for name in found:
            out = subprocess.run(
                [sys.executable, __file__, str(data), "--only", name], check=True, capture_output=True, text=True
            )
            found[name].update(json.loads(out.stdout.strip().splitlines()[-1]))
    _publish(found)


def _slowdown(system: System, texts: list[list[str]], batch_size: int) -> float:
    """Per cent of time that candidates add to a pass, in the order without, with, with, without: no place is better."""
    settings: Any = system.nlp.get_pipe("tl_ner")
    ratios = []
    for _ in range(TURNS):
        seconds: dict[float | None, float] = {None: 0.0, CANDIDATES: 0.0}
        for candidates in (None, CANDIDATES, CANDIDATES, None):
            settings.cfg["candidates"] = candidates
            seconds[candidates] += 1 / predict(system.nlp, texts, batch_size)
        ratios.append(100 * (seconds[CANDIDATES] / seconds[None] - 1))
    return median(ratios)


def _memory(system: System, texts: list[list[str]]) -> dict[str, float]:
    """Peak resident memory of a process that only predicts, and of one that also trains, in MiB."""
    predict(system.nlp, texts, 256)
    after_predicting = peak_mib()
    for _ in range(10):
        system.train_block()
    return {"peak_mib_predicting": after_predicting, "peak_mib_training": peak_mib()}


def peak_mib() -> float:
    """Linux's own figure: that of getrusage begins with what the parent process held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def n_weights(nlp: Language) -> int:
    """Weights of all components, those of torch modules among them."""
    pipes: list[Any] = [pipe for _, pipe in nlp.pipeline]
    nodes = {node.id: node for pipe in pipes for node in pipe.model.walk()}
    count = sum(node.get_param(name).size for node in nodes.values() for name in node.param_names)
    modules = [shim._model for node in nodes.values() for shim in node.shims if hasattr(shim._model, "parameters")]
    return count + sum(weight.numel() for module in modules for weight in module.parameters())


def _publish(found: dict[str, dict[str, float]]) -> None:
    metrics = list(found["spacy-ner"])
    ratios = {metric: found["tl_ner"][metric] / found["spacy-ner"][metric] for metric in metrics}
    body = [[metric, *(f"{found[name][metric]:,.0f}" for name in found), f"{ratios[metric]:.2f}"] for metric in metrics]
    print(rows.table(("metric", *found, "ratio"), body))
    print(f"with candidates of at least {CANDIDATES}: {found['tl_ner']['percent_slower_with_candidates']:.1f} % slower")
    rows.append_metrics(BENCH, "bc5cdr", found, threads=THREADS)


if __name__ == "__main__":
    typer.run(main)
