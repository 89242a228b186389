"""Language models small enough for tests: their text and config, a run that can begin, and the way into a tagger."""

import gzip
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
from spacy.util import load_config
from thinc.api import Model

from corpus import (
    annotated,
    initialize,
    make_examples,
    tagger,
)
from spacy_tlner.cli.pretrain import prepare
from spacy_tlner.component import TransferNER

CONFIG = Path(__file__).parent.parent / "configs" / "ner_bilm_crf.cfg"
SIZES = {
    "components.tl_ner.model": tagger(),
    "pretraining.max_epochs": 2,
    "pretraining.n_save_every": 4,
    "pretraining.batcher.size": 16,
    "pretraining.batcher.pool": 4,
    "pretraining.objective.cutoffs": [20, 40],
    "pretraining.optimizer.learn_rate": {
        "@schedules": "warmup_linear.v1",
        "initial_rate": 0.02,
        "warmup_steps": 3,
        "total_steps": 40,
    },
}


def write_text(folder: Path) -> Path:
    """200 sentences without annotation, gzipped."""
    path = folder / "text.txt.gz"
    with gzip.open(path, "wt", encoding="utf8") as file_:
        for words, _ in islice(annotated(), 200):
            file_.write(" ".join(words) + "\n")
    return path


def small_config(**overrides: Any) -> Any:
    config = load_config(CONFIG, interpolate=False)
    for key, value in deepcopy({**SIZES, **overrides}).items():
        *blocks, last = key.split(".")
        at = config
        for block in blocks:
            at = at[block]
        at[last] = value
    return config


def task(text: Path, output: Path, **overrides: Any) -> Any:
    paths = {"paths.text": str(text), "paths.words": str(output.parent / "words.txt")}
    return prepare(small_config(**{**paths, **overrides}), output, n_dev=30, n_words=60)


def log_probabilities(model: Model, states: Any) -> Any:
    """(n, classes) by the definition: the cluster's share in the first softmax, then its own."""
    edges = model.attrs["edges"]

    def log_softmax(scores: Any) -> Any:
        return scores - numpy.logaddexp.reduce(scores, axis=1, keepdims=True)

    states = states.astype("float64")
    first = log_softmax(states @ model.get_param("head_W").T + model.get_param("head_b"))
    parts = [first[:, : edges[0]]]
    for k in range(1, len(edges)):
        own = log_softmax(states @ model.get_param(f"down_{k}").T @ model.get_param(f"W_{k}").T)
        parts.append(first[:, edges[0] + k - 1][:, None] + own)
    return numpy.concatenate(parts, axis=1)


def initialize_with(nlp: Any, path: Path, **settings: Any) -> TransferNER:
    nlp.config["initialize"]["components"]["tl_ner"] = {"pretrained": str(path), **settings}
    initialize(nlp, make_examples(nlp, 20))
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component
