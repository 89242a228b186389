"""spaCy's command line in a process of its own that need not import spaCy and torch again.

Each command is forked from a server that has imported them, which is four seconds saved, and sees nothing of what a
test has loaded or changed. `python -m spacy` itself is in test_convert_cli, test_spacy_cli and test_project.
"""

import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """returncode: the exit status. output: what was printed, to standard error as well."""

    returncode: int
    output: str


def run_spacy(*args: Any) -> Done:
    """What `python -m spacy ARGS` does; after five minutes it is stopped."""
    context = multiprocessing.get_context("forkserver")
    # all that spaCy's entry points bring in once there is a pipeline
    context.set_forkserver_preload(["spacy.cli", "spacy_tlner.component", "spacy_transformers"])
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "printed.txt")
        process = context.Process(target=_spacy, args=(list(map(str, args)), str(printed), str(Path.cwd())))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
            process.join()
        output = printed.read_text(encoding="utf8") if printed.exists() else ""
    assert process.exitcode is not None
    return Done(process.exitcode, output)


def _spacy(args: list[str], printed: str, cwd: str) -> None:
    with open(printed, "w", encoding="utf8") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(cwd)
    sys.argv = ["spacy", *args]
    from spacy.cli import setup_cli

    setup_cli()
