"""The ways to transfer that transfer.py compares: each a config, what it starts from, and what it reads."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Method:
    """A config and what goes with it.

    starts: of SOURCES, the model it starts from. reads_source: it is given the source corpus, too. label_map: where its
    config wants it. language_model: it starts from one, which is then to be given. silver: it starts from a model of
    text which a model of the method of that name has labelled. one_head: both corpora teach one head, so the source
    corpus has the target's label names, and its O may hide labels that it does not annotate. trains: or it is the model
    that it starts from.
    """

    config: str
    starts: str | None = None
    reads_source: bool = False
    label_map: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    language_model: bool = False
    silver: str | None = None
    trains: bool = True
    one_head: bool = False


_WARM = "initialize.components.tl_ner.label_map"
_MODEL = "components.tl_ner.model"
METHODS = {
    "spacy-scratch": Method("spacy_ner.cfg"),
    "spacy-continued": Method("spacy_ner_continued.cfg", "spacy"),
    "scratch": Method("ner_bilstm_crf.cfg"),
    "spelling": Method("ner_spelling_crf.cfg"),
    "zero_shot": Method("", "tl_ner", trains=False),
    "fresh_head": Method("transfer/fresh_head.cfg", "tl_ner"),
    "warm_start": Method("transfer/warm_start.cfg", "tl_ner", label_map=_WARM),
    "spelling_warm_start": Method("transfer/warm_start.cfg", "spelling", label_map=_WARM),
    "l2_sp": Method("transfer/l2_sp.cfg", "tl_ner", label_map=_WARM),
    "gradual_unfreezing": Method("transfer/gradual_unfreezing.cfg", "tl_ner", label_map=_WARM),
    "source_features": Method("transfer/source_features.cfg", "tl_ner"),
    "distillation": Method("transfer/distillation.cfg", "tl_ner", label_map="transfer.label_map"),
    "multi_task": Method("transfer/multi_task.cfg", reads_source=True),
    "private_multi_task": Method(
        "transfer/multi_task.cfg", reads_source=True, overrides={f"{_MODEL}.private_width": 128}
    ),
    "dependent_multi_task": Method(
        "transfer/multi_task.cfg", reads_source=True, overrides={f"{_MODEL}.reads.main": "source"}
    ),
    "warm_multi_task": Method("transfer/warm_multi_task.cfg", "tl_ner", True, _WARM),
    "weighted_multi_task": Method("transfer/weighted_multi_task.cfg", "tl_ner", True, _WARM),
    "la_dtl": Method("transfer/la_dtl.cfg", None, True, "transfer.label_map"),
    "warm_la_dtl": Method("transfer/warm_la_dtl.cfg", "tl_ner", True, "transfer.label_map"),
    "replay": Method("transfer/replay.cfg", "tl_ner", True, _WARM, one_head=True),
    "silver": Method("transfer/warm_start.cfg", "tl_ner", silver="warm_start"),
    "bilm": Method("ner_bilm_crf.cfg", language_model=True),
    "bilm_warm_start": Method("transfer/warm_start.cfg", "bilm", label_map=_WARM),
    "bilm_weighted_multi_task": Method("transfer/weighted_multi_task.cfg", "bilm", True, _WARM),
    "bilm_silver": Method("transfer/warm_start.cfg", "bilm", silver="bilm_warm_start"),
    "bilm_second_silver": Method("transfer/warm_start.cfg", "bilm", silver="bilm_silver"),
}
BASELINES = ("scratch", "spelling", "spacy-scratch", "spacy-continued")
# Lee et al. 2017: ever more layers from the source, from below; warm_start is the last rung.
_LAYERS = ("words", "characters", "encoder", "head")
LADDER = {
    f"up_to_{layer}": Method(
        "transfer/warm_start.cfg",
        "tl_ner",
        label_map=_WARM,
        overrides={
            "initialize.components.tl_ner.layers": "[{}]".format(", ".join(f'"{name}"' for name in _LAYERS[: i + 1]))
        },
    )
    for i, layer in enumerate(_LAYERS)
}
# Source models: the config, and whether it starts from the language model. spaCy's knows the target's label names.
SOURCES = {
    "tl_ner": Method("ner_bilstm_crf.cfg"),
    "spelling": Method("ner_spelling_crf.cfg"),
    "spacy": Method("spacy_ner.cfg"),
    "bilm": Method("ner_bilm_crf.cfg", language_model=True),
}


def needs_language_model(method: Method) -> bool:
    """Whether it, or its source model, starts from one."""
    return method.language_model or (method.starts is not None and SOURCES[method.starts].language_model)
