"""Unlabelled texts as they are read: every kind of file, what is cut, and what cannot be read."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import spacy

from spacy_tlner.corpora.faults import CorpusError
from spacy_tlner.corpora.unlabelled import TextCorpus


def read(path: Path, **settings: Any) -> list[str]:
    return [eg.reference.text for eg in TextCorpus(path, **settings)(spacy.blank("en"))]


def test_texts(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("One two three four. Five six seven eight.\n\nTiny.\n", encoding="utf8")
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf8") as file_:
        file_.write('{"text": "Über alles in der Welt."}\n')
    every = ["Über alles in der Welt.", "One two three four. ", "Five six seven eight."]
    assert read(tmp_path) == every
    assert read(tmp_path, limit=2) == every[:2]
    assert read(tmp_path / "b.txt", sentences=False, min_length=1) == [
        "One two three four. Five six seven eight.",
        "Tiny.",
    ]
    # what is too long is cut, and nothing is lost: min_length is of sentences, not of what is left of one
    assert read(tmp_path / "b.txt", max_length=3) == ["One two three ", "four. ", "Five six seven ", "eight."]
    assert read(tmp_path / "b.txt", max_length=3, min_length=1) == ["One two three ", "four. ", "Five six seven ", "eight.", "Tiny."]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("name", ["t.txt", "t.txt.gz", "t.jsonl"])
def test_a_byte_order_mark_is_no_text(name: str, tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + (b'{"text": "Aspirin helps."}' if name.endswith("jsonl") else b"Aspirin helps.")
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read(tmp_path / name, min_length=1) == ["Aspirin helps."]


def test_shuffled_texts_are_all_there_in_one_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"Text number {i} of all.\n" for i in range(50)), encoding="utf8")
    shuffled = read(tmp_path, shuffle=True)
    assert shuffled == read(tmp_path, shuffle=True) != read(tmp_path)
    assert sorted(shuffled) == sorted(read(tmp_path))


def test_the_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    # files are read in blocks of many lines
    lines = [b"a text\n"] * 1000
    lines[499] = "schl\xe4ft\n".encode("latin1")
    for name, compress in (("a.txt", bytes), ("a.txt.gz", gzip.compress)):
        (tmp_path / name).write_bytes(compress(b"".join(lines)))
        with pytest.raises(CorpusError, match=f"TL222.*{name}, line 500, "):
            read(tmp_path / name)


def test_half_a_surrogate_pair_is_named(tmp_path: Path) -> None:
    """JSON can spell it, but no vocab and no file can hold it: it would end a long run later, and elsewhere."""
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n{"text": "half an emoji \\ud83d"}\n', encoding="utf8")
    with pytest.raises(CorpusError, match=r"TL222.*a\.jsonl, line 2, .*surrogate"):
        read(tmp_path / "a.jsonl")


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    for path in (tmp_path / "a.csv", tmp_path / "none.txt", tmp_path):
        with pytest.raises(CorpusError, match="TL221"):
            read(path)
    damaged = bytearray(gzip.compress(b"fine " * 500))
    damaged[10:20] = b"\xff" * 10
    for name, data in (
        ("a.jsonl", b'{"text": "fine"}\n{"no": 1}\n'),
        ("b.txt", b"fine\n\xff\xfe"),
        ("c.txt.gz", b"x"),
        ("d.txt.gz", bytes(damaged)),
        ("e.txt.gz", gzip.compress(b"fine " * 500)[:-10]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorpusError, match=f"TL222.*{name}"):
            read(tmp_path / name)
