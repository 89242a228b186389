"""The parts of encoders, each held against a loop written out, finite differences, or values worked by hand."""

import json
import re
import warnings
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.cli.train import train
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import Model, fix_random_seed, set_dropout_rate

from corpus import HASH_EMBED_CNN, blank_tagger, entities, held_out_texts, make_examples, tagger, write_corpus
from corpus import train as train_on
from spacy_tlner.architectures import (
    BiLSTMEncoder,
    CharCNN,
    CharLSTM,
    ConcatEmbed,
    ContextFeatures,
    DirectConnection,
    HashWords,
    Lexicon,
    LookupWords,
    TypeEmbed,
    WordCharEmbed,
    WordFeatures,
)
from spacy_tlner.layers.context import context_keys
from spacy_tlner.layers.dropout import VariationalDropout
from spacy_tlner.layers.features import FEATURES, Casing, Characters, casing, feature_keys
from spacy_tlner.layers.gazetteer import Entry, read_gazetteer
from spacy_tlner.layers.highway import Highway
from spacy_tlner.layers.lexicon import build, match
from spacy_tlner.layers.types import Types, clear_caches
from spacy_tlner.optimizer import GroupedAdam, name_groups
from spacy_tlner.transfer.groups import GROUPS, layer_groups

NLP = spacy.blank("en")
CONFIGS = Path(__file__).parent.parent / "configs"
TEXT = "the The NATO iPhone Aspirin aspirin 1996 12.5 p53 TNF-α – x-ray Apple's IL-2 a I ( New York City Ünïcödé"
WORDS = TEXT.split()
GAZETTEER = "New York City\tLOC\nYork\tLOC\nIL-2\tGENE\nTNF-α receptor\tGENE\nApple\tORG\n"


def docs_of(*lengths: int, seed: int = 0) -> list[Doc]:
    rng = numpy.random.default_rng(seed)
    return [Doc(NLP.vocab, words=[WORDS[i] for i in rng.integers(0, len(WORDS), n)]) for n in lengths]


def types_from(*strings: str) -> Types:
    """For parts that look at spellings: the keys are any."""
    keys = numpy.arange(len(strings), dtype="uint64")
    return Types(keys, keys, list(strings))


def normal(*shape: int, seed: int = 0) -> Any:
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def randomize(model: Model, scale: float = 0.5) -> Model:
    """Initialized layers with weights drawn anew, biases too."""
    for i, node in enumerate(model.walk()):
        for j, name in enumerate(node.param_names):
            if node.has_param(name):
                node.set_param(name, normal(*node.get_param(name).shape, seed=31 * i + j) * scale)
    clear_caches(model)
    return model


def flat(output: Any) -> numpy.ndarray:
    return numpy.concatenate(output) if isinstance(output, list) else output


def assert_gradients(model: Model, X: Any, *, step: float = 1e-2, rtol: float = 0.02) -> None:
    """Along a drawn direction of each weight, the output moves as the gradient says (central differences)."""
    output, backprop = model(X, is_train=True)
    d_output: Any = [normal(*part.shape, seed=i) for i, part in enumerate(output)] if isinstance(output, list) else None
    d_output = normal(*output.shape, seed=7) if d_output is None else d_output
    for node in model.walk():
        for name in node.param_names:
            node.set_grad(name, numpy.zeros_like(node.get_param(name)))
    backprop(d_output)

    def value() -> float:
        clear_caches(model)
        return float((flat(model.predict(X)).astype("float64") * flat(d_output)).sum())

    checked = 0
    for node in model.walk():
        for name in node.param_names:
            weight, grad = node.get_param(name).copy(), node.get_grad(name)
            direction = numpy.sign(grad) * numpy.abs(normal(*weight.shape, seed=len(name)))
            ends = []
            for sign in (1, -1):
                node.set_param(name, weight + sign * step * direction)
                ends.append(value())
            node.set_param(name, weight)
            assert_allclose((ends[0] - ends[1]) / (2 * step), (grad * direction).sum(), rtol=rtol, err_msg=name)
            checked += bool(grad.any())
    clear_caches(model)
    assert checked


def assert_input_gradient(model: Model, X: list[Any], step: float = 1e-2) -> None:
    output, backprop = model(X, is_train=True)
    d_output = [normal(*part.shape, seed=i) for i, part in enumerate(output)]
    d_X = backprop(d_output)
    direction = [normal(*part.shape, seed=50 + i) for i, part in enumerate(X)]
    ends = [
        float((flat(model.predict([x + sign * step * d for x, d in zip(X, direction)])) * flat(d_output)).sum())
        for sign in (1, -1)
    ]
    assert [d.shape for d in d_X] == [x.shape for x in X]
    assert_allclose((ends[0] - ends[1]) / (2 * step), (flat(d_X) * flat(direction)).sum(), rtol=0.02)


