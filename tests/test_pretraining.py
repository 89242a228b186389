"""Language-model pretraining: the softmax by its definition, the directions, true resume, the way into a tagger."""

import gzip
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose
from spacy.tokens import Doc
from spacy.util import load_config
from thinc.api import Model
from typer.testing import CliRunner

from corpus import (
    HASH_EMBED_CNN,
    LISTENER,
    LOOKUP_ENCODER,
    TINY_ENCODER,
    annotated,
    blank_tagger,
    initialize,
    make_examples,
    tagger,
    trained,
)
from spacy_tlner.architectures import BiLSTMEncoder
from spacy_tlner.cli import tlner
from spacy_tlner.cli.pretrain import _fill, prepare
from spacy_tlner.cli.resume import left_by, settings_of
from spacy_tlner.component import TransferNER
from spacy_tlner.layers.softmax import AdaptiveSoftmax, softmax_loss
from spacy_tlner.layers.vocabulary import counts_of
from spacy_tlner.pretraining.loop import CHECKPOINT, LOG, evaluate, run
from spacy_tlner.pretraining.objective import PretrainBiLM, check_directions, targets_of
from spacy_tlner.pretraining.word_list import BOUNDARY, UNKNOWN, WordList

CONFIG = Path(__file__).parent.parent / "configs" / "ner_bilm_crf.cfg"
SIZES = {
    "components.tl_ner.model": tagger(),
    "pretraining.max_epochs": 2,
    "pretraining.n_save_every": 4,
    "pretraining.batcher.size": 16,
    "pretraining.batcher.pool": 4,
    "pretraining.objective.cutoffs": [20, 40],
    "pretraining.optimizer.learn_rate": {
        "@schedules": "warmup_linear.v1",
        "initial_rate": 0.02,
        "warmup_steps": 3,
        "total_steps": 40,
    },
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt.gz"
    with gzip.open(path, "wt", encoding="utf8") as file_:
        for words, _ in (next(stream) for stream in [annotated()] for _ in range(200)):
            file_.write(" ".join(words) + "\n")
    return path


def small_config(**overrides: Any) -> Any:
    config = load_config(CONFIG, interpolate=False)
    for key, value in deepcopy({**SIZES, **overrides}).items():
        *blocks, last = key.split(".")
        at = config
        for block in blocks:
            at = at[block]
        at[last] = value
    return config


def task(text: Path, output: Path, **overrides: Any) -> Any:
    paths = {"paths.text": str(text), "paths.words": str(output.parent / "words.txt")}
    return prepare(small_config(**{**paths, **overrides}), output, n_dev=30, n_words=60)


@pytest.fixture(scope="module")
def pretrained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("pretrained") / "bilm"
    return run(task(text, output), resume=False, on_log=lambda row: None)


# --- the softmax ---


def log_probabilities(model: Model, states: Any) -> Any:
    """(n, classes) by the definition: the cluster's share in the first softmax, then its own."""
    edges = model.attrs["edges"]

    def log_softmax(scores: Any) -> Any:
        return scores - numpy.logaddexp.reduce(scores, axis=1, keepdims=True)

    states = states.astype("float64")
    first = log_softmax(states @ model.get_param("head_W").T + model.get_param("head_b"))
    parts = [first[:, : edges[0]]]
    for k in range(1, len(edges)):
        own = log_softmax(states @ model.get_param(f"down_{k}").T @ model.get_param(f"W_{k}").T)
        parts.append(first[:, edges[0] + k - 1][:, None] + own)
    return numpy.concatenate(parts, axis=1)


def softmax_of(cutoffs: list[int], n_classes: int = 30) -> tuple[Model, Any, Any]:
    rng = numpy.random.default_rng(0)
    model = AdaptiveSoftmax(n_classes, 12, cutoffs, shrink=2)
    model.initialize()
    for name in model.param_names:
        model.set_param(name, rng.normal(0, 0.5, model.get_param(name).shape).astype("float32"))
    return model, rng.normal(size=(50, 12)).astype("float32"), rng.integers(0, n_classes, 50)


@pytest.mark.parametrize("cutoffs", [[], [10], [5, 12], [5, 12, 29], [100]])
def test_softmax_is_its_definition(cutoffs: list[int]) -> None:
    model, states, targets = softmax_of(cutoffs)
    expected = log_probabilities(model, states)
    assert_allclose(numpy.exp(expected).sum(axis=1), 1)
    for is_train in (True, False):
        loss, _ = softmax_loss(model, states, targets, is_train=is_train)
        assert_allclose(loss, -expected[numpy.arange(50), targets].sum(), rtol=1e-5)


def test_softmax_gradient() -> None:
    model, states, targets = softmax_of([5, 12])

    def mean_loss() -> float:
        return float(-log_probabilities(model, states)[numpy.arange(50), targets].mean())

    _, d_states = softmax_loss(model, states, targets)
    checked = [(states, d_states), *((model.get_param(n), model.get_grad(n)) for n in model.param_names)]
    rng = numpy.random.default_rng(1)
    for values, gradient in checked:
        for place in rng.integers(0, values.size, 12):
            value = values.flat[place]
            ends = []
            for step in (1e-3, -1e-3):
                values.flat[place] = value + step
                ends.append(mean_loss())
            values.flat[place] = value
            assert_allclose(gradient.flat[place], (ends[0] - ends[1]) / 2e-3, atol=2e-4)


def test_evaluation_changes_nothing() -> None:
    model, states, targets = softmax_of([5, 12])
    _, d_states = softmax_loss(model, states, targets, is_train=False)
    assert not d_states.any() and not any(model.has_grad(name) for name in model.param_names)


def test_bfloat16_is_close() -> None:
    model, states, targets = softmax_of([5, 12])
    exact, d_exact = softmax_loss(model, states, targets)
    model.attrs["precision"] = "bfloat16"
    rough, d_rough = softmax_loss(model, states, targets)
    assert rough != exact and abs(rough / exact - 1) < 0.02
    assert_allclose(d_rough, d_exact, atol=0.05 * abs(d_exact).max())


# --- words and targets ---


def test_word_list(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["The", "cat", "saw", "the", "dog", "\n", "and", "THE", "bird"])]
    words = WordList.count(docs, "LOWER", 3)
    assert words == WordList(("the", "and", "bird"), (3, 1, 1))
    words.write(tmp_path / "words.txt")
    assert WordList.read(tmp_path / "words.txt") == words
    (tmp_path / "plain.txt").write_text("the\nand\n")
    assert WordList.read(tmp_path / "plain.txt").counts == (1, 1)
    assert "\n" not in WordList.count(docs, "ORTH", 99).words


