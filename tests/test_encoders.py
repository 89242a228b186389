"""The parts of encoders, each held against a loop written out, finite differences, or values worked by hand."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import Model, fix_random_seed, set_dropout_rate

from corpus import HASH_EMBED_CNN, blank_tagger, entities, held_out_texts, make_examples, tagger, write_corpus
from corpus import train as train_on
from layer_checks import (
    WORDS,
    assert_gradients,
    assert_input_gradient,
    docs_of,
    lexicon_of,
    normal,
    randomize,
    types_from,
)
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
from spacy_tlner.layers.dropout import VariationalDropout
from spacy_tlner.layers.highway import Highway
from spacy_tlner.optimizer import GroupedAdam, name_groups
from spacy_tlner.transfer.groups import GROUPS, layer_groups

CONFIGS = Path(__file__).parent.parent / "configs"


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