# --- characters ---

STRINGS = [*WORDS, "ab" * 9, "\ud800", "aaaa", "b"]


def char_lstm(width: int = 10, char_width: int = 6, rows: int = 50, max_chars: int = 12) -> Model:
    model = CharLSTM(width, char_width, rows, max_chars)
    model.initialize()
    return randomize(model)


def test_char_lstm_is_a_loop_over_the_characters():
    model = char_lstm()
    param = {name: model.get_param(name).astype("float64") for name in model.param_names}
    output = model.predict(types_from(*STRINGS))

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + numpy.exp(-x))

    for string, row in zip(STRINGS, output):
        kept = string if len(string) <= 12 else string[:6] + string[-6:]
        vectors = [param["vectors"][ord(char) % 50] for char in kept]
        for direction, order, half in (("forward", vectors, row[:5]), ("backward", vectors[::-1], row[5:])):
            h, c = numpy.zeros(5), numpy.zeros(5)
            for x in order:
                gates = param[f"{direction}_W"] @ x + param[f"{direction}_R"] @ h + param[f"{direction}_b"]
                i, f, g, o = gates.reshape(4, 5)
                c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
                h = sigmoid(o) * numpy.tanh(c)
            assert_allclose(half, h, atol=1e-5)


def test_char_lstm_trains_as_it_predicts_and_a_word_does_not_depend_on_others():
    model = char_lstm()
    together = model.predict(types_from(*STRINGS))
    assert_allclose(model(types_from(*STRINGS), is_train=True)[0], together, atol=1e-6)
    for string, row in zip(STRINGS, together):
        assert_allclose(model.predict(types_from(string))[0], row, atol=1e-6)


def test_char_lstm_gradients():
    assert_gradients(char_lstm(), types_from(*STRINGS))


def test_char_lstm_of_no_word_and_of_an_empty_one():
    model = char_lstm()
    assert model.predict(types_from()).shape == (0, 10)
    output, backprop = model(types_from("", "a"), is_train=True)
    assert not output[0].any() and output[1].any()
    backprop(normal(2, 10))
    assert numpy.flatnonzero(model.get_grad("vectors").any(axis=1)).tolist() == [ord("a") % 50]


@pytest.mark.parametrize("given", [{"width": 7}, {"width": 0}, {"char_width": 0}, {"rows": 0}, {"max_chars": 0}])
def test_impossible_char_lstm_is_refused(given):
    with pytest.raises(ValueError, match="TL034"):
        CharLSTM(**given)


@pytest.mark.parametrize("given", [{"filters": 0}, {"char_width": 0}, {"type_width": -1}])
def test_impossible_char_cnn_is_refused(given):
    with pytest.raises(ValueError, match=f"TL004.*{next(iter(given))} {next(iter(given.values()))}"):
        CharCNN(**given)


def char_type(char: str) -> int:
    """Chiu & Nichols 2016: upper case, lower case, punctuation, other."""
    if char.isupper():
        return 1
    if char.islower():
        return 2
    return 3 if re.fullmatch(r"[!-/:-@\[-`{-~–’]", char) else 4


def test_character_types_stand_beside_characters():
    filters, width, type_width, rows = 7, 5, 3, 20  # so few rows that A and lower-case letters share some
    model = CharCNN(filters, width, 3, rows, 12, type_width)
    model.initialize()
    randomize(model)
    strings = [s for s in STRINGS if len(s) <= 12]
    output, backprop = model(types_from(*strings), is_train=True)
    d_output = normal(len(strings), filters, seed=1)
    backprop(d_output)
    leaf = {name: torch.tensor(model.get_param(name), requires_grad=True) for name in model.param_names}
    expected = []
    for string in strings:
        ids = [0, *(ord(char) % (rows - 1) + 1 for char in string), 0]
        kinds = [0, *map(char_type, string), 0]
        both = torch.cat([leaf["vectors"][ids], leaf["type_vectors"][kinds]], dim=1).T[None]
        scores = torch.nn.functional.conv1d(both, leaf["W"].permute(2, 1, 0), leaf["b"])
        expected.append(torch.relu(scores.amax(dim=2))[0])
    (torch.stack(expected) * torch.tensor(d_output)).sum().backward()
    assert_allclose(output, torch.stack(expected).detach().numpy(), atol=1e-5)
    assert_allclose(model.predict(types_from(*strings)), output, atol=1e-6)
    for name, tensor in leaf.items():
        assert tensor.grad is not None
        assert_allclose(model.get_grad(name), tensor.grad.numpy(), atol=1e-4, err_msg=name)


