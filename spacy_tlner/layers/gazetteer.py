"""Reading gazetteers: files of terms and their categories, as plain text or JSONL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Errors

_SHOWN = 10
_TOKEN_KEYS = ("LOWER", "ORTH", "TEXT")


class Entry(NamedTuple):
    """A term of a category: its text or, if the file says where its tokens end, the tokens."""

    category: str
    term: str | tuple[str, ...]


class _Unusable(Exception):
    """Why a line cannot be read."""


def read_gazetteer(path: str | Path) -> list[Entry]:
    """The entries of a file, or of all files below a folder that are not hidden, in order; blank lines are passed over.

    A `.jsonl` file has an object a line: `label` or `category`, and `pattern` or `term`, as in the patterns of spaCy's
    EntityRuler; a pattern is a text, or a list of tokens {"LOWER" or "ORTH" or "TEXT": text}. Any other file has a
    term a line: either all lines are term, tab, category, or none has a tab and the file's name is the category.
    Raises TL031 on what cannot be read, TL032 on unusable lines, TL033 if there is no entry.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
    entries = [entry for file in files for entry in _read(file)]
    if not entries:
        raise ValueError(Errors.TL033.format(path=path))
    return entries


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read(path: Path) -> Iterator[Entry]:
    if path.suffix.lower() == ".json":  # whose lines would make terms
        raise ValueError(Errors.TL031.format(path=path, reason="JSON is read from .jsonl only, one object a line"))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ValueError(Errors.TL031.format(path=path, reason=e)) from e
    entries: list[Entry] = []
    faults: list[str] = []
    is_json = path.suffix.lower() == ".jsonl"
    has_tabs = "\t" in next((line for line in lines if line.strip()), "")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(_from_json(line) if is_json else _from_text(line, None if has_tabs else path.stem))
        except _Unusable as e:
            faults.append(f"  line {number}: {e}: {line.strip()[:80]!r}")
    if faults:
        shown = faults[:_SHOWN] + (["  ..."] if len(faults) > _SHOWN else [])
        raise ValueError(Errors.TL032.format(path=path, count=len(faults), lines="\n".join(shown)))
    yield from entries


def _from_text(line: str, category: str | None) -> Entry:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) != (2 if category is None else 1) or not all(fields):
        raise _Unusable("expected a term, a tab and a category" if category is None else "expected a term and no tab")
    return Entry(category or fields[1], fields[0])


def _from_json(line: str) -> Entry:
    try:
        given: Any = json.loads(line)
    except ValueError as e:
        raise _Unusable(f"no JSON ({e})") from e
    if not isinstance(given, dict):
        raise _Unusable("expected a JSON object")
    category, term = (_one_of(given, names) for names in (("label", "category"), ("pattern", "term")))
    if not isinstance(category, str) or not category.strip():
        raise _Unusable("expected a text as label or category")
    if isinstance(term, list) and term:
        return Entry(category.strip(), tuple(_token(token) for token in term))
    if not isinstance(term, str) or not term.strip():
        raise _Unusable("expected a text or a list of tokens as pattern or term")
    return Entry(category.strip(), term.strip())


def _token(pattern: Any) -> str:
    if isinstance(pattern, dict) and len(pattern) == 1:
        key, text = next(iter(pattern.items()))
        if key.upper() in _TOKEN_KEYS and isinstance(text, str) and text:
            return text
    raise _Unusable(f"a token may have one of {', '.join(_TOKEN_KEYS)} with a text, nothing else; found {pattern!r}")


def _one_of(given: dict[str, Any], names: tuple[str, ...]) -> Any:
    found = [given[name] for name in names if name in given]
    return found[0] if len(found) == 1 else None
