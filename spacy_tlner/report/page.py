"""The HTML page of a report, and where it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader

from ..errors import Errors
from ..measure.calibration import Calibration, Change
from ..measure.significance import Difference
from .examples import Examples
from .plot import Series, line_plot, style
from .reliability import lowest, reliability_plot
from .results import Beside, ReportError, Run, Score

PAGE = "index.html"
# in each page, so that a page of someone else is known from ours
GENERATOR = "spacy tlner report"


@dataclass(frozen=True)
class Report:
    """All that one page shows. The first of `runs` is what the others are compared to."""

    title: str
    runs: Sequence[Run]
    also: Sequence[Beside] = ()  # other measurements, in a list of their own
    nothing: Sequence[str] = ()  # names of those that had no mention to find
    mentions: Mapping[str, int] = field(default_factory=dict)  # gold mentions of the test corpus by label
    examples: Examples | None = None
    # "run: component": the facts of its warm start, name and text
    copied: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)  # by run
    # by run: its F1 minus that of the first, where the models of both are given
    differences: Mapping[str, Difference] = field(default_factory=dict)

    def labels(self) -> list[str]:
        """Labels of the test corpus, the most frequent first, then those that only a model predicts."""
        predicted = sorted({label for run in self.runs for label in run.by_label} - set(self.mentions))
        return [*self.mentions, *predicted]


def render(report: Report, links: Mapping[str, str] | None = None) -> str:
    """The page as one self-contained HTML text; everything that comes from a file is escaped.

    links: {name: address} of other reports, shown at the top.
    """
    curves = [Series(run.name, run.curve) for run in report.runs]
    return (
        _environment()
        .get_template("index.html.jinja")
        .render(
            report=report,
            generator=GENERATOR,
            links=links or {},
            baseline=report.runs[0],
            has_curves=any(run.curve for run in report.runs),
            plot=line_plot(curves, title="F1 on the dev corpus by training step", x_label="training step"),
            # of equal scores, spaCy keeps the latest
            best=[max(run.curve, key=lambda point: (point[1], point[0]), default=None) for run in report.runs],
            legend=[(run.name, *style(i)) for i, run in enumerate(report.runs)],
            zero=Score(0.0, 0.0, 0.0),
            calibrated=_calibrated(report),
        )
    )


@dataclass(frozen=True)
class Calibrated:
    """One run's calibration as the page shows it: on the test corpus, if that was measured, else on dev."""

    run: str
    of: Calibration
    corpus: str
    change: Change
    plots: tuple[str, str]


def _calibrated(report: Report) -> list[Calibrated]:
    shown = {
        run: ("test", of.corpora["test"]) if "test" in of.corpora else next(iter(of.corpora.items()))
        for run, of in report.calibrations.items()
    }
    low = lowest(each.bins for _, change in shown.values() for each in change)
    colors = {run.name: style(i)[0] for i, run in enumerate(report.runs)}
    return [
        Calibrated(
            run=run,
            of=report.calibrations[run],
            corpus=corpus,
            change=change,
            plots=(
                reliability_plot(change.before.bins, low=low, color=colors[run], title=f"{run}, before"),
                reliability_plot(change.after.bins, low=low, color=colors[run], title=f"{run}, after"),
            ),
        )
        for run, (corpus, change) in shown.items()
    ]


def write(report: Report, folder: Path) -> list[Path]:
    """Write the page to `folder`, and to the folder above with links to every report that stands there.

    So the upper page is always the latest report, and no report overwrites another. An upper page of someone else
    stays. Gives back what was written. Raises ReportError: TL406, TL409 on a page of someone else in `folder`.
    """
    if folder.name in ("", ".."):
        folder = folder.resolve()  # of these, `parent` is not the folder above
    path, upper = folder / PAGE, folder.parent / PAGE
    try:
        if not _is_ours(path):
            raise ReportError(Errors.TL409.format(path=path))
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(render(report), encoding="utf8")
        if not _is_ours(upper):
            return [path]
        names = sorted(found.parent.name for found in folder.parent.glob(f"*/{PAGE}") if _is_ours(found))
        upper.write_text(render(report, {name: f"{quote(name)}/{PAGE}" for name in names}), encoding="utf8")
    except OSError as error:
        raise ReportError(Errors.TL406.format(path=error.filename or path, reason=error.strerror or error)) from error
    return [path, upper]


def _is_ours(page: Path) -> bool:
    """Whether a report may be written there: there is none, or an earlier one."""
    return not page.exists() or GENERATOR.encode() in page.read_bytes()[:1000]


def percent(score: float) -> str:
    """A score from 0 to 1 as percent with one digit."""
    return f"{100 * score:.1f}"


def decimal(value: float | None) -> str:
    """A figure with three digits behind the point; a dash if there is none."""
    return "–" if value is None else f"{value:.3f}"


def signed(difference: float) -> str:
    """A difference of scores from 0 to 1, in points with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def difference(score: float, baseline: float) -> str:
    """The difference of two scores in points, always with its sign."""
    # of the rounded figures, so that the columns of a table add up
    points = round(100 * score, 1) - round(100 * baseline, 1)
    return f"{points:+.1f}".replace("-", "−")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("spacy_tlner", "report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=percent, difference=difference, signed=signed, decimal=decimal)
    return environment
