"""Callbacks around training that belong to transfer: what a trained pipeline must not carry along."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from spacy.util import registry

# What the command line fills in: no path itself, and blank where `paths.source` is.
_REFERENCE = "${paths.source}"
# The arguments of `TransferNER.initialize` that speak of the source and are an error without one.
_SOURCE_SETTINGS = ("source", "label_map", "seed_labels", "layers", "source_component")


@registry.callbacks("spacy_tlner.blank_source.v1")
def blank_source() -> Callable[[Language], Language]:
    """For `[training.before_to_disk]`: the saved config no longer names the pipeline that the weights came from.

    Blanks `paths.source`, what the warm start of every `tl_ner` was told, and the `source` of our functions in the
    components' blocks, such as a distillation or SourceMarginals, whose tagger is stored with the weights. A packaged
    model can then be trained further on a machine that has no such path; what was copied stays in the model's meta.
    References to `paths.source` stay: on the command line of a training from the saved config, `--paths.source` names
    another, and what belongs to it, such as a label map, is to be given again.
    """

    def blank(nlp: Language) -> Language:
        # the live config: nothing reads these settings again once the pipeline is initialized
        config = nlp.config
        if config.get("paths", {}).get("source"):
            config["paths"]["source"] = None
        settings = config.get("initialize", {}).get("components", {})
        for name, given in settings.items():
            if config["components"].get(name, {}).get("factory") == "tl_ner":
                given.update({key: None for key in _SOURCE_SETTINGS if key in given and given[key] != _REFERENCE})
        _blank_below(config["components"])
        return nlp

    return blank


def _blank_below(block: dict[str, Any]) -> None:
    """In place, which the pipeline keeps: the blocks below a component are those that it was made of."""
    # of our own functions: elsewhere it may be the name of a corpus, or somebody else's setting
    is_ours = any(key.startswith("@") and str(value).startswith("spacy_tlner.") for key, value in block.items())
    if is_ours and block.get("source", _REFERENCE) != _REFERENCE:
        block["source"] = None
    for below in block.values():
        if isinstance(below, dict):
            _blank_below(below)
