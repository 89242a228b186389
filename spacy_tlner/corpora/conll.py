"""Read token-per-line files (CoNLL-2002/2003, TSV, CoNLL-U-like .iob2) into sentences of words and raw tags.

What the tags mean is left to `schemes`. The layout is taken from the file itself:

- Columns are set apart by tabs if most lines hold one, so that tokens may contain blanks; else by blanks and tabs.
- An empty line, or one of nothing but blanks and tabs, ends a sentence.
- A line `-DOCSTART-` (with any further columns) or `###MEDLINE:...` begins a document and is no token; so does a
  comment `# newdoc`.
- A line is a comment only where it cannot be a token: it begins with `#`, and either holds no tab in a file of tabs,
  or has no tag where the tag should be and is of the form `# key = value` or stands in a file with an index column.
- Every other line must have a token and a well-formed tag; all that do not are named in one error.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import Errors
from .faults import CorpusError, Fault, listing
from .schemes import split_tag

_UTF8_BOM = b"\xef\xbb\xbf"
# Not str.split(): a no-break space is part of a token, as tokenizers of noisy text leave it there.
_BLANKS = re.compile(r"[ \t]+")
_KEY_VALUE = re.compile(r"#\s+\S.*=")
_DOCUMENT_MARKER = re.compile(r"-DOCSTART-(?:[ \t]|$)|###MEDLINE:")


@dataclass(frozen=True)
class Sentence:
    """Consecutive token lines; `lines` has the line number (from 1) of each word."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    lines: tuple[int, ...]
    new_document: bool
    comments: tuple[str, ...] = ()


def read_sentences(path: str | Path, *, token_column: int = 0, tag_column: int = -1) -> list[Sentence]:
    """The sentences of the file at `path`, in order; columns count from 0, negative ones from the end.

    Raises CorpusError with the number and content of every line that is neither a token with a tag, a comment, a
    document marker nor a sentence end; for a file without sentences, and for JSON (TL223).
    """
    lines = _read_lines(Path(path))
    if _is_json(Path(path), lines):
        raise CorpusError(Errors.TL223.format(path=path))
    layout = _find_layout(path, lines, token_column, tag_column)
    sentences: list[Sentence] = []
    faults: list[Fault] = []
    tokens: list[tuple[str, str, int]] = []
    comments: list[str] = []
    new_document = False

    def end_sentence() -> None:
        nonlocal new_document
        if tokens:
            words, tags, numbers = zip(*tokens, strict=True)
            sentences.append(Sentence(words, tags, numbers, new_document, tuple(comments)))
            new_document = False
            tokens.clear()
            comments.clear()

    for number, line in enumerate(lines, 1):
        if not line.strip(" \t"):
            end_sentence()
        elif _DOCUMENT_MARKER.match(line):
            end_sentence()
            new_document = True
        else:
            cells = layout.split(line)
            if _is_comment(line, cells, layout):
                if line[1:].strip().startswith("newdoc"):
                    end_sentence()
                    new_document = True
                comments.append(line)
            else:
                reason = _fault(cells, layout)
                if reason is None:
                    tokens.append((cells[layout.token].strip(" "), cells[layout.tag].strip(), number))
                else:
                    faults.append(Fault(number, line, reason))
    end_sentence()
    if faults:
        raise CorpusError(Errors.TL201.format(path=path, count=len(faults), lines=listing(faults)))
    if not sentences:
        raise CorpusError(Errors.TL202.format(path=path))
    return sentences


class _Layout(NamedTuple):
    """How the lines of one file are cut: `width` columns (at least that many if not `exact`)."""

    tabs: bool
    width: int
    exact: bool
    token: int
    tag: int

    def split(self, line: str) -> list[str]:
        return _cells(line, self.tabs)


def _read_lines(path: Path) -> list[str]:
    """The lines without their ends. Only newlines end a line: str.splitlines would cut at characters inside tokens."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(Errors.TL200.format(path=path, reason=error.strerror or error)) from error
    lines: list[str] = []
    faults: list[Fault] = []
    # without a single newline, carriage returns are the line ends of old
    end = b"\n" if b"\n" in data else b"\r"
    for number, raw in enumerate(data.removeprefix(_UTF8_BOM).split(end), 1):
        try:
            lines.append(raw.removesuffix(b"\r").decode("utf8"))
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 (byte {raw[error.start]:#04x} at position {error.start})"
            faults.append(Fault(number, raw.decode("utf8", errors="replace"), reason))
    if faults:
        raise CorpusError(Errors.TL201.format(path=path, count=len(faults), lines=listing(faults)))
    return lines


def _is_json(path: Path, lines: Sequence[str]) -> bool:
    """By its name, or because its first line is an object, as of a .jsonl under another name."""
    first = next((line for line in lines if line.strip()), "")
    return path.suffix in (".json", ".jsonl") or (first.startswith("{") and first.rstrip().endswith("}"))


def _find_layout(path: str | Path, lines: Sequence[str], token_column: int, tag_column: int) -> _Layout:
    """Separator and number of columns by majority, so that a bad line is the exception wherever it stands."""
    rows = [line for line in lines if line.strip(" \t") and not _DOCUMENT_MARKER.match(line)]
    # lines that might be comments have no vote, unless there is nothing else
    rows = [line for line in rows if not line.startswith("#")] or rows
    if not rows:
        raise CorpusError(Errors.TL202.format(path=path))
    tabs = 2 * sum("\t" in line for line in rows) > len(rows)
    width = Counter(len(_cells(line, tabs)) for line in rows).most_common(1)[0][0]
    token, tag = (column + width if column < 0 else column for column in (token_column, tag_column))
    if token == tag or not (0 <= token < width and 0 <= tag < width):
        message = Errors.TL211.format(path=path, width=width, token_column=token_column, tag_column=tag_column)
        raise CorpusError(message)
    exact = token_column < 0 or tag_column < 0
    return _Layout(tabs, width if exact else max(token, tag) + 1, exact, token, tag)


def _cells(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else _BLANKS.split(line.strip(" \t"))


def _is_comment(line: str, cells: Sequence[str], layout: _Layout) -> bool:
    if not line.startswith("#"):
        return False
    if layout.tabs and "\t" not in line:
        # "#hashtag" or "#hashtag O" is a token line gone wrong, not a comment
        return line.startswith("# ")
    if layout.tag < len(cells) and split_tag(cells[layout.tag].strip()) is not None:
        return False
    return bool(_KEY_VALUE.match(line)) or (layout.tabs and layout.token > 0)


def _fault(cells: Sequence[str], layout: _Layout) -> str | None:
    """Why these cells are not a token with its tag; None if they are."""
    if len(cells) < layout.width or (layout.exact and len(cells) > layout.width):
        expected = layout.width if layout.exact else f"at least {layout.width}"
        return f"{len(cells)} column(s), expected {expected}"
    if not cells[layout.token].strip():
        return "the token is empty or blank"
    tag = cells[layout.tag].strip()
    if not tag:
        return "the tag is empty"
    if split_tag(tag) is None:
        return f"{tag!r} is not a tag"
    return None
