"""Vectors of the vocab as a part of the embedding, beside spaCy's own lookup; and tables that change under a cache."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.ml.staticvectors import StaticVectors
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from thinc.api import Adam, Model, concatenate, fix_random_seed

from corpus import TINY_ENCODER, entities, held_out_texts, make_examples, tagger, train, weights
from layer_checks import normal
from spacy_tlner.architectures import CharCNN, HashWords, StaticWords, TypeEmbed, WordCharEmbed
from spacy_tlner.layers.types import by_type, clear_caches, types_of

TEXT = "the The cat Aspirin aspirin inhibits TNF-α in in 12.5 mg 🙂 unheard-of Zoë"
WORDS = TEXT.split()
KNOWN = WORDS[:8]


def table(vocab: Vocab, mode: str, attr: str = "ORTH", *, width: int = 7, seed: int = 0) -> Vectors:
    """Random vectors: of the known words, or floret's, of n-grams."""
    if mode == "floret":
        data = normal(50, width, seed=seed)
        return Vectors(strings=vocab.strings, data=data, mode=mode, minn=2, maxn=3, hash_count=2, attr=attr)
    keys = list(dict.fromkeys(word.lower() if attr != "ORTH" else word for word in KNOWN))
    return Vectors(strings=vocab.strings, data=normal(len(keys), width, seed=seed), keys=keys, attr=attr)


def with_vectors(mode: str = "default", attr: str = "ORTH", **settings: int) -> Language:
    nlp = spacy.blank("xx")
    nlp.vocab.vectors = table(nlp.vocab, mode, attr, **settings)
    return nlp


def docs_of(nlp: Language) -> list[Doc]:
    return [Doc(nlp.vocab, words=words) for words in (WORDS, [], WORDS[3:5], WORDS[::-1])]


def spacys(docs: list[Doc]) -> list[Any]:
    """spaCy's own vector of every token."""
    return [numpy.array([token.vector for token in doc]) for doc in docs]


@pytest.mark.parametrize("mode", ["default", "floret"])
@pytest.mark.parametrize("attr", ["ORTH", "LOWER", "NORM"])
@pytest.mark.parametrize("cache_size", [0, 3, 1000])
def test_vectors_are_those_of_spacy(mode: str, attr: str, cache_size: int) -> None:
    nlp = with_vectors(mode, attr)
    docs = docs_of(nlp)
    model = by_type(StaticWords(cache_size=cache_size), cache_size)
    model.initialize(X=docs)
    for _ in range(2):
        for is_train in (True, False):
            for found, doc, expected in zip(model(docs, is_train)[0], docs, spacys(docs)):
                assert found.shape == (len(doc), 7) and found.dtype == "float32"
                if len(doc):
                    assert_allclose(found, expected, atol=1e-6)
    unknown = model.predict([Doc(nlp.vocab, words=["unheard-of"])])[0]
    assert unknown.any() == (mode == "floret")


@pytest.mark.parametrize("cache_size", [0, 1000])
def test_norms_that_a_tokenizer_gives(cache_size: int) -> None:
    """Of tokens, not of spellings: the table is looked up as spaCy looks it up."""
    nlp = spacy.blank("en")
    keys = ["not", "will", "had", "would"]
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=normal(4, 3), keys=keys, attr="NORM")
    docs = [nlp("I don't and he'll go"), nlp.make_doc("he'd gone"), nlp.make_doc("he'd go"), nlp.make_doc("")]
    for doc, norm in zip(docs[1:3], ("had", "would")):
        doc[1].norm_ = norm
    model = by_type(StaticWords(cache_size=cache_size), cache_size).initialize(X=docs)
    for is_train in (True, False, False):
        found = [vectors.tolist() for vectors in model(docs, is_train)[0]]
        assert found == [[token.vector.tolist() for token in doc] for doc in docs]
    assert found[0][2] == nlp.vocab.get_vector("not").tolist() and found[1][1] != found[2][1]


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_projected_as_by_spacy(mode: str) -> None:
    """The same numbers and the same gradient as `spacy.StaticVectors`, which goes token by token."""
    nlp = with_vectors(mode)
    docs = docs_of(nlp)
    ours = by_type(StaticWords(width=5), 1000).initialize(X=docs)
    theirs = StaticVectors(5).initialize(X=docs)
    theirs.set_param("W", ours.layers[0].get_param("W").copy())
    outputs, backprop = ours(docs, is_train=True)
    expected, their_backprop = theirs(docs, is_train=True)
    assert_allclose(numpy.concatenate(outputs), expected.data, atol=1e-6)
    d_outputs = [normal(*output.shape, seed=i) for i, output in enumerate(outputs)]
    for d_output, doc in zip(d_outputs, docs):
        # spaCy's gradient takes the last row of a default table for a word that is not in it
        d_output[[i for i, token in enumerate(doc) if not token.has_vector]] = 0
    backprop(d_outputs)
    expected.data[:] = numpy.concatenate(d_outputs)
    their_backprop(expected)
    assert_allclose(ours.layers[0].get_grad("W"), theirs.get_grad("W"), atol=1e-5)
    assert_allclose(numpy.concatenate(ours.predict(docs)), numpy.concatenate(outputs), atol=1e-6)


