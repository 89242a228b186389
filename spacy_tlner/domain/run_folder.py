"""The folder beside an outcome in which a run keeps its checkpoints, and what a resumed run is compared with."""

import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import Errors
from .faults import DomainError

# What describes a run, in the folder of its checkpoints and in that of its outcome.
RUN_FILE = "adaptation.json"


def checkpoints_of(output: Path) -> Path:
    """Where a run leaves its checkpoints: beside the output, which stands only once it is whole."""
    return output.with_name(f"{output.name}.checkpoints")


def last_checkpoint(work: Path, resume: bool) -> str | None:
    """The last checkpoint that is whole; what was cut off while it was written is removed.

    Raises DomainError: TL552 on a folder that is not of a run, TL553, TL554.
    """
    found = sorted(work.glob("checkpoint-*"), key=lambda path: (len(path.name), path.name))
    if resume:
        # the trainer writes this file last
        whole = [path for path in found if (path / "trainer_state.json").is_file()]
        if not whole:
            raise DomainError(Errors.TL554.format(path=work))
        for path in found:
            if path not in whole:
                shutil.rmtree(path, ignore_errors=True)
        return str(whole[-1])
    if found:
        raise DomainError(Errors.TL553.format(path=work))
    if work.exists() and not (work.is_dir() and {path.name for path in work.iterdir()} <= {RUN_FILE}):
        raise DomainError(Errors.TL552.format(path=work))
    return None


def begin_or_compare(work: Path, run: dict[str, Any], resumed: bool) -> None:
    """Note what a run is made of, or check that it is the same. Raises DomainError: TL555, TL561."""
    path = work / RUN_FILE
    if not resumed:
        try:
            work.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run, indent=2), encoding="utf8")
        except OSError as error:
            raise DomainError(Errors.TL561.format(path=work, reason=error.strerror or error)) from error
        return
    try:
        begun = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        begun = {}
    different = [key for key in run if begun.get(key) != run[key]]
    if different:
        raise DomainError(Errors.TL555.format(path=work, different=", ".join(different)))