# --- what stored models rely on ---


def structure(model: Model) -> list[tuple[str, list[str], list[str], list[str]]]:
    """Of each node what decides over its bytes: name, dimensions, weights, attributes."""
    return [
        (node.name, sorted(node.dim_names), sorted(node.param_names), sorted(node.attrs))
        for node in model.walk(order="dfs_pre")
        if node.param_names or node.attrs
    ]


def test_defaults_leave_models_stored_before_as_they_were():
    """Written out from version 0.1: with other nodes, names or weights, its models would not load."""
    encoder = BiLSTMEncoder(WordCharEmbed(HashWords(), CharCNN()), depth=2)
    assert structure(encoder) == [
        ("words", ["nO", "nV"], ["table", "unknown"], ["attr", "counts", "learned", "seed", "seen", "unk_rate"]),
        ("characters", ["nC", "nO", "nV"], ["W", "b", "vectors"], ["max_chars", "window"]),
        ("with_array(dropout)", [], [], ["pad"]),
        ("dropout", [], [], ["dropout_rate", "is_enabled"]),
        ("bilstm", ["nI", "nO"], BILSTM_PARAMS, []),
        ("with_array(dropout)", [], [], ["pad"]),
        ("dropout", [], [], ["dropout_rate", "is_enabled"]),
        ("bilstm", ["nI", "nO"], BILSTM_PARAMS, []),
    ]
    names = [node.name.split(">>")[0] for node in encoder.walk(order="dfs_pre")]
    assert names == [
        "by_type", "by_type", "words|characters", "words", "characters",
        "with_array(dropout)", "dropout", "bilstm", "with_array(dropout)", "dropout", "bilstm",
    ]  # fmt: skip


BILSTM_PARAMS = ["backward_R", "backward_W", "backward_b", "forward_R", "forward_W", "forward_b"]


# --- words ---


@pytest.mark.parametrize(
    ("build_words", "given"),
    [
        (HashWords, {"width": 0}),
        (HashWords, {"rows": 0}),
        (HashWords, {"unk_rate": -0.5}),
        (LookupWords, {"width": 0}),
        (LookupWords, {"unk_rate": -0.5}),
    ],
)
def test_impossible_words_are_refused(build_words, given):
    with pytest.raises(ValueError, match=f"TL040.*{next(iter(given))}.* {next(iter(given.values()))}"):
        build_words(**given)


# --- spelling ---


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Casing.ALL_LOWER, "the x-ray α mp3-format don't"),
        (Casing.INITIAL_UPPER, "The Ünïcödé Apple's X-ray Mp3-format ǅungla"),
        (Casing.ALL_UPPER, "NATO I IL-2 U.S. É"),
        (Casing.MIXED, "McDonald iPhone TNF-α eBay"),
        (Casing.NUMERIC, "1996 7 ٣٤"),
        (Casing.MOSTLY_NUMERIC, "12.5 1990s 2/3 p53 $100"),
        (Casing.CONTAINS_DIGIT, "(1) 1/ #1!"),
        (Casing.OTHER, "– ( ... 漢字 $ ½"),
    ],
)
def test_casing_by_hand(expected, words):
    found = [Casing(int(value)).name for value in casing(Characters.of(words.split()))]
    assert found == [expected.name] * len(found)


def shape(word: str) -> str:
    """Huang et al. 2015: capital letters, lower case letters and digits mapped to A, a and 0."""
    return "".join("A" if c.isupper() else "a" if c.isalpha() else "0" if c.isdecimal() else c for c in word)


# What each feature says of a word, without arrays.
SAID: dict[str, Callable[[str], Any]] = {
    "first_upper": lambda w: w[:1].isupper(),
    "all_upper": lambda w: bool(w) and all(c.isupper() for c in w),
    "all_lower": lambda w: bool(w) and all(c.islower() for c in w),
    "inner_upper": lambda w: any(c.isupper() for c in w[1:]),
    "letters_and_digits": lambda w: any(c.isalpha() for c in w) and any(c.isdecimal() for c in w),
    "punctuation": lambda w: bool(re.search(r"[!-/:-@\[-`{-~–’]", w)),
    "apostrophe_s": lambda w: w[-2:].replace("’", "'").lower() == "'s",
    "letters": lambda w: "".join(c for c in w if c.isalpha()),
    "non_letters": lambda w: "".join(c for c in w if not c.isalpha()),
    "shape": shape,
    "short_shape": lambda w: re.sub(r"(.)\1+", r"\1", shape(w)),
    "casing": lambda w: int(casing(Characters.of([w]))[0]),
}
SPELLINGS = [*WORDS, "", "D56y-3", "s", "'s", "I.B.M.", "A.T.&T.", "U’S", "aab", "aba", "abb", "AAAA", "AAA", "''ss"]


