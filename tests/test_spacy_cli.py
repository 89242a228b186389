"""spaCy's own commands over `tl_ner`, on small data."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin
from thinc.api import Config

from command_line import run_spacy
from corpus import LABELS, entities, held_out_texts, tagger, write_corpus

# Partial on purpose: `init fill-config` makes it whole.
CONFIG: dict[str, Any] = {
    "paths": {"train": None, "dev": None, "source": None},
    "system": {"seed": 0},
    "nlp": {"lang": "en", "pipeline": ["tl_ner"]},
    "components": {"tl_ner": {"factory": "tl_ner", "model": tagger()}},
    "corpora": {
        "train": {"@readers": "spacy.Corpus.v1", "path": "${paths.train}"},
        "dev": {"@readers": "spacy.Corpus.v1", "path": "${paths.dev}"},
    },
    "training": {
        "max_steps": 48,
        "eval_frequency": 24,
        "batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": 16},
        "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.01, "L2": 0.0},
    },
    "initialize": {"components": {"tl_ner": {"source": "${paths.source}"}}},
}


def run(*args: Any) -> str:
    """One of spaCy's commands; what it prints, standard error included."""
    done = run_spacy(*args)
    assert done.returncode == 0, done.output
    return done.output


def python(*args: Any, module: str, cwd: Path | None = None, **env: str) -> str:
    """A module as a user gives it."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with corpora, a whole config and a trained pipeline, all but the corpora made by commands."""
    path = tmp_path_factory.mktemp("work")
    write_corpus(path / "train.spacy", 200)
    write_corpus(path / "dev.spacy", 60, skip=1000)
    Config(CONFIG).to_disk(path / "base.cfg", interpolate=False)
    run("init", "fill-config", path / "base.cfg", path / "config.cfg")
    train(path, path / "trained")
    return path


def train(work: Path, output: Path) -> None:
    paths = ["--paths.train", work / "train.spacy", "--paths.dev", work / "dev.spacy"]
    run("train", work / "config.cfg", "--output", output, *paths)


@pytest.fixture(scope="module")
def model(work: Path) -> Path:
    return work / "trained" / "model-best"


def test_fill_config_writes_what_was_left_out(work: Path) -> None:
    config = Config().from_disk(work / "config.cfg", interpolate=False)
    assert config["components"]["tl_ner"]["head"] == "main"
    assert config["components"]["tl_ner"]["scorer"] == {"@scorers": "spacy.ner_scorer.v1"}
    assert config["components"]["tl_ner"]["model"] == CONFIG["components"]["tl_ner"]["model"]
    assert config["training"]["score_weights"]["ents_f"] == 1.0


def test_debug_config(work: Path) -> None:
    paths = ["--paths.train", work / "train.spacy", "--paths.dev", work / "dev.spacy"]
    printed = run("debug", "config", work / "config.cfg", *paths)
    assert "Config validation for [training]" in printed and "Error" not in printed


def test_train_again_gives_the_same_bytes(work: Path, model: Path) -> None:
    train(work, work / "again")
    first, second = (spacy.load(path) for path in (model, work / "again" / "model-best"))
    assert first.to_bytes() == second.to_bytes()


def test_evaluate(work: Path, model: Path) -> None:
    run("evaluate", model, work / "dev.spacy", "--output", work / "metrics.json")
    scores = json.loads((work / "metrics.json").read_text(encoding="utf8"))
    assert scores["ents_f"] > 0.8 and set(scores["ents_per_type"]) == set(LABELS)


def test_benchmark_speed(work: Path, model: Path) -> None:
    write_corpus(work / "few.spacy", 4)
    sizes = ["--batches", 30, "--batch-size", 4, "--warmup", 1]
    assert "words/s" in run("benchmark", "speed", model, work / "few.spacy", *sizes)