@pytest.mark.parametrize("content", ["", "the\n\nand\n", "two words\n", "the\t3\nthe\t2\n", "the\tmany\n"])
def test_bad_word_lists(content: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(content)
    with pytest.raises(ValueError, match="TL602"):
        WordList.read(tmp_path / "words.txt")
    with pytest.raises(ValueError, match="TL601"):
        WordList.read(tmp_path / "none.txt")


def test_targets() -> None:
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=words) for words in (["The", "odd", "cat"], [], ["cat"])]
    the, cat = 2, 3
    after, before = targets_of(docs, WordList(("the", "cat"), (2, 1)), "LOWER")
    assert after.tolist() == [UNKNOWN, cat, BOUNDARY, BOUNDARY]
    assert before.tolist() == [BOUNDARY, the, UNKNOWN, BOUNDARY]


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (TINY_ENCODER, None),
        ({**TINY_ENCODER, "depth": 2}, "can see the word"),
        (HASH_EMBED_CNN, "can see the word"),
        (TINY_ENCODER["embed"], "cannot see the words"),
        ({**HASH_EMBED_CNN, "width": 33}, "odd"),
    ],
)
def test_a_state_must_not_see_the_word_it_predicts(encoder: dict[str, Any], reason: str | None) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tl_ner", config={"model": tagger(encoder)})
    tok2vec = nlp.get_pipe("tl_ner").model.get_ref("tok2vec")
    tok2vec.initialize(X=[nlp.make_doc("Give it a doc to infer shapes")])
    if reason is None:
        check_directions(tok2vec, nlp.vocab, "known")
    else:
        with pytest.raises(ValueError, match=f"TL603.*{reason}"):
            check_directions(tok2vec, nlp.vocab, "known")


