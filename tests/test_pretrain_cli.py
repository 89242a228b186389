"""`spacy tlner pretrain`: beside spaCy's command, what --replace lets go, configs that cannot be used."""

import re
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import srsly
from spacy.util import load_config
from typer.testing import CliRunner

from command_line import run_spacy
from corpus import (
    annotated,
    blank_tagger,
)
from pretraining_runs import CONFIG, initialize_with, small_config
from spacy_tlner.cli import tlner
from spacy_tlner.cli.pretrain import _fill, prepare
from spacy_tlner.cli.resume import left_by, settings_of
from spacy_tlner.pretraining.loop import CHECKPOINT, LOG


def test_replace_resumes_what_is_unfinished_and_the_same_and_nothing_else(tmp_path: Path) -> None:
    small_config().to_disk(tmp_path / "tiny.cfg")
    texts, output = tmp_path / "texts.txt", tmp_path / "out"
    texts.write_text("\n".join(" ".join(words) for words, _ in islice(annotated(), 60)), encoding="utf8")
    arguments = ["--paths.text", str(texts), "--paths.words", str(output / "words.txt"), "--n-dev", "10"]

    def epochs(*more: str) -> list[int]:
        """Those in the log after one more call."""
        done = CliRunner().invoke(tlner, ["pretrain", str(tmp_path / "tiny.cfg"), str(output), *arguments, *more])
        assert done.exit_code == 0, done.output
        return [line["epoch"] for line in srsly.read_jsonl(output / LOG)]

    # four batches an epoch, and a line of the log after the fourth
    assert epochs("--replace", "--pretraining.max_epochs", "1") == [0]
    weights = (output / "model0.bin").stat().st_mtime_ns
    # two epochs were wanted: it goes on
    assert epochs("--replace") == [0, 1]
    assert (output / "model0.bin").stat().st_mtime_ns == weights
    # it is finished: anew
    assert epochs("--replace") == [0, 1] and (output / "model0.bin").stat().st_mtime_ns > weights
    # another rate, another text: anew, though there was more to do
    assert epochs("--replace", "--pretraining.max_epochs", "3", "--pretraining.dropout", "0.3") == [0, 1, 2]
    weights = (output / "model0.bin").stat().st_mtime_ns
    words = (output / "words.txt").read_text(encoding="utf8")
    texts.write_text(texts.read_text(encoding="utf8").replace("in", "inside"), encoding="utf8")
    assert epochs("--replace", "--pretraining.max_epochs", "4", "--pretraining.dropout", "0.3") == [0, 1, 2, 3]
    assert (output / "model0.bin").stat().st_mtime_ns > weights
    assert "inside" in (output / "words.txt").read_text(encoding="utf8") and "inside" not in words


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (["--paths.text", "typo.txt"], "TL221.*no such"),
        (["--n-dev", "1000"], "TL608"),
        (["--pretraining.component", "ner"], "TL607"),
        (["--corpora.pretrain_dev.path", "empty.txt"], "TL605"),
    ],
)
def test_what_cannot_begin_replaces_nothing(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: list[str], message: str
) -> None:
    config = small_config()
    if "--corpora.pretrain_dev.path" in fault:
        config["corpora"]["pretrain_dev"] = {**config["corpora"]["pretrain"]}
    config.to_disk(tmp_path / "tiny.cfg")
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n\n", encoding="utf8")
    output = tmp_path / "out"
    output.mkdir()
    names = ("model-best.bin", "model0.bin", "words.txt", CHECKPOINT, LOG, "model-of-mine.bin")
    for name in names:
        (output / name).write_text(name, encoding="utf8")
    paths = ["--paths.text", str(text), "--paths.words", str(output / "words.txt")]
    done = CliRunner().invoke(tlner, ["pretrain", str(tmp_path / "tiny.cfg"), str(output), "--replace", *paths, *fault])
    assert done.exit_code == 1 and re.search(message, " ".join(done.output.split()))
    assert {path.name: path.read_text(encoding="utf8") for path in output.iterdir()} == {name: name for name in names}


def test_what_a_pretraining_leaves_is_known_by_name(tmp_path: Path) -> None:
    own = ["checkpoint.msgpack", "log.jsonl", "model-best.bin", "model-last.bin", "model12.bin", "words.txt"]
    for name in (*own, "model-of-mine.bin", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in left_by(tmp_path, str(tmp_path / "words.txt"))] == own
    # a list that lies elsewhere is the user's
    assert [path.name for path in left_by(tmp_path / "none", str(tmp_path / "words.txt"))] == []
    assert [path.name for path in left_by(tmp_path, str(tmp_path / "more" / "words.txt"))] == own[:-1]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"components.tl_ner.model.tok2vec.width": 64}, True),
        ({"training.seed": 7}, True),
        ({"nlp.lang": "de"}, True),
        ({"pretraining.objective.shrink": 2.0}, True),
        ({"n_dev": 31}, True),
        ({"words": "the\t1\n"}, True),
        ({"pretraining.max_epochs": 9}, False),
        ({"pretraining.n_save_every": 9}, False),
        ({"nothing": "here"}, False),
    ],
)
def test_what_makes_another_run(text: Path, tmp_path: Path, change: dict[str, Any], differs: bool) -> None:
    words = tmp_path / "words.txt"
    found = []
    for facts in ({}, change):
        facts = dict(facts)
        facts.pop("nothing", None)
        words.write_text(facts.pop("words", "the\t9\n"), encoding="utf8")
        n_dev = facts.pop("n_dev", 30)
        config = small_config(**{"paths.text": str(text), "paths.words": str(words), **facts})
        found.append(settings_of(_fill(config)[1], tmp_path, n_dev))
    assert (found[0] != found[1]) == differs


