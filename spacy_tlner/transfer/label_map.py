"""Which label of the source becomes which label of the target."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import srsly
from spacy.util import registry

from ..errors import Errors


class LabelMatch(NamedTuple):
    """matched: {target label: source label}. dropped, fresh: labels of the source, of the target, without a partner."""

    matched: dict[str, str]
    dropped: Sequence[str]
    fresh: Sequence[str]


@registry.misc("spacy_tlner.read_label_map.v1")
def read_label_map(path: str | Path) -> dict[str, str]:
    """A label map from a JSON file: one object, {source label: target label}.

    For labels that a config key cannot spell (with ":", "=", brackets or a leading "#"). Raises TL105.
    """
    path = Path(path)
    try:
        content = srsly.read_json(path)
    except (OSError, ValueError) as e:
        raise ValueError(Errors.TL105.format(path=path, problem=e)) from e
    is_map = isinstance(content, dict) and all(isinstance(label, str) for label in content.values())
    if not is_map:
        raise ValueError(Errors.TL105.format(path=path, problem="the file does not hold one object of strings"))
    return content


def match_labels(
    source_labels: Sequence[str], target_labels: Sequence[str], label_map: dict[str, str] | None
) -> LabelMatch:
    """Match labels by the map and, where it says nothing, by equal name.

    An empty right side leaves a source label out. Raises TL102 on a left side that the source does not have,
    TL103 on a right side that the target does not have, TL104 where two labels go to one.
    """
    label_map = label_map or {}
    matched: dict[str, str] = {}
    for source, target in label_map.items():
        if source not in source_labels:
            raise ValueError(Errors.TL102.format(label=source, labels=", ".join(source_labels)))
        if not target:
            continue
        if target not in target_labels:
            raise ValueError(Errors.TL103.format(source=source, label=target, labels=", ".join(target_labels)))
        if target in matched:
            raise ValueError(Errors.TL104.format(first=matched[target], second=source, label=target))
        matched[target] = source
    for label in target_labels:
        if label in source_labels and label not in label_map and label not in matched:
            matched[label] = label
    return LabelMatch(
        matched=matched,
        dropped=[label for label in source_labels if label not in matched.values()],
        fresh=[label for label in target_labels if label not in matched],
    )