# --- the loop ---


def test_it_learns_and_leaves_its_files(pretrained: Path) -> None:
    folder = pretrained.parent
    rows = list(srsly.read_jsonl(folder / LOG))
    left = {path.name for path in folder.iterdir()}
    assert left == {"model0.bin", "model1.bin", "model-last.bin", "model-best.bin", CHECKPOINT, LOG}
    assert [(row["epoch"], row["step"]) for row in rows] == [(0, 4), (0, 8), (1, 11), (1, 15), (1, 19), (2, 22)]
    perplexities = [row["dev_perplexity"] for row in rows]
    # 60 words and 2: what knows nothing has a perplexity of 62
    assert perplexities[-1] < 25 < 40 < perplexities[0] < 62
    assert 0 < rows[0]["dev_unknown"] < 0.5 and rows[0]["words_per_second"] > 0
    rates = [row["learn_rate"] for row in rows]
    assert max(rates) <= 0.02 and rates[-1] < max(rates)


def test_no_row_of_nothing(text: Path, tmp_path: Path) -> None:
    """The last batch of an epoch was logged already, so the end of the epoch has nothing to add."""
    settings = {"pretraining.n_save_every": 11, "pretraining.max_epochs": 1}
    rows: list[dict[str, Any]] = []
    run(task(text, tmp_path / "out", **settings), resume=False, on_log=rows.append)
    assert [row["step"] for row in rows] == [11] and rows[0]["loss"] > 0


def test_perplexity_is_that_of_the_states(text: Path, tmp_path: Path) -> None:
    prepared = task(text, tmp_path / "out")
    model = prepared.model
    total, n = 0.0, 0
    words = model.attrs["loss"].keywords["words"]
    for doc in prepared.dev:
        states = model.get_ref("tok2vec").predict([doc])[0]
        half = states.shape[1] // 2
        for part, targets in zip((states[:, :half], states[:, half:]), targets_of([doc], words, "LOWER")):
            found = log_probabilities(model.get_ref("decoder"), part)
            total -= found[numpy.arange(len(doc)), targets].sum()
            n += len(doc)
    score = evaluate(model, prepared.dev, batch_words=50)
    assert score.perplexity == pytest.approx(numpy.exp(total / n), rel=1e-4)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("rows_before", [1, 3, 4])
