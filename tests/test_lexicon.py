"""Gazetteers: matches beside all n-grams with all entries, features, what is stored, files that cannot be read."""

import json
import re
from collections.abc import Sequence

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.tokens import Doc

from layer_checks import GAZETTEER, NLP, assert_gradients, docs_of, key_of, lexicon_of
from spacy_tlner.architectures import (
    Lexicon,
)
from spacy_tlner.layers.gazetteer import Entry, read_gazetteer
from spacy_tlner.layers.lexicon import build, match


def matched(docs: list[list[str]], entries: list[Entry], single: Sequence[str] = ()) -> list[dict[str, str]]:
    """What `match` says: of each document and category the tags of its tokens, - outside."""
    lexicon = build(entries, single, [str.split])
    keys = [numpy.array([key_of(word) for word in doc], dtype="uint64") for doc in docs]
    found = match(lexicon, keys)
    tags = [["-"] * sum(map(len, docs)) for _ in lexicon.categories]
    for token, category, tag in zip(*found):
        assert tags[category][token] == "-"
        tags[category][token] = "BIES"[tag]
    stops = numpy.cumsum([0, *map(len, docs)])
    return [{name: "".join(row[a:b]) for name, row in zip(lexicon.categories, tags)} for a, b in zip(stops, stops[1:])]


def by_hand(doc: list[str], entries: list[Entry], single: Sequence[str] = ()) -> dict[str, str]:
    """Chiu & Nichols 2016, section 2.3.4, said in loops over all n-grams and all entries."""
    result = {}
    for category in sorted({entry.category for entry in entries}):
        terms = [str(entry.term).split() for entry in entries if entry.category == category]
        found = []
        for start in range(len(doc)):
            for stop in range(start + 1, len(doc) + 1):
                ngram = doc[start:stop]
                n = len(ngram)
                long_enough = [t for t in terms if 2 * n >= len(t) and (n > 1 or category in single)]
                whole = ngram in terms
                begins = whole or any(t[:n] == ngram for t in long_enough)
                ends = whole or any(t[-n:] == ngram for t in long_enough)
                if begins or ends:
                    found.append((not whole, -n, start, begins, ends))
        tags = ["-"] * len(doc)
        for _, minus_n, start, begins, ends in sorted(found):
            if set(tags[start : start - minus_n]) == {"-"}:
                tags[start : start - minus_n] = "I" * -minus_n
                if begins:
                    tags[start] = "B"
                if ends:
                    tags[start - minus_n - 1] = "S" if begins and minus_n == -1 else "E"
        result[category] = "".join(tags)
    return result


LETTERS = st.lists(st.sampled_from("abc"), min_size=1, max_size=7)


@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=1, max_size=3),
    st.lists(st.builds(Entry, st.sampled_from(["X", "Y"]), LETTERS.map(" ".join)), min_size=1, max_size=5),
    st.sampled_from([(), ("X",), ("X", "Y")]),
)
@settings(max_examples=150)
def test_matches_are_those_of_all_ngrams_with_all_entries(docs, entries, single):
    assert matched(docs, entries, single) == [by_hand(doc, entries, single) for doc in docs]


@pytest.mark.parametrize(
    ("text", "term", "tags"),
    [
        ("in New York City .", "New York City", "-BIE-"),
        ("in NEW york .", "New York City", "-BI-"),  # begins: no E
        ("of York City ,", "New York City", "-IE-"),  # ends: no B
        ("of York", "New York", "--"),  # one token is not enough
        ("York", "York", "S"),
        ("a b a b a", "a b", "BEBE-"),  # neighbours do not overlap
        ("a a a a a", "a a", "BEBE-"),
        ("New York", "New York City of the East", "--"),  # less than half
    ],
)
def test_matches_by_hand(text, term, tags):
    assert matched([text.split()], [Entry("LOC", term)]) == [{"LOC": tags}]


def test_whole_entries_come_first_then_longer_then_earlier():
    entries = [Entry("X", term) for term in ("a b c d", "c d e", "b c", "d e f g")]
    assert matched([list("abce")], entries) == [{"X": "-BE-"}]  # whole before the longer a b c
    assert matched([list("abcd")], entries) == [{"X": "BIIE"}]
    assert matched([list("xcdexx"), list("cdef")], entries) == [{"X": "-BIE--"}, {"X": "BIE-"}]
    assert matched([list("defab")], [Entry("X", "d e f g"), Entry("X", "f a b c")]) == [{"X": "BII--"}]
    assert matched([list("ab")], [Entry("PER", "a c")], ["PER"]) == [{"PER": "B-"}]


def test_lexicon_features_gradients_and_batches(tmp_path):
    model = lexicon_of(tmp_path, width=6, rows=30)
    docs = docs_of(12, 0, 30, 7, seed=1)
    model.initialize(X=docs)
    assert_gradients(model, docs, rtol=1e-3)
    outputs = model.predict(docs)
    for doc, output in zip(docs, outputs):
        assert_allclose(model.predict([doc])[0], output, atol=1e-6)
        # a token stands outside of every match where its vector is zero
        entries = [Entry(*line.split("\t")[::-1]) for line in GAZETTEER.splitlines()]
        tags = by_hand([t.lower_ for t in doc], [Entry(c, str(t).lower()) for c, t in entries])
        inside = [any(tag[i] != "-" for tag in tags.values()) for i in range(len(doc))]
        # Apple's is Apple to the language's tokenizer only, so docs of one token for it match nothing
        assert output.any(axis=1).tolist() == inside
    assert any(output.any() for output in outputs)
    assert [part.shape for part in model.predict(docs_of(0, 0))] == [(0, 6)] * 2


