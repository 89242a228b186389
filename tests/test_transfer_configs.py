"""configs/transfer: each trains as it stands, through `spacy train`, and does what it is named for."""

import re
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from thinc.api import Config

from corpus import TINY_ENCODER, make_examples, tagger, trained, weights, write_corpus

FOLDER = Path(__file__).parent.parent / "configs" / "transfer"
NAMES = sorted(path.stem for path in FOLDER.glob("*.cfg"))
# with the encoder of the source that the tests share; the other has one of its own
OVER_BILSTM = [name for name in NAMES if name not in ("multilingual", "replay")]
# the target calls places otherwise and has no organisations
RENAME = {"LOC": "PLACE", "ORG": ""}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("files")
    trained().to_disk(home / "source")
    return {
        "source": home / "source",
        "source_train": write_corpus(home / "source.spacy", 60),
        "train": write_corpus(home / "train.spacy", 24, skip=300, rename=RENAME),
        "dev": write_corpus(home / "dev.spacy", 12, skip=400, rename=RENAME),
    }


def run(
    name: str,
    files: dict[str, Path],
    output: Path,
    *,
    reader: dict[str, Any] | None = None,
    label_map: tuple[tuple[str, str], ...] = (("LOC", "PLACE"),),
    heads: dict[str, Any] | None = None,
    **training: Any,
) -> Language:
    config = Config().from_disk(FOLDER / f"{name}.cfg", interpolate=False)
    own = config["components"]["tl_ner"].pop("model", {})
    encoder = own.pop("tok2vec", {"embed": {}})
    config["components"]["tl_ner"]["model"] = tagger() | own | (heads or {})
    added = encoder["embed"].get("parts", {})
    if "source" in added:  # the small encoder, with what the config adds to its inputs
        parts = {"source": added["source"], "words": TINY_ENCODER["embed"]}
        embed = {"@architectures": "spacy_tlner.ConcatEmbed.v1", "parts": parts}
        config["components"]["tl_ner"]["model"] |= tagger({**TINY_ENCODER, "embed": embed})
    for key in config["paths"]:
        if key in files:
            config["paths"][key] = str(files[key])
    for block in (config.get("transfer"), config.get("initialize", {}).get("components", {}).get("tl_ner")):
        if block and isinstance(block.get("label_map"), dict):
            block["label_map"] = dict(label_map)
    if config.get("transfer") is not None:
        config["transfer"]["label_map"] = dict(label_map)
    config["corpora"]["train"] |= reader or {}
    config["training"]["optimizer"]["learn_rate"] = training.pop("learn_rate", 0.001)
    config["training"] |= {"max_steps": 6, "eval_frequency": 3, **training}
    output.mkdir()
    config.to_disk(output / "config.cfg")
    spacy_train(output / "config.cfg", output / "out")
    return spacy.load(output / "out" / "model-last")


@pytest.mark.parametrize("name", OVER_BILSTM)
def test_config_trains_and_its_model_forgets_where_it_came_from(
    name: str, files: dict[str, Path], tmp_path: Path
) -> None:
    nlp = run(name, files, tmp_path / "run")
    component: Any = nlp.get_pipe("tl_ner")
    assert component.labels == ("PER", "PLACE")
    assert component.cfg["labels"].keys() == ({"main", "source"} if name in TWO_HEADS else {"main"})
    assert f'"{files["source"]}"' not in (tmp_path / "run" / "out" / "model-last" / "config.cfg").read_text()
    assert nlp.evaluate(make_examples(nlp, 10, rename=RENAME))["ents_f"] is not None


