"""Pretrained weights on their way into a tagger: what fits, what is told, what is refused."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.util import load_config
from thinc.api import Adam, Model

from corpus import (
    LISTENER,
    LOOKUP_ENCODER,
    TINY_ENCODER,
    blank_tagger,
    make_examples,
    tagger,
    trained,
)
from pretraining_runs import CONFIG, SIZES, initialize_with
from spacy_tlner.architectures import BiLSTMEncoder
from spacy_tlner.cli.pretrain import prepare
from spacy_tlner.layers.vocabulary import counts_of
from spacy_tlner.pretraining.loop import run
from spacy_tlner.pretraining.objective import PretrainBiLM
from spacy_tlner.pretraining.word_list import WordList


def params(model: Model) -> dict[str, Any]:
    return {f"{node.name}.{name}": node.get_param(name) for node in model.walk() for name in node.param_names}


def test_weights_come_into_a_tagger(pretrained: Path, text: Path) -> None:
    component = initialize_with(blank_tagger(), pretrained)
    donor = blank_tagger().get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[spacy.blank("xx")("a word")])
    donor.from_bytes(pretrained.read_bytes())
    ours, theirs = params(component.model.get_ref("tok2vec")), params(donor)
    assert ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
    # words seen in pretraining are known, and so are those of the training data
    words = next(node for node in component.model.walk() if node.name == "words")
    vocab = component.vocab
    keys = numpy.asarray([vocab.strings.add(word) for word in ("moved", "acme", "zyzzyva")], dtype="uint64")
    counts = counts_of(words, keys)
    listed = WordList.read(pretrained.parent.parent / "words.txt")
    once = sum(
        doc.text.lower().split().count("moved") for doc in (eg.reference for eg in make_examples(blank_tagger(), 20))
    )
    assert counts[0] == dict(zip(listed.words, listed.counts))["moved"] + once and counts[1] and not counts[2]


@pytest.mark.parametrize("encoder", [TINY_ENCODER, LOOKUP_ENCODER], ids=["hashed", "looked up"])
@pytest.mark.parametrize("settings", [{}, {"L2_is_weight_decay": False}])
def test_pretrained_weights_decay(encoder: dict[str, Any], settings: dict[str, Any], tmp_path: Path) -> None:
    """As by spaCy's default optimizer. What is read from a file can be written."""
    donor = blank_tagger(model=tagger(encoder)).get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[spacy.blank("xx")("a word")])
    (tmp_path / "encoder.bin").write_bytes(donor.to_bytes())
    nlp = blank_tagger(model=tagger(encoder))
    before = params(initialize_with(nlp, tmp_path / "encoder.bin").model)["bilstm.forward_W"].copy()
    nlp.update(make_examples(nlp, 8), sgd=Adam(0.001, L2=0.01, **settings))
    assert (params(nlp.get_pipe("tl_ner").model)["bilstm.forward_W"] != before).any()


def test_an_encoder_that_reads_its_parts_in_another_order_is_not_taken(tmp_path: Path) -> None:
    """The shapes are the same, but it would read characters where it learned words."""

    def encoder(words: str, characters: str) -> dict[str, Any]:
        parts = {words: TINY_ENCODER["embed"]["words"], characters: TINY_ENCODER["embed"]["characters"]}
        return {**TINY_ENCODER, "embed": {"@architectures": "spacy_tlner.TypeEmbed.v1", "parts": parts}}

    donor = blank_tagger(model=tagger(encoder("words", "characters"))).get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[spacy.blank("xx")("a word")])
    (tmp_path / "encoder.bin").write_bytes(donor.to_bytes())
    told = []
    for names in (("z", "a"), ("a", "z")):
        component = initialize_with(blank_tagger(model=tagger(encoder(*names))), tmp_path / "encoder.bin")
        ours, theirs = params(component.model.get_ref("tok2vec")), params(donor)
        told.append(
            {
                name: bool((ours[name] == theirs[name]).all())
                for name in ours
                if name.startswith("bilstm") and "W" in name
            }
        )
    assert told[0] and all(told[0].values()) and not any(told[1].values())


def test_the_report(pretrained: Path, caplog: pytest.LogCaptureFixture) -> None:
    nlp = blank_tagger()
    initialize_with(nlp, pretrained)
    report = nlp.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters", "encoder"] and not report["fresh"] and not report["unused"]
    deeper = spacy.blank("xx")
    deeper.add_pipe("tl_ner", config={"model": tagger({**TINY_ENCODER, "depth": 2})})
    initialize_with(deeper, pretrained)
    report = deeper.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters", "encoder"]
    assert report["fresh"] == ["encoder 2 (not in the file)"]
    narrower = spacy.blank("xx")
    narrower.add_pipe("tl_ner", config={"model": tagger({**TINY_ENCODER, "width": 16})})
    initialize_with(narrower, pretrained)
    report = narrower.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    assert list(report["copied"]) == ["words", "characters"] and "encoder (" in report["fresh"][0]


