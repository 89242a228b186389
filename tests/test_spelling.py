"""Spelling and context features: values by hand, slices and loops written out, sums of hashed rows."""

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from thinc.api import Model

from layer_checks import WORDS, assert_gradients, docs_of, key_of, types_from
from spacy_tlner.architectures import (
    ContextFeatures,
    WordFeatures,
)
from spacy_tlner.layers.context import context_keys
from spacy_tlner.layers.features import FEATURES, Casing, Characters, casing, feature_keys

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
