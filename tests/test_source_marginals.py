"""A frozen source tagger's marginals as features: equal to what the source says, and stored without the source."""

import copy
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.lang.xx import MultiLanguage
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import fix_random_seed, registry
from spacy.vectors import Vectors
from thinc.api import Model

from corpus import (
    HASH_EMBED_CNN,
    LISTENER,
    LOOKUP_ENCODER,
    TINY_ENCODER,
    blank_tagger,
    entities,
    held_out_texts,
    initialize,
    make_examples,
    tagger,
    train,
    trained,
    weights,
)
from spacy_tlner.architectures import SourceMarginals
from spacy_tlner.layers.frozen_tagger import FrozenTagger
from spacy_tlner.layers.source_marginals import SourceShim
from spacy_tlner.optimizer import GroupedAdam, name_groups
from spacy_tlner.tags import TagScheme
from spacy_tlner.transfer.callbacks import blank_source
from spacy_tlner.transfer.groups import layer_groups

RENAME = {"PER": "PERSON", "ORG": "COMPANY", "LOC": "PLACE"}
# a text that comes again would be remembered
TEXTS = [*dict.fromkeys(held_out_texts(30)), "", "Ada  Lovelace\nmoved to  Den Haag .", "Oslo"]
# without any pipe, and with a vocab of its own
BLANK = spacy.blank("xx")
Marginals = list[numpy.ndarray]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "nlp"
    trained().to_disk(path)
    return path


def block(source: Path | None, **settings: Any) -> dict[str, Any]:
    """SourceMarginals in a config."""
    name = "spacy_tlner.SourceMarginals.v1"
    return {"@architectures": name, "source": None if source is None else str(source), **settings}


def in_embed(features: dict[str, Any]) -> dict[str, Any]:
    parts = {"words": TINY_ENCODER["embed"], "source": features}
    return {**TINY_ENCODER, "embed": {"@architectures": "spacy_tlner.ConcatEmbed.v1", "parts": parts}}


def beside(features: dict[str, Any]) -> dict[str, Any]:
    return {
        "@architectures": "spacy_tlner.DirectConnection.v1",
        "encoder": TINY_ENCODER,
        "features": features,
    }


PLACES = pytest.mark.parametrize("place", [in_embed, beside])


def target(tok2vec: dict[str, Any] | None, n: int = 8, epochs: int = 20) -> Language:
    """A tagger of other labels, trained on few sentences."""
    fix_random_seed(0)
    nlp = blank_tagger(model=tagger(tok2vec))
    examples = make_examples(nlp, n, skip=2000, rename=RENAME)
    initialize(nlp, examples)
    train(nlp, examples, epochs=epochs)
    return nlp


