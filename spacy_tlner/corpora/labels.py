"""Label maps as the command line gives them: OLD=NEW entries, or the path of a JSON file."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Errors
from .faults import CorpusError


def parse_label_map(values: Sequence[str]) -> dict[str, str]:
    """The map from old to new label; an empty new label drops the old one.

    Each value is either `A=B,C=D,E=` or the path of a .json file that holds one object (null drops, too); labels
    that contain a comma or an equals sign need the file.
    """
    label_map: dict[str, str] = {}
    for value in values:
        entries = _from_file(value) if value.endswith(".json") else _from_text(value)
        for old, new, entry in entries:
            if label_map.setdefault(old, new) != new:
                raise _refused(entry, f"{old!r} is already mapped to {label_map[old]!r}")
    return label_map


def _from_text(value: str) -> Iterable[tuple[str, str, str]]:
    for entry in value.split(","):
        parts = [part.strip() for part in entry.split("=")]
        if len(parts) != 2:
            raise _refused(entry, f"it has {len(parts) - 1} equals signs, not one")
        if not parts[0]:
            raise _refused(entry, "it has no label on the left")
        yield parts[0], parts[1], entry


def _from_file(value: str) -> Iterable[tuple[str, str, str]]:
    try:
        content = json.loads(Path(value).read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise _refused(value, f"the file cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise _refused(value, "the file does not hold one object")
    for old, new in content.items():
        if not old or not isinstance(new, str | None):
            raise _refused(value, f"{old!r}: {new!r} does not map a label to a label or null")
        yield old, new or "", value


def _refused(entry: str, reason: str) -> CorpusError:
    return CorpusError(Errors.TL208.format(entry=entry, reason=reason))
