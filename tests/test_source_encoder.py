"""A target that takes its encoder from the source: whatever that is, unless the config says another."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import Config

from corpus import (
    HASH_EMBED_CNN,
    LISTENER,
    LOOKUP_ENCODER,
    TINY_ENCODER,
    blank_tagger,
    initialize,
    make_examples,
    tagger,
    weights,
    write_corpus,
)
from spacy_tlner.transfer.callbacks import blank_source
from spacy_tlner.transfer.source_encoder import encoder_from_source

TRANSFER = Path(__file__).parent.parent / "configs" / "transfer"
SPELLING = {
    "@architectures": "spacy_tlner.TypeEmbed.v1",
    "parts": {
        **{name: TINY_ENCODER["embed"][name] for name in ("words", "characters")},
        "spelling": {"@architectures": "spacy_tlner.WordFeatures.v1", "width": 8, "features": ["shape"]},
    },
}
ENCODERS = {"tiny": TINY_ENCODER, "looked up": LOOKUP_ENCODER, "spelling": {**TINY_ENCODER, "embed": SPELLING}}


def write_source(path: Path, encoder: dict[str, Any] | None = None) -> Path:
    nlp = blank_tagger(model=tagger(encoder))
    initialize(nlp, make_examples(nlp, 20))
    nlp.to_disk(path)
    return path


def config_of(tmp_path: Path, source: Path, name: str = "warm_start", **overrides: Any) -> Config:
    corpus = str(write_corpus(tmp_path / "corpus.spacy", 12))
    paths = {"paths.source": str(source), "paths.train": corpus, "paths.dev": corpus}
    short = {"training.max_steps": 2, "training.eval_frequency": 1}
    return load_config(TRANSFER / f"{name}.cfg", overrides={**paths, **short, **overrides}, interpolate=False)


def shapes(nlp: Language) -> list[Any]:
    model: Any = nlp.get_pipe("tl_ner").model  # type: ignore[attr-defined]
    encoder = model.get_ref("tok2vec")
    return [node.get_param(name).shape for node in encoder.walk() for name in node.param_names if name != "table"]


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_one_config_for_every_source(encoder: dict[str, Any], tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", encoder)
    (tmp_path / "run").mkdir()
    config = config_of(tmp_path, source)
    config.to_disk(tmp_path / "run" / "config.cfg")
    spacy_train(tmp_path / "run" / "config.cfg", tmp_path / "out")
    text = (tmp_path / "out" / "model-last" / "config.cfg").read_text(encoding="utf8")
    assert str(source) not in text
    # it needs its source no more, and can be trained again from its own config
    source.rename(tmp_path / "elsewhere")
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert shapes(nlp) == shapes(spacy.load(tmp_path / "elsewhere"))
    assert "characters" in nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]["copied"]
    again = load_config(tmp_path / "out" / "model-last" / "config.cfg", interpolate=False)
    again["paths"]["source"] = str(tmp_path / "elsewhere")
    assert shapes(init_nlp(again)) == shapes(nlp)


@pytest.mark.parametrize("encoder", [ENCODERS["spelling"], HASH_EMBED_CNN], ids=["spelling", "cnn"])
@pytest.mark.parametrize("name", ["fresh_head", "gradual_unfreezing", "l2_sp"])
def test_layer_groups_of_a_config_fit_every_source(name: str, encoder: dict[str, Any], tmp_path: Path) -> None:
    """All that is below the head is taken, stays as it is, or is pulled back, whatever groups that are."""
    source = write_source(tmp_path / "source", encoder)
    config = config_of(tmp_path, source, name=name)
    if name == "l2_sp":  # all of the way back, at each update
        optimizer = config["training"]["optimizer"]
        optimizer["learn_rate"] = 0.01
        optimizer["l2_sp"]["tl_ner"] = dict.fromkeys(optimizer["l2_sp"]["tl_ner"], 100.0)
        config["training"]["max_steps"] = 10
    config.to_disk(tmp_path / "config.cfg")
    spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]["fresh"] == (
        ["head", "transitions"] if name == "fresh_head" else []
    )
    old, new = (weights(of.get_pipe("tl_ner").model) for of in (spacy.load(source), nlp))
    below = [key for key in new if "emission" not in key and "crf" not in key]
    assert below and any((new[key] != old[key]).any() for key in new if "emission" in key)
    for key in below:
        if name == "gradual_unfreezing":
            assert (new[key] == old[key]).all(), key
        elif name == "l2_sp":
            # an update goes hardly further than the learning rate from where it began, ten of them ten times that
            assert numpy.abs(new[key] - old[key]).max() < 0.02, key


def test_what_becomes_of_the_source_is_no_concern_of_a_trained_pipeline(tmp_path: Path) -> None:
    """Not even where the config still names it: saved from Python, no callback has blanked it."""
    source = tmp_path / "source"
    default = spacy.blank("xx")
    default.add_pipe("tl_ner")
    initialize(default, make_examples(default, 20)).to_disk(source)
    nlp = init_nlp(config_of(tmp_path, source))
    nlp.to_disk(tmp_path / "target")
    assert spacy.load(tmp_path / "target").config["paths"]["source"] == str(source)
    write_source(source, ENCODERS["spelling"])
    again = spacy.load(tmp_path / "target")
    assert shapes(again) == shapes(default)


def test_a_source_that_holds_a_tagger_of_which_it_forgot_the_origin(tmp_path: Path) -> None:
    frozen = {"@architectures": "spacy_tlner.SourceMarginals.v1", "source": str(write_source(tmp_path / "first"))}
    parts = {"words": TINY_ENCODER["embed"], "source": frozen}
    embed = {"@architectures": "spacy_tlner.ConcatEmbed.v1", "parts": parts}
    source = blank_source()(spacy.load(write_source(tmp_path / "second", {**TINY_ENCODER, "embed": embed})))
    source.to_disk(tmp_path / "third")
    # while it says where, the tagger is taken from there
    pipe: Any = init_nlp(config_of(tmp_path, tmp_path / "second")).get_pipe("tl_ner")
    assert any(node.name == "source_marginals" for node in pipe.model.walk())
    with pytest.raises(ValueError, match=r"TL132.*'tl_ner'.*third"):
        init_nlp(config_of(tmp_path, tmp_path / "third"))


def test_an_encoder_of_the_config_stays(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", ENCODERS["spelling"])
    config = config_of(tmp_path, source)
    config["components"]["tl_ner"]["model"] = tagger()
    with pytest.raises(ValueError, match=r"TL108.*'encoder'"):
        init_nlp(config)


def with_sources(nlp: Language, **sources: dict[str, Any]) -> Language:
    nlp.config["initialize"]["components"] = sources
    return encoder_from_source()(nlp)


def test_a_source_with_the_default_encoder_changes_nothing(tmp_path: Path) -> None:
    default = spacy.blank("xx")
    default.add_pipe("tl_ner")
    default.to_disk(tmp_path / "source")
    nlp = spacy.blank("xx")
    component = nlp.add_pipe("tl_ner")
    assert with_sources(nlp, tl_ner={"source": str(tmp_path / "source")}).get_pipe("tl_ner") is component


@pytest.mark.parametrize("path", [None, "", "no-such-folder"])
def test_where_there_is_no_source(path: str | None) -> None:
    """Loading a pipeline must not depend on it; the warm start says what is wrong (TL127)."""
    nlp = spacy.blank("xx")
    component = nlp.add_pipe("tl_ner")
    assert encoder_from_source()(nlp).get_pipe("tl_ner") is component
    assert with_sources(nlp, tl_ner={"source": path}).get_pipe("tl_ner") is component


def test_sources_that_do_not_tell(tmp_path: Path) -> None:
    nothing, shared, beside, two = (spacy.blank("xx") for _ in range(4))
    connection = {
        "@architectures": "spacy_tlner.DirectConnection.v1",
        "encoder": LISTENER,
        "features": {"@architectures": "spacy_tlner.WordFeatures.v1", "width": 8, "features": ["shape"]},
    }
    for nlp, encoder in ((shared, LISTENER), (beside, connection)):
        nlp.add_pipe("tok2vec", config={"model": TINY_ENCODER})
        nlp.add_pipe("tl_ner", config={"model": tagger(encoder)})
    for name in ("first", "second"):
        two.add_pipe("tl_ner", name=name, config={"model": tagger()})
    told = {"source": str(tmp_path / "source")}
    for source in (nothing, shared, beside, two):
        source.to_disk(tmp_path / "source")
        nlp = spacy.blank("xx")
        component = nlp.add_pipe("tl_ner")
        assert with_sources(nlp, tl_ner=told).get_pipe("tl_ner") is component
    # by its name
    assert with_sources(nlp, tl_ner={**told, "source_component": "second"}).get_pipe("tl_ner") is not component


def test_its_place_and_the_rest_of_its_settings_stay(tmp_path: Path) -> None:
    told = {"source": str(write_source(tmp_path / "source"))}
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    settings = {"threshold": 0.5, "corpus_weights": {"source": 0.2}}
    nlp.add_pipe("tl_ner", config=settings)
    nlp.add_pipe("tl_ner", name="own", config={"model": tagger()})
    nlp.add_pipe("entity_ruler")
    nlp.disable_pipe("tl_ner")
    names, own = nlp.component_names, nlp.get_pipe("own")
    nlp = with_sources(nlp, tl_ner=told, own=told)
    assert nlp.component_names == names and nlp.disabled == ["tl_ner"] and nlp.get_pipe("own") is own
    found = nlp.get_pipe_config("tl_ner")
    assert found["model"]["tok2vec"]["width"] == TINY_ENCODER["width"]
    assert {key: found[key] for key in settings} == settings


def test_references_in_its_settings_stay(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source")
    config = config_of(tmp_path, source)
    config["paths"]["weight"] = 0.25
    config["components"]["tl_ner"]["corpus_weights"] = {"source": "${paths.weight}"}
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    assert nlp.config["components"]["tl_ner"]["corpus_weights"] == {"source": "${paths.weight}"}
    assert nlp.config.interpolate()["components"]["tl_ner"]["corpus_weights"] == {"source": 0.25}
    assert nlp.get_pipe_config("tl_ner")["model"]["tok2vec"]["width"] == TINY_ENCODER["width"]
