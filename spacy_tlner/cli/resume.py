"""What a pretraining is compared by when it goes on: its settings and the content of what it reads."""

import re
from pathlib import Path
from typing import Any

# How long a run goes on, and what it saves when, makes it no other run.
_MAY_CHANGE = ("max_epochs", "n_save_every", "n_save_epoch")


def settings_of(filled: Any, output: Path, n_dev: int) -> dict[str, Any]:
    """{setting with its path: value} of all that changes a run. filled: the config, interpolated.

    Raises CorpusError (TL221) where there is no text.
    """
    from spacy.util import dot_to_object

    block = filled["pretraining"]
    corpus = dot_to_object(filled, block["corpus"])
    parts = {
        "pretraining": block,
        "corpus": corpus,
        "component": filled["components"].get(block["component"], {}),
        "nlp": {"lang": filled["nlp"]["lang"], "tokenizer": filled["nlp"].get("tokenizer", {})},
        "training": {"seed": filled["training"]["seed"]},
        "initialize": {"vectors": filled["initialize"]["vectors"]},
        "options": {"n_dev": n_dev},
        "content": _contents(corpus, block["objective"], output),
    }
    return _flat(parts)


def can_go_on(checkpoint: Path, settings: dict[str, Any], max_epochs: int) -> bool:
    """Whether it is of an unfinished run of these settings."""
    from ..pretraining.checkpoint import read_position

    found = read_position(checkpoint)
    return found is not None and found[1] == settings and found[0].epoch < max_epochs


def left_by(output: Path, words: str | None) -> list[Path]:
    """The files of a pretraining in a folder; words: its list, which is the run's own if it lies there."""
    from ..pretraining.loop import CHECKPOINT, LOG

    own = {CHECKPOINT, LOG}
    if words and Path(words).resolve().parent == output.resolve():
        own.add(Path(words).name)
    files = sorted(output.iterdir()) if output.is_dir() else []
    return [file for file in files if file.name in own or re.fullmatch(r"model(\d+|-best|-last)\.bin", file.name)]


def _contents(corpus: dict[str, Any], objective: dict[str, Any], output: Path) -> dict[str, str]:
    from ..corpora.unlabelled import text_files
    from ..files import fingerprint

    files = {}
    if corpus.get("path"):
        path = Path(corpus["path"])
        if corpus.get("@readers") == "spacy_tlner.TextCorpus.v1":
            files["text"] = text_files(path)
        elif path.exists():
            below = sorted(path.rglob("*")) if path.is_dir() else [path]
            files["text"] = [file for file in below if file.is_file() and output not in file.parents]
    words = objective.get("words")
    if words and Path(words).is_file():
        files["words"] = [Path(words)]
    return {name: fingerprint(of) for name, of in files.items()}


def _flat(block: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in block.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}{key}.")
        elif key not in _MAY_CHANGE:
            flat[path + key] = value
    return flat