@pytest.mark.parametrize("averages", [False, True])
def test_resume_is_as_if_it_had_never_stopped(text: Path, tmp_path: Path, rows_before: int, averages: bool) -> None:
    settings = {"pretraining.optimizer.use_averages": averages, "pretraining.dropout": 0.3}
    whole = tmp_path / "whole" / "out"
    run(task(text, whole, **settings), resume=False, on_log=lambda row: None)
    parts = tmp_path / "parts" / "out"
    seen: list[Any] = []

    def stop(row: dict[str, Any]) -> None:
        seen.append(row)
        if len(seen) > rows_before:
            raise Stopped

    with pytest.raises(Stopped):
        run(task(text, parts, **settings), resume=False, on_log=stop)
    numpy.random.seed(99)  # another process has another past
    run(task(text, parts, **settings), resume=True, on_log=lambda row: None)
    for name in ("model0.bin", "model1.bin", "model-last.bin", "model-best.bin"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    rows = [[{**row, "words_per_second": 0} for row in srsly.read_jsonl(folder / LOG)] for folder in (whole, parts)]
    assert rows[0] == rows[1]


def test_a_dev_set_without_a_token(text: Path, tmp_path: Path) -> None:
    prepared = task(text, tmp_path / "out")
    for dev in ([], [Doc(prepared.nlp.vocab)]):
        with pytest.raises(ValueError, match="TL605"):
            evaluate(prepared.model, dev)


def test_an_empty_dev_set_is_told_before_the_first_update(text: Path, tmp_path: Path) -> None:
    prepared = replace(task(text, tmp_path / "out"), dev=[])
    with pytest.raises(ValueError, match="TL605"):
        run(prepared, resume=False, on_log=lambda row: None)
    assert not prepared.optimizer.nr_update


def test_resumed_with_other_settings(text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """More epochs are no other setting; and a line of the log that was cut off is none."""
    output, settings = tmp_path / "out", {"pretraining.max_epochs": 1}
    run(task(text, output, **settings), resume=False, on_log=lambda row: None)
    with (output / LOG).open("a") as file:
        file.write('{"epoch": 1, "st')
    run(task(text, output, **{"pretraining.max_epochs": 2}), resume=True, on_log=lambda row: None)
    assert "TL614" not in caplog.text
    again = task(text, output, **{"pretraining.max_epochs": 3, "pretraining.dropout": 0.35})
    run(again, resume=True, on_log=lambda row: None)
    assert re.search(r"TL614.*pretraining\.dropout", caplog.text) and "max_epochs" not in caplog.text
    assert [row["epoch"] for row in srsly.read_jsonl(output / LOG)][-1] == 3


def test_what_cannot_be_resumed(text: Path, tmp_path: Path, pretrained: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    prepared = task(text, output)
    for data in (b"", b"nonsense", pretrained.read_bytes()):
        (output / CHECKPOINT).write_bytes(data)
        with pytest.raises(ValueError, match="TL604"):
            run(prepared, resume=True, on_log=lambda row: None)


def test_another_word_list_cannot_be_resumed_with(text: Path, tmp_path: Path) -> None:
    """The same words in another order would stand for other classes of the stored decoder, and nothing else fails."""
    settings = {"pretraining.max_epochs": 1}
    run(task(text, tmp_path / "out", **settings), resume=False, on_log=lambda row: None)
    lines = (tmp_path / "words.txt").read_text().splitlines()
    (tmp_path / "words.txt").write_text("\n".join(lines[::-1]))
    again = task(text, tmp_path / "out", **settings)
    before = again.model.get_ref("decoder").to_bytes()
    with pytest.raises(ValueError, match=r"TL604.*word list"):
        run(again, resume=True, on_log=lambda row: None)
    assert again.model.get_ref("decoder").to_bytes() == before


@pytest.mark.parametrize("listed", [False, True])
def test_nothing_beside_the_dev_set(tmp_path: Path, listed: bool) -> None:
    few = tmp_path / "few.txt"
    few.write_text("".join(" ".join(words) + "\n" for words, _ in (next(s) for s in [annotated()] for _ in range(20))))
    if listed:
        (tmp_path / "words.txt").write_text("the\n")
    with pytest.raises(ValueError, match="TL608"):
        run(task(few, tmp_path / "out"), resume=False, on_log=lambda row: None)
    assert (tmp_path / "words.txt").exists() == listed, "an empty list would be taken for one the next time"


def test_a_loss_that_is_not_finite(text: Path, tmp_path: Path) -> None:
    prepared = task(text, tmp_path / "out", **{"pretraining.optimizer.learn_rate": 1e30})
    with pytest.raises(ValueError, match="TL609"), numpy.errstate(all="ignore"):
        run(prepared, resume=False, on_log=lambda row: None)


@pytest.mark.parametrize("given", [{"cutoffs": [40, 20]}, {"cutoffs": [5, 5]}, {"cutoffs": [0]}, {"shrink": 0.0}])
def test_impossible_clusters(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"TL610.*{next(iter(given))}"):
        PretrainBiLM("words.txt", **given)


@pytest.mark.parametrize(("attr", "known"), [("ORTH", "LOWER"), ("LOWER", "ORTH")])
def test_words_must_be_listed_as_the_encoder_knows_them(text: Path, tmp_path: Path, attr: str, known: str) -> None:
    words = {**TINY_ENCODER["embed"]["words"], "attr": known}
    model = tagger({**TINY_ENCODER, "embed": {**TINY_ENCODER["embed"], "words": words}})
    with pytest.raises(ValueError, match=f"TL611.*{attr}.*{known}"):
        task(text, tmp_path / "out", **{"components.tl_ner.model": model, "pretraining.objective.attr": attr})


def test_a_list_for_other_spellings(text: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the\t9\nBerlin\t3\n")
    with pytest.raises(ValueError, match=r"TL613.*'Berlin'"):
        task(text, tmp_path / "out")


def test_an_output_that_cannot_be_written(text: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"TL612.*file/out"):
        task(text, tmp_path / "file" / "out", **{"paths.words": str(tmp_path / "words.txt")})


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
    ],
)
def test_what_cannot_begin_replaces_nothing(text: Path, tmp_path: Path, fault: list[str], message: str) -> None:
    small_config().to_disk(tmp_path / "tiny.cfg")
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


def spacy_command(*args: Any) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "spacy", *map(str, args)], capture_output=True, text=True)