def test_entries_match_as_they_stand_and_as_the_language_cuts_them(tmp_path):
    model = lexicon_of(tmp_path, "O'Neill (Paris)\tX\nfoo-bar baz!\tX\n")
    for words in (["foo-bar", "baz!"], [token.text for token in NLP("foo-bar baz!")], ["foo", "-", "bar", "baz", "!"]):
        doc = Doc(NLP.vocab, words=words)
        model.initialize(X=[doc])
        assert model.predict([doc])[0].any(axis=1).all(), words


def test_lexicon_is_stored_and_its_file_not_missed(tmp_path):
    model = lexicon_of(tmp_path)
    docs = docs_of(40)
    model.initialize(X=docs)
    data = model.to_bytes()
    (tmp_path / "names.tsv").unlink()
    for path in (tmp_path / "names.tsv", None):
        loaded = Lexicon(path).from_bytes(data)
        assert (loaded.predict(docs)[0] == model.predict(docs)[0]).all()
        assert loaded.to_bytes() == data
    assert model.predict(docs)[0].any()
    with pytest.raises(ValueError, match="TL031"):
        model.initialize(X=docs)


def test_lexicon_without_a_path_says_so_and_says_nothing_else():
    model = Lexicon()
    with pytest.warns(UserWarning, match="TL030"):
        model.initialize(X=docs_of(3))
    outputs, backprop = model(docs_of(3, 0), is_train=True)
    assert not outputs[0].any() and outputs[0].shape == (3, 20)
    assert backprop(outputs) == [] and not model.get_grad("table").any()


@pytest.mark.parametrize("given", [{"width": 0}, {"rows": 0}])
def test_impossible_lexicon_is_refused(given):
    with pytest.raises(ValueError, match="TL037"):
        Lexicon(**given)


def test_gazetteer_formats(tmp_path):
    (tmp_path / "both.tsv").write_bytes("\ufeffNew York\tLOC\r\n\r\n  Acme \t ORG\n#1\tORG".encode())
    (tmp_path / "PER.txt").write_text("Ada Lovelace\n\nPlato\n", encoding="utf8")
    rows = [
        {"label": "LOC", "pattern": "Rio de Janeiro", "id": "rio"},
        {"category": "GENE", "term": "IL-2"},
        {"label": "LOC", "pattern": [{"LOWER": "den"}, {"ORTH": "Haag"}, {"TEXT": ","}]},
    ]
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf8")
    (tmp_path / "all.JSONL").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf8")
    expected = {
        "both.tsv": [("LOC", "New York"), ("ORG", "Acme"), ("ORG", "#1")],
        "PER.txt": [("PER", "Ada Lovelace"), ("PER", "Plato")],
        "all.JSONL": [("LOC", "Rio de Janeiro"), ("GENE", "IL-2"), ("LOC", ("den", "Haag", ","))],
    }
    for name, entries in expected.items():
        assert read_gazetteer(tmp_path / name) == entries
    assert read_gazetteer(tmp_path) == [entry for name in sorted(expected) for entry in expected[name]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "x\tLOC\nalone\ny\tLOC\tmore\n\t LOC\n", ["TL032", "3 line", "line 2", "line 3", "line 4"]),
        ("LOC.txt", "x\ny\tLOC\n", ["TL032", "line 2", "no tab"]),
        ("a.jsonl", '{"label": "A", "pattern": "x"}\n{"label": "A"}\n', ["TL032", "line 2"]),
        ("a.jsonl", '{"label": "A", "pattern": "x"\n', ["TL032", "line 1", "no JSON"]),
        ("a.jsonl", '["A", "x"]\n{"label": 3, "term": "x"}\n', ["TL032", "line 1", "line 2"]),
        ("a.jsonl", '{"label": "A", "pattern": [{"LOWER": "x", "OP": "?"}]}\n', ["TL032", "OP"]),
        ("a.jsonl", '{"label": "A", "pattern": [{"LOWER": {"IN": ["x"]}}]}\n', ["TL032", "LOWER"]),
        ("a.jsonl", '{"label": "A", "pattern": [{"POS": "NOUN"}]}\n', ["TL032", "POS"]),
        ("a.txt", "\n  \n", ["TL033"]),
        ("a.txt", b"\xff\xfe\x00", ["TL031"]),
        ("a.json", '[{"label": "A", "pattern": "x"}]', ["TL031", ".jsonl"]),
        ("a.txt", None, ["TL031"]),
    ],
)
def test_gazetteers_that_cannot_be_read(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=re.escape(name)) as raised:
        read_gazetteer(tmp_path / name)
    assert all(part in str(raised.value) for part in message), str(raised.value)
