"""The networks: BiLSTM and characters beside torch.nn, words beside thinc; and what no batch or cache may change."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Adam, HashEmbed, Model, concatenate, fix_random_seed
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from layer_checks import normal
from spacy_tlner.architectures import BiLSTMEncoder, WordCharEmbed
from spacy_tlner.architectures import CharCNN as CharCNNArchitecture
from spacy_tlner.architectures import HashWords as HashWordsArchitecture
from spacy_tlner.layers.bilstm import BiLSTM
from spacy_tlner.layers.chars import CharCNN
from spacy_tlner.layers.lookup import LookupWords
from spacy_tlner.layers.precision import Precision
from spacy_tlner.layers.types import TypeCache, Types, by_type, clear_caches, types_of
from spacy_tlner.layers.vocabulary import counts_of, learn_vocabulary, take_words
from spacy_tlner.layers.words import HashWords

NLP = spacy.blank("en")
TEXT = "the The THE cat Aspirin aspirin inhibits TNF-α – in in 12.5 mg/kg Ünïcödé 🙂 a x-ray . , ( )"
WORDS = TEXT.split()


def docs_of(*lengths: int, seed: int = 0) -> list[Doc]:
    """Documents of drawn words, so that types repeat within and between them."""
    rng = numpy.random.default_rng(seed)
    return [Doc(NLP.vocab, words=[WORDS[i] for i in rng.integers(0, len(WORDS), n)]) for n in lengths]


# --- BiLSTM ---


def lstm_pair(
    width: int, n_inputs: int, seed: int = 0, precision: Precision = "float32"
) -> tuple[Model, torch.nn.LSTM]:
    """Ours, and torch's bidirectional LSTM with the same weights."""
    fix_random_seed(seed)
    model = BiLSTM(width, n_inputs, precision)
    model.initialize()
    lstm = torch.nn.LSTM(n_inputs, width // 2, bidirectional=True)
    weights = {"bias_hh_l0": torch.zeros(2 * width), "bias_hh_l0_reverse": torch.zeros(2 * width)}
    for ours, theirs in TORCH_NAMES.items():
        param = normal(*model.get_param(ours).shape, seed=len(ours)) * 0.4
        model.set_param(ours, param)
        weights[theirs] = torch.tensor(param)
    lstm.load_state_dict(weights)
    return model, lstm


TORCH_NAMES = {
    f"{direction}_{part}": f"{name}_l0{suffix}"
    for direction, suffix in (("forward", ""), ("backward", "_reverse"))
    for part, name in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias_ih"))
}


@pytest.mark.parametrize(
    "lengths", [[1], [7, 3, 7], [0, 5, 0, 1, 12], [0, 0], [2] * 70 + [3] * 5, [40, 1, 1, 2, 39, 7, 20]]
)
def test_bilstm_is_that_of_torch(lengths):
    model, lstm = lstm_pair(10, 6)
    inputs = [normal(n, 6, seed=i) for i, n in enumerate(lengths)]
    d_outputs = [normal(n, 10, seed=100 + i) for i, n in enumerate(lengths)]
    outputs, backprop = model(inputs, is_train=True)
    d_inputs = backprop(d_outputs)
    assert [x.shape for x in outputs] == [(n, 10) for n in lengths]
    assert [x.shape for x in d_inputs] == [(n, 6) for n in lengths]
    for trained, predicted in zip(outputs, model.predict(inputs)):
        assert_allclose(predicted, trained, atol=1e-6)
    if not any(lengths):
        return

    full = [i for i, n in enumerate(lengths) if n]
    leaves = [torch.tensor(inputs[i], requires_grad=True) for i in full]
    padded, _ = pad_packed_sequence(lstm(pack_sequence(leaves, enforce_sorted=False))[0])
    total = torch.zeros(())
    for column, i in enumerate(full):
        theirs = padded[: lengths[i], column]
        assert_allclose(outputs[i], theirs.detach().numpy(), atol=1e-5)
        total = total + (theirs * torch.tensor(d_outputs[i])).sum()
    total.backward()
    for leaf, i in zip(leaves, full):
        assert leaf.grad is not None
        assert_allclose(d_inputs[i], leaf.grad.numpy(), atol=1e-5)
    for ours, name in TORCH_NAMES.items():
        assert_allclose(model.get_grad(ours), getattr(lstm, name).grad.numpy(), rtol=1e-4, atol=1e-4)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
@settings(max_examples=25)
def test_bilstm_states_do_not_depend_on_the_batch(lengths):
    model, _ = lstm_pair(8, 4)
    inputs = [normal(n, 4, seed=i) for i, n in enumerate(lengths)]
    for sequence, states in zip(inputs, model.predict(inputs)):
        assert_allclose(model.predict([sequence])[0], states, atol=1e-5)


def test_bilstm_adds_to_gradients_and_does_not_keep_them():
    """Two passes before an update give twice the gradient of one, as a batch cut in two must."""
    model, _ = lstm_pair(6, 4)
    inputs, d_outputs = [normal(5, 4)], [normal(5, 6, seed=1)]
    model(inputs, is_train=True)[1](d_outputs)
    once = {name: model.get_grad(name).copy() for name in TORCH_NAMES}
    model(inputs, is_train=True)[1](d_outputs)
    for name, grad in once.items():
        assert_allclose(model.get_grad(name), 2 * grad, rtol=1e-5)


def test_bilstm_in_bfloat16_trains_about_the_same_and_predicts_the_same():
    models = [lstm_pair(32, 8, precision=precision)[0] for precision in ("float32", "bfloat16")]
    inputs = [normal(n, 8, seed=n) for n in (12, 3, 9, 12, 1)]
    d_outputs = [normal(len(x), 32, seed=len(x)) for x in inputs]
    found = []
    for model in models:
        outputs, backprop = model(inputs, is_train=True)
        d_inputs = backprop(d_outputs)
        assert all(x.dtype == "float32" for x in (*outputs, *d_inputs, *map(model.get_grad, TORCH_NAMES)))
        found.append([numpy.concatenate(outputs), numpy.concatenate(d_inputs), *map(model.get_grad, TORCH_NAMES)])
    for exact, rough in zip(*found):
        assert (exact != rough).any()
        assert_allclose(rough, exact, atol=0.03 * abs(exact).max())
    for exact, predicted in zip(*(model.predict(inputs) for model in models)):
        assert (exact == predicted).all()


@pytest.mark.parametrize(("width", "depth"), [(7, 1), (0, 1), (8, 0)])
def test_encoder_of_impossible_shape_is_refused(width, depth):
    with pytest.raises(ValueError, match="TL003"):
        BiLSTMEncoder(Model("embed", lambda *_: None), width=width, depth=depth)


# --- characters ---


def types_from(*strings: str) -> Types:
    docs = [Doc(NLP.vocab, words=list(strings))]
    types, order = types_of(docs)
    return Types(types.orth[order], types.lower[order], [types.strings[i] for i in order])


@pytest.mark.parametrize("window", [1, 3, 5])
def test_characters_are_a_convolution_of_torch(window):
    filters, width, rows, max_chars = 11, 6, 64, 12
    model = CharCNN(filters, width, window, rows, max_chars)
    fix_random_seed(0)
    model.initialize()
    model.set_param("b", normal(filters) * 0.1)
    strings = [*WORDS, "ab" * 6, "Pneumonoultramicroscopicsilicovolcanoconiosis", "\ud800", "aaaa"]
    strings = list(dict.fromkeys(strings))
    types = Types(*(numpy.zeros(len(strings), dtype="uint64"),) * 2, strings)
    output, backprop = model(types, is_train=True)
    d_output = normal(len(strings), filters, seed=1)
    backprop(d_output)

    vectors = torch.tensor(model.get_param("vectors"), requires_grad=True)
    kernel = torch.tensor(model.get_param("W"), requires_grad=True)  # (window, width, filters)
    bias = torch.tensor(model.get_param("b"), requires_grad=True)
    words = []
    for string in strings:
        kept = string if len(string) <= max_chars else string[:6] + string[-6:]
        edge = [0] * (window // 2)
        ids = torch.tensor([*edge, *(ord(char) % (rows - 1) + 1 for char in kept), *edge])
        embedded = torch.nn.functional.embedding(ids, vectors).T[None]  # (1, width, characters)
        scores = torch.nn.functional.conv1d(embedded, kernel.permute(2, 1, 0), bias)
        words.append(torch.relu(scores.amax(dim=2))[0])
    expected = torch.stack(words)
    (expected * torch.tensor(d_output)).sum().backward()
    assert_allclose(output, expected.detach().numpy(), atol=1e-6)
    assert_allclose(model.predict(types), output, atol=1e-7)
    for name, leaf in (("vectors", vectors), ("W", kernel), ("b", bias)):
        assert leaf.grad is not None
        assert_allclose(model.get_grad(name), leaf.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize("given", [{"window": 0}, {"window": 2}, {"window": -1}, {"rows": 1}, {"max_chars": 0}])
def test_impossible_characters_are_refused(given):
    with pytest.raises(ValueError, match="TL004"):
        CharCNNArchitecture(**given)


# --- words ---


def hash_words(unk_rate: float = 0.5, attr: Any = "LOWER", width: int = 8, rows: int = 50) -> Model:
    fix_random_seed(0)
    model = HashWords(width, rows, attr, unk_rate)
    model.initialize()
    model.set_param("unknown", normal(width, seed=9))
    return model


@pytest.mark.parametrize("attr", ["ORTH", "LOWER"])
def test_words_are_hashed_as_by_thinc_until_a_vocabulary_is_learned(attr):
    model = hash_words(attr=attr)
    types = types_from(*WORDS)
    theirs = HashEmbed(8, 50, seed=0).initialize()
    theirs.set_param("E", model.get_param("table").copy())
    keys = NLP.vocab.strings
    ids = numpy.array([[keys[word if attr == "ORTH" else word.lower()]] for word in WORDS], dtype="uint64")
    output, backprop = model(types, is_train=True)
    expected, their_backprop = theirs(ids[:, 0], is_train=True)
    assert_allclose(output, expected, atol=1e-6)
    d_output = normal(len(WORDS), 8, seed=3)
    backprop(d_output)
    their_backprop(d_output)
    assert_allclose(model.get_grad("table"), theirs.get_grad("E"), atol=1e-5)
    assert not model.get_grad("unknown").any()
    assert len({tuple(row) for row in output.tolist()}) == len(set(ids[:, 0].tolist()))  # a vector for each word


def test_words_gradient_by_finite_differences():
    model = hash_words(unk_rate=0)
    types = types_from(*WORDS)
    learn_vocabulary(model, types.lower[:9])
    d_output = normal(len(WORDS), 8, seed=3)
    _, backprop = model(types, is_train=True)
    backprop(d_output)
    for name in ("table", "unknown"):
        param = model.get_param(name).copy()
        direction = normal(*param.shape, seed=4)
        ends = []
        for step in (0.5, -0.5):  # the layer is linear in its weights, so the step may be long
            model.set_param(name, param + step * direction)
            ends.append(float((model.predict(types).astype("float64") * d_output).sum()))
        model.set_param(name, param)
        assert_allclose((model.get_grad(name) * direction).sum(), ends[0] - ends[1], rtol=1e-4)
        assert abs(ends[0] - ends[1]) > 0.1


def test_unseen_words_share_the_unknown_row():
    model = hash_words(attr="LOWER")
    learn_vocabulary(model, types_from("the", "cat").lower)
    the, upper, cat, *unseen = model.predict(types_from("the", "THE", "cat", "mouse", "dog"))
    assert_allclose(unseen, [model.get_param("unknown")] * 2)
    assert (the == upper).all() and not numpy.allclose(the, cat)
    assert not numpy.allclose(the, model.get_param("unknown"))


@pytest.mark.parametrize("unk_rate", [0, 0.25, 3])
def test_words_are_replaced_the_less_often_the_more_often_they_were_seen_and_only_in_training(unk_rate):
    """Kiperwasser & Goldberg 2016, section 4.1: a word seen c times with probability unk_rate / (unk_rate + c)."""
    model = hash_words(unk_rate)
    types = types_from(*(f"word{i}" for i in range(3000)))
    times = [1] * 1000 + [2] * 1000 + [20] * 1000
    learn_vocabulary(model, numpy.repeat(types.lower, times))
    unknown = model.get_param("unknown")

    def replaced(vectors: Any) -> list[int]:
        is_unknown = (vectors == unknown).all(axis=1)
        return [int(part.sum()) for part in numpy.split(is_unknown, 3)]

    assert replaced(model.predict(types)) == [0, 0, 0]
    for count, found in zip((1, 2, 20), replaced(model(types, is_train=True)[0])):
        rate = unk_rate / (unk_rate + count)
        assert abs(found - 1000 * rate) <= 5 * (1000 * rate * (1 - rate)) ** 0.5


def test_replaced_words_train_the_unknown_row_alone():
    model = hash_words(unk_rate=1e9)
    types = types_from("one", "two")
    learn_vocabulary(model, types.lower)
    model(types, is_train=True)[1](numpy.ones((2, 8), dtype="float32"))
    assert (model.get_grad("unknown") == 2).all() and not model.get_grad("table").any()


TOKENS = st.lists(st.integers(1, 12), max_size=15)


def take(ours: Model, theirs: Model) -> None:
    take_words(ours, {name: theirs.get_param(name) for name in theirs.param_names}, dict(theirs.attrs))


@given(TOKENS, TOKENS)
def test_united_vocabularies_are_those_of_the_corpora_put_together(first, second):
    ours, theirs = (hash_words() for _ in range(2))
    learn_vocabulary(ours, numpy.array(first, dtype="uint64"))
    learn_vocabulary(theirs, numpy.array(second, dtype="uint64"))
    take(ours, theirs)
    counts = Counter(first + second)
    assert ours.attrs["learned"]
    assert counts_of(ours, numpy.arange(14, dtype="uint64")).tolist() == [counts[key] for key in range(14)]


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_united_with_a_layer_that_embeds_every_word_every_word_is_embedded(who):
    layers = {"ours": hash_words(), "theirs": hash_words()}
    learn_vocabulary(layers[who], numpy.arange(3, dtype="uint64"))
    take(layers["ours"], layers["theirs"])
    unseen = layers["ours"].predict(types_from("neither", "nor"))
    assert not layers["ours"].attrs["learned"] and not (unseen == layers["ours"].get_param("unknown")).any()


def test_vocabulary_is_stored():
    model = hash_words()
    learn_vocabulary(model, types_from("the", "cat").lower)
    loaded = hash_words().from_bytes(model.to_bytes())
    types = types_from("the", "mouse")
    assert (loaded.predict(types) == model.predict(types)).all()


def lookup_words(*known: str, unk_rate: float = 0.0) -> Model:
    model = LookupWords(5, "LOWER", unk_rate)
    model.initialize()
    learn_vocabulary(model, types_from(*known).lower)
    model.set_param("unknown", normal(5, seed=9))
    return model


def test_lookup_is_a_table_of_the_words_seen():
    model = lookup_words("the", "cat", "sat")
    table = dict(zip(model.attrs["seen"].tolist(), model.get_param("table")))
    types = types_from("cat", "The", "mouse", "the")
    vectors, backprop = model(types, is_train=True)
    expected = [table.get(int(key), model.get_param("unknown")) for key in types.lower]
    assert (vectors == numpy.array(expected)).all()
    d_vectors = normal(*vectors.shape)
    backprop(d_vectors)
    of_word = dict(zip(model.attrs["seen"].tolist(), model.get_grad("table")))
    # "The" and "the" are one word
    assert_allclose(of_word[int(types.lower[1])], d_vectors[1] + d_vectors[3], rtol=1e-6)
    assert_allclose(of_word[int(types.lower[0])], d_vectors[0])
    assert_allclose(model.get_grad("unknown"), d_vectors[2])
    assert not of_word[int(types_from("sat").lower[0])].any()


def test_gradients_of_two_batches_add_up():
    apart, together = (lookup_words("the", "cat", "sat") for _ in range(2))
    two, one = [["cat", "the"], ["sat", "cat", "mouse"]], [["cat", "the", "sat", "cat", "mouse"]]
    for model, batches in ((apart, two), (together, one)):
        for words in batches:
            vectors, backprop = model(types_from(*words), is_train=True)
            backprop(numpy.ones_like(vectors))
    for name in apart.param_names:
        assert_allclose(apart.get_grad(name), together.get_grad(name))


def test_a_gradient_of_another_table_is_let_go():
    """As after `from_bytes` into a pipeline in training: rows of the new table must not be written into it."""
    small, large = lookup_words("the"), lookup_words("a", "cat", "sat", "the")
    for model in (small, small.from_bytes(large.to_bytes())):
        vectors, backprop = model(types_from("the", "sat"), is_train=True)
        backprop(numpy.ones_like(vectors))
        assert model.get_grad("table").shape == model.get_param("table").shape
    of_word = dict(zip(small.attrs["seen"].tolist(), small.get_grad("table")))
    assert {int(key) for key, row in of_word.items() if row.any()} == set(types_from("the", "sat").lower.tolist())


def test_lookup_keeps_vectors_when_it_learns_more_words():
    model = lookup_words("the", "cat")
    before = model.predict(types_from("the", "cat", "dog"))
    learn_vocabulary(model, types_from("dog", "the", "ant").lower)
    after = model.predict(types_from("the", "cat", "dog"))
    # the word that is known from now on starts as it was when unknown; the one that is left out is unknown again
    assert (after[0] == before[0]).all() and (after[2] == before[2]).all() and (after[1] == before[2]).all()
    assert model.get_param("table").shape == (3, 5)


def test_lookup_takes_the_words_of_another_layer():
    ours, theirs = lookup_words("the", "cat"), lookup_words("cat", "dog")
    take(ours, theirs)
    types = types_from("cat", "dog", "the", "ant")
    assert (ours.predict(types) == theirs.predict(types)).all()
    known = ours.attrs["seen"]
    assert set(known.tolist()) == set(types_from("the", "cat", "dog").lower.tolist())
    theirs.get_param("table")[:] = 0
    assert ours.predict(types)[0].any(), "weights must not be shared"
    loaded = LookupWords(5, "LOWER", 0.0).from_bytes(ours.to_bytes())
    assert (loaded.predict(types) == ours.predict(types)).all()


@pytest.mark.parametrize("learned", ["ours", "theirs"])
def test_lookup_beside_one_that_has_learned_nothing(learned):
    layers = {"ours": LookupWords(5, "LOWER", 0.5), "theirs": LookupWords(5, "LOWER", 0.5)}
    for model in layers.values():
        model.initialize()
    learn_vocabulary(layers[learned], types_from("the").lower)
    take(layers["ours"], layers["theirs"])
    assert len(layers["ours"].attrs["seen"]) == len(layers["ours"].get_param("table")) == 1
    assert layers["ours"].predict(types_from("the", "cat")).shape == (2, 5)


def test_rare_words_train_the_unknown_vector_of_a_lookup():
    model = lookup_words("the", unk_rate=1e9)
    vectors, backprop = model(types_from("the"), is_train=True)
    assert (vectors == model.get_param("unknown")).all()
    backprop(normal(1, 5))
    assert model.get_grad("unknown").any() and not model.get_grad("table").any()
    assert not (model.predict(types_from("the")) == model.get_param("unknown")).any()


def test_other_attributes_are_refused():
    with pytest.raises(ValueError, match="TL002"):
        HashWords(8, 50, "SHAPE", 0.5)  # type: ignore[arg-type]


# --- by type, and its cache ---


def embedding(cache_size: int) -> Model:
    """Words and characters by type, with the same weights at every call, and a vocabulary."""
    fix_random_seed(0)
    words, characters = HashWords(12, 50, "LOWER", 0.5), CharCNN(10, 6, 3, 64, 16)
    model: Model = by_type(concatenate(words, characters), cache_size)
    model.initialize(X=docs_of(5))
    learn_vocabulary(words, docs_of(9)[0].to_array("LOWER"))
    return model


def test_by_type_is_the_network_at_each_token():
    model = embedding(0)
    embed = model.layers[0]
    docs = docs_of(6, 0, 9, 1)
    for doc, output in zip(docs, model.predict(docs)):
        assert len(output) == len(doc)
        for token, row in zip(doc, output):
            one = Types(numpy.array([token.orth], "uint64"), numpy.array([token.lower], "uint64"), [token.text])
            assert_allclose(row, embed.predict(one)[0], atol=1e-6)


def test_docs_with_a_vocab_each():
    """As they are read back one by one: each knows the spellings of its own words only."""
    docs = docs_of(6, 0, 9)
    apart = [Doc(spacy.blank("xx").vocab).from_bytes(doc.to_bytes()) for doc in docs]
    model = embedding(0)
    for found, expected in zip(model.predict(apart), model.predict(docs)):
        assert (found == expected).all()


def test_by_type_sums_the_gradients_of_a_types_tokens():
    """What each token gives alone, added up, is what the batch gives."""
    docs = docs_of(6, 0, 9)
    together, apart = embedding(0), embedding(0)
    for model in (together, apart):
        for node in model.walk():
            if node.name == "words":
                node.attrs["unk_rate"] = 0
    outputs, backprop = together(docs, is_train=True)
    d_outputs = [normal(*output.shape, seed=i) for i, output in enumerate(outputs)]
    backprop(d_outputs)
    for doc, d_output in zip(docs, d_outputs):
        for token, row in zip(doc, d_output):
            apart([doc[token.i : token.i + 1].as_doc()], is_train=True)[1]([row[None]])
    for ours, theirs in zip(together.walk(), apart.walk()):
        for name in ours.param_names:
            assert_allclose(ours.get_grad(name), theirs.get_grad(name), atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 10, 20000])
def test_cache_of_any_size_changes_nothing_and_stays_in_bounds(size):
    plain, cached = embedding(0), embedding(size)
    cache = cached.shims[0]
    assert isinstance(cache, TypeCache)
    for seed in range(6):
        docs = docs_of(4, 0, 7, 2, seed=seed)
        for expected, found in zip(plain.predict(docs), cached.predict(docs)):
            assert_allclose(found, expected, atol=1e-6)
        assert len(cache) <= size and len(plain.shims[0]) == 0


def test_cache_remembers():
    """Else the tests of its emptying would prove nothing."""
    model = embedding(20000)
    docs = docs_of(8)
    before = model.predict(docs)[0]
    change_weights(model)
    assert (model.predict(docs)[0] == before).all()
    clear_caches(model)
    assert not numpy.allclose(model.predict(docs)[0], before)


def change_weights(model: Model) -> None:
    """Behind the back of everything that is told of changes."""
    for node in model.walk():
        for name in node.param_names:
            param: Any = node.get_param(name)
            param += 0.1


def test_finish_update_empties_the_cache():
    model, plain, docs = embedding(20000), embedding(0), docs_of(8)
    for one in (model, plain):
        one.predict(docs)
        fix_random_seed(1)
        outputs, backprop = one(docs, is_train=True)
        backprop([numpy.ones_like(output) for output in outputs])
        before = one.predict(docs)[0]
        one.finish_update(Adam(0.1))
    assert (model.predict(docs)[0] == plain.predict(docs)[0]).all()
    assert not numpy.allclose(model.predict(docs)[0], before)


def test_use_params_empties_the_cache_on_both_ways():
    model, docs = embedding(20000), docs_of(8)
    averages = {(node.id, name): node.get_param(name) * 2 for node in model.walk() for name in node.param_names}
    before = model.predict(docs)[0].copy()
    with model.use_params(averages):
        inside = model.predict(docs)[0].copy()
        assert not numpy.allclose(inside, before)
    assert (model.predict(docs)[0] == before).all()


def test_from_bytes_empties_the_cache():
    model, other, docs = embedding(20000), embedding(20000), docs_of(8)
    change_weights(other)
    before = model.predict(docs)[0].copy()
    other.predict(docs)
    model.from_bytes(other.to_bytes())
    assert (model.predict(docs)[0] == other.predict(docs)[0]).all()
    assert not numpy.allclose(model.predict(docs)[0], before)


def test_a_copy_has_a_cache_of_its_own():
    model, docs = embedding(20000), docs_of(8)
    before = model.predict(docs)[0].copy()
    copy = model.copy()
    change_weights(copy)
    assert not numpy.allclose(copy.predict(docs)[0], before)
    assert (model.predict(docs)[0] == before).all()


def test_cache_keeps_what_it_was_given():
    """`TypeCache.lookup` asks only for what it does not know, and starts over when it would grow too large."""
    cache, ops, asked = TypeCache(4), embedding(0).ops, []

    def lookup(*keys: int) -> list[float]:
        def compute(new: list[int]) -> Any:
            asked.append([keys[i] for i in new])
            return numpy.array([[keys[i] * 10.0] for i in new], dtype="float32")

        return cache.lookup(list(keys), compute, ops)[:, 0].tolist()

    assert lookup(1, 2) == [10, 20]
    assert lookup(2, 3, 1) == [20, 30, 10]
    assert lookup(4, 5, 1) == [40, 50, 10]  # 2 and 3 are forgotten
    assert lookup(9, 8, 7, 6, 5) == [90, 80, 70, 60, 50]  # more than fit at all
    assert asked == [[1, 2], [3], [4, 5, 1], [9, 8, 7, 6, 5]]
    assert len(cache) <= 4


def test_by_type_of_nothing():
    model = embedding(10)
    for is_train in (False, True):
        outputs, backprop = model(docs_of(0, 0), is_train)
        assert [output.shape for output in outputs] == [(0, 12 + 10)] * 2
    assert backprop(outputs) == []
    assert isinstance(by_type(hash_words(), 5).shims[0], TypeCache)


# --- the whole encoder ---


def tagger(labels: tuple[str, ...] = ("PER", "LOC")) -> tuple[Any, list[Example]]:
    """A `tl_ner` of the default architecture with random head and chain, and examples for it."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("tl_ner")
    examples = []
    for doc in docs_of(7, 1, 12, 4, 30):
        gold = Doc(nlp.vocab, words=[token.text for token in doc])
        gold.set_ents([Span(gold, i, i + 1, label=labels[i % 2]) for i in range(0, len(gold), 3)])
        examples.append(Example(Doc(nlp.vocab, words=[token.text for token in doc]), gold))
    nlp.initialize(lambda: examples)
    for i, node in enumerate(pipe.model.get_ref("heads").walk()):
        for j, name in enumerate(node.param_names):
            node.set_param(name, normal(*node.get_param(name).shape, seed=10 * i + j) * 0.3)
    for node in pipe.model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0
    return pipe, examples


def test_scores_of_a_document_do_not_depend_on_its_batch():
    pipe, examples = tagger()
    docs = [eg.predicted for eg in examples]
    for doc, together in zip(docs, pipe.model.predict(docs)):
        clear_caches(pipe.model)
        assert_allclose(pipe.model.predict([doc])[0], together, atol=1e-5)


def test_training_and_prediction_give_the_same_scores():
    pipe, examples = tagger()
    docs = [eg.predicted for eg in examples]
    trained, _ = pipe.model(docs, is_train=True)  # dropout is 0 until an update sets it
    for one, other in zip(trained, pipe.model.predict(docs)):
        assert_allclose(one, other, atol=1e-5)


def test_weights_survive_bytes():
    pipe, examples = tagger()
    docs = [eg.predicted for eg in examples]
    other, _ = tagger()
    change_weights(other.model)
    before = other.model.predict(docs)[0].copy()
    other.model.from_bytes(pipe.model.to_bytes())
    for one, two in zip(pipe.model.predict(docs), other.model.predict(docs)):
        assert (one == two).all()
    assert not numpy.allclose(other.model.predict(docs)[0], before)
    assert other.model.to_bytes() == pipe.model.to_bytes()


@pytest.mark.parametrize("group", ["words", "characters", "bilstm", "emission", "crf"])
def test_gradient_of_the_whole_model(group):
    """Along the gradient of each part, the loss changes as the gradient says, in float32."""
    pipe, examples = tagger()
    pipe.update(examples, drop=0.0, sgd=None)
    params = [(node, name) for node in pipe.model.walk() if node.name == group for name in node.param_names]
    grads = [node.get_grad(name).copy() for node, name in params]
    squared = sum(float((grad.astype("float64") ** 2).sum()) for grad in grads)
    weights = [node.get_param(name).copy() for node, name in params]
    ends = []
    for sign in (1, -1):
        for (node, name), weight, grad in zip(params, weights, grads):
            node.set_param(name, weight + sign * 2e-3 / squared**0.5 * grad)
        clear_caches(pipe.model)
        ends.append(pipe.get_loss(examples, pipe.model.predict([eg.predicted for eg in examples]))[0])
    assert squared > 1e-6
    assert_allclose((ends[0] - ends[1]) / 4e-3, squared**0.5, rtol=0.02)


@pytest.mark.parametrize("size", [300, 20000])
def test_threads_share_a_cache(size):
    """Predictions of several threads at once are those of one, while the cache grows and starts over."""
    rng = numpy.random.default_rng(3)
    vocab = Vocab()
    docs = [Doc(vocab, words=[f"word{n}" for n in rng.integers(0, 4000, 30)]) for _ in range(400)]
    parts = (HashWordsArchitecture(), CharCNNArchitecture())
    model = WordCharEmbed(*parts, cache_size=size)
    model.initialize(X=docs[:2])
    expected = WordCharEmbed(*parts, cache_size=0).predict(docs)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda doc: model.predict([doc])[0], docs))
    for one, other in zip(expected, found):
        assert_allclose(one, other, atol=1e-6)


def test_cache_is_empty_after_an_interrupted_evaluation():
    model = embedding(50)
    with pytest.raises(KeyboardInterrupt), model.use_params({}):
        model.predict(docs_of(5))
        raise KeyboardInterrupt
    cache = model.shims[0]
    assert isinstance(cache, TypeCache) and len(cache) == 0