def test_only_texts_that_are_read_make_another_run(text: Path, tmp_path: Path) -> None:
    """The folder of the run may lie below that of the texts."""
    folder = tmp_path / "texts"
    folder.mkdir()
    shutil.copy(text, folder / "a.txt.gz")
    config = _fill(small_config(**{"paths.text": str(folder), "paths.words": str(tmp_path / "words.txt")}))[1]
    before = settings_of(config, folder / "lm", 30)
    (folder / "lm").mkdir()
    (folder / "lm" / LOG).touch()
    (folder / "README.md").touch()
    assert settings_of(config, folder / "lm", 30) == before
    (folder / "b.txt").write_text("More .", encoding="utf8")
    assert settings_of(config, folder / "lm", 30) != before


def test_the_commands(text: Path, tmp_path: Path) -> None:
    config = small_config(**{"pretraining.max_epochs": 1})
    config.to_disk(tmp_path / "tiny.cfg")
    paths = ["--paths.text", text, "--paths.words", tmp_path / "words.txt"]
    ours = ["tlner", "pretrain", tmp_path / "tiny.cfg", tmp_path / "ours", *paths, "--n-dev", 20, "--n-words", 60]
    done = run_spacy(*ours)
    assert done.returncode == 0, done.output
    assert "dev ppl" in done.output and (tmp_path / "ours" / "model-best.bin").exists()
    again = run_spacy(*ours)
    assert again.returncode == 1 and "TL606" in again.output
    # a rate that is a schedule stays at its first value, 0, under spaCy's command: it takes a constant one
    config["pretraining"]["optimizer"]["learn_rate"] = 0.01
    config.to_disk(tmp_path / "constant.cfg")
    missing = run_spacy(*ours[:3], tmp_path / "none", *paths, "--initialize.vectors", tmp_path / "nowhere")
    assert missing.returncode == 1 and "E884" in missing.output and "Traceback" not in missing.output
    theirs = run_spacy("pretrain", tmp_path / "constant.cfg", tmp_path / "theirs", *paths)
    assert theirs.returncode == 0, theirs.output
    nlp = blank_tagger()
    initialize_with(nlp, tmp_path / "theirs" / "model-last.bin")


GROUPED = {"@optimizers": "spacy_tlner.GroupedAdam.v1", "learn_rate": 0.001, "groups": {"tl_ner": {"words": 0.5}}}
CHARACTERS = {
    "@architectures": "spacy.PretrainCharacters.v1",
    "maxout_pieces": 2,
    "hidden_size": 8,
    "n_characters": 2,
}


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({}, "TL607.*missing"),
        ({"corpus": "corpora.none"}, "TL607.*no corpus"),
        ({"objective": CHARACTERS}, r"TL607.*spacy\.PretrainCharacters\.v1"),
        ({"corpus": None}, "corpus"),
        ({"component": "ner"}, "TL607.*no component 'ner'"),
        ({"layer": "tok2veC"}, "TL607.*no layer 'tok2veC'"),
        ({"max_epochs": 0}, "TL607.*max_epochs"),
        # a slip of the pen
        ({"max_epoch": 1}, r"TL607.*\[pretraining\] has max_epoch; it may have max_epochs"),
        ({"optimizer": GROUPED}, "TL607.*rates for layer groups"),
    ],
)
def test_configs_without_pretraining(text: Path, tmp_path: Path, block: dict[str, Any], reason: str) -> None:
    config = load_config(CONFIG, interpolate=False)
    config["paths"].update(text=str(text), words=str(tmp_path / "words.txt"))
    config["pretraining"] = {**config["pretraining"], **block} if block else {}
    if block == {"corpus": None}:
        del config["pretraining"]["corpus"]
    with pytest.raises(ValueError, match=reason):
        prepare(config, tmp_path, n_dev=5, n_words=5)


@pytest.mark.parametrize(("change", "number"), [({"nlp.lang": "qq"}, "TL212"), ({"paths.words": "{below}"}, "TL612")])
def test_a_language_and_a_list_that_cannot_be(text: Path, tmp_path: Path, change: dict[str, str], number: str) -> None:
    (tmp_path / "file").touch()
    change = {key: value.format(below=tmp_path / "file" / "words.txt") for key, value in change.items()}
    overrides = {"paths.text": str(text), "paths.words": str(tmp_path / "words.txt"), **change}
    with pytest.raises(ValueError, match=number):
        prepare(load_config(CONFIG, overrides=overrides, interpolate=False), tmp_path, n_dev=5, n_words=5)


def test_what_the_encoder_says_is_told(text: Path, tmp_path: Path) -> None:
    config = load_config(CONFIG.with_name("ner_bilm_vectors_crf.cfg"), interpolate=False)
    config["paths"].update(text=str(text), words=str(tmp_path / "words.txt"), vectors=None)
    with pytest.raises(ValueError, match="TL050"):
        prepare(config, tmp_path, n_dev=5, n_words=5)
