"""`spacy tlner vectors`: what is in the pipeline, judged by floret itself and by spaCy's own training."""

import gzip
import json
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import floret
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.cli.init_pipeline import init_vectors_cli
from spacy.cli.train import train as spacy_train
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner, Result

from corpus import annotated, write_corpus
from spacy_tlner.cli import tlner
from spacy_tlner.corpora.texts import read_plain

CONFIG = Path(__file__).parent.parent / "configs" / "ner_vectors_crf.cfg"
TEXTS = [" ".join(words) for (words, _), _ in zip(annotated(), range(150))]
SMALL = ["--dim", "12", "--buckets", "500", "--min-count", "2", "--epochs", "2"]


def run(*args: Any) -> Result:
    return CliRunner().invoke(tlner, ["vectors", *(str(arg) for arg in args)], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf8")
    return path


def words_of(texts: list[str], lower: bool = False) -> list[list[str]]:
    nlp = spacy.blank("en")
    return [[token.lower_ if lower else token.text for token in nlp.make_doc(text)] for text in texts]


def train_floret(path: Path, words: list[list[str]], **settings: Any) -> Any:
    """floret alone, on words set apart by blanks."""
    path.write_text("".join(" ".join(line) + "\n" for line in words), encoding="utf8")
    return floret.train_unsupervised(str(path), dim=12, minCount=2, epoch=2, thread=1, verbose=0, **settings)


@pytest.mark.parametrize("lower", [False, True])
def test_vectors_are_those_of_floret(text_file: Path, tmp_path: Path, lower: bool) -> None:
    result = run(text_file, tmp_path / "out", *SMALL, *(["--lower"] if lower else []))
    assert result.exit_code == 0, result.output
    nlp = spacy.load(tmp_path / "out")
    words = words_of(TEXTS, lower)
    model = train_floret(tmp_path / "words", words, mode="floret", hashCount=2, bucket=500, minn=3, maxn=6)
    assert nlp.vocab.vectors.shape == (500, 12) and nlp.vocab.vectors.mode == "floret"
    # to its most frequent word (with its mark of a line's end) floret adds a row that its table does not have
    compared = {"Unseen", "zzz", "Ü", "non-existence"} | {word for line in words for word in line}
    compared -= {"</s>", model.get_words()[0]}
    assert len(compared) > 80
    for word in compared:
        found, seen = nlp.vocab.get_vector(word), word.lower() if lower else word
        assert_allclose(found, model.get_word_vector(seen), atol=1e-5)
        assert found.any()
    doc = nlp("Unseen words everywhere")
    assert doc.vector.any() and all(token.has_vector for token in doc)
    assert (nlp.vocab["PARIS"].vector == nlp.vocab["paris"].vector).all() == lower


def test_same_numbers_as_spacys_own_command(text_file: Path, tmp_path: Path) -> None:
    """`spacy init vectors` on floret's table."""
    model = train_floret(tmp_path / "words", words_of(TEXTS), mode="floret", hashCount=2, bucket=500, minn=3, maxn=6)
    model.save_floret_vectors(str(tmp_path / "table"))
    settings = {"prune": -1, "truncate": 0, "name": None, "verbose": False, "jsonl_loc": None, "attr": "ORTH"}
    init_vectors_cli("en", tmp_path / "table", tmp_path / "theirs", mode="floret", **settings)
    assert run(text_file, tmp_path / "ours", *SMALL).exit_code == 0
    ours, theirs = (spacy.load(tmp_path / name).vocab.vectors for name in ("ours", "theirs"))
    assert (ours.data == theirs.data).all()
    assert ours.to_bytes(exclude=["strings"]) == theirs.to_bytes(exclude=["strings"])


def test_default_mode_has_the_frequent_words(text_file: Path, tmp_path: Path) -> None:
    result = run(text_file, tmp_path / "out", *SMALL, "--mode", "default")
    assert result.exit_code == 0, result.output
    nlp = spacy.load(tmp_path / "out")
    model = train_floret(tmp_path / "words", words_of(TEXTS), mode="fasttext", bucket=500, minn=3, maxn=6)
    for word in model.get_words():
        assert_allclose(nlp.vocab.get_vector(word), model.get_word_vector(word), atol=1e-4)
    assert not nlp.vocab["Unseen"].has_vector


def test_every_kind_of_text_gives_the_same(text_file: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.txt.gz", "wt", encoding="utf8") as file:
        file.write("\n\n".join(TEXTS))
    lines = [json.dumps({"text": text, "meta": 1}) for text in TEXTS]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf8")
    nlp = spacy.blank("en")
    DocBin(docs=[nlp.make_doc(text) for text in TEXTS]).to_disk(tmp_path / "t.spacy")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.txt").write_text("\n".join(TEXTS[70:]), encoding="utf8")
    (tmp_path / "folder" / "a.jsonl").write_text("\n".join(lines[:70]), encoding="utf8")
    for name in ("t.txt.gz", "t.jsonl", "t.spacy", "folder"):
        assert list(read_plain(tmp_path / name)) == TEXTS, name
    assert run(tmp_path / "t.spacy", tmp_path / "out", *SMALL).exit_code == 0
    assert run(text_file, tmp_path / "expected", *SMALL).exit_code == 0
    found, expected = (spacy.load(tmp_path / name).vocab.vectors.data for name in ("out", "expected"))
    assert (found == expected).all()


def test_config_trains_with_them(text_file: Path, tmp_path: Path) -> None:
    assert run(text_file, tmp_path / "vectors", *SMALL).exit_code == 0
    corpora = {key: str(write_corpus(tmp_path / f"{key}.spacy", 30, skip=n)) for key, n in (("train", 0), ("dev", 500))}
    overrides: dict[str, Any] = {f"paths.{key}": path for key, path in corpora.items()}
    overrides |= {"paths.vectors": str(tmp_path / "vectors"), "training.max_steps": 2, "training.eval_frequency": 1}
    spacy_train(CONFIG, tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert (nlp.vocab.vectors.data == spacy.load(tmp_path / "vectors").vocab.vectors.data).all()
    assert isinstance(nlp("Nothing here"), Doc)


def test_blanks_inside_of_tokens_tear_nothing_apart(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["New York", "is", "big", "  ", "\n"]) for _ in range(5)]
    DocBin(docs=docs).to_disk(tmp_path / "t.spacy")
    result = run(tmp_path / "t.spacy", tmp_path / "out", *SMALL, "--mode", "default")
    assert result.exit_code == 0, result.output
    keys = {nlp.vocab.strings[k] for k in spacy.load(tmp_path / "out").vocab.vectors.key2row if k in nlp.vocab.strings}
    assert {"is", "big"} <= keys


def test_replaces_a_pipeline_and_nothing_else(text_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for dim in ("12", "6"):
        assert run(text_file, out, *SMALL, "--dim", dim).exit_code == 0
        assert spacy.load(out).vocab.vectors.shape[1] == int(dim)
    trained = spacy.load(out)
    trained.add_pipe("sentencizer")
    trained.to_disk(tmp_path / "trained")
    result = run(text_file, tmp_path / "trained", *SMALL)
    assert result.exit_code == 1 and "TL543" in result.output
    assert spacy.load(tmp_path / "trained").pipe_names == ["sentencizer"]
    shutil.rmtree(tmp_path / "trained")
    (out / "meta.json").unlink()
    (out / "letter.txt").write_text("dear")
    result = run(text_file, out, *SMALL)
    assert result.exit_code == 1 and "TL543" in result.output
    assert (out / "letter.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize(
    ("content", "args", "number"),
    [
        ("rare words only once", [], "TL542"),
        ("\n \n", [], "TL542"),
        ("a a a", ["--minn", "4", "--maxn", "3"], "TL544"),
        (None, [], "TL222"),
        ("a a a", ["--lang", "zzz"], "TL212"),
    ],
)
def test_errors_leave_nothing(tmp_path: Path, content: str | None, args: list[str], number: str) -> None:
    path = tmp_path / "t.jsonl" if content is None else tmp_path / "t.txt"
    path.write_text("{broken" if content is None else content, encoding="utf8")
    result = run(path, tmp_path / "deep" / "out", *SMALL, *args)
    assert result.exit_code == 1 and number in result.output
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_a_text_longer_than_a_parser_could_read(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("some words again " * 60_000)
    result = run(path, tmp_path / "out", *SMALL)
    assert result.exit_code == 0, result.output
    assert spacy.load(tmp_path / "out").meta["spacy_tlner"]["vectors"]["tokens"] == 180_000


def test_folders_that_cannot_be_written(text_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run(text_file, tmp_path / "file" / "out", *SMALL)
    assert result.exit_code == 1 and "TL545" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_into_the_folder_that_one_is_in(text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    assert run(text_file, ".", *SMALL).exit_code == 0
    nlp = spacy.load(tmp_path / "out")
    assert nlp.vocab.vectors.shape[1] == 12 and nlp.vocab.vectors.name == "out"


@pytest.mark.parametrize("content", [b"no DocBin", zlib.compress(b"\x80"), zlib.compress(b"\x01")])
def test_broken_binary_corpus(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.spacy").write_bytes(content)
    result = run(tmp_path / "t.spacy", tmp_path / "out")
    assert result.exit_code == 1 and "TL214" in result.output


def test_without_floret(text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "floret", None)
    result = run(text_file, tmp_path / "out")
    assert result.exit_code == 1 and "TL541" in result.output
    assert 'pip install "spacy-tlner[vectors]"' in " ".join(result.output.split())
