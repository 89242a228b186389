"""The thresholds of a tagger, read from its `cfg` and checked.

They are read at every prediction and not only once: `spacy find-threshold` and users set `cfg`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

from .errors import Errors


def candidates_of(cfg: Mapping[str, Any], name: str) -> float | None:
    """The least probability of a candidate; None if no candidates are asked for. Raises TL011."""
    least = cfg["candidates"]
    return None if least is None else _probability("candidates", least, name)


def thresholds_of(cfg: Mapping[str, Any], labels: Sequence[str], name: str) -> dict[str, float]:
    """Of each label, the least probability of an entity; empty if the best tagging decides. Raises TL011 to TL013."""
    shared, each = cfg["threshold"], cfg["label_thresholds"]
    if shared is None:
        if each:
            raise ValueError(Errors.TL013.format(name=name))
        return {}
    unknown = [label for label in each if label not in labels]
    if unknown:
        raise ValueError(Errors.TL012.format(name=name, unknown=unknown, labels=", ".join(labels)))
    each = {label: _probability(f"label_thresholds.{label}", value, name) for label, value in each.items()}
    return dict.fromkeys(labels, _probability("threshold", shared, name)) | each


def check_spelling(setting: str, keys: Iterable[str], name: str) -> None:
    """Raise TL017 on a key that confection mangles (`transfer.label_map` knows the same of its keys)."""
    for key in keys:
        if any(sign in key for sign in ":=[]") or key.startswith("#"):
            raise ValueError(Errors.TL017.format(name=name, setting=setting, key=key))


def _probability(setting: str, value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, SupportsFloat) or not 0 <= float(value) <= 1:
        raise ValueError(Errors.TL011.format(name=name, setting=setting, value=value))
    return float(value)
