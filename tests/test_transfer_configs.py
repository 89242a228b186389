"""configs/transfer: each trains as it stands, through `spacy train`, and does what it is named for."""

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
OVER_BILSTM = [name for name in NAMES if name != "multilingual"]
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


def run(name: str, files: dict[str, Path], output: Path, **training: Any) -> Language:
    config = Config().from_disk(FOLDER / f"{name}.cfg", interpolate=False)
    model = config["components"]["tl_ner"].get("model")
    config["components"]["tl_ner"]["model"] = tagger()
    if model is not None:  # the small encoder, with what the config adds to its inputs
        parts = {"source": model["tok2vec"]["embed"]["parts"]["source"], "words": TINY_ENCODER["embed"]}
        embed = {"@architectures": "spacy_tlner.ConcatEmbed.v1", "parts": parts}
        config["components"]["tl_ner"]["model"] = tagger({**TINY_ENCODER, "embed": embed})
    for key in config["paths"]:
        if key in files:
            config["paths"][key] = str(files[key])
    for block in (config.get("transfer"), config.get("initialize", {}).get("components", {}).get("tl_ner")):
        if block and isinstance(block.get("label_map"), dict):
            block["label_map"] = {"LOC": "PLACE"}
    if config.get("transfer") is not None:
        config["transfer"]["label_map"] = {"LOC": "PLACE"}
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


TWO_HEADS = {"multi_task", "warm_multi_task", "weighted_multi_task", "la_dtl"}


def test_each_names_its_paper_and_its_command() -> None:
    for name in NAMES:
        comment = (FOLDER / f"{name}.cfg").read_text(encoding="utf8").split("[paths]")[0]
        assert f"configs/transfer/{name}.cfg" in comment and "20" in comment.split(".cfg")[0], name


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