@pytest.mark.parametrize("feature", SAID)
def test_features_tell_words_apart_as_they_should(feature):
    """Two words have one key where what is said of them is the same, and only there."""
    keys = feature_keys(SPELLINGS, [feature], [], [])[:, 0].tolist()
    said = [SAID[feature](word) for word in SPELLINGS]
    assert len(set(said)) > 1
    for (key, value), (other_key, other) in product(zip(keys, said), repeat=2):
        assert (key == other_key) == (value == other), (feature, value, other)


def test_shapes_of_the_paper():
    assert shape("D56y-3") == "A00a-0" and SAID["short_shape"]("D56y-3") == "A0a-0"
    assert SAID["letters"]("I.B.M.") == "IBM" and SAID["non_letters"]("A.T.&T.") == "..&."
    assert set(SAID) == set(FEATURES)


@given(st.lists(st.text("abAB1-", max_size=6), min_size=2, max_size=12))
def test_affixes_are_slices(words):
    lengths = [1, 2, 4]
    keys = feature_keys(words, [], lengths, lengths)
    for (row, word), (other_row, other) in product(zip(keys, words), repeat=2):
        a, b = word.lower(), other.lower()
        said = [a[:n] == b[:n] for n in lengths] + [a[-n:] == b[-n:] for n in lengths]
        assert (row == other_row).tolist() == said


def test_features_of_one_value_do_not_share_keys():
    keys = feature_keys(["aa"], ["first_upper", "all_upper", "inner_upper", "shape", "letters"], [1, 2], [1, 2])
    assert len(set(keys[0].tolist())) == keys.shape[1] == 9


def hashed_sum(model: Model, keys: Sequence[int]) -> numpy.ndarray:
    """The sum of the rows of each key, one by one."""
    table = model.get_param("table")
    total = numpy.zeros(table.shape[1])
    for key in keys:
        for row in model.ops.hash(numpy.array([key], dtype="uint64"), 0)[0, :2]:
            total += table[int(row) % len(table)]
    return total


def test_word_features_are_sums_of_hashed_rows_and_their_gradients():
    model = WordFeatures(6, 40, ["casing", "shape"], [1, 2], [3])
    model.initialize()
    types = types_from(*WORDS)
    output = model.predict(types)
    for row, keys in zip(output, feature_keys(WORDS, ["casing", "shape"], [1, 2], [3])):
        assert_allclose(row, hashed_sum(model, keys), atol=1e-5)
    assert 0.3 < output.std() * 6**0.5 < 3
    assert_gradients(model, types, rtol=1e-3)
    assert model.predict(types_from()).shape == (0, 6)


@pytest.mark.parametrize(
    "given",
    [{"features": ["colour"]}, {"features": [], "prefixes": [], "suffixes": []}, {"prefixes": [0]}, {"width": 0}],
)
def test_impossible_word_features_are_refused(given):
    with pytest.raises(ValueError, match="TL035"):
        WordFeatures(**given)


# --- context ---


@given(st.lists(st.lists(st.integers(1, 3), max_size=5), min_size=1, max_size=4), st.integers(0, 2), st.data())
def test_context_keys_are_ngrams_at_their_places(docs, window, data):
    orders = data.draw(st.lists(st.integers(1, 2 * window + 1), min_size=1, unique=True))
    keys = context_keys([numpy.array(doc, dtype="uint64") for doc in docs], "LOWER", window, orders)
    said = []
    for doc in docs:
        for i in range(len(doc)):
            around = [doc[j] if 0 <= j < len(doc) else None for j in range(i - window, i + window + 1)]
            said.append([(n, s, tuple(around[s : s + n])) for n in orders for s in range(len(around) - n + 1)])
    assert keys.shape == (sum(map(len, docs)), sum(2 * window + 2 - n for n in orders))
    names: dict[int, Any] = {}
    for row, ngrams in zip(keys.tolist(), said):
        for key, ngram in zip(row, ngrams):
            assert names.setdefault(key, ngram) == ngram
    assert len(names) == len({ngram for ngrams in said for ngram in ngrams})


