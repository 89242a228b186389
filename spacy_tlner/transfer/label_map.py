"""Which label of the source becomes which label of the target."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import srsly
from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from .label_table import LabelTable


class LabelMatch(NamedTuple):
    """matched: {target label: source label}, one to one. seeded: likewise, but a source label may serve several.

    dropped, fresh: labels of the source, of the target, without a partner.
    """

    matched: dict[str, str]
    seeded: dict[str, str]
    dropped: Sequence[str]
    fresh: Sequence[str]


class LabelEstimate(NamedTuple):
    """label_map: {source label: target label}. seeds: {target label: source label}. table: what they were read from."""

    label_map: dict[str, str]
    seeds: dict[str, str]
    table: LabelTable


# From the source pipeline, the name of its tagger, the target's examples, its labels and those of them that are seeded
# by the user (and so take no part), to a map.
LabelEstimator = Callable[[Language, str, Sequence[Example], Sequence[str], Collection[str]], LabelEstimate]


@registry.misc("spacy_tlner.read_label_map.v1")
def read_label_map(path: str | Path) -> Mapping[str, str]:
    """A label map from a JSON file: one object, {source label: target label}; of `seed_labels`, the other way round.

    For labels that a config key cannot spell (with ":", "=", brackets or a leading "#"). The file is read when the map
    is first used, which is in training: a trained pipeline loads without it. Raises TL105 then.
    """
    return LabelMapFile(path)


class LabelMapFile(Mapping[str, str]):
    """See `read_label_map`."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @cached_property
    def _content(self) -> dict[str, str]:
        try:
            content = srsly.read_json(self.path)
        except (OSError, ValueError) as e:
            raise ValueError(Errors.TL105.format(path=self.path, problem=e)) from e
        if not isinstance(content, dict) or not all(isinstance(label, str) for label in content.values()):
            problem = "the file does not hold one object of strings"
            raise ValueError(Errors.TL105.format(path=self.path, problem=problem))
        return content

    def __getitem__(self, label: str) -> str:
        return self._content[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def label_map_of_term(label_map: Mapping[str, str] | None, term: str) -> Mapping[str, str]:
    """As a term's block gives it, not looked into yet. Raises TL130 on one that is estimated."""
    if callable(label_map):
        raise ValueError(Errors.TL130.format(term=term))
    return {} if label_map is None else label_map


def match_labels(
    source_labels: Sequence[str],
    target_labels: Sequence[str],
    label_map: Mapping[str, str] | None,
    seed_labels: Mapping[str, str] | None = None,
) -> LabelMatch:
    """Match labels by the map and, where neither it nor the seeds say anything, by equal name.

    label_map: {source label: target label}; an empty right side leaves a source label out. seed_labels: {target label:
    source label}, whatever else starts from that one.
    Raises TL102 on a left side of the map that the source does not have, TL103 on a right side that the target does
    not have, TL104 where two labels go to one; TL113 and TL114 on seeds likewise, TL115 on a label in both.
    """
    label_map, seeded = label_map or {}, dict(seed_labels or {})
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
    for label, source in seeded.items():
        if label not in target_labels:
            raise ValueError(Errors.TL113.format(label=label, source=source, labels=", ".join(target_labels)))
        if source not in source_labels:
            raise ValueError(Errors.TL114.format(label=label, source=source, labels=", ".join(source_labels)))
        if label in matched:
            raise ValueError(Errors.TL115.format(label=label, mapped=matched[label], source=source))
    for label in target_labels:
        if label in source_labels and label not in label_map and label not in matched and label not in seeded:
            matched[label] = label
    used = {*matched.values(), *seeded.values()}
    return LabelMatch(
        matched=matched,
        seeded=seeded,
        dropped=[label for label in source_labels if label not in used],
        fresh=[label for label in target_labels if label not in matched and label not in seeded],
    )
