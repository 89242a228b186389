"""The workflow of project.yml and the configs it uses, through the real command line on a copy of the project.

weasel ends with 0 even where a declared output never appeared, so each file is asked for here.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.cli.debug_config import debug_config
from thinc.api import Config
from typer.testing import CliRunner
from weasel.util import load_project_config

from spacy_tlner.cli import tlner
from spacy_tlner.report.results import read_calibration
from spacy_tlner.transfer.callbacks import blank_source

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))
SEED = 3
# enough for every file to appear, far too little for good scores
SMALL = {"seed": SEED, "max_steps": 30, "eval_frequency": 15, "n_examples": 2}


def commands(**variables: Any) -> dict[str, dict[str, Any]]:
    """The commands of project.yml by name, with these variables filled in."""
    config = load_project_config(ROOT, overrides={f"vars.{name}": value for name, value in variables.items()})
    return {command["name"]: command for command in config["commands"]}


def outputs(command: dict[str, Any]) -> list[str]:
    return [*command.get("outputs", []), *command.get("outputs_no_cache", [])]


def workflow() -> list[str]:
    return srsly.read_yaml(ROOT / "project.yml")["workflows"]["all"]


def copy_project(folder: Path) -> Path:
    shutil.copy(ROOT / "project.yml", folder)
    for name in ("configs", "assets"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which `all` has run."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    overrides = [part for name, value in SMALL.items() for part in (f"--vars.{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", "all", ".", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


# --- what project.yml says ---


def test_workflow_is_the_promised_one() -> None:
    trainings = ["train-source", "train-target-scratch", "train-target-transfer"]
    assert workflow() == ["check-assets", "convert", *trainings, "evaluate", "calibrate", "report"]


def test_variables_leave_every_list_as_long_as_it_is() -> None:
    # weasel joins neighbouring items that are nothing but a variable
    raw = {command["name"]: command for command in srsly.read_yaml(ROOT / "project.yml")["commands"]}
    for name, command in commands().items():
        for key in ("script", "deps", "outputs"):
            assert len(command.get(key, [])) == len(raw[name].get(key, [])), (name, key)


def test_seed_stands_in_every_output_and_seeds_share_none() -> None:
    first, second = commands(seed=0), commands(seed=11)
    for name, command in first.items():
        for path in outputs(command):
            assert "seed-0" in Path(path).parts, (name, path)
        assert not set(outputs(command)) & set(outputs(second[name]))


def test_every_dependency_is_an_asset_a_config_or_an_earlier_output() -> None:
    made: set[str] = set()
    for name in workflow():
        command = commands()[name]
        for path in command.get("deps", []):
            assert path in made or (ROOT / path).is_file(), (name, path)
        made.update(outputs(command))


@pytest.mark.parametrize("name", [name for name in commands() if name != "clean"])
def test_every_output_is_written_by_the_script(name: str) -> None:
    command = commands()[name]
    script = " ".join(command["script"])
    for path in outputs(command):
        # `train` names model-best itself, `report` its page
        assert path.removesuffix("/model-best").removesuffix("/index.html") in script, path


# --- the assets ---


def test_assets_are_as_listed() -> None:
    result = CliRunner().invoke(tlner, ["assets", str(ROOT)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("fault", "message"), [("missing", "TL401"), ("changed", "TL402")])
def test_wrong_asset_ends_with_1(tmp_path: Path, fault: str, message: str) -> None:
    path = copy_project(tmp_path) / "assets" / "news" / "dev.iob"
    path.unlink() if fault == "missing" else path.write_text("Oslo\tB-LOC\n", encoding="utf8")
    result = CliRunner().invoke(tlner, ["assets", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.output
    assert "dev.iob" in result.output


def sentences(path: Path) -> list[tuple[str, ...]]:
    blocks = path.read_text(encoding="utf8").split("\n\n")
    words = [tuple(line.split("\t")[0] for line in block.splitlines()) for block in blocks]
    return [sentence for sentence in words if sentence and sentence != ("-DOCSTART-",)]


def test_assets_are_large_enough_and_do_not_overlap() -> None:
    corpora = {f"{path.parent.name}/{path.stem}": sentences(path) for path in sorted((ROOT / "assets").glob("*/*.iob"))}
    assert len(corpora["news/train"]) >= 400
    assert len(corpora["clinical/train"]) >= 200
    assert len(corpora["clinical/test"]) >= 150
    everything = [sentence for corpus in corpora.values() for sentence in corpus]
    assert len(set(everything)) == len(everything)


# --- the configs ---


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_is_complete(path: Path) -> None:
    # what `spacy debug config` does; it fills in nothing, and exits on anything that is missing or wrong
    debug_config(path, overrides={"paths.train": "train.spacy", "paths.dev": "dev.spacy"})


def test_scratch_and_transfer_differ_in_the_transfer_and_its_two_rates_only() -> None:
    scratch, transfer = (
        Config().from_disk(ROOT / "configs" / f"ner_bilstm_crf{suffix}.cfg", interpolate=False)
        for suffix in ("", "_transfer")
    )
    for section in ("nlp", "components", "corpora", "system"):
        assert scratch[section] == transfer[section], section
    for config in (scratch, transfer):
        config["paths"].pop("source", None)
        config["training"].pop("before_to_disk")
        config["training"]["optimizer"].pop("@optimizers")
    # a warm start moves less and needs more dropout; the workflow gives both targets the same dropout
    rates = [(c["training"].pop("dropout"), c["training"]["optimizer"].pop("learn_rate")) for c in (scratch, transfer)]
    assert rates == [(0.6, 0.002), (0.7, 0.001)]
    assert scratch["paths"] == transfer["paths"]
    assert scratch["training"] == transfer["training"]


def test_label_map_comes_from_the_command_line() -> None:
    # what spacy train makes of the option that project.yml names
    overrides = {"initialize.components.tl_ner.label_map.Disease": "DISEASE"}
    config = Config().from_disk(ROOT / "configs" / "ner_bilstm_crf_transfer.cfg", overrides=overrides)
    assert config["initialize"]["components"]["tl_ner"]["label_map"] == {"Disease": "DISEASE"}


def test_blank_source_blanks_taggers_only() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tl_ner")
    nlp.add_pipe("tagger")
    nlp.config["paths"] = {"source": "/somewhere", "train": "train.spacy"}
    nlp.config["initialize"]["components"] = {
        "tl_ner": {"source": "/somewhere", "label_map": {"A": "B"}, "layers": ["words"], "labels": ["B"]},
        "tagger": {"source": "of its own"},
    }
    assert blank_source()(nlp) is nlp
    assert nlp.config["paths"] == {"source": None, "train": "train.spacy"}
    assert nlp.config["initialize"]["components"] == {
        "tl_ner": {"source": None, "label_map": None, "layers": None, "labels": ["B"]},
        "tagger": {"source": "of its own"},
    }


# --- the run ---


@pytest.mark.slow
def test_run_leaves_every_declared_output(project: Path) -> None:
    for name in workflow():
        for path in outputs(commands(seed=SEED)[name]):
            assert (project / path).exists(), (name, path)
    assert (project / "report" / "index.html").is_file()


@pytest.mark.slow
def test_metrics_and_logs_hold_what_the_report_reads(project: Path) -> None:
    metrics = project / f"metrics/seed-{SEED}"
    for path in metrics.glob("*.json"):
        if not path.name.startswith("calibration-"):
            assert 0 <= srsly.read_json(path)["ents_f"] <= 1
    for name in ("scratch", "transfer"):
        assert set(read_calibration(metrics / f"calibration-{name}.json").corpora) == {"dev", "test"}
    for name in ("source", "scratch", "transfer"):
        steps = [row["step"] for row in srsly.read_jsonl(project / f"training/seed-{SEED}/{name}/log.jsonl")]
        assert steps == [0, 15, 30]


@pytest.mark.slow
def test_calibration_changes_the_temperature_and_nothing_else(project: Path) -> None:
    for name in ("scratch", "transfer"):
        best, calibrated = (project / f"training/seed-{SEED}/{name}" / of for of in ("model-best", "model-calibrated"))
        found = read_calibration(project / f"metrics/seed-{SEED}/calibration-{name}.json")
        files = sorted(path.relative_to(best) for path in best.rglob("*") if path.is_file())
        assert sorted(path.relative_to(calibrated) for path in calibrated.rglob("*") if path.is_file()) == files
        differing = [path for path in files if (best / path).read_bytes() != (calibrated / path).read_bytes()]
        assert differing == [Path("tl_ner/cfg")]
        assert srsly.read_json(calibrated / "tl_ner/cfg")["temperatures"] == {"main": found.after}


@pytest.mark.slow
def test_transferred_model_remembers_what_was_copied_but_not_the_path(project: Path) -> None:
    model = project / f"training/seed-{SEED}/transfer/model-best"
    config = Config().from_disk(model / "config.cfg")
    assert config["paths"]["source"] is None
    assert config["initialize"]["components"]["tl_ner"]["source"] is None
    nlp = spacy.load(model)
    kept = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert kept["labels"] == {"ORG": "ORG"}
    assert sorted(kept["labels_dropped"]) == ["LOC", "MISC", "PER"]
    assert set(nlp.get_pipe("tl_ner").labels) == {"CHEMICAL", "DISEASE", "ORG"}