def test_the_commands(text: Path, tmp_path: Path) -> None:
    config = small_config(**{"pretraining.max_epochs": 1})
    config.to_disk(tmp_path / "tiny.cfg")
    paths = ["--paths.text", text, "--paths.words", tmp_path / "words.txt"]
    ours = ["tlner", "pretrain", tmp_path / "tiny.cfg", tmp_path / "ours", *paths, "--n-dev", 20, "--n-words", 60]
    done = spacy_command(*ours)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dev ppl" in done.stdout and (tmp_path / "ours" / "model-best.bin").exists()
    again = spacy_command(*ours)
    assert again.returncode == 1 and "TL606" in again.stdout
    # a rate that is a schedule stays at its first value, 0, under spaCy's command: it takes a constant one
    config["pretraining"]["optimizer"]["learn_rate"] = 0.01
    config.to_disk(tmp_path / "constant.cfg")
    missing = spacy_command(*ours[:3], tmp_path / "none", *paths, "--initialize.vectors", tmp_path / "nowhere")
    assert missing.returncode == 1 and "E884" in missing.stdout and "Traceback" not in missing.stderr
    theirs = spacy_command("pretrain", tmp_path / "constant.cfg", tmp_path / "theirs", *paths)
    assert theirs.returncode == 0, theirs.stderr
    nlp = blank_tagger()
    initialize_with(nlp, tmp_path / "theirs" / "model-last.bin")


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


def test_what_the_encoder_says_is_told(text: Path, tmp_path: Path) -> None:
    config = load_config(CONFIG.with_name("ner_bilm_vectors_crf.cfg"), interpolate=False)
    config["paths"].update(text=str(text), words=str(tmp_path / "words.txt"), vectors=None)
    with pytest.raises(ValueError, match="TL050"):
        prepare(config, tmp_path, n_dev=5, n_words=5)


def test_a_lexicon_looks_ahead(text: Path, tmp_path: Path) -> None:
    (tmp_path / "cities.txt").write_text("new york\tLOC\n")
    lexicon = {"@architectures": "spacy_tlner.Lexicon.v1", "path": str(tmp_path / "cities.txt")}
    embed = {
        "@architectures": "spacy_tlner.ConcatEmbed.v1",
        "parts": {"words": TINY_ENCODER["embed"], "lexicon": lexicon},
    }
    with pytest.raises(ValueError, match=r"TL603.*lexicon"):
        task(text, tmp_path / "out", **{"components.tl_ner.model": tagger({**TINY_ENCODER, "embed": embed})})


