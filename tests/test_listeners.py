"""Shared encoders: several taggers over one tok2vec or transformer, trained together, each with labels of its own."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from corpus import (
    HASH_EMBED_CNN,
    LISTENER,
    LOOKUP_ENCODER,
    SPACY_NER,
    TINY_ENCODER,
    entities,
    held_out_texts,
    initialize,
    make_examples,
    optimizer,
    tagger,
    train,
    weights,
)
from spacy_tlner.layers.types import clear_caches

TEXTS = held_out_texts(20)
# Words alone, as wide as the listener is.
WIDE_EMBED = {
    "@architectures": "spacy_tlner.TypeEmbed.v1",
    "parts": {"words": {**TINY_ENCODER["embed"]["words"], "width": LISTENER["width"]}},
}


def shared_pipeline(*names: str, tok2vec: dict[str, Any] = HASH_EMBED_CNN) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": tok2vec})
    for name in names:
        nlp.add_pipe("tl_ner", name=name, config={"model": tagger(LISTENER)})
    return nlp


def missing(nlp: Language, n: int) -> list[Example]:
    """Examples that say nothing of entities."""
    words = [[token.text for token in eg.reference] for eg in make_examples(nlp, n)]
    return [Example(Doc(nlp.vocab, words=w), Doc(nlp.vocab, words=w)) for w in words]


def gradients(model: Any) -> dict[str, Any]:
    return {
        f"{i}.{name}": node.get_grad(name).copy()
        for i, node in enumerate(model.walk())
        for name in node.param_names
        if node.has_grad(name)
    }


@pytest.mark.parametrize("tok2vec", [HASH_EMBED_CNN, TINY_ENCODER], ids=["spacy", "ours"])
def test_two_taggers_over_one_tok2vec(tok2vec: dict[str, Any], tmp_path: Path) -> None:
    nlp = shared_pipeline("first", "second", tok2vec=tok2vec)
    nlp.config["initialize"]["components"]["second"] = {"labels": ["PER", "ORG", "LOC", "EXTRA"]}
    examples = make_examples(nlp, 150)
    nlp.initialize(lambda: examples)
    losses = train(nlp, examples, epochs=4)
    assert losses[-1] < losses[0] / 5
    assert nlp.pipe_labels["first"] == ["LOC", "ORG", "PER"]
    assert nlp.pipe_labels["second"] == ["PER", "ORG", "LOC", "EXTRA"]
    held_out = make_examples(nlp, 50, skip=1000)
    for name in ("first", "second"):
        with nlp.select_pipes(enable=["tok2vec", name]):
            assert nlp.evaluate(held_out)["ents_f"] > 0.8
    # the second keeps what the first says
    with nlp.select_pipes(disable=["second"]):
        alone = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert all(set(a) <= set(entities(doc)) for a, doc in zip(alone, nlp.pipe(TEXTS)))
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    assert [entities(doc) for doc in loaded.pipe(TEXTS)] == [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert loaded.pipe_labels == nlp.pipe_labels


def test_spacys_ner_and_ours_train_over_one_tok2vec() -> None:
    nlp = shared_pipeline("tl_ner")
    ner = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "hidden_width": 32,
        "maxout_pieces": 2,
        "use_upper": True,
        "extra_state_tokens": False,
        "tok2vec": LISTENER,
    }
    nlp.add_pipe("ner", config={"model": ner})
    examples = make_examples(nlp, 100)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=4)
    for name, reached in (("tl_ner", 0.8), ("ner", 0.5)):
        with nlp.select_pipes(enable=["tok2vec", name]):
            assert nlp.evaluate(make_examples(nlp, 50, skip=1000))["ents_f"] > reached


def test_missing_gold_still_hands_the_gradient_on() -> None:
    """The last listener runs the backward pass for all. With nothing to say it must run it all the same."""
    found = []
    for names in (("first", "last"), ("first",)):
        nlp = shared_pipeline(*names)
        initialize(nlp, make_examples(nlp, 30))
        examples = make_examples(nlp, 8)
        upstream: Any = nlp.get_pipe("tok2vec")
        first: Any = nlp.get_pipe("first")
        upstream.update(examples, sgd=None)
        first.update(examples, sgd=None)
        if "last" in names:
            # the same words, so the same batch to the listener
            last: Any = nlp.get_pipe("last")
            assert last.update(missing(nlp, 8), sgd=None)["last"] == pytest.approx(0, abs=1e-4)
        found.append(gradients(upstream.model))
    both, alone = found
    assert both.keys() == alone.keys() and any(numpy.abs(g).max() > 0 for g in alone.values())
    assert all(numpy.allclose(both[key], alone[key], atol=1e-6) for key in alone)


def test_missing_only_batches_run() -> None:
    nlp = shared_pipeline("first", "second")
    nlp.initialize(lambda: make_examples(nlp, 30))
    losses = nlp.update(missing(nlp, 8), sgd=optimizer())
    assert losses["first"] == pytest.approx(0, abs=1e-4) and losses["second"] == pytest.approx(0, abs=1e-4)
    # one step later the same listeners get a batch with gold
    assert nlp.update(make_examples(nlp, 8), sgd=optimizer())["second"] > 0.1


@pytest.mark.parametrize("tok2vec", [HASH_EMBED_CNN, TINY_ENCODER, WIDE_EMBED], ids=["spacy", "ours", "by type"])
def test_empty_docs_over_a_listener(tok2vec: dict[str, Any]) -> None:
    nlp = shared_pipeline("tl_ner", tok2vec=tok2vec)
    nlp.initialize(lambda: make_examples(nlp, 30))
    assert [len(doc) for doc in nlp.pipe(["", "Paris", ""])] == [0, 1, 0]
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    sgd = optimizer()
    assert nlp.update([empty, *make_examples(nlp, 2), empty], sgd=sgd)["tl_ner"] > 0
    nlp.update([empty], sgd=sgd)
    nlp.update(make_examples(nlp, 2), sgd=sgd)
    assert len(nlp("")) == 0
    again = shared_pipeline("tl_ner", tok2vec=tok2vec)
    assert len(again.from_bytes(nlp.to_bytes())("")) == 0


def test_listeners_may_be_replaced(tmp_path: Path) -> None:
    nlp = shared_pipeline("first", "second")
    examples = make_examples(nlp, 60)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=2)
    before = [entities(doc) for doc in nlp.pipe(TEXTS)]
    nlp.replace_listeners("tok2vec", "second", ["model.tok2vec"])
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == before
    second: Any = nlp.get_pipe("second")
    assert second.model.get_ref("tok2vec") is second.model.layers[0]
    assert not any(hasattr(node, "upstream_name") for node in second.model.walk())
    old = weights(second.model)
    train(nlp, examples, epochs=1)
    new = weights(second.model)
    assert all((old[key] != new[key]).any() for key in old if not key.endswith("crf.start"))
    nlp.to_disk(tmp_path / "nlp")
    after = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert [entities(doc) for doc in spacy.load(tmp_path / "nlp").pipe(TEXTS)] == after
    # and from another pipeline
    other = spacy.blank("xx")
    other.add_pipe("second", source=nlp)
    with nlp.select_pipes(disable=["tok2vec", "first"]):
        alone = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert [entities(doc) for doc in other.pipe(TEXTS)] == alone


def test_shared_words_learn_the_corpus_once() -> None:
    nlp = shared_pipeline("first", "second", tok2vec=TINY_ENCODER)
    examples = make_examples(nlp, 30)
    nlp.initialize(lambda: examples)
    (words,) = [n for n in nlp.get_pipe("tok2vec").model.walk() if n.name == "words"]
    assert set(words.attrs["seen"].tolist()) == {token.lower for eg in examples for token in eg.reference}


@pytest.mark.parametrize("tok2vec", [TINY_ENCODER, LOOKUP_ENCODER])
def test_shared_words_learn_the_corpus_of_the_last_initialization(tok2vec: dict[str, Any]) -> None:
    nlp = shared_pipeline("first", "second", tok2vec=tok2vec)
    for n in (5, 60):
        examples = make_examples(nlp, n)
        nlp.initialize(lambda examples=examples: examples)
        (words,) = [n for n in nlp.get_pipe("tok2vec").model.walk() if n.name == "words"]
        assert set(words.attrs["seen"].tolist()) == {token.lower for eg in examples for token in eg.reference}


def test_what_a_shared_encoder_remembers_is_of_the_words_it_learned() -> None:
    """Initialization runs the encoder on examples before it knows their words."""
    nlp = shared_pipeline("first", tok2vec=LOOKUP_ENCODER)
    examples = make_examples(nlp, 30)
    nlp.initialize(lambda: examples)
    model: Any = nlp.get_pipe("tok2vec").model
    docs = [eg.reference for eg in examples[:5]]
    found = model.predict(docs)
    clear_caches(model)
    assert all(numpy.array_equal(one, other) for one, other in zip(found, model.predict(docs)))


def test_words_of_an_encoder_with_weights_are_left_as_they_are() -> None:
    """Trained under a tagger alone it embeds every word; a fresh tl_ner over it must not make most of them unknown."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": TINY_ENCODER})
    others: Any = nlp.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}})
    others.add_label("A")
    nlp.initialize()
    tok2vec: Any = nlp.get_pipe("tok2vec").model
    doc = nlp.make_doc("Zebras graze quietly")
    before = tok2vec.predict([doc])[0].copy()
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER)})
    with nlp.select_pipes(disable=["tok2vec", "tagger"]):  # as spaCy does with what is sourced or frozen
        nlp.initialize(lambda: make_examples(nlp, 20))
    assert (tok2vec.predict([doc])[0] == before).all()
    train(nlp, make_examples(nlp, 8), epochs=1)


