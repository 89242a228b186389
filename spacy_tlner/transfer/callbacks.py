"""Callbacks around training that belong to transfer: what a trained pipeline must not carry along."""

from collections.abc import Callable, Mapping
from typing import Any

from spacy.language import Language
from spacy.util import registry

# The arguments of `TransferNER.initialize` that speak of the source and are an error without one.
_SOURCE_SETTINGS = ("source", "label_map", "seed_labels", "layers", "source_component")


@registry.callbacks("spacy_tlner.blank_source.v1")
def blank_source() -> Callable[[Language], Language]:
    """For `[training.before_to_disk]`: the saved config no longer names the pipeline that the weights came from.

    Blanks `paths.source` and, of every `tl_ner`, what its warm start was told and the `source` of every function in
    its block, such as that of a distillation. A packaged model can then be trained further on a machine that has no
    such path; what was copied stays in the model's meta.
    """

    def blank(nlp: Language) -> Language:
        # the live config: nothing reads these settings again once the pipeline is initialized
        config = nlp.config
        if config.get("paths", {}).get("source"):
            config["paths"]["source"] = None
        settings = config.get("initialize", {}).get("components", {})
        for name, given in settings.items():
            if config["components"].get(name, {}).get("factory") == "tl_ner":
                given.update({key: None for key in _SOURCE_SETTINGS if key in given})
        for name in nlp.component_names:
            if nlp.get_pipe_meta(name).factory == "tl_ner":
                # nested blocks of what this returns are those that the pipeline writes
                _blank_below(nlp.get_pipe_config(name))
        return nlp

    return blank


def _blank_below(block: Mapping[str, Any]) -> None:
    for inner in block.values():
        if isinstance(inner, dict):
            # of a registered function: elsewhere it may be the name of a corpus
            if "source" in inner and any(key.startswith("@") for key in inner):
                inner["source"] = None
            _blank_below(inner)