def test_replay_learns_the_target_and_keeps_the_source(files: dict[str, Path], tmp_path: Path) -> None:
    """The target annotates a new label and no persons; without replay they are forgotten."""
    rename = {"PER": "", "ORG": "NEW", "LOC": ""}
    own = {**files, "train": write_corpus(tmp_path / "train.spacy", 40, skip=300, rename=rename)}
    scores = {}
    more = {"dropout": 0.2, "learn_rate": 0.01}
    annotates = {"source": ["LOC", "ORG", "PER"], "target": ["NEW"]}
    for name in ("warm_start", "replay"):
        reader = {"annotates": annotates} if name == "replay" else {}
        nlp = run(name, own, tmp_path / name, reader=reader, label_map=(), max_steps=40, eval_frequency=40, **more)
        scores[name] = nlp.evaluate(make_examples(nlp, 40, skip=1000))["ents_per_type"].get("PER", {"f": 0.0})["f"]
        found = nlp.evaluate(make_examples(nlp, 40, skip=1000, rename=rename))["ents_per_type"]
        assert found["NEW"]["r"] > 0.5
    assert scores["warm_start"] < 0.5 < 0.8 < scores["replay"]


TWO_HEADS = {"multi_task", "warm_multi_task", "weighted_multi_task", "la_dtl", "warm_la_dtl"}


def test_each_names_its_paper_and_its_command() -> None:
    for name in NAMES:
        comment = (FOLDER / f"{name}.cfg").read_text(encoding="utf8").split("[paths]")[0]
        assert f"configs/transfer/{name}.cfg" in comment and re.search(r"\b(19|20)\d\d\b", comment), name


def test_who_starts_from_a_source_has_its_encoder() -> None:
    """Unless the config says which, as where the encoder has a part of its own."""
    for name in NAMES:
        config = Config().from_disk(FOLDER / f"{name}.cfg", interpolate=False)
        starts = "source" in config["initialize"].get("components", {}).get("tl_ner", {})
        takes = config["nlp"].get("after_pipeline_creation") == {"@callbacks": "spacy_tlner.encoder_from_source.v1"}
        assert takes == (starts and "tok2vec" not in config["components"]["tl_ner"].get("model", {})), name


def test_heads_with_layers_of_their_own(files: dict[str, Path], tmp_path: Path) -> None:
    """What multi_task.cfg shows: a private layer for each head, and one that reads the other."""
    nlp = run("multi_task", files, tmp_path / "run", heads={"private_width": 6, "reads": {"main": "source"}})
    model = nlp.config["components"]["tl_ner"]["model"]
    assert (model["private_width"], model["reads"]) == (6, {"main": "source"})
    plain = run("multi_task", files, tmp_path / "plain")
    private = [
        sum(".private." in name for name in weights(of.get_pipe("tl_ner").model))  # type: ignore[attr-defined]
        for of in (nlp, plain)
    ]
    assert private[0] > 0 == private[1]


def test_fresh_head_copies_the_encoder_alone(files: dict[str, Path], tmp_path: Path) -> None:
    nlp = run("fresh_head", files, tmp_path / "run")
    report = nlp.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert list(report["copied"]) == ["words", "characters", "encoder"] and report["fresh"] == ["head", "transitions"]


def test_gradual_unfreezing_leaves_the_encoder_alone_at_first(files: dict[str, Path], tmp_path: Path) -> None:
    nlp = run("gradual_unfreezing", files, tmp_path / "run")
    found, source = (weights(pipeline.get_pipe("tl_ner").model) for pipeline in (nlp, trained()))
    same = {name for name in found if found[name].shape == source[name].shape and (found[name] == source[name]).all()}
    assert any("lstm" in name for name in same) and not any("emission" in name for name in same)


def test_l2_sp_stays_nearer_to_the_source(files: dict[str, Path], tmp_path: Path) -> None:
    far = []
    for name in ("warm_start", "l2_sp"):
        nlp = run(name, files, tmp_path / name, max_steps=40, eval_frequency=40)
        found, source = (weights(pipeline.get_pipe("tl_ner").model) for pipeline in (nlp, trained()))
        far.append(sum(numpy.abs(found[key] - source[key]).sum() for key in found if "lstm" in key))
    assert far[1] < far[0]