# --- into a tagger ---


def initialize_with(nlp: Any, path: Path, **settings: Any) -> TransferNER:
    nlp.config["initialize"]["components"]["tl_ner"] = {"pretrained": str(path), **settings}
    initialize(nlp, make_examples(nlp, 20))
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def params(model: Model) -> dict[str, Any]:
    return {f"{node.name}.{name}": node.get_param(name) for node in model.walk() for name in node.param_names}


def test_weights_come_into_a_tagger(pretrained: Path, text: Path) -> None:
    component = initialize_with(blank_tagger(), pretrained)
    donor = blank_tagger().get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[spacy.blank("en")("a word")])
    donor.from_bytes(pretrained.read_bytes())
    ours, theirs = params(component.model.get_ref("tok2vec")), params(donor)
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    # words seen in pretraining are known, and so are those of the training data
    words = next(node for node in component.model.walk() if node.name == "words")
    vocab = component.vocab
    keys = numpy.asarray([vocab.strings.add(word) for word in ("moved", "acme", "zyzzyva")], dtype="uint64")
    counts = counts_of(words, keys)
    listed = WordList.read(pretrained.parent.parent / "words.txt")
    once = sum(
        doc.text.lower().split().count("moved") for doc in (eg.reference for eg in make_examples(blank_tagger(), 20))
    )
    assert counts[0] == dict(zip(listed.words, listed.counts))["moved"] + once and counts[1] and not counts[2]


def test_the_report(pretrained: Path, caplog: pytest.LogCaptureFixture) -> None:
    nlp = blank_tagger()
    initialize_with(nlp, pretrained)
    report = nlp.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters", "encoder"] and not report["fresh"] and not report["unused"]
    deeper = spacy.blank("en")
    deeper.add_pipe("tl_ner", config={"model": tagger({**TINY_ENCODER, "depth": 2})})
    initialize_with(deeper, pretrained)
    report = deeper.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters", "encoder"]
    assert report["fresh"] == ["encoder 2 (not in the file)"]
    narrower = spacy.blank("en")
    narrower.add_pipe("tl_ner", config={"model": tagger({**TINY_ENCODER, "width": 16})})
    initialize_with(narrower, pretrained)
    report = narrower.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters"] and "encoder (" in report["fresh"][0]


def test_looked_up_words_come_into_a_tagger(text: Path, tmp_path: Path) -> None:
    """Listed words have the vectors of the file, words of the training data alone its unknown vector."""
    sizes = {**SIZES, "components.tl_ner.model": tagger(LOOKUP_ENCODER), "pretraining.max_epochs": 1}
    overrides = {**sizes, "paths.text": str(text), "paths.words": str(tmp_path / "words.txt")}
    config = load_config(CONFIG, overrides=overrides, interpolate=False)
    task = prepare(config, tmp_path / "out", n_dev=10, n_words=25)
    best = run(task, resume=False, on_log=lambda row: None)
    nlp = spacy.blank("en")
    nlp.add_pipe("tl_ner", config={"model": tagger(LOOKUP_ENCODER)})
    words = next(n for n in initialize_with(nlp, best).model.walk() if n.name == "words")
    donor = blank_tagger(model=tagger(LOOKUP_ENCODER)).get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[nlp.make_doc("a word")])
    theirs = next(n for n in donor.from_bytes(best.read_bytes()).walk() if n.name == "words")
    listed = dict(zip(theirs.attrs["seen"].tolist(), theirs.get_param("table")))
    assert len(listed) == 25 < len(words.attrs["seen"]) == len(words.get_param("table"))
    for key, row in zip(words.attrs["seen"].tolist(), words.get_param("table")):
        assert (row == listed.get(key, theirs.get_param("unknown"))).all()
    hashed = blank_tagger()
    initialize_with(hashed, best)
    fresh = hashed.meta["spacy_tlner"]["tl_ner"]["pretrained"]["fresh"]
    assert fresh == ["words (words are looked up in the file and hashed here)"]


