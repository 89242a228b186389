"""`spacy tlner report`: one page on what transfer was worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import fail

if TYPE_CHECKING:
    from spacy.language import Language

    from ..report.results import Run


def report(
    test: Annotated[Path, typer.Argument(metavar="TEST.spacy", help="Test corpus that the runs were scored on.")],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder for index.html; the folder above gets the same page with links to all."
        ),
    ],
    run: Annotated[
        list[str],
        typer.Option(metavar="NAME=JSON", help="Scores by `spacy evaluate --output`; others compare to the first."),
    ],
    log: Annotated[
        list[str] | None, typer.Option(metavar="NAME=JSONL", help="Training log of a run, for the plot.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Pipeline of a run, for the examples and what it copied."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(metavar="NAME=JSON", help="Scores to mention beside the runs.")
    ] = None,
    also_corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CORPUS.spacy",
            help="What --also was scored on, where the model knows labels that are not annotated there: the mean over "
            "the corpus's labels is shown.",
        ),
    ] = None,
    calibration: Annotated[
        list[str] | None, typer.Option(metavar="NAME=JSON", help="What `calibrate --json` wrote of a run.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Test documents shown as gold and each model mark them.")] = 8,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Transfer-learning NER",
) -> None:
    """Compare models on one page: scores, by label, learning over steps, calibration, warm start, examples."""
    from wasabi import msg

    from ..errors import Errors
    from ..measure.significance import f1, paired_bootstrap
    from ..report.examples import compare, count_mentions, mark, outcomes, read_examples
    from ..report.page import PAGE, Report, difference, percent, signed, write
    from ..report.results import ReportError, read_beside, read_calibration, read_run
    from .pipelines import PipelineError, load

    try:
        logs, scores, calibrated = _named("--log", log), _named("--run", run), _named("--calibration", calibration)
        for option, given in (("--log", logs), ("--model", _named("--model", model)), ("--calibration", calibrated)):
            _check_names(option, given, scores)
        beside, corpora = _named("--also", also), _named("--also-corpus", also_corpus)
        _check_names("--also-corpus", corpora, beside, "--also")
        runs = [read_run(name, path, logs.get(name)) for name, path in scores.items()]
        labels = {name: list(count_mentions(read_examples(path))) for name, path in corpora.items()}
        others = {name: read_beside(name, path, labels.get(name)) for name, path in beside.items()}
        models = {name: load(str(path)) for name, path in _named("--model", model).items()}
        gold = read_examples(test, next(iter(models.values()), None))
        marked = mark(gold, models)
        counts = {name: outcomes(gold, docs) for name, docs in marked.items()}
        first = runs[0].name
        against = [name for name in counts if name != first] if first in counts else []
        differences = {name: paired_bootstrap(counts[name], counts[first]) for name in against}
        page = Report(
            title=title,
            runs=runs,
            also=[each for each in others.values() if each is not None],
            nothing=[name for name, each in others.items() if each is None],
            mentions=count_mentions(gold),
            examples=compare(gold, marked, examples) if models and examples else None,
            differences=differences,
            copied=_copied(models),
            calibrations={name: read_calibration(path) for name, path in calibrated.items()},
        )
        paths = write(page, output)
    except (PipelineError, ReportError) as error:
        fail(error)
    _print_scores(runs, page.labels())
    scored = {run.name: run.overall.f for run in runs}
    for name, found in counts.items():
        if abs(f1(found) - scored[name]) > 0.001:
            figures = {"told": percent(scored[name]), "found": percent(f1(found))}
            msg.warn(Errors.TL411.format(name=name, corpus=test, path=scores[name], **figures))
    for name, of in page.differences.items():
        points = difference(scored[name], scored[first])  # the table's
        told = f"{name} - {first}: {points} F1, 95 % {signed(of.low)} to {signed(of.high)}, {of.verdict}"
        (msg.warn if of.verdict == "worse" else msg.info)(told)
    for path in paths:
        msg.good(f"Report: {path}")
    if len(paths) == 1:
        msg.warn(Errors.TL410.format(path=output.parent / PAGE))


def _named(option: str, values: list[str] | None) -> dict[str, Path]:
    """The NAME=PATH pairs of an option. A name may hold an equals sign, a path after it may not."""
    from ..errors import Errors
    from ..report.results import ReportError

    named: dict[str, Path] = {}
    for value in values or []:
        name, _, path = value.rpartition("=")
        problem = "" if name and path else "it is no pair"
        if name in named:
            problem = f"{name!r} is given twice"
        if problem:
            example = {"--log": "log.jsonl", "--model": "model-best", "--also-corpus": "test.spacy"}.get(
                option, "scores.json"
            )
            raise ReportError(Errors.TL407.format(option=option, value=value, reason=problem, example=example))
        named[name] = Path(path)
    return named


def _check_names(option: str, given: dict[str, Path], scores: dict[str, Path], of: str = "--run") -> None:
    """A log or model of no run would be left out without a word: refuse it."""
    from ..errors import Errors
    from ..report.results import ReportError

    for name, path in given.items():
        if name not in scores:
            reason = f"no {of} is called {name!r}; there are: {', '.join(scores) or 'none'}"
            raise ReportError(
                Errors.TL407.format(option=option, value=f"{name}={path}", reason=reason, example=path.name)
            )


def _copied(models: "dict[str, Language]") -> dict[str, dict[str, Any]]:
    """Fact and text of every warm start that the models' meta tell of, by run and component."""
    from ..transfer.warm_start_report import WarmStartReport

    copied: dict[str, dict[str, Any]] = {}
    for run, nlp in models.items():
        for component, kept in nlp.meta.get("spacy_tlner", {}).items():
            if "warm_start" in kept:
                start = WarmStartReport(**kept["warm_start"])
                copied[f"{run}: {component}"] = {"from": start.source, **start.facts()}
    return copied


def _print_scores(runs: "list[Run]", labels: list[str]) -> None:
    from wasabi import msg

    from ..report.page import difference, percent

    baseline = runs[0]
    header = ["F1", *(run.name for run in runs), *(f"{run.name} - {baseline.name}" for run in runs[1:])]
    scored = [("all", [run.overall.f for run in runs])]
    scored += [(label, [run.by_label[label].f if label in run.by_label else 0.0 for run in runs]) for label in labels]
    rows = [[name, *map(percent, of), *(difference(score, of[0]) for score in of[1:])] for name, of in scored]
    msg.table(rows, header=header, aligns=["l", *"r" * (len(header) - 1)], divider=True)
