"""`spacy tlner calibrate`: fit the temperature of a trained tagger on a development corpus, and store it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import fail

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

    from ..measure.calibration import Calibration, Judged

_CALIBRATED = "calibrated"  # in meta.json, of a copy that this command wrote


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Trained pipeline, a folder or a package.")],
    dev: Annotated[Path, typer.Argument(metavar="DEV.spacy", help="Corpus to fit on, not trained on.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the calibrated pipeline; by default MODEL itself.")
    ] = None,
    component: Annotated[
        str | None, typer.Option(help="Name of the tagger, where the pipeline has several tl_ner.")
    ] = None,
    test: Annotated[Path | None, typer.Option(metavar="TEST.spacy", help="Corpus to measure on as well.")] = None,
    json: Annotated[Path | None, typer.Option(help="File for the figures, which `report --calibration` reads.")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Fit the temperature, so that probabilities agree with how often entities are right.

    Entities of the best tagging stay the same; those of a threshold do not, and a warning says so. Where the corpus
    does not tell (no mention found, all right, all wrong), the temperature stays, with a warning. Warnings leave the
    exit code at 0. Wrong input ends with 1, and nothing is written.
    """
    import srsly
    from spacy.cli._util import setup_gpu
    from wasabi import msg

    from ..corpora.check import read_examples
    from ..corpora.faults import CorpusError
    from ..errors import Errors
    from ..files import write_whole
    from ..measure.calibration import (
        Calibration,
        CalibrationError,
        Change,
        UnfittedError,
        check_gold,
        fit_temperature,
        judge,
    )
    from ..measure.thresholds import best_expected_f1
    from .pipelines import PipelineError, find_ready_tagger, load

    setup_gpu(gpu_id, silent=False)
    try:
        nlp = load(model)
        name = find_ready_tagger(nlp, model, component)
        target = _target(nlp, name, model, output)
        corpora = {"dev": dev} if test is None else {"dev": dev, "test": test}
        examples = {key: read_examples(path, nlp) for key, path in corpora.items()}
        for key, path in corpora.items():
            check_gold(path, examples[key])
        judged: dict[str, Judged] = {key: judge(nlp, name, each) for key, each in examples.items()}
        pipe: Any = nlp.get_pipe(name)
        kept = pipe.temperature
        try:
            after, fitted = fit_temperature(judged["dev"].confidence, judged["dev"].correct), True
        except UnfittedError as error:
            msg.warn(str(error))
            after, fitted = kept, False
        changes = {key: Change(of.reliability(kept), of.reliability(after)) for key, of in judged.items()}
        n_gold = sum(len(example.reference.ents) for example in examples["dev"])
        promise = best_expected_f1((chains.at(after) for chains in judged["dev"].chains), n_gold)
        found = Calibration(name, kept, after, fitted, changes, promise)
        pipe.temperature = after
        _print(found)
        if json is not None:
            with _written(json):
                write_whole(json, srsly.json_dumps(found.to_dict(), indent=2).encode("utf8"))
        # last, so that nothing can fail behind it
        _store(nlp, name, target, dev)
    except (CalibrationError, CorpusError, PipelineError) as error:
        fail(error)
    if after != kept and pipe.cfg["threshold"] is not None:
        msg.warn(Errors.TL508.format(name=name, threshold=pipe.cfg["threshold"]))
    if not fitted:
        msg.good(f"Temperature of '{name}': {after:.2f}, as before. Written to {target}")
        return
    for label in _never_in_gold(judged["dev"], examples["dev"]):
        msg.warn(Errors.TL509.format(label=label, dev=dev))
    msg.info(
        f"Best expected F1 on {dev}: {100 * promise.f1:.1f}, with threshold = {promise.threshold:.2f} in "
        f"[components.{name}]"
    )
    msg.good(f"Temperature of '{name}': {after:.2f}. Written to {target}")


def _never_in_gold(judged: "Judged", examples: "list[Example]") -> list[str]:
    """Labels that the model finds in a corpus and gold never has, in order of the alphabet."""
    found = {mention.label for batch in judged.mentions for of_doc in batch for mention in of_doc}
    return sorted(found - {ent.label_ for example in examples for ent in example.reference.ents})


def _target(nlp: "Language", name: str, model: str, output: Path | None) -> Path:
    """Where the calibrated pipeline goes. Raises TL504, TL506, before any work is done."""
    from ..errors import Errors
    from ..files import may_be_replaced
    from .pipelines import PipelineError

    if output is None:
        if not Path(model).is_dir() or nlp.path.resolve() != Path(model).resolve():
            raise PipelineError(Errors.TL504.format(model=model))
        return Path(model)
    in_place = output.resolve() == nlp.path.resolve()
    if not in_place and not may_be_replaced(output, lambda meta: _CALIBRATED in meta["spacy_tlner"][name]):
        raise PipelineError(Errors.TL506.format(path=output))
    return output


def _store(nlp: "Language", name: str, target: Path, dev: Path) -> None:
    """Bring the pipeline in `target` to the temperature that it has in memory: whole, or not at all. Raises TL505.

    All else stays as it is on disk, so in place this is one small file, and elsewhere a copy of the folder whose
    meta.json says that it is one, on which corpus.
    """
    import srsly

    from ..files import whole_folder, write_whole

    pipe: Any = nlp.get_pipe(name)
    with _written(target), TemporaryDirectory() as folder:
        pipe.to_disk(folder, exclude=["vocab", "model"])
        cfg = (Path(folder) / "cfg").read_bytes()
        if target.resolve() == nlp.path.resolve():
            write_whole(target / name / "cfg", cfg)
        else:
            with whole_folder(target) as part:
                shutil.copytree(nlp.path, part, dirs_exist_ok=True)
                (part / name / "cfg").write_bytes(cfg)
                meta: Any = srsly.read_json(part / "meta.json")
                meta.setdefault("spacy_tlner", {}).setdefault(name, {})[_CALIBRATED] = {"dev": str(dev)}
                srsly.write_json(part / "meta.json", meta)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Say of what cannot be written that it is `path`. Raises TL505."""
    from ..errors import Errors
    from .pipelines import PipelineError

    try:
        yield
    except OSError as error:
        raise PipelineError(Errors.TL505.format(path=path, reason=error.strerror or error)) from error


def _print(found: "Calibration") -> None:
    from wasabi import msg

    header, columns = [""], []
    for name, change in found.corpora.items():
        header += [f"{name}, before", f"{name}, after"]
        columns += [(found.before, change.before), (found.after, change.after)]
    rows: list[list[str]] = [
        ["temperature", *(f"{temperature:.2f}" for temperature, _ in columns)],
        ["mentions found", *(f"{of.n:,}" for _, of in columns)],
        ["share that is right", *(_figure(of.correct) for _, of in columns)],
        ["mean confidence", *(_figure(of.confidence) for _, of in columns)],
        ["ECE, 15 bins of equal mass", *(_figure(of.ece) for _, of in columns)],
        ["ECE if calibrated, by chance", *(_figure(of.ece_by_chance) for _, of in columns)],
        ["Brier score", *(_figure(of.brier) for _, of in columns)],
        ["log loss", *(_figure(of.log_loss) for _, of in columns)],
        ["AUROC", *(_figure(of.auroc) for _, of in columns)],
    ]
    msg.table(rows, header=header, aligns=["l", *"r" * len(columns)], divider=True)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