def test_looked_up_words_that_nobody_teaches() -> None:
    """Every word would be the unknown one, and nothing would say so."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": LOOKUP_ENCODER})
    nlp.add_pipe("ner", config={"model": {**SPACY_NER, "tok2vec": LISTENER}})
    examples = make_examples(nlp, 8)
    nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="TL045"):
        nlp.update(examples, sgd=optimizer())
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER)})
    nlp.initialize(lambda: examples)
    assert nlp.update(examples, sgd=optimizer())["tl_ner"] > 0


# --- transformers ---


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with random weights and a vocabulary of characters and a few pieces, in a local folder."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path = tmp_path_factory.mktemp("bert") / "bert"
    path.mkdir()
    letters = [chr(i) for i in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), "##an", "paris"]
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf8")
    BertTokenizerFast(str(path / "vocab.txt"), model_max_length=128).save_pretrained(path)
    fix_random_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(path)
    return path


def transformer_pipeline(path: Path, *names: str) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 32, "stride": 24}
    model = {"@architectures": "spacy-transformers.TransformerModel.v3", "name": str(path), "get_spans": spans}
    nlp.add_pipe("transformer", config={"model": {**model, "tokenizer_config": {"use_fast": True}}})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    for name in names:
        nlp.add_pipe("tl_ner", name=name, config={"model": tagger(listener)})
    return nlp


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_tagger_over_a_transformer(tiny_bert: Path, tmp_path: Path) -> None:
    nlp = transformer_pipeline(tiny_bert, "tl_ner", "second")
    examples = make_examples(nlp, 24)
    nlp.initialize(lambda: examples)
    before = nlp.get_pipe("transformer").model.to_bytes()
    losses = train(nlp, examples, epochs=6, sgd=optimizer())
    assert losses[-1] < losses[0]
    assert nlp.get_pipe("transformer").model.to_bytes() != before
    expected = [entities(doc) for doc in nlp.pipe(TEXTS)]
    assert any(expected)
    nlp.to_disk(tmp_path / "source")
    loaded = spacy.load(tmp_path / "source")
    assert [entities(doc) for doc in loaded.pipe(TEXTS)] == expected
    assert [len(doc) for doc in loaded.pipe(["", "Paris"])] == [0, 1]
    nlp.update(missing(nlp, 4), sgd=optimizer())

    # a warm start over the same transformer, sourced as `spacy train` does it, and refused over another
    for sourced in (True, False):
        target = transformer_pipeline(tiny_bert)
        if sourced:
            target.remove_pipe("transformer")
            target.add_pipe("transformer", source=loaded)
        target.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN}, first=True)
        config = loaded.config["components"]["tl_ner"]["model"]
        target.add_pipe("tl_ner", config={"model": config})
        target.config["initialize"]["components"]["tl_ner"] = {
            "source": str(tmp_path / "source"),
            "source_component": "tl_ner",
            "labels": ["PER", "ORG", "LOC"],
        }
        target._link_components()
        with target.select_pipes(disable=["transformer"] if sourced else []):
            if not sourced:
                with pytest.raises(ValueError, match=r"\[TL109\].*'transformer' here"):
                    initialize(target, make_examples(target, 24))
                continue
            initialize(target, make_examples(target, 24))
        with loaded.select_pipes(disable=["second"]):
            assert [entities(doc) for doc in target.pipe(TEXTS)] == [entities(doc) for doc in loaded.pipe(TEXTS)]
