"""One training and its scores through the real `spacy train` and `spacy evaluate`, on one thread, resumable."""

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from spacy.cli import setup_cli
from thinc.api import Config

import rows

Key = tuple[str, str, int]  # case, system, seed
# Beside a model whose training came to its end: `spacy train` writes model-best from its first evaluation on.
FINISHED = "finished.json"


@dataclass(frozen=True)
class Silver:
    """How a training set is made, by `spacy tlner silver`: the model of another run labels text."""

    teacher: Key
    text: Path
    exclude: tuple[Path, ...]


@dataclass(frozen=True)
class Run:
    """One training and what it is scored on."""

    case: str
    system: str
    seed: int
    train: Path
    dev: Path
    test: Path | None  # None: only the dev score is kept, as of a source model
    config: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    needs: Key | None = None  # the run whose model this one starts from
    trains: bool = True  # or that model itself is scored
    silver: Silver | None = None  # `train` is made by this
    # the source's test set and labels, by the names of this training: what it has not forgotten
    source_test: Path | None = None
    source_labels: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.case, self.system, self.seed

    def metrics(self) -> set[str]:
        """One of each kind that is scored."""
        scored = {"test_f": self.test, "source_macro_f": self.source_test}
        trained = {"dev_f"} if self.trains else set()
        return {*trained, *(metric for metric, corpus in scored.items() if corpus is not None)}

    @property
    def model(self) -> Key:
        """The run whose model is scored."""
        return self.key if self.trains or self.needs is None else self.needs

    def inputs(self) -> str:
        """A digest of what the model is made of: config, settings, corpora, and the language model if it reads one.

        Not of the run that it starts from, whose name tells the settings; nor of silver, which is made on the way.
        """
        # a comment is no setting
        config = Config().from_disk(self.config, interpolate=False)
        read = {"config": config.to_str(interpolate=False), "dev": _digest(self.dev)}
        read |= {"text": _digest(self.silver.text)} if self.silver else {"train": _digest(self.train)}
        settings = {
            name: _digest(value) if isinstance(value, Path) and value.is_file() else str(value)
            for name, value in self.overrides.items()
        }
        return hashlib.sha256(json.dumps([read, settings, self.seed], sort_keys=True).encode()).hexdigest()[:16]

    def waits_for(self) -> list[Key]:
        return [key for key in (self.needs, self.silver and self.silver.teacher) if key]


def execute(bench: str, wanted: list[Run], work: Path, workers: int) -> None:
    """Train and score what has no rows in results/<bench>.jsonl or no finished model in the work folder.

    In the order of `wanted`, in which a run stands behind those that it needs.
    """
    known: dict[Key, set[str]] = {}
    for row in rows.read(bench):
        known.setdefault((row["case"], row["system"], row["seed"]), set()).add(row["metric"])
    for run in wanted:
        # before the first is begun: what stops here must not take finished runs' rows along
        check_inputs(run, work)
    begun: dict[Key, Future[list[dict[str, Any]]]] = {}
    with ThreadPoolExecutor(workers) as pool:
        for run in wanted:
            # rows of another checkout do not count: what starts from a model needs that model here
            has_model = (model_folder(work, run.model) / FINISHED).exists()
            missing = run.metrics() - (known.get(run.key, set()) if has_model else set())
            if missing and run.key not in begun:
                before = [begun[key] for key in run.waits_for() if key in begun]
                begun[run.key] = pool.submit(train_and_score, run, work, missing, before)
        failure: BaseException | None = None
        for future in as_completed(begun.values()):
            if future.cancelled():
                continue
            if error := future.exception():
                # what runs beside it is finished and kept; what waited for it fails after it
                failure = failure or error
                for other in begun.values():
                    other.cancel()
            else:
                rows.append(bench, future.result())
    if failure:
        raise failure


def check_inputs(run: Run, work: Path) -> None:
    """Stop where a finished model was made of something else than this run would make it of."""
    finished = model_folder(work, run.key) / FINISHED
    if not finished.exists():
        return
    made_of = json.loads(finished.read_text(encoding="utf8")).get("inputs")
    # models of before this was noted stay what they are
    if made_of not in (None, run.inputs()):
        raise SystemExit(f"{finished.parent}: trained with another config, settings or files; delete it to train anew")


