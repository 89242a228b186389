"""Language-model pretraining: words and targets, the directions, perplexity, true resume."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
from spacy.tokens import Doc

from corpus import (
    HASH_EMBED_CNN,
    TINY_ENCODER,
    annotated,
    tagger,
)
from pretraining_runs import SIZES, log_probabilities, task
from spacy_tlner.pretraining.loop import CHECKPOINT, LOG, evaluate, run
from spacy_tlner.pretraining.objective import PretrainBiLM, check_directions, targets_of
from spacy_tlner.pretraining.word_list import BOUNDARY, UNKNOWN, WordList

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


@pytest.mark.parametrize("total_steps", [10, 22, 40])
def test_a_rate_that_ends_before_the_text_is_told(
    text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, total_steps: int
) -> None:
    """There are 22 updates; a rate that has come to 0 with the last of them has missed none."""
    rate: Any = SIZES["pretraining.optimizer.learn_rate"]
    settings = {"pretraining.optimizer.learn_rate": {**rate, "total_steps": total_steps}}
    with caplog.at_level("WARNING", logger="spacy_tlner"):
        run(task(text, tmp_path / "out", **settings), resume=False, on_log=lambda row: None)
    assert caplog.text.count("TL615") == (total_steps == 10)
    assert total_steps > 10 or "after 10 updates, in epoch 1 of 2" in caplog.text


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
    prepared = task(text, tmp_path / "out")
    with pytest.raises(ValueError, match="TL605"):
        replace(prepared, dev=[])


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


def test_a_lexicon_looks_ahead(text: Path, tmp_path: Path) -> None:
    (tmp_path / "cities.txt").write_text("new york\tLOC\n")
    lexicon = {"@architectures": "spacy_tlner.Lexicon.v1", "path": str(tmp_path / "cities.txt")}
    embed = {
        "@architectures": "spacy_tlner.ConcatEmbed.v1",
        "parts": {"words": TINY_ENCODER["embed"], "lexicon": lexicon},
    }
    with pytest.raises(ValueError, match=r"TL603.*lexicon"):
        task(text, tmp_path / "out", **{"components.tl_ner.model": tagger({**TINY_ENCODER, "embed": embed})})