def test_looked_up_words_come_into_a_tagger(text: Path, tmp_path: Path) -> None:
    """Listed words have the vectors of the file, words of the training data alone its unknown vector."""
    sizes = {**SIZES, "components.tl_ner.model": tagger(LOOKUP_ENCODER), "pretraining.max_epochs": 1}
    overrides = {**sizes, "paths.text": str(text), "paths.words": str(tmp_path / "words.txt")}
    config = load_config(CONFIG, overrides=overrides, interpolate=False)
    task = prepare(config, tmp_path / "out", n_dev=10, n_words=25)
    best = run(task, resume=False, on_log=lambda row: None)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tl_ner", config={"model": tagger(LOOKUP_ENCODER)})
    words = next(n for n in initialize_with(nlp, best).model.walk() if n.name == "words")
    donor = blank_tagger(model=tagger(LOOKUP_ENCODER)).get_pipe("tl_ner").model.get_ref("tok2vec")
    donor.initialize(X=[nlp.make_doc("a word")])
    theirs = next(n for n in donor.from_bytes(best.read_bytes()).walk() if n.name == "words")
    listed = dict(zip(theirs.attrs["seen"].tolist(), theirs.get_param("table")))
    assert len(listed) == 25 < len(words.attrs["seen"]) == len(words.get_param("table"))
    for key, row in zip(words.attrs["seen"].tolist(), words.get_param("table")):
        assert (row == listed.get(key, theirs.get_param("unknown"))).all()
    hashed = blank_tagger()
    initialize_with(hashed, best)
    fresh = hashed.meta["spacy_tlner"]["tl_ner"]["pretrained"]["fresh"]
    assert fresh == ["words (words are looked up in the file and hashed here)"]


def test_a_pretrained_tagger_keeps_its_words(pretrained: Path) -> None:
    nlp = blank_tagger()
    initialize_with(nlp, pretrained)
    again = blank_tagger().from_bytes(nlp.to_bytes())
    before, after = (next(n for n in p.get_pipe("tl_ner").model.walk() if n.name == "words") for p in (nlp, again))
    assert (before.attrs["seen"] == after.attrs["seen"]).all() and before.attrs["learned"]


def shared() -> Any:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": TINY_ENCODER})
    nlp.add_pipe("tl_ner", config={"model": tagger({**LISTENER, "width": 32})})
    return nlp


def test_weights_come_into_a_shared_encoder(pretrained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the words of both; spaCy's own way sets the weights last, and leaves those of pretraining alone."""
    own, nlp = blank_tagger(), shared()
    expected = params(initialize_with(own, pretrained).model.get_ref("tok2vec"))
    component = initialize_with(nlp, pretrained)
    found = params(nlp.get_pipe("tok2vec").model)
    assert found.keys() == expected.keys() and all((found[name] == expected[name]).all() for name in found)
    assert nlp.meta["spacy_tlner"]["tl_ner"]["pretrained"] == own.meta["spacy_tlner"]["tl_ner"]["pretrained"]
    nlp.update(make_examples(nlp, 4))
    assert component.labels and "TL126" not in caplog.text
    nlp.to_disk(tmp_path / "model")
    sourced = spacy.blank("xx")
    sourced.add_pipe("tok2vec", source=spacy.load(tmp_path / "model"))
    sourced.add_pipe("tl_ner", config={"model": tagger({**LISTENER, "width": 32})})
    with sourced.select_pipes(disable=["tok2vec"]), pytest.raises(ValueError, match=r"TL110.*comes with weights"):
        initialize_with(sourced, pretrained)
    theirs = shared()
    theirs.config["initialize"]["init_tok2vec"] = str(pretrained)
    block = load_config(CONFIG, overrides={"paths.text": "", "paths.words": ""}, interpolate=True)["pretraining"]
    theirs.config["pretraining"] = {**block, "component": "tok2vec", "layer": ""}
    theirs.initialize(lambda: make_examples(theirs, 20))
    assert "TL126" in caplog.text


def test_what_excludes_pretrained_weights(pretrained: Path, tmp_path: Path) -> None:
    nlp = blank_tagger()
    nlp.config["initialize"]["init_tok2vec"] = str(pretrained)
    with pytest.raises(ValueError, match=r"TL110.*init_tok2vec"):
        initialize_with(nlp, pretrained)
    trained().to_disk(tmp_path / "source")
    with pytest.raises(ValueError, match=r"TL110.*source"):
        initialize_with(blank_tagger(), pretrained, source=str(tmp_path / "source"))
    # spaCy would set the weights of pretraining over those of the source, after all that is said of them
    block = load_config(CONFIG, overrides={"paths.text": "", "paths.words": ""}, interpolate=True)["pretraining"]
    for component, excluded in (("tl_ner", True), ("tok2vec", False)):
        nlp.config["pretraining"] = {**block, "component": component}
        nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(tmp_path / "source")}
        fails = pytest.raises(ValueError, match=r"TL110.*`source`.*init_tok2vec") if excluded else nullcontext()
        with fails:
            nlp.get_pipe("tl_ner").initialize(lambda: make_examples(nlp, 20), nlp=nlp, source=str(tmp_path / "source"))
    (tmp_path / "bad.bin").write_bytes(b"nonsense")
    for path in (tmp_path / "bad.bin", tmp_path / "none.bin"):
        with pytest.raises(ValueError, match="TL111"):
            initialize_with(blank_tagger(), path)
    other = BiLSTMEncoder(Model("embed", lambda model, docs, is_train: (docs, lambda d: d)), width=2)
    (tmp_path / "other.bin").write_bytes(other.to_bytes())
    with pytest.raises(ValueError, match="TL112"):
        initialize_with(blank_tagger(), tmp_path / "other.bin")


def test_the_objective_by_name() -> None:
    assert spacy.registry.architectures.get("spacy_tlner.PretrainBiLM.v1") is PretrainBiLM
