"""The numbers of a report, read from the files that `spacy evaluate`, `train` and `tlner calibrate` write."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import srsly

from ..errors import Errors
from ..measure.calibration import Calibration


class ReportError(ValueError):
    """An input that a report cannot be made from; the message is meant for the person who named it."""


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 of mentions, 0 to 1."""

    p: float
    r: float
    f: float


@dataclass(frozen=True)
class Run:
    """One model's scores on the test corpus, and the way its dev score took."""

    name: str
    overall: Score
    by_label: dict[str, Score]
    curve: list[tuple[int, float]] = field(default_factory=list)  # training step, F1 on dev


@dataclass(frozen=True)
class Beside:
    """A measurement that no run is compared with. f: of all mentions, or where `is_mean` the mean over `by_label`."""

    name: str
    f: float
    by_label: dict[str, float]
    is_mean: bool = False


def read_beside(name: str, metrics: Path, labels: Collection[str] | None = None) -> Beside | None:
    """A measurement from the metrics of `spacy evaluate`; None where there was no mention to find, nor one found.

    labels: those that the corpus has, where the model knows others: what it finds of these is no error there, and does
    not count; one of which it finds nothing counts 0. Raises ReportError as `read_run`.
    """
    if found_nothing(metrics) or (labels is not None and not labels):
        return None
    run = read_run(name, metrics)
    if labels is None:
        return Beside(name, run.overall.f, {label: of.f for label, of in run.by_label.items() if of.f})
    by_label = {label: run.by_label[label].f if label in run.by_label else 0.0 for label in labels}
    return Beside(name, mean(by_label.values()), by_label, is_mean=True)


def read_run(name: str, metrics: Path, log: Path | None = None) -> Run:
    """A run from the metrics of `spacy evaluate` and the log of `spacy.ConsoleLogger.v3`.

    Raises ReportError: TL403 on a file that cannot be read, TL404 on one without scores of entities.
    """
    content = _read(metrics, srsly.read_json)
    if not isinstance(content, dict) or content.get("ents_f") is None:
        raise ReportError(Errors.TL404.format(path=metrics))
    by_label = {label: _score(scores) for label, scores in (content.get("ents_per_type") or {}).items()}
    overall = Score(content["ents_p"], content["ents_r"], content["ents_f"])
    return Run(name, overall, by_label, read_curve(log) if log else [])


def found_nothing(metrics: Path) -> bool:
    """Whether `spacy evaluate` met no gold mention and no other: there is no score, and nothing wrong. Raises TL403."""
    content = _read(metrics, srsly.read_json)
    return isinstance(content, dict) and content.get("ents_f", 0.0) is None


def read_curve(log: Path) -> list[tuple[int, float]]:
    """Step and dev F1 (0 to 1) of each evaluation in a training log. Raises TL403, TL405 as ReportError."""
    rows = _read(log, lambda path: list(srsly.read_jsonl(path)))
    try:
        # the logger writes scores in percent
        return [(int(row["step"]), float(row["scores"]["ents_f"]) / 100) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(Errors.TL405.format(path=log)) from error


def read_calibration(path: Path) -> Calibration:
    """What `spacy tlner calibrate --json` wrote. Raises TL403, TL507 as ReportError."""
    content = _read(path, srsly.read_json)
    try:
        return Calibration.from_dict(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(Errors.TL507.format(path=path)) from error


def _read(path: Path, reader: Any) -> Any:
    try:
        return reader(path)
    except (OSError, ValueError) as error:
        raise ReportError(Errors.TL403.format(path=path, reason=error)) from error


def _score(scores: Mapping[str, float]) -> Score:
    return Score(scores["p"], scores["r"], scores["f"])