@pytest.mark.parametrize("word", ["outside", "OUTSIDE", "ngram", ""])
def test_no_word_is_the_edge_of_a_document(word):
    inside, edge = (
        context_keys([numpy.array([key_of(w) for w in words], dtype="uint64")], "LOWER", 1, [1, 2])[0].tolist()
        for words in (["a", word], ["a"])
    )
    # the word behind, and the bigram that it ends
    assert [a != b for a, b in zip(inside, edge)] == [False, False, True, False, True]


def test_context_features_are_sums_of_hashed_rows_and_their_gradients():
    model = ContextFeatures(6, 60, "LOWER", 1, [1, 2, 3])
    docs = docs_of(4, 0, 7, 1)
    model.initialize(X=docs)
    output = model.predict(docs)
    assert [part.shape for part in output] == [(len(doc), 6) for doc in docs]
    for doc, part in zip(docs, output):
        keys = context_keys([doc.to_array("LOWER").ravel().astype("uint64")], "LOWER", 1, [1, 2, 3])
        for row, of_token in zip(part, keys):
            assert_allclose(row, hashed_sum(model, of_token), atol=1e-5)
    assert_gradients(model, docs, rtol=1e-3)
    assert [part.shape for part in model.predict(docs_of(0, 0))] == [(0, 6)] * 2
    assert model(docs_of(0, 0), is_train=True)[1]([numpy.zeros((0, 6), "float32")] * 2) == []


@pytest.mark.parametrize(
    "given", [{"attr": "HEAD"}, {"orders": []}, {"orders": [6]}, {"orders": [0]}, {"window": -1}, {"rows": 0}]
)
def test_impossible_context_is_refused(given):
    with pytest.raises(ValueError, match="TL036"):
        ContextFeatures(**given)


# --- lexicon ---


def key_of(word: str) -> int:
    return get_string_id(word.lower())


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


def lexicon_of(path: Path, text: str = GAZETTEER, name: str = "names.tsv", **settings: Any) -> Model:
    (path / name).write_text(text, encoding="utf8")
    return Lexicon(path / name, **settings)


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


# --- parts side by side ---


def all_parts(path: Path, cache_size: int = 100) -> dict[str, Any]:
    return {
        "types": TypeEmbed(
            {
                "words": HashWords(8, 50, unk_rate=0.0),
                "cnn": CharCNN(6, 5, 3, 30, 12, 2),
                "lstm": CharLSTM(6, 5, 30, 12),
                "spelling": WordFeatures(4, 50),
            },
            cache_size,
        ),
        "lexicon": lexicon_of(path, width=4, rows=30),
        "context": ContextFeatures(6, 50),
    }


def test_parts_stand_in_the_order_of_their_names_however_they_are_given(tmp_path):
    docs = docs_of(9, 0, 4)
    models = []
    for turn in (1, -1):
        fix_random_seed(0)
        parts = all_parts(tmp_path)
        models.append(ConcatEmbed({key: parts[key] for key in sorted(parts)[::turn]}))
        models[-1].initialize(X=docs)
    one, other = models
    assert one.to_bytes() == other.to_bytes()
    parts = [part.predict(docs) for part in one.layers]  # context, lexicon, types
    for i, output in enumerate(one.predict(docs)):
        assert_allclose(output, numpy.hstack([part[i] for part in parts]), atol=1e-6)


def test_no_batch_and_no_cache_changes_a_vector(tmp_path):
    def embed(cache_size: int) -> Model:
        fix_random_seed(0)
        model = ConcatEmbed(all_parts(tmp_path, cache_size))
        model.initialize(X=docs_of(9))
        return randomize(model)

    plain, cached = embed(0), embed(12)
    for seed in range(4):
        docs = docs_of(9, 0, 30, 1, seed=seed)
        expected = plain.predict(docs)
        for doc, one, other in zip(docs, expected, cached.predict(docs)):
            assert_allclose(other, one, atol=1e-5)
            assert_allclose(plain.predict([doc])[0], one, atol=1e-5)


@pytest.mark.parametrize("build_embed", [TypeEmbed, ConcatEmbed])
@pytest.mark.parametrize("parts", [{}, {"a": "spacy_tlner.HashWords.v1"}, {"a": {"width": 3}}])
def test_parts_that_are_none_are_refused(build_embed, parts):
    with pytest.raises(ValueError, match="TL038"):
        build_embed(parts)


@pytest.mark.parametrize("features", ["types", "context", "lexicon"])
def test_direct_connection_hands_features_past_the_encoder(tmp_path, features):
    parts = all_parts(tmp_path)
    direct = parts.pop(features)
    encoder = BiLSTMEncoder(ConcatEmbed(parts), 8)
    model = DirectConnection(encoder, direct)
    docs = docs_of(20, 0, 5)
    model.initialize(X=docs)
    randomize(model)
    for output, states, beside in zip(model.predict(docs), encoder.predict(docs), direct.predict(docs)):
        assert_allclose(output, numpy.hstack([states, beside]), atol=1e-6)
    assert_gradients(model, docs, step=3e-3, rtol=0.05)