def test_vectors_stand_beside_other_parts() -> None:
    nlp = with_vectors("floret")
    docs = docs_of(nlp)
    parts = {"a": HashWords(4, 50), "b": StaticWords(), "c": StaticWords(3), "d": CharCNN(filters=6, char_width=4)}
    model = TypeEmbed(parts, 100).initialize(X=docs)
    for output, expected in zip(model.predict(docs), spacys(docs)):
        assert output.shape[1] == 4 + 7 + 3 + 6
        if len(output):
            assert_allclose(output[:, 4:11], expected, atol=1e-6)
    assert WordCharEmbed(StaticWords(3), CharCNN(), 100).initialize(X=docs).predict(docs)[0].shape == (len(WORDS), 67)


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_another_table_leaves_nothing_stale(mode: str) -> None:
    nlp = with_vectors(mode)
    docs = docs_of(nlp)
    model = by_type(concatenate(StaticWords(), StaticWords()), 1000).initialize(X=docs)
    before = model.predict(docs)[0]
    for change in range(3):
        if change == 0:
            nlp.vocab.vectors = table(nlp.vocab, mode, seed=1)
        elif change == 1:
            nlp.vocab.vectors.data = normal(*nlp.vocab.vectors.shape, seed=2)
        else:
            nlp.vocab.vectors.data *= 2  # in place, which nobody can see
            clear_caches(model)
        after = model.predict(docs)[0]
        assert_allclose(after[:, :7], spacys(docs)[0], atol=1e-6)
        assert_allclose(model(docs, is_train=True)[0][0], after, atol=1e-6)
        assert not numpy.allclose(after, before)
        before = after


def test_two_vocabs_in_turn() -> None:
    one, other = with_vectors("floret"), with_vectors("floret", seed=1)
    model = by_type(StaticWords(), 1000).initialize(X=docs_of(one))
    for nlp in (one, other, one):
        assert_allclose(model.predict(docs_of(nlp))[0], spacys(docs_of(nlp))[0], atol=1e-6)


def test_floret_vectors_are_remembered_through_training(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = with_vectors("floret")
    asked: list[list[int]] = []

    class Counted(Vectors):
        def get_batch(self, keys: Any) -> Any:
            asked.append(list(keys))
            return super().get_batch(keys)

    settings = {"mode": "floret", "minn": 2, "maxn": 3, "hash_count": 2}
    nlp.vocab.vectors = Counted(strings=nlp.vocab.strings, data=normal(50, 7), **settings)
    docs = docs_of(nlp)
    model = by_type(StaticWords(width=4), 1000).initialize(X=docs)
    for _ in range(3):
        outputs, backprop = model(docs, is_train=True)
        backprop(outputs)
        model.finish_update(Adam(0.01))
    assert [len(keys) for keys in asked] == [len(set(WORDS))]


def test_copies_and_pickles_carry_no_vectors() -> None:
    nlp = with_vectors("floret")
    docs = docs_of(nlp)
    model = by_type(StaticWords(width=4, cache_size=1000), 1000).initialize(X=docs)
    expected = model.predict(docs)[0]
    assert_allclose(model.copy().predict(docs)[0], expected)
    for shim in (model.shims[0], model.layers[0].shims[0]):
        assert len(shim)
        for other in (copy.deepcopy(shim), pickle.loads(pickle.dumps(shim))):
            assert not len(other) and type(other) is type(shim) and other.size == 1000
    raw = by_type(StaticWords(), 1000).initialize(X=docs)
    raw.predict(docs)
    assert len(raw.to_bytes()) < 1500 < nlp.vocab.vectors.data.nbytes * 2


# --- errors ---


def test_no_vectors() -> None:
    for vocab in (spacy.blank("xx").vocab, None):
        types = types_of([Doc(vocab or Vocab(), words=["a"])])[0]._replace(vocab=vocab)
        with pytest.raises(ValueError, match=r"TL050.*\[initialize\] vectors"):
            StaticWords().initialize(X=types)
    nlp = with_vectors()
    model = by_type(StaticWords(), 10).initialize(X=docs_of(nlp))
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings)
    with pytest.raises(ValueError, match="TL050"):
        model.predict(docs_of(nlp))