def train_and_score(
    run: Run, work: Path, metrics: set[str], before: Sequence[Future[list[dict[str, Any]]]]
) -> list[dict[str, Any]]:
    """What of `spacy train` and `spacy evaluate` gives `metrics`, when the runs `before` are done; the rows of it."""
    for other in before:
        other.result()
    output = model_folder(work, run.model)
    found = train(run, work) if "dev_f" in metrics else {}
    if run.test is not None and "test_f" in metrics:
        test = evaluate(output, run.test, "test" if run.trains else run.system)
        found.update({f"test_{x}": 100 * test[f"ents_{x}"] for x in "fpr"})
    if run.source_test is not None and "source_macro_f" in metrics:
        by_label = evaluate(output, run.source_test, "source")["ents_per_type"] or {}
        found["source_macro_f"] = mean(100 * by_label.get(name, {"f": 0.0})["f"] for name in run.source_labels)
    print(run.key, {metric: round(value, 2) for metric, value in found.items()}, flush=True)
    return [
        {"case": run.case, "system": run.system, "metric": metric, "value": value, "seed": run.seed}
        for metric, value in found.items()
    ]


def trained_model(run: Run, work: Path) -> Path:
    """The best model of a run, trained if it is not there; the one that it starts from stands there already."""
    folder = model_folder(work, run.key)
    # training writes model-best long before it ends
    if not (folder / FINISHED).exists():
        train(run, work)
    return folder / "model-best"


def train(run: Run, work: Path) -> dict[str, float]:
    """Dev F1 of the best model, minutes, and the epoch of the best model."""
    output = model_folder(work, run.key)
    if run.silver:
        label(run.silver, run.train, work)
    overrides = {
        "paths.train": run.train,
        "paths.dev": run.dev,
        "system.seed": run.seed,
        **run.overrides,
    }
    if run.needs:
        overrides["paths.source"] = model_folder(work, run.needs) / "model-best"
    args = [text for name, value in overrides.items() for text in (f"--{name}", str(value))]
    log, began = output.with_name(f"{output.name}.log"), time.perf_counter()
    spacy_command(["train", str(run.config), "--output", str(output), *args], log)
    minutes = (time.perf_counter() - began) / 60
    dev = json.loads((output / "model-best" / "meta.json").read_text(encoding="utf8"))["performance"]
    found = {"dev_f": 100 * dev["ents_f"], "train_minutes": minutes, "best_epoch": best_epoch(log)}
    (output / FINISHED).write_text(json.dumps({**found, "inputs": run.inputs()}), encoding="utf8")
    return found


def label(silver: Silver, output: Path, work: Path) -> None:
    """Write the corpus that a silver training reads."""
    exclude = [part for path in silver.exclude for part in ("--exclude", str(path))]
    teacher = model_folder(work, silver.teacher) / "model-best"
    spacy_command(["tlner", "silver", str(teacher), str(silver.text), str(output), *exclude], None)


def evaluate(output: Path, corpus: Path, name: str) -> dict[str, Any]:
    """What `spacy evaluate` says of the best model on `corpus`; kept beside the model."""
    scores = output / f"{name}.json"
    spacy_command(["evaluate", str(output / "model-best"), str(corpus), "--output", str(scores)], None)
    found: dict[str, Any] = json.loads(scores.read_text(encoding="utf8"))
    return found


def dev_curve(log: Path) -> list[tuple[int, int, float]]:
    """Epoch, step and dev F1 of each evaluation in what `spacy train` printed.

    A line of the table is epoch, step, losses, ENTS_F, ENTS_P, ENTS_R, SCORE.
    """
    lines = (line.split() for line in log.read_text(encoding="utf8").splitlines())
    scored = (cells for cells in lines if len(cells) >= 7 and cells[0].isdigit() and cells[1].isdigit())
    return [(int(cells[0]), int(cells[1]), float(cells[-4])) for cells in scored]


def best_epoch(log: Path) -> int:
    """The epoch of the highest dev F1, of equals the first."""
    return max(dev_curve(log), key=lambda point: point[2])[0]


@cache
def _digest(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_folder(work: Path, key: Key) -> Path:
    return work / "{}.{}.{}".format(*key)


def spacy_command(args: list[str], log: Path | None) -> None:
    """Run what `python -m spacy` runs in a process of its own, one thread.

    The process is forked from one that has imported everything: a third of a short training is importing.
    """
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["spacy.cli", "spacy_tlner", "spacy_transformers"])
    with tempfile.TemporaryDirectory() as folder:
        output = log or Path(folder, "output.txt")
        process = context.Process(target=_run_spacy, args=(args, str(output)))
        process.start()
        process.join()
        if process.exitcode:
            printed = output.read_text(encoding="utf8") if output.exists() else ""
            raise RuntimeError(f"spacy {' '.join(args)}\n{printed}")


def _run_spacy(args: list[str], output: str) -> None:
    """All that is printed goes to the file `output`."""
    with open(output, "w", encoding="utf8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    sys.argv = ["spacy", *args]
    setup_cli()


def summary(values: Sequence[float]) -> str:
    """Mean, sd and number of seeds."""
    spread = f"{stdev(values):.2f}" if len(values) > 1 else "-"
    return f"{mean(values):.2f} ({spread}, {len(values)})"