# --- BiLSTM: dropout and connections ---


def test_variational_dropout_is_one_mask_over_time():
    model = VariationalDropout()
    set_dropout_rate(model, 0.4)
    X = [numpy.ones((n, 200), dtype="float32") for n in (5, 0, 9, 1)]
    outputs, backprop = model(X, is_train=True)
    masks = [output[0] for output in outputs if len(output)]
    for output in outputs:
        assert (output == output[:1]).all()
    assert all((a != b).any() for a, b in zip(masks, masks[1:]))
    assert_allclose(numpy.unique(masks), [0, 1 / 0.6], rtol=1e-6)
    kept = (numpy.concatenate(masks) > 0).mean()
    assert abs(kept - 0.6) < 5 * (0.24 / 600) ** 0.5
    for d_input, output in zip(backprop(X), outputs):
        assert (d_input == output).all()
    assert all((a == b).all() for a, b in zip(model.predict(X), X))
    set_dropout_rate(model, 0.0)
    assert all((a == b).all() for a, b in zip(model(X, is_train=True)[0], X))
    assert model([], is_train=True)[0] == []


def encoder_of(**settings: Any) -> Model:
    fix_random_seed(0)
    model = BiLSTMEncoder(TypeEmbed({"words": HashWords(6, 50, unk_rate=0.0)}, 0), 8, **settings)
    model.initialize(X=docs_of(5))
    return randomize(model)


