"""Sources on disk, pipelines that start from them, and what these are to have copied."""

from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import fix_random_seed
from thinc.api import Config

from corpus import (
    LABELS,
    LISTENER,
    TINY_ENCODER,
    blank_tagger,
    held_out_texts,
    make_examples,
    tagger,
    train,
    trained,
    write_corpus,
)
from spacy_tlner.component import TransferNER

TEXTS = held_out_texts(80)
ESTIMATE = "spacy_tlner.estimate_label_map.v1"


def write_source(path: Path) -> Path:
    """A trained pipeline on disk, labels LOC, ORG, PER, that predicts at least 100 mentions of the held-out texts."""
    nlp = trained()
    assert sum(len(doc.ents) for doc in nlp.pipe(TEXTS)) >= 100
    nlp.to_disk(path)
    return path


def write_shared_source(path: Path) -> Path:
    """The same, of a tok2vec and a tagger that listens to it."""
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": TINY_ENCODER})
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER)})
    examples = make_examples(nlp, 200)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=4)
    assert sum(len(doc.ents) for doc in nlp.pipe(TEXTS)) >= 100
    nlp.to_disk(path)
    return path


def pipe(nlp: Language, name: str = "tl_ner") -> TransferNER:
    component = nlp.get_pipe(name)
    assert isinstance(component, TransferNER)
    return component


def started(
    settings: dict[str, Any], rename: dict[str, str] | None = None, tok2vec: dict[str, Any] | None = None
) -> Language:
    """A fresh pipeline, initialized under a fixed seed with `settings` in [initialize.components.tl_ner]."""
    fix_random_seed(1)
    nlp = blank_tagger(model=tagger(tok2vec))
    nlp.config["initialize"]["components"]["tl_ner"] = {
        key: str(value) if isinstance(value, Path) else value for key, value in settings.items()
    }
    nlp.initialize(lambda: make_examples(nlp, 40, skip=2000, rename=rename))
    return nlp


def report(nlp: Language, name: str = "tl_ner") -> dict[str, Any]:
    return nlp.meta["spacy_tlner"][name]["warm_start"]


def head_of(nlp: Language) -> dict[str, numpy.ndarray]:
    head = pipe(nlp).model.get_ref("heads").layers[0]
    crf, emission = head.get_ref("crf"), head.get_ref("emission")
    return {name: crf.get_param(name) for name in ("transitions", "start", "end")} | {
        name: emission.get_param(name) for name in ("W", "b")
    }


def ids(labels: list[str], all_labels: list[str]) -> numpy.ndarray:
    """Tag ids of O and of the labels, by the BILUO layout written out: O, then B I L U of each label."""
    return numpy.array([0] + [1 + 4 * all_labels.index(label) + k for label in labels for k in range(4)])


def assert_rows(nlp: Language, matched: dict[str, str], labels: list[str]) -> None:
    """Rows, transitions, start and end of matched labels {ours: theirs} are the source's; all others are fresh."""
    old, new = head_of(trained()), head_of(nlp)
    fresh = head_of(started({"labels": labels}))
    theirs, ours = ids(list(matched.values()), list(LABELS)), ids(list(matched), labels)
    rest = numpy.setdiff1d(numpy.arange(1 + 4 * len(labels)), ours)
    for name in ("start", "end", "W", "b"):
        assert (new[name][ours] == old[name][theirs]).all(), name
        assert (new[name][rest] == fresh[name][rest]).all(), name
    assert (new["transitions"][numpy.ix_(ours, ours)] == old["transitions"][numpy.ix_(theirs, theirs)]).all()
    assert (new["transitions"][rest] == fresh["transitions"][rest]).all()
    assert (new["transitions"][:, rest] == fresh["transitions"][:, rest]).all()


def from_config(
    tmp_path: Path,
    components: dict[str, Any],
    initialize: dict[str, Any],
    *,
    rename: dict[str, str] | None = None,
    overrides: dict[str, Any] | None = None,
    **training: Any,
) -> Language:
    """What `spacy train` does before its first step. overrides: as on its command line."""
    path = str(write_corpus(tmp_path / "corpus.spacy", 40, skip=2000, rename=rename))
    reader = {"@readers": "spacy.Corpus.v1", "path": path}
    config = {
        "nlp": {"lang": "xx", "pipeline": list(components)},
        "components": components,
        "corpora": {"train": reader, "dev": reader},
        "training": {"seed": 1, "train_corpus": "corpora.train", "dev_corpus": "corpora.dev", **training},
        "initialize": {"components": initialize},
    }
    base = spacy.blank("xx").config
    Config(spacy.util.load_config_from_str(base.to_str()).merge(config)).to_disk(tmp_path / "config.cfg")
    return init_nlp(spacy.util.load_config(tmp_path / "config.cfg", overrides=overrides or {}))