def test_table_of_another_width() -> None:
    nlp = with_vectors()
    model: Model = by_type(StaticWords(4), 10).initialize(X=docs_of(nlp))
    nlp.vocab.vectors = table(nlp.vocab, "default", width=9)
    with pytest.raises(ValueError, match=r"TL051.* 9 dimensions.* 7"):
        model.predict(docs_of(nlp))
    assert model.initialize(X=docs_of(nlp)).predict(docs_of(nlp))[0].shape[1] == 4


def test_no_width() -> None:
    with pytest.raises(ValueError, match="TL052"):
        StaticWords(0)


# --- in a pipeline ---


@pytest.mark.parametrize("width", [None, 8])
@pytest.mark.parametrize("mode", ["default", "floret"])
def test_tagger_with_vectors_through_the_config(
    mode: str, width: int | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = spacy.blank("xx")
    examples = make_examples(source, 100)
    words = sorted({token.text for eg in examples for token in eg.reference})
    settings: dict[str, Any] = {"mode": mode, "minn": 3, "maxn": 4} if mode == "floret" else {"keys": words}
    source.vocab.vectors = Vectors(strings=source.vocab.strings, data=normal(len(words), 12), **settings)
    source.to_disk(tmp_path / "vectors")

    fix_random_seed(0)
    nlp = spacy.blank("xx")
    embed = {**TINY_ENCODER["embed"], "words": {"@architectures": "spacy_tlner.StaticWords.v1", "width": width}}
    nlp.add_pipe("tl_ner", config={"model": tagger({**TINY_ENCODER, "embed": embed})})
    nlp.config["initialize"]["vectors"] = str(tmp_path / "vectors")
    nlp.initialize(lambda: [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples])
    before = nlp.vocab.vectors.data.copy()
    losses = train(nlp, make_examples(nlp, 100), epochs=3)
    assert losses[-1] < losses[0] * 0.7
    assert (nlp.vocab.vectors.data == before).all()
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    texts = held_out_texts(20)
    assert [entities(d) for d in loaded.pipe(texts)] == [entities(d) for d in nlp.pipe(texts)]
    bytes_loaded = spacy.blank("xx", config=nlp.config).from_bytes(nlp.to_bytes())
    assert [entities(d) for d in bytes_loaded.pipe(texts)] == [entities(d) for d in nlp.pipe(texts)]
    # a copy made while the cache is full still works
    assert [entities(d) for d in copy.deepcopy(nlp).pipe(texts)] == [entities(d) for d in nlp.pipe(texts)]
    if mode == "floret" and width is None:
        assert [entities(d) for d in nlp.pipe(texts, n_process=2)] == [entities(d) for d in nlp.pipe(texts)]

    # a warm start over the same table, and over another
    start = {"source": str(tmp_path / "nlp")}
    for other in (False, True):
        if other:
            source.vocab.vectors.data[0] += 1
            source.to_disk(tmp_path / "vectors")
        target = spacy.blank("xx", config=nlp.config)
        target.config["initialize"]["components"]["tl_ner"] = start
        target.initialize(lambda: examples)
        assert ("TL119" in caplog.text) == other
    assert all(
        (value == weights(nlp.get_pipe("tl_ner").model)[key]).all()
        for key, value in weights(target.get_pipe("tl_ner").model).items()
    )
