"""One training and its scores through the real `spacy train` and `spacy evaluate`, on one thread, resumable."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import rows


@dataclass(frozen=True)
class Run:
    """One training and what it is scored on."""

    case: str
    system: str
    seed: int
    train: Path
    dev: Path
    test: Path | None  # None: a source model, only its dev score is kept
    config: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, str, int] | None = None  # the key of the run whose model this one starts from

    @property
    def key(self) -> tuple[str, str, int]:
        return self.case, self.system, self.seed


def execute(bench: str, wanted: list[Run], work: Path, workers: int) -> None:
    """Train and score what has no rows in results/<bench>.jsonl or no model in the work folder; sources come first."""
    scored = {(row["case"], row["system"], row["seed"]) for row in rows.read(bench)}
    # rows of another checkout do not count: what starts from a model needs that model here
    done = {key for key in scored if (model_folder(work, key) / "model-best" / "meta.json").exists()}
    for is_source in (True, False):
        todo = [run for run in wanted if run.key not in done and (run.test is None) == is_source]
        with ThreadPoolExecutor(workers) as pool:
            for future in as_completed([pool.submit(train_and_score, run, work) for run in todo]):
                rows.append(bench, future.result())


def train_and_score(run: Run, work: Path) -> list[dict[str, Any]]:
    """`spacy train`, then `spacy evaluate` of the best model; the rows of both."""
    output = model_folder(work, run.key)
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
    if run.test is not None:
        scores = output / "test.json"
        spacy_command(["evaluate", str(output / "model-best"), str(run.test), "--output", str(scores)], None)
        test = json.loads(scores.read_text(encoding="utf8"))
        found.update({f"test_{x}": 100 * test[f"ents_{x}"] for x in "fpr"})
    print(run.key, {metric: round(value, 2) for metric, value in found.items()}, flush=True)
    return [
        {"case": run.case, "system": run.system, "metric": metric, "value": value, "seed": run.seed}
        for metric, value in found.items()
    ]


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


def model_folder(work: Path, key: tuple[str, str, int]) -> Path:
    return work / "{}.{}.{}".format(*key)


def spacy_command(args: list[str], log: Path | None) -> None:
    """Run `python -m spacy`, one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    result = subprocess.run(
        [sys.executable, "-m", "spacy", *args], env={**os.environ, **one}, capture_output=True, text=True
    )
    if log is not None:
        log.write_text(result.stdout + result.stderr, encoding="utf8")
    if result.returncode:
        raise RuntimeError(f"spacy {' '.join(args)}\n{result.stdout}\n{result.stderr}")


def summary(values: Sequence[float]) -> str:
    """Mean, sd and number of seeds."""
    spread = f"{stdev(values):.2f}" if len(values) > 1 else "-"
    return f"{mean(values):.2f} ({spread}, {len(values)})"
