"""Imports run one way, from the command line down to arrays; and what is imported at every `spacy` command is light."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import spacy_tlner

PACKAGE = Path(spacy_tlner.__file__).parent
# A room is a module or a folder right below the package. From the ground up: what each may import of ours.
MAY_IMPORT: dict[str, set[str]] = {
    "about": set(),
    "__init__": {"about"},
    "errors": set(),
    "stamps": {"errors"},
    "files": set(),
    "tags": {"errors"},
    "crf": set(),
    "loading": {"errors"},
    "layers": {"crf", "loading", "errors"},
    "architectures": {"layers", "crf", "errors"},
    "gold": {"crf", "tags", "stamps", "errors"},
    "transfer": {"layers", "crf", "tags", "loading", "errors"},
    "processes": set(),
    "mentions": {"tags", "errors"},
    "chains": {"mentions", "crf", "tags"},
    "annotate": {"mentions", "gold", "tags"},
    "settings": {"errors"},
    "learning": {"transfer", "gold", "layers", "crf", "tags", "stamps", "errors"},
    "prediction": {"learning", "chains", "mentions", "gold", "tags"},
    "head_set": {"learning", "layers", "tags", "errors"},
    "corpus_warnings": {"learning", "stamps", "errors"},
    "component": {
        *("prediction", "head_set", "corpus_warnings", "learning", "chains", "annotate", "transfer", "layers", "tags"),
        *("processes", "settings", "errors"),
    },
    "touched_rows": set(),
    "optimizer": {"transfer", "touched_rows", "errors"},
    "corpora": {"stamps", "files", "errors"},
    "domain": {"layers", "files", "errors"},
    "pretraining": {"layers", "files", "errors"},
    "measure": {"chains", "mentions", "tags", "errors"},
    "report": {"corpora", "measure", "errors"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)
# Of the room `transfer`, the optimizer needs the names of layer groups and nothing else.
NARROW = {("optimizer", "transfer"): "transfer.groups"}


class Import(NamedTuple):
    """`module` (dotted, below the package) and the name taken from it, "" for a module as a whole."""

    module: str
    name: str
    line: int

    @property
    def room(self) -> str:
        return self.module.split(".")[0]


def imports_of(path: Path, root: Path = PACKAGE) -> Iterator[Import]:
    """Every import of ours in a file, also inside functions and under TYPE_CHECKING."""
    here = [root.name, *path.relative_to(root).with_suffix("").parts]
    modules = {
        ".".join(p.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for p in root.rglob("*.py")
    }
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found = [(alias.name.split("."), "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            found = [(base, alias.name) for alias in node.names]
        else:
            continue
        for (top, *parts), name in ((parts, name) for parts, name in found if parts):
            if top != root.name:
                continue
            if name and ".".join([*parts, name]) in modules:  # from . import module
                parts, name = [*parts, name], ""
            yield Import(".".join(parts), name, node.lineno)


def violations(root: Path = PACKAGE) -> list[str]:
    """What breaks the table, as file:line and a reason."""
    found = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        room = inside.with_suffix("").parts[0]
        if room not in MAY_IMPORT:
            found.append(f"{inside}: room {room} is not in the table")
            continue
        for taken in imports_of(path, root):
            where = f"{inside}:{taken.line}"
            if taken.room != room and taken.room not in MAY_IMPORT[room]:
                found.append(f"{where}: {room} may not import {taken.room or 'the package'}")
            narrow = NARROW.get((room, taken.room))
            if narrow and taken.module != narrow:
                found.append(f"{where}: of {taken.room}, {room} may import {narrow} only")
            if any(part.startswith("_") and part != "__version__" for part in [*taken.module.split("."), taken.name]):
                found.append(f"{where}: {taken.module}.{taken.name} is private")
    return found


def test_imports_run_one_way():
    assert violations() == []


def test_the_table_has_no_circle_and_no_room_that_is_gone():
    below: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert allowed <= below, f"{room} stands too low for {allowed - below}"
        below.add(room)
        assert (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file(), room


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("crf/new.py", "from ..errors import Errors", "crf may not import errors"),
        ("crf/new.py", "import spacy_tlner.tags", "crf may not import tags"),
        ("layers/new.py", "def f():\n    from spacy_tlner import component", "layers may not import component"),
        ("layers/new.py", "from .. import tags", "layers may not import tags"),
        ("tags.py", "if TYPE_CHECKING:\n    from .gold import Sets", "tags may not import gold"),
        ("optimizer.py", "from .transfer.warm_start import warm_start", "may import transfer.groups only"),
        ("component.py", "from .tags import _frozen", "is private"),
        ("layers/new.py", "from ._hidden import f", "is private"),
        ("new.py", "", "room new is not in the table"),
    ],
)
def test_the_check_finds_what_it_looks_for(tmp_path, path, code, reason):
    root = tmp_path / "spacy_tlner"
    for room in ("tags", "gold", "component", "errors"):
        root.mkdir(exist_ok=True)
        (root / f"{room}.py").write_text("")
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(code)
    (found,) = violations(root)
    assert found.startswith(path) and reason in found


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after running code."""
    script = f"import sys\n{code}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def ours(modules: set[str]) -> set[str]:
    return {name.removeprefix("spacy_tlner.") for name in modules if name.startswith("spacy_tlner.")}


def test_importing_the_package_imports_nothing_but_its_version():
    modules = modules_after("import spacy_tlner")
    assert ours(modules) == {"about"}
    assert not {"torch", "spacy", "thinc", "numpy"} & modules


def test_the_command_line_waits_with_what_is_heavy():
    """Beside spaCy's own command line, ours brings its command files, and nobody else's package."""
    before = modules_after("import spacy.cli")
    added = modules_after("import spacy.cli, spacy_tlner.cli") - before
    rooms = {name.split(".")[0] for name in ours(added)}
    assert "cli" in rooms
    heavy = {"component", "architectures", "layers", "crf", "transfer", "gold", "optimizer", "report", "measure"}
    assert not heavy & rooms and not ours(before)
    foreign = {name.split(".")[0] for name in added} - {"spacy_tlner"} - set(sys.stdlib_module_names)
    assert not foreign
