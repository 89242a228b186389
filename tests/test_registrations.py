"""What users name in configs and on the command line, pinned: a public name never changes by accident.

When a change is meant, write the snapshot anew and look at its diff:

    pip install --no-build-isolation --no-deps -e . && python tests/test_registrations.py
"""

import ast
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import spacy
from spacy.cli._util import app
from spacy.language import Language
from spacy.util import registry
from typer.main import get_command

HERE = Path(__file__).parent
SNAPSHOT = HERE / "registrations.json"
SETUP = HERE.parent / "setup.py"


def installed_entry_points() -> dict[str, dict[str, str]]:
    """{group: {name: module:object}} as pip has them."""
    groups: dict[str, dict[str, str]] = {}
    for point in distribution("spacy-tlner").entry_points:
        groups.setdefault(point.group, {})[point.name] = point.value
    return groups


def written_entry_points() -> dict[str, dict[str, str]]:
    """The same from the text of setup.py."""
    calls = [node for node in ast.walk(ast.parse(SETUP.read_text(encoding="utf8"))) if isinstance(node, ast.Call)]
    (given,) = (keyword.value for call in calls for keyword in call.keywords if keyword.arg == "entry_points")
    pairs = {group: [line.split(" = ") for line in lines] for group, lines in ast.literal_eval(given).items()}
    return {group: dict(lines) for group, lines in pairs.items()}


def commands() -> dict[str, list[str]]:
    """{command of `spacy tlner`: its arguments and options}."""
    from spacy_tlner.cli import tlner

    group: Any = get_command(tlner)
    return {name: sorted("/".join(param.opts) for param in command.params) for name, command in group.commands.items()}


def snapshot() -> dict[str, Any]:
    spacy.blank("en").add_pipe("tl_ner")
    return {
        "entry_points": installed_entry_points(),
        "commands": commands(),
        "tl_ner": Language.get_factory_meta("tl_ner").default_config,
    }


def test_names_are_those_of_the_snapshot():
    expected = json.loads(SNAPSHOT.read_text(encoding="utf8"))
    found = json.loads(json.dumps(snapshot()))
    for part in expected:
        assert found[part] == expected[part], f"{part}: see the docstring of this file"
    assert set(found) == set(expected)


def test_installed_entry_points_are_those_of_setup_py():
    assert installed_entry_points() == written_entry_points(), "setup.py has changed: run pip install -e . again"


def test_every_name_resolves_where_spacy_looks_for_it():
    for group, names in installed_entry_points().items():
        prefix, _, kind = group.partition("_")
        assert prefix in ("spacy", "thinc")
        for name, value in names.items():
            (point,) = (
                point
                for point in distribution("spacy-tlner").entry_points
                if (point.group, point.name) == (group, name)
            )
            if group == "spacy_cli":
                loaded = point.load()  # which is what registers it
                assert [info.typer_instance for info in app.registered_groups].count(loaded) == 1
            elif group == "spacy_factories":
                assert spacy.blank("en").add_pipe(name).__class__.__module__ == value.split(":")[0]
            else:
                assert getattr(registry, kind).get(name) is point.load(), name


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=2, sort_keys=True) + "\n", encoding="utf8")
