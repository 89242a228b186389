"""Into bytes, onto disk, through pickle and back: nothing is lost, and what is excluded stays out."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language

from corpus import (
    LABELS,
    blank_tagger,
    entities,
    held_out_texts,
    make_examples,
    optimizer,
    train,
    trained,
    trained_bytes,
    weights,
)
from spacy_tlner.component import TransferNER

TEXTS = held_out_texts(20)
BOTH = pytest.mark.parametrize("factory", ["tl_ner", "ner"])


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def predictions(nlp: Language) -> list:
    return [entities(doc) for doc in nlp.pipe(TEXTS)]


def through_disk(nlp: Language, path: Path) -> Language:
    nlp.to_disk(path)
    return spacy.load(path)


@BOTH
@pytest.mark.parametrize(
    "copied",
    [
        lambda nlp, path: through_disk(nlp, path),
        lambda nlp, path: blank_tagger(nlp.pipe_names[0]).from_bytes(nlp.to_bytes()),
        lambda nlp, path: pickle.loads(pickle.dumps(nlp)),
        lambda nlp, path: copy.deepcopy(nlp),
    ],
    ids=["disk", "bytes", "pickle", "deepcopy"],
)
def test_copies_predict_the_same_and_train_on(factory: str, copied: Callable, tmp_path: Path) -> None:
    nlp = trained(factory)
    before = predictions(nlp)
    again = copied(nlp, tmp_path / "nlp")
    assert predictions(again) == before and any(before)
    assert again.get_pipe(factory).labels == nlp.get_pipe(factory).labels
    train(again, make_examples(again, 32, skip=200), epochs=1, sgd=optimizer())
    assert predictions(nlp) == before
    old, new = (weights(n.get_pipe(factory).model) for n in (nlp, again))
    assert any((old[key] != new[key]).any() for key in old)


def test_bytes_are_stable() -> None:
    assert trained().to_bytes() == trained().to_bytes() == trained_bytes()


def test_nothing_is_pickled() -> None:
    """thinc's own msgpack of arrays, and no torch or Python pickle among it."""
    data = trained_bytes()
    assert b"data.pkl" not in data and b"cbuiltins" not in data and b"cnumpy" not in data


def test_without_vocabulary() -> None:
    nlp = trained()
    data = nlp.to_bytes(exclude=["vocab"])
    other = blank_tagger().from_bytes(data)
    assert predictions(other) == predictions(nlp)


def test_component_alone_excludes_what_it_is_told() -> None:
    nlp = trained()
    fresh = pipe(blank_tagger())
    fresh.from_bytes(pipe(nlp).to_bytes(exclude=["vocab"]), exclude=["vocab"])
    assert fresh.labels == LABELS
    before = weights(pipe(nlp).model)
    assert all((value == before[key]).all() for key, value in weights(fresh.model).items())


@BOTH
@pytest.mark.parametrize("by", ["bytes", "disk"])
@pytest.mark.parametrize("what", ["model", "cfg"])
def test_excluded_parts_stay_as_they_are(factory: str, by: str, what: str, tmp_path: Path) -> None:
    """A trained pipe that reads another's rest: without the model its own weights stay."""
    nlp, other = trained(factory), trained(factory)
    train(other, make_examples(other, 32, skip=200), epochs=1)
    mine: Any = nlp.get_pipe(factory)
    theirs: Any = other.get_pipe(factory)
    if by == "bytes":
        mine.from_bytes(theirs.to_bytes(exclude=["vocab"]), exclude=[what, "vocab"])
    else:
        theirs.to_disk(tmp_path / "pipe", exclude=["vocab"])
        mine.from_disk(tmp_path / "pipe", exclude=[what, "vocab"])
    expected = weights((trained(factory) if what == "model" else other).get_pipe(factory).model)
    found = weights(mine.model)
    assert found.keys() == expected.keys()
    assert all((found[key] == expected[key]).all() for key in expected)
    assert predictions(nlp)


@BOTH
def test_disk_excludes_a_component(factory: str, tmp_path: Path) -> None:
    nlp = trained(factory)
    nlp.to_disk(tmp_path / "nlp")
    assert (tmp_path / "nlp" / factory / "model").exists()
    assert not spacy.load(tmp_path / "nlp", exclude=[factory]).pipe_names
    loaded = spacy.load(tmp_path / "nlp", disable=[factory])
    assert not loaded(TEXTS[0]).ents
    loaded.enable_pipe(factory)
    assert loaded(TEXTS[0]).ents


def test_a_pipe_with_other_labels_reads_them() -> None:
    nlp = trained()
    other = blank_tagger()
    examples = make_examples(other, 12, rename={"PER": "A", "ORG": "B", "LOC": ""})
    other.initialize(lambda: examples)
    assert pipe(other).labels == ("A", "B")
    pipe(other).from_bytes(pipe(nlp).to_bytes())
    assert pipe(other).labels == LABELS
    assert predictions(other) == predictions(nlp)
    for label in ("MORE", "STILL_MORE"):
        pipe(nlp).add_label(label)
    pipe(other).from_bytes(pipe(nlp).to_bytes())
    assert pipe(other).labels == (*LABELS, "MORE", "STILL_MORE")
    pipe(other).from_bytes(pipe(trained()).to_bytes())
    assert predictions(other) == predictions(trained())


def test_type_cache_forgets_what_another_model_said() -> None:
    nlp, other = trained(), trained()
    train(other, make_examples(other, 64, skip=200), epochs=2)
    docs = [nlp.make_doc(text) for text in TEXTS]
    pipe(nlp).model.predict(docs)
    expected = pipe(other).model.predict([other.make_doc(text) for text in TEXTS])
    pipe(nlp).from_bytes(pipe(other).to_bytes())
    assert all((a == b).all() for a, b in zip(pipe(nlp).model.predict(docs), expected))