@pytest.fixture(scope="module", params=[in_embed, beside])
def stored(request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained target on disk. Its source lies no longer where the config says."""
    path = tmp_path_factory.mktemp("target")
    shutil.copytree(source, path / "gone")
    target(request.param(block(path / "gone"))).to_disk(path / "nlp")
    shutil.rmtree(path / "gone")
    return path / "nlp"


def layer(source: Path, **settings: Any) -> Model:
    model = SourceMarginals(source=source, **{"scale": 1.0, **settings})
    model.initialize()
    return model


def node_of(nlp: Language, pipe: str = "tl_ner") -> Model:
    (node,) = (node for node in nlp.get_pipe(pipe).model.walk() if node.name == "source_marginals")
    return node


def shim_of(model: Model) -> SourceShim:
    shim = model.shims[0]
    assert isinstance(shim, SourceShim)
    return shim


def docs_of(nlp: Language) -> list[Doc]:
    return [nlp.make_doc(text) for text in TEXTS]


def said_by(nlp: Language, docs: list[Doc], name: str = "tl_ner") -> Marginals:
    """What the source itself makes of documents of its own vocab, run through the pipes before its tagger."""
    before = nlp.component_names[: nlp.component_names.index(name)]
    with nlp.select_pipes(enable=before):
        docs = list(nlp.pipe(docs))
    component: Any = nlp.get_pipe(name)
    return component.chains(docs, ents_given=False).marginals()


def assert_same(found: Any, expected: Marginals) -> None:
    assert [of.shape for of in found] == [of.shape for of in expected]
    for ours, theirs in zip(found, expected):
        assert_allclose(ours, theirs, atol=1e-6)


# --- the marginals ---


@pytest.mark.parametrize(("temperature", "scale"), [(1.0, 1.0), (3.0, 5.0)])
def test_marginals_are_the_sources(source: Path, tmp_path: Path, temperature: float, scale: float) -> None:
    nlp = spacy.load(source)
    tagger: Any = nlp.get_pipe("tl_ner")
    tagger.temperature = temperature
    nlp.to_disk(tmp_path / "nlp")
    model = layer(tmp_path / "nlp", scale=scale)
    expected = said_by(nlp, docs_of(nlp))
    # documents of another vocab
    found = model.predict(docs_of(BLANK))
    assert_same(found, [scale * of for of in expected])
    assert all(of.dtype == "float32" for of in found)
    assert model.get_dim("nO") == 13 and len(numpy.concatenate(expected)) > 200
    assert model.attrs["tags"] == ["O", *(f"{p}-{label}" for label in ("LOC", "ORG", "PER") for p in "BILU")]
    certain = numpy.concatenate(expected).max(axis=1)
    assert (certain > 0.9).any() and (certain < 0.9).any()


def test_entities_make_no_difference_and_sentence_starts_do(source: Path) -> None:
    nlp, model = BLANK, layer(source)
    words = ["Yesterday", "Ada", "Lovelace", "met", "Alan", "Turing", "in", "New", "York", "."]
    plain, with_ents, cut = (Doc(nlp.vocab, words=words) for _ in range(3))
    with_ents.set_ents([with_ents[1:3]], blocked=[with_ents[4:6]], default="outside")
    cut[5].is_sent_start = True
    (expected,), (found,), (other,) = (model.predict([doc]) for doc in (plain, with_ents, cut))
    assert (found == expected).all()
    theirs = spacy.load(source)
    doc = Doc(theirs.vocab, words=words, sent_starts=[i == 5 for i in range(len(words))])
    assert_same([other], said_by(theirs, [doc]))
    # no mention goes over the boundary; before, Alan Turing was one
    per = model.attrs["tags"].index("B-PER")
    assert found[4, per] > 0.9 and other[4, per] == 0


def test_active_head_and_named_component(tmp_path: Path) -> None:
    fix_random_seed(0)
    nlp = blank_tagger()
    nlp.add_pipe("tl_ner", name="second", config={"model": tagger(), "head": "other"})
    nlp.config["initialize"]["components"]["second"] = {"labels": {"main": ["PER"], "other": ["ORG", "LOC"]}}
    initialize(nlp, make_examples(nlp, 20))
    nlp.to_disk(tmp_path / "nlp")
    model = layer(tmp_path / "nlp", component="second")
    assert model.attrs["tags"] == list(TagScheme(("ORG", "LOC")).names)
    component: Any = nlp.get_pipe("second")
    expected = component.chains(docs_of(nlp), ents_given=False).marginals()
    assert_same(model.predict(docs_of(nlp)), expected)
    # the other tagger is not kept
    assert shim_of(model).tagger.nlp.component_names == ["second"]


# --- what the source needs beside its tagger ---


def shared(tok2vec: dict[str, Any]) -> Language:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": tok2vec})
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER)})
    return nlp


@pytest.mark.parametrize("tok2vec", [HASH_EMBED_CNN, LOOKUP_ENCODER], ids=["spacy", "ours"])
def test_source_over_a_shared_tok2vec(tmp_path: Path, tok2vec: dict[str, Any]) -> None:
    fix_random_seed(0)
    nlp = shared(tok2vec)
    nlp.add_pipe("tagger")  # which nothing needs
    examples = make_examples(nlp, 60)
    for example in examples:
        for token in example.reference:
            token.tag_ = "X"
    initialize(nlp, examples)
    train(nlp, examples, epochs=2)
    nlp.to_disk(tmp_path / "nlp")
    model = layer(tmp_path / "nlp")
    assert shim_of(model).tagger.nlp.component_names == ["tok2vec", "tl_ner"]
    expected = said_by(nlp, docs_of(nlp))
    again = SourceMarginals(scale=1.0).from_bytes(model.to_bytes())
    for each in (model, again):
        assert_same(each.predict(docs_of(BLANK)), expected)


def floret(nlp: Language) -> None:
    data = numpy.random.default_rng(0).normal(size=(50, 8)).astype("float32")
    settings = {"mode": "floret", "minn": 2, "maxn": 3, "hash_count": 2}
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, **settings)


def default_vectors(nlp: Language) -> None:
    words = ["ada", "paris", "berlin", "the", "."]
    data = numpy.random.default_rng(0).normal(size=(len(words), 8)).astype("float32")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=words, attr="LOWER")


def norms(nlp: Language) -> None:
    nlp.vocab.lookups.add_table("lexeme_norm", {"Oslo": "paris", "Umbrella": "acme", "Ada": "max"})
    nlp.vocab.from_bytes(nlp.vocab.to_bytes())  # which makes it use them


STATIC = {"@architectures": "spacy_tlner.StaticWords.v1", "width": None}
NORM = {"@architectures": "spacy_tlner.ContextFeatures.v1", "attr": "NORM", "width": 8, "rows": 500}


@pytest.mark.parametrize(
    ("prepare", "embed"),
    [
        (floret, {"@architectures": "spacy_tlner.TypeEmbed.v1", "parts": {"vectors": STATIC}}),
        (default_vectors, {"@architectures": "spacy_tlner.TypeEmbed.v1", "parts": {"vectors": STATIC}}),
        (norms, NORM),
    ],
)
def test_what_the_sources_vocab_knows_comes_along(tmp_path: Path, prepare: Any, embed: dict[str, Any]) -> None:
    fix_random_seed(0)
    nlp = blank_tagger(model=tagger({**TINY_ENCODER, "embed": embed}))
    prepare(nlp)
    examples = make_examples(nlp, 20)
    initialize(nlp, examples)
    train(nlp, examples, epochs=3)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    expected = said_by(loaded, docs_of(loaded))
    model = SourceMarginals(scale=1.0).from_bytes(layer(tmp_path / "nlp").to_bytes())
    assert_same(model.predict(docs_of(BLANK)), expected)
    bare = blank_tagger(model=tagger({**TINY_ENCODER, "embed": NORM}))
    if prepare is norms:  # and they matter
        bare.get_pipe("tl_ner").from_bytes(nlp.get_pipe("tl_ner").to_bytes(exclude=["vocab"]), exclude=["vocab"])
        assert not all(numpy.allclose(a, b) for a, b in zip(said_by(bare, docs_of(bare)), expected))


def test_named_pipes_run_before_the_tagger(source: Path, tmp_path: Path) -> None:
    nlp = spacy.load(source)
    nlp.add_pipe("sentencizer", first=True, config={"punct_chars": ["met"]})
    nlp.add_pipe("entity_ruler", name="last")
    nlp.to_disk(tmp_path / "nlp")
    words = ["In", "Oslo", "Lise", "Meitner", "met", "Max", "Planck", "."]
    made = [Doc(of, words=words) for of in (nlp.vocab, BLANK.vocab)]
    (expected,) = said_by(nlp, [made[0]])
    model = layer(tmp_path / "nlp", pipes=["sentencizer"])
    assert_same(model.predict([made[1]]), [expected])
    assert shim_of(model).tagger.nlp.component_names == ["sentencizer", "tl_ner"]
    assert made[1].has_annotation("SENT_START") is False


# --- inside of a target ---


def score(nlp: Language) -> float:
    return nlp.evaluate(make_examples(nlp, 60, skip=1000, rename=RENAME))["ents_f"]


@pytest.fixture(scope="module")
def without() -> float:
    """The score of the same config, seed and examples, without a source."""
    return score(target(TINY_ENCODER))


def test_target_learns_faster_and_the_source_stays(source: Path, stored: Path, without: float) -> None:
    nlp = spacy.load(stored)
    # of three seeds: 0.36 to 0.43 without, 0.91 to 0.95 in the embedding, 0.75 to 0.97 beside the encoder
    assert score(nlp) > without + 0.3
    frozen: Any = shim_of(node_of(nlp)).tagger.nlp.get_pipe("tl_ner")
    original: Any = spacy.load(source).get_pipe("tl_ner")
    before, after = weights(original.model), weights(frozen.model)
    assert before.keys() == after.keys() and len(before) > 5
    assert all((before[key] == after[key]).all() for key in before)
    assert set(nlp.pipe_labels["tl_ner"]) == set(RENAME.values())


def test_a_target_of_no_other_part(source: Path) -> None:
    """The marginals alone, as the encoder itself, under a linear layer and the chain."""
    assert score(target(block(source), epochs=30)) > 0.9


def test_stands_alone(source: Path, stored: Path, tmp_path: Path) -> None:
    gone = stored.parent / "gone"
    nlp = spacy.load(stored)
    said = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert sum(map(len, said)) > 20 and not gone.exists()
    assert str(gone) in (stored / "config.cfg").read_text()
    blank_source()(nlp).to_disk(tmp_path / "null")
    assert str(gone) not in (tmp_path / "null" / "config.cfg").read_text()
    loaded = spacy.load(tmp_path / "null")
    for again in (loaded, MultiLanguage.from_config(loaded.config).from_bytes(loaded.to_bytes())):
        assert [entities(doc) for doc in again.pipe(TEXTS)] == said
        assert node_of(again).attrs["tags"] == node_of(nlp).attrs["tags"]
    # with null, what was stored also serves another initialization; a path that is gone is an error there
    initialize(loaded, make_examples(loaded, 8, rename=RENAME))
    with pytest.raises(ValueError, match="TL061"):
        initialize(spacy.load(stored), make_examples(nlp, 8, rename=RENAME))


def test_bytes_are_no_pickle_and_hold_no_words(source: Path) -> None:
    data = layer(source).to_bytes()
    assert b"Lovelace" in (source / "vocab" / "strings.json").read_bytes()
    assert b"Lovelace" not in data and b"data.pkl" not in data
    # copies of copies are the same to the bit
    assert SourceMarginals(scale=1.0).from_bytes(data).to_bytes() == data


def test_terms_of_the_sources_training_stay_behind(source: Path, tmp_path: Path) -> None:
    """They may name files, or functions that are not installed here."""
    term = {"@misc": "spacy_tlner.Distillation.v1", "source": str(tmp_path / "older")}
    nlp = spacy.load(source, config={"components": {"tl_ner": {"terms": {"keep": term}}}})
    nlp.to_disk(tmp_path / "nlp")
    assert b"older" in (tmp_path / "nlp" / "config.cfg").read_bytes()
    model = layer(tmp_path / "nlp")
    assert b"older" not in model.to_bytes()
    assert_same(model.predict(docs_of(nlp)), layer(source).predict(docs_of(nlp)))


def test_copies(stored: Path) -> None:
    nlp = spacy.load(stored)
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    marginals = node_of(nlp).predict(docs_of(nlp))
    component = nlp.get_pipe("tl_ner")
    for copied in (copy.deepcopy(nlp).get_pipe("tl_ner"), pickle.loads(pickle.dumps(component))):
        (node,) = (node for node in copied.model.walk() if node.name == "source_marginals")
        assert shim_of(node).tagger is not shim_of(node_of(nlp)).tagger
        assert shim_of(node).n_tokens == 0
        assert_same(node.predict(docs_of(nlp)), marginals)
    assert [entities(doc) for doc in copy.deepcopy(nlp).pipe(TEXTS)] == expected
    copied = component.model.copy()
    assert_same(copied.predict(docs_of(nlp)), component.model.predict(docs_of(nlp)))
    # one that has no source yet
    assert not shim_of(copy.deepcopy(SourceMarginals())).to_bytes()


def test_two_processes(stored: Path) -> None:
    nlp = spacy.load(stored)
    alone = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert [entities(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=8)] == alone
    assert sum(map(len, alone)) > 20


def test_threads(source: Path) -> None:
    model = layer(source, cache_size=100)
    docs = docs_of(BLANK)
    expected = layer(source).predict(docs)
    pieces = [docs[i : i + 5] for i in range(0, len(docs), 5)]
    with ThreadPoolExecutor(4) as pool:
        found = [rows for _ in range(3) for of in pool.map(model.predict, pieces) for rows in of]
    assert_same(found, [*expected] * 3)
    assert shim_of(model).n_tokens <= 100


# --- nothing to train ---


def test_words_are_forgotten_after_a_memory_zone(source: Path) -> None:
    model, nlp = layer(source), spacy.blank("xx")
    strings = shim_of(model).tagger.nlp.vocab.strings
    before = len(strings)
    for i in range(2):
        with nlp.memory_zone():
            (found,) = model.predict([nlp.make_doc(f"word{i}1 word{i}2 Oslo")])
            assert found.shape[0] == 3
    assert len(strings) == before
    docs = docs_of(nlp)
    assert_same(model.predict(docs), said_by(spacy.load(source), docs))


def test_no_optimizer_sees_it(source: Path) -> None:
    fix_random_seed(0)
    nlp = blank_tagger(model=tagger(in_embed(block(source))))
    examples = make_examples(nlp, 8, rename=RENAME)
    initialize(nlp, examples)
    name_groups()(nlp)
    model = nlp.get_pipe("tl_ner").model
    plain = blank_tagger()
    initialize(plain, examples)
    groups = layer_groups(model)
    assert {name: len(of) for name, of in groups.items()} == {
        name: len(of) for name, of in layer_groups(plain.get_pipe("tl_ner").model).items()
    }
    assert not any(node.name == "source_marginals" for of in groups.values() for node in of)
    seen = set()

    class Watched(type(GroupedAdam())):  # type: ignore[misc]
        def __call__(self, key: Any, *args: Any, **settings: Any) -> Any:
            seen.add(key[0])
            return super().__call__(key, *args, **settings)

    sgd = Watched({"tl_ner:encoder": 0.5}, {}, 0.01)
    before = weights(model)
    nlp.update(examples, sgd=sgd)
    assert seen == {node.id for of in groups.values() for node in of}
    after = weights(model)
    assert all((before[key] != after[key]).any() for key in before if "transitions" not in key)
    assert node_of(nlp).begin_update(docs_of(nlp))[1]([]) == []


@PLACES
def test_warm_start_from_a_model_that_has_one(source: Path, tmp_path: Path, place: Any) -> None:
    old = target(place(block(source)), epochs=1)
    old.to_disk(tmp_path / "nlp")
    nlp = blank_tagger(model=tagger(place(block(source))))
    nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(tmp_path / "nlp")}
    initialize(nlp, make_examples(nlp, 8, skip=2000, rename=RENAME))
    docs = docs_of(nlp)
    assert_same(nlp.get_pipe("tl_ner").model.predict(docs), old.get_pipe("tl_ner").model.predict(docs))


@PLACES
@pytest.mark.parametrize("change", ["labels", "scale"])
def test_warm_start_over_other_marginals(source: Path, tmp_path: Path, place: Any, change: str) -> None:
    """The same shapes, but the columns are those of other tags, or as many times as large."""
    target(place(block(source)), epochs=1).to_disk(tmp_path / "nlp")
    fix_random_seed(0)
    other = blank_tagger()
    other.config["initialize"]["components"]["tl_ner"] = {"labels": ["PER", "LOC", "ORG"]}
    initialize(other, make_examples(other, 8)).to_disk(tmp_path / "other")
    mine = block(tmp_path / "other") if change == "labels" else block(source, scale=2.0)
    nlp = blank_tagger(model=tagger(place(mine)))
    nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(tmp_path / "nlp")}
    with pytest.raises(ValueError, match=r"TL108.*'encoder'.*what it reads"):
        initialize(nlp, make_examples(nlp, 8, skip=2000, rename=RENAME))


def test_a_source_that_has_a_source(stored: Path) -> None:
    nlp = spacy.load(stored)
    assert_same(layer(stored).predict(docs_of(nlp)), said_by(nlp, docs_of(nlp)))


# --- what is remembered ---


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents the frozen tagger was asked of at each call."""
    calls: list[int] = []
    original = FrozenTagger.marginals

    def counted(self: FrozenTagger, docs: Any) -> Any:
        calls.append(len(docs))
        return original(self, docs)

    monkeypatch.setattr(FrozenTagger, "marginals", counted)
    return calls


def test_a_corpus_is_tagged_once(source: Path, asked: list[int]) -> None:
    nlp = target(in_embed(block(source)), n=20, epochs=1)
    examples = make_examples(nlp, 20, skip=2000, rename=RENAME)
    distinct = len({eg.reference.text for eg in examples})
    assert sum(asked) == distinct > 16
    train(nlp, examples, epochs=3)
    nlp.evaluate(examples)
    assert sum(asked) == distinct


def test_remembered_are_equal_and_few(source: Path, asked: list[int]) -> None:
    nlp = BLANK
    docs = docs_of(nlp)
    n_tokens = sum(map(len, docs))
    none, few, all_of_them = (layer(source, cache_size=size) for size in (0, 100, n_tokens))
    first = none.predict(docs)
    for _ in range(2):
        for model in (none, few, all_of_them):
            for i in range(0, len(docs), 7):
                assert_same(model.predict(docs[i : i + 7]), first[i : i + 7])
    assert shim_of(none).n_tokens == 0 and 80 <= shim_of(few).n_tokens <= 100
    assert shim_of(all_of_them).n_tokens == n_tokens
    # the last ones are still there, the first are not
    asked.clear()
    few.predict(docs[-3:])
    few.predict(docs[:1])
    all_of_them.predict(docs)
    assert asked == [1]
    # what is handed out is nobody else's
    handed: Any = all_of_them.predict(docs[:1])[0]
    handed[:] = 7
    assert_same(all_of_them.predict(docs[:1]), first[:1])
    # the same words, other spaces or sentences: another document; twice the same in a batch: one
    asked.clear()
    words = ["In", "Oslo", "."]
    spaced, tight = Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, spaces=[True, False, False])
    cut = Doc(nlp.vocab, words=words, sent_starts=[True, True, False])
    all_of_them.predict([spaced, tight, cut, Doc(nlp.vocab, words=words)])
    assert asked == [3]