def test_labels_then_warm_start(work: Path, model: Path, tmp_path: Path) -> None:
    """`init labels`, then training that reads them back in another order and starts from the trained pipeline."""
    paths = ["--paths.train", work / "train.spacy", "--paths.dev", work / "dev.spacy"]
    run("init", "labels", work / "config.cfg", tmp_path / "labels", *paths)
    path = tmp_path / "labels" / "tl_ner.json"
    assert json.loads(path.read_text(encoding="utf8")) == list(LABELS)
    path.write_text(json.dumps(["PER", "EXTRA", "ORG", "LOC"]), encoding="utf8")
    config = Config().from_disk(work / "config.cfg", interpolate=False)
    config["initialize"]["components"]["tl_ner"]["labels"] = {"@readers": "spacy.read_labels.v1", "path": str(path)}
    config.to_disk(tmp_path / "target.cfg")
    steps = ["--training.max_steps", "2"]
    printed = run("train", tmp_path / "target.cfg", "-o", tmp_path / "target", *paths, "--paths.source", model, *steps)
    # without -V
    assert f"Warm start of 'tl_ner' from {model}" in printed
    assert "labels copied: PER, ORG, LOC" in printed and "labels fresh: EXTRA" in printed
    assert printed.count("Warm start of") == 1
    nlp = spacy.load(tmp_path / "target" / "model-last")
    assert nlp.pipe_labels["tl_ner"] == ["PER", "EXTRA", "ORG", "LOC"]
    assert nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]["source"] == str(model)


def test_assemble(work: Path, model: Path, tmp_path: Path) -> None:
    config = {
        "nlp": {"lang": "en", "pipeline": ["sentencizer", "tl_ner"]},
        "components": {"sentencizer": {"factory": "sentencizer"}, "tl_ner": {"source": str(model)}},
    }
    Config(config).to_disk(tmp_path / "assemble.cfg")
    run("assemble", tmp_path / "assemble.cfg", tmp_path / "assembled")
    nlp, trained = spacy.load(tmp_path / "assembled"), spacy.load(model)
    texts = held_out_texts(20)
    assert nlp.pipe_names == ["sentencizer", "tl_ner"]
    assert [entities(doc) for doc in nlp.pipe(texts)] == [entities(doc) for doc in trained.pipe(texts)]


def test_apply(model: Path, tmp_path: Path) -> None:
    texts = held_out_texts(20)
    (tmp_path / "texts").mkdir()
    for i, text in enumerate(texts):
        (tmp_path / "texts" / f"{i:02}.txt").write_text(text, encoding="utf8")
    run("apply", model, tmp_path / "texts", tmp_path / "out.spacy")
    nlp = spacy.load(model)
    docs = DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab)
    assert sorted(str(entities(doc)) for doc in docs) == sorted(str(entities(nlp(text))) for text in texts)


def test_package_install_and_load_by_name(model: Path, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    options = ("--name", "tiny", "--build", "wheel", "--version", "1.2.3")
    python("package", model, tmp_path / "packages", *options, module="spacy")
    built = tmp_path / "packages" / "en_tiny-1.2.3"
    meta = json.loads((built / "en_tiny" / "en_tiny-1.2.3" / "meta.json").read_text(encoding="utf8"))
    assert any(requirement.startswith("spacy-tlner") for requirement in meta["requirements"])
    (wheel,) = (built / "dist").glob("*.whl")
    where = tmp_path / "site"
    python("install", "--no-deps", "--no-index", "--quiet", "--target", where, wheel, module="pip")
    text = held_out_texts(1)[0]
    script = tmp_path / "load.py"
    script.write_text(
        "import sys, spacy\n"
        "nlp = spacy.load('en_tiny')\n"
        "print([(e.label_, e.start, e.end) for e in nlp(sys.argv[1]).ents])\n",
        encoding="utf8",
    )
    printed = python(text, module="load", cwd=tmp_path, PYTHONPATH=str(where))
    assert printed.strip().splitlines()[-1] == str(entities(spacy.load(model)(text)))


def test_help_lists_us_and_costs_little() -> None:
    """What our entry point adds to every `spacy` command, spaCy itself being there already."""
    script = (
        "import sys, time, spacy.cli\n"
        "spacy.util.registry.cli.get_all()\n"  # what each command does before anything else
        "ours = [name for name in sys.modules if name.split('.')[0] == 'spacy_tlner']\n"
        "assert 'spacy_tlner.cli' in ours, ours\n"
        "assert 'spacy_tlner.component' not in ours and 'transformers' not in sys.modules, ours\n"
        "before = set(sys.modules)\n"
        "for name in ours: del sys.modules[name]\n"
        "start = time.process_time()\n"
        "import spacy_tlner.cli\n"
        "print(time.process_time() - start)\n"
        "from typer.testing import CliRunner\n"
        "from typer.main import get_command\n"
        "print(CliRunner().invoke(spacy.cli.app, ['--help']).stdout)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, *help_text = done.stdout.splitlines()
    assert float(seconds) < 0.1
    assert any("tlner" in line for line in help_text)