@pytest.mark.parametrize("connection", ["none", "residual", "highway"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_and_connections(depth, connection):
    model = encoder_of(depth=depth, connection=connection, dropout="variational")
    docs = docs_of(7, 0, 12, 1)
    outputs = model.predict(docs)
    assert [output.shape for output in outputs] == [(len(doc), 8) for doc in docs]
    for doc, output in zip(docs, outputs):
        assert_allclose(model.predict([doc])[0], output, atol=1e-5)
    assert_gradients(model, docs, step=3e-3, rtol=0.05)

    # the same from the BiLSTM layers alone
    embed, *_ = model.layers
    states = embed.predict(docs)
    highways = [node for node in model.walk() if node.name == "highway"]
    bilstms = [node for node in model.walk(order="dfs_pre") if node.name == "bilstm"]
    assert len(bilstms) == depth and len(highways) == (depth - 1 if connection == "highway" else 0)
    for i, bilstm in enumerate(bilstms):
        hidden = bilstm.predict(states)
        if i and connection == "residual":
            hidden = [h + x for h, x in zip(hidden, states)]
        elif i and connection == "highway":
            gate = [
                1 / (1 + numpy.exp(-x @ highways[i - 1].get_param("W").T - highways[i - 1].get_param("b")))
                for x in states
            ]
            hidden = [t * h + (1 - t) * x for t, h, x in zip(gate, hidden, states)]
        states = hidden
    for output, expected in zip(outputs, states):
        assert_allclose(output, expected, atol=1e-5)


def test_highway_gradient_of_its_input():
    model = Highway(BiLSTMEncoder(Model("same", lambda model, X, is_train: (X, lambda dY: dY)), 6), 6)
    X = [normal(n, 6, seed=n) for n in (5, 0, 3)]
    model.layers[0].layers[-1].set_dim("nI", 6)
    model.initialize()
    assert (model.get_param("b") == -1).all()
    randomize(model)
    assert_input_gradient(model, X)
    assert_gradients(model, X)


@pytest.mark.parametrize("dropout", ["standard", "variational"])
def test_both_dropouts_obey_the_training_rate(dropout):
    model, docs = encoder_of(depth=2, connection="residual", dropout=dropout), docs_of(30)
    expected = model.predict(docs)[0]
    assert_allclose(model(docs, is_train=True)[0][0], expected, atol=1e-6)
    set_dropout_rate(model, 0.5)
    assert not numpy.allclose(model(docs, is_train=True)[0][0], expected, atol=1e-2)
    assert_allclose(model.predict(docs)[0], expected, atol=1e-6)


@pytest.mark.parametrize("given", [{"dropout": "none"}, {"connection": "dense"}, {"precision": "half"}])
def test_other_words_are_refused(given):
    with pytest.raises(ValueError, match="TL039"):
        BiLSTMEncoder(Model("embed", lambda *_: None), **given)  # type: ignore[arg-type]


# --- in a pipeline ---


def block(path: Path | None, cache_size: int = 100) -> dict[str, Any]:
    """Everything at once, as a config has it."""

    def part(name: str, **settings: Any) -> dict[str, Any]:
        return {"@architectures": f"spacy_tlner.{name}.v1", **settings}

    types = {
        "words": part("HashWords", width=12, rows=500),
        "cnn": part("CharCNN", filters=8, char_width=8, rows=100, type_width=3),
        "lstm": part("CharLSTM", width=8, char_width=8, rows=100),
        "spelling": part("WordFeatures", width=8, rows=200),
    }
    parts = {
        "types": part("TypeEmbed", parts=types, cache_size=cache_size),
        "lexicon": part("Lexicon", width=8, rows=100, path=None if path is None else str(path)),
    }
    embed = part("ConcatEmbed", parts=parts)
    encoder = part("BiLSTMEncoder", embed=embed, width=32, depth=2, dropout="variational", connection="highway")
    return part("DirectConnection", encoder=encoder, features=part("ContextFeatures", width=16, rows=500))


def write_names(path: Path, text: str = "New York\tLOC\nAda Lovelace\tPER\nAcme\tORG\n") -> Path:
    path.write_text(text, encoding="utf8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Language, Path]:
    """A pipeline with every part, trained, and the folder it was written to; its gazetteer is gone."""
    path = tmp_path_factory.mktemp("trained")
    names = write_names(path / "names.tsv")
    fix_random_seed(0)
    nlp = blank_tagger(model=tagger(block(names)))
    examples = make_examples(nlp, 120)
    nlp.initialize(lambda: examples)
    losses = train_on(nlp, examples, epochs=3)
    assert losses[-1] < losses[0] / 3
    nlp.to_disk(path / "nlp")
    names.unlink()
    return nlp, path / "nlp"


def test_pipeline_with_every_part_is_stored_without_its_gazetteer(trained):
    nlp, path = trained
    texts = held_out_texts(30)
    expected = [entities(doc) for doc in nlp.pipe(texts)]
    assert sum(map(len, expected)) > 20
    loaded = spacy.load(path)
    assert [entities(doc) for doc in loaded.pipe(texts)] == expected
    assert loaded.get_pipe("tl_ner").to_bytes() == nlp.get_pipe("tl_ner").to_bytes()


def test_groups_have_names_and_an_order(trained):
    nlp, _ = trained
    pipe: Any = nlp.get_pipe("tl_ner")
    groups = layer_groups(pipe.model)
    assert list(groups) == [group for group in GROUPS if group in groups]
    assert {group: [node.name for node in nodes] for group, nodes in groups.items()} == {
        "words": ["words"],
        "characters": ["characters", "characters"],
        "features": ["features", "features"],
        "lexicon": ["lexicon"],
        "encoder": ["bilstm", "highway", "bilstm"],
        "head": ["emission"],
        "transitions": ["crf"],
    }


def test_warm_start_copies_every_part_and_categories_by_name(trained, tmp_path):
    """The target has a gazetteer of its own, with one category more: weights of shared categories are the source's."""
    source, path = trained
    names = write_names(tmp_path / "other.tsv", "Paris\tLOC\nAspirin\tDRUG\n")
    nlp = blank_tagger(model=tagger(block(names)))
    nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(path)}
    nlp.initialize(lambda: make_examples(nlp, 20))
    ours: Any = nlp.get_pipe("tl_ner")
    theirs: Any = source.get_pipe("tl_ner")
    copied = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert set(copied["copied"]) == set(layer_groups(ours.model)) and not copied["fresh"]
    for group, nodes in layer_groups(ours.model).items():
        for mine, their in zip(nodes, layer_groups(theirs.model)[group]):
            for name in mine.param_names:
                assert (mine.get_param(name) == their.get_param(name)).all(), (group, name)
    (mine,), (their,) = (layer_groups(pipe.model)["lexicon"] for pipe in (ours, theirs))
    assert copied["lexicons"] == ["its own (DRUG, LOC)"]
    assert mine.attrs["categories"] == ["DRUG", "LOC"] and their.attrs["categories"] == ["LOC", "ORG", "PER"]
    paris, york = Doc(nlp.vocab, words=["Paris"]), Doc(nlp.vocab, words=["New", "York"])
    whole, begins = mine.predict([paris])[0], their.predict([york])[0]
    assert whole.any() and begins.any()
    other = Lexicon(write_names(tmp_path / "third.tsv", "Paris\tLOC\n"), width=8, rows=100)
    other.initialize(X=[paris])
    other.set_param("table", their.get_param("table"))
    assert (other.predict([paris])[0] == whole).all()


@pytest.mark.filterwarnings("ignore:.*TL030")
@pytest.mark.parametrize("layers", [None, ["words", "encoder", "head"]])
def test_a_lexicon_without_a_path_takes_the_sources_entries(trained, layers):
    source, path = trained
    nlp = blank_tagger(model=tagger(block(None)))
    nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(path), "layers": layers}
    nlp.initialize(lambda: make_examples(nlp, 20))
    (mine,), (their,) = (layer_groups(pipe.get_pipe("tl_ner").model)["lexicon"] for pipe in (nlp, source))
    york = Doc(nlp.vocab, words=["in", "New", "York"])
    copied = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    if layers:
        assert not mine.predict([york])[0].any() and copied["lexicons"] == []
        return
    assert copied["lexicons"] == ["the source's (LOC, ORG, PER)"]
    assert (mine.predict([york])[0] == their.predict([york])[0]).all() and mine.predict([york])[0].any()
    texts = held_out_texts(20)
    assert [entities(doc) for doc in nlp.pipe(texts)] == [entities(doc) for doc in source.pipe(texts)]


@pytest.mark.parametrize("group", ["features", "lexicon", "characters"])
def test_new_groups_can_be_frozen(trained, group):
    fix_random_seed(0)
    source, _ = trained
    nlp = blank_tagger(model=tagger(block(None))).from_bytes(source.to_bytes())
    name_groups()(nlp)
    pipe: Any = nlp.get_pipe("tl_ner")
    before = {
        g: [n.get_param(p).copy() for n in ns for p in n.param_names] for g, ns in layer_groups(pipe.model).items()
    }
    train_on(nlp, make_examples(nlp, 16), epochs=1, sgd=GroupedAdam(0.01, groups={"tl_ner": {group: 0.0}}))
    for name, nodes in layer_groups(pipe.model).items():
        after = [node.get_param(param) for node in nodes for param in node.param_names]
        assert all((a == b).all() for a, b in zip(after, before[name])) == (name == group), name


def test_features_go_beside_an_encoder_of_spacy():
    fix_random_seed(0)
    build_direct = registry.architectures.get("spacy_tlner.DirectConnection.v1")
    assert build_direct is DirectConnection
    features = {"@architectures": "spacy_tlner.ContextFeatures.v1", "width": 8, "rows": 200}
    model = {"@architectures": "spacy_tlner.DirectConnection.v1", "encoder": HASH_EMBED_CNN, "features": features}
    nlp = blank_tagger(model=tagger(model))
    examples = make_examples(nlp, 32)
    nlp.initialize(lambda: examples)
    losses = train_on(nlp, examples, epochs=2)
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", ["huang2015", "chiu2016", "lample2016", "ma2016"])
def test_configs_of_papers_train_as_they_are(name, tmp_path):
    """Through spaCy's own training, with paths and less time, and nothing else given."""
    overrides = {
        "paths.train": str(write_corpus(tmp_path / "train.spacy", 12)),
        "paths.dev": str(write_corpus(tmp_path / "dev.spacy", 4, skip=1000)),
        "training.max_steps": 2,
        "training.eval_frequency": 2,
    }
    if name == "chiu2016":
        overrides["paths.lexicon"] = str(write_names(tmp_path / "names.tsv"))
    train(CONFIGS / f"{name}.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert nlp.get_pipe("tl_ner").labels == ("LOC", "ORG", "PER")
    assert nlp(held_out_texts(1)[0]) is not None


# Of each paper what its config must build: weights by group, as shapes.
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("huang2015", {"words": (5000, 50), "bilstm": (1200, 50)}),
        ("chiu2016", {"words": (5000, 50), "characters": (3, 29, 53), "bilstm": (1100, 127)}),
        ("lample2016", {"words": (5000, 100), "characters": (100, 25), "bilstm": (400, 150)}),
        ("ma2016", {"words": (5000, 100), "characters": (3, 30, 30), "bilstm": (800, 130)}),
    ],
)
def test_configs_have_the_dimensions_of_their_papers(name, shapes):
    nlp = load_model_from_config(load_config(CONFIGS / f"{name}.cfg"))
    pipe: Any = nlp.get_pipe("tl_ner")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*TL030")  # the lexicon of chiu2016 is up to the user
        pipe.model.get_ref("tok2vec").initialize(X=docs_of(5))
    found = {}
    for node in pipe.model.walk():
        params = {"words": ["table"], "characters": ["W", "forward_W"], "bilstm": ["forward_W"]}.get(node.name, [])
        for param in params:
            if node.has_param(param):
                found[node.name] = node.get_param(param).shape
    assert found == shapes