# --- errors ---


def test_no_source() -> None:
    model = SourceMarginals()
    for act in (model.initialize, partial(model.predict, [BLANK.make_doc("Oslo")])):
        with pytest.raises(ValueError, match="TL060"):
            act()


def test_source_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"TL061.*no_such_pipeline"):
        layer(tmp_path / "no_such_pipeline")
    blank_tagger().to_disk(tmp_path / "nlp")
    with pytest.raises(ValueError, match=r"TL061.*'tl_ner' has no weights"):
        layer(tmp_path / "nlp")


def test_none_or_several_taggers(source: Path, tmp_path: Path) -> None:
    spacy.blank("xx").to_disk(tmp_path / "none")
    with pytest.raises(ValueError, match=r"TL062.*exactly one.*found: none"):
        layer(tmp_path / "none")
    with pytest.raises(ValueError, match=r"TL062.*the 'other'.*found: tl_ner"):
        layer(source, component="other")
    nlp = spacy.load(source)
    nlp.add_pipe("tl_ner", name="second", source=spacy.load(source))
    nlp.to_disk(tmp_path / "two")
    with pytest.raises(ValueError, match=r"TL062.*exactly one.*found: tl_ner, second"):
        layer(tmp_path / "two")
    # a pipe behind the tagger, and one that is none
    for pipes, component in ((["second"], "tl_ner"), (["no_such"], "second")):
        with pytest.raises(ValueError, match="TL063"):
            layer(tmp_path / "two", component=component, pipes=pipes)


@pytest.mark.parametrize("settings", [{"cache_size": -1}, {"scale": 0.0}, {"scale": float("nan")}])
def test_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="TL064"):
        SourceMarginals(**settings)


def test_stored_source_that_cannot_be_built(source: Path) -> None:
    data = layer(source).to_bytes()
    with pytest.raises(ValueError, match=r"TL065.*no_such_architecture"):
        SourceMarginals().from_bytes(data.replace(b"spacy_tlner.CharCNN.v1", b"no_such_architecture.v"))


def test_registered() -> None:
    assert registry.architectures.get("spacy_tlner.SourceMarginals.v1") is SourceMarginals