def test_a_pretrained_tagger_keeps_its_words(pretrained: Path) -> None:
    nlp = blank_tagger()
    initialize_with(nlp, pretrained)
    again = blank_tagger().from_bytes(nlp.to_bytes())
    before, after = (next(n for n in p.get_pipe("tl_ner").model.walk() if n.name == "words") for p in (nlp, again))
    assert (before.attrs["seen"] == after.attrs["seen"]).all() and before.attrs["learned"]


def shared() -> Any:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TINY_ENCODER})
    nlp.add_pipe("tl_ner", config={"model": tagger({**LISTENER, "width": 32})})
    return nlp


def test_weights_come_into_a_shared_encoder(pretrained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the words of both; spaCy's own way sets the weights last, and leaves those of pretraining alone."""
    own, nlp = blank_tagger(), shared()
    expected = params(initialize_with(own, pretrained).model.get_ref("tok2vec"))
    component = initialize_with(nlp, pretrained)
    found = params(nlp.get_pipe("tok2vec").model)
    assert found.keys() == expected.keys() and all((found[name] == expected[name]).all() for name in found)
    assert nlp.meta["spacy_tlner"]["tl_ner"]["pretrained"] == own.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    nlp.update(make_examples(nlp, 4))
    assert component.labels and "TL126" not in caplog.text
    nlp.to_disk(tmp_path / "model")
    sourced = spacy.blank("en")
    sourced.add_pipe("tok2vec", source=spacy.load(tmp_path / "model"))
    sourced.add_pipe("tl_ner", config={"model": tagger({**LISTENER, "width": 32})})
    with sourced.select_pipes(disable=["tok2vec"]), pytest.raises(ValueError, match=r"TL110.*comes with weights"):
        initialize_with(sourced, pretrained)
    theirs = shared()
    theirs.config["initialize"]["init_tok2vec"] = str(pretrained)
    block = load_config(CONFIG, overrides={"paths.text": "", "paths.words": ""}, interpolate=True)["pretraining"]
    theirs.config["pretraining"] = {**block, "component": "tok2vec", "layer": ""}
    theirs.initialize(lambda: make_examples(theirs, 20))
    assert "TL126" in caplog.text


def test_what_excludes_pretrained_weights(pretrained: Path, tmp_path: Path) -> None:
    nlp = blank_tagger()
    nlp.config["initialize"]["init_tok2vec"] = str(pretrained)
    with pytest.raises(ValueError, match=r"TL110.*init_tok2vec"):
        initialize_with(nlp, pretrained)
    trained().to_disk(tmp_path / "source")
    with pytest.raises(ValueError, match=r"TL110.*source"):
        initialize_with(blank_tagger(), pretrained, source=str(tmp_path / "source"))
    (tmp_path / "bad.bin").write_bytes(b"nonsense")
    for path in (tmp_path / "bad.bin", tmp_path / "none.bin"):
        with pytest.raises(ValueError, match="TL111"):
            initialize_with(blank_tagger(), path)
    other = BiLSTMEncoder(Model("embed", lambda model, docs, is_train: (docs, lambda d: d)), width=2)
    (tmp_path / "other.bin").write_bytes(other.to_bytes())
    with pytest.raises(ValueError, match="TL112"):
        initialize_with(blank_tagger(), tmp_path / "other.bin")


def test_the_objective_by_name() -> None:
    assert spacy.registry.architectures.get("spacy_tlner.PretrainBiLM.v1") is PretrainBiLM
