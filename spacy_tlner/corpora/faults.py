"""What is wrong with the lines of a corpus file, and the error that says so."""

from collections.abc import Sequence
from typing import NamedTuple

# The first few lines show what kind of fault it is; the full list would scroll the message away.
_SHOWN = 10
_WIDTH = 80


class CorpusError(ValueError):
    """A corpus that cannot be used as it is; the message is meant for the person who owns the file."""


class Fault(NamedTuple):
    """One line that cannot be used: its number (from 1), its content and the reason."""

    line: int
    content: str
    reason: str


def listing(faults: Sequence[Fault]) -> str:
    """The first ten of `faults`, one a line in the order of the file, then the number of the others."""
    ordered = sorted(faults)
    shown = [f"  line {fault.line}: {_shorten(fault.content)}: {fault.reason}" for fault in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        shown.append(f"  ... and {len(ordered) - _SHOWN} more")
    return "\n".join(shown)


def _shorten(content: str) -> str:
    # repr, since a tab or a zero-width character is often what is wrong with the line
    return repr(content if len(content) <= _WIDTH else content[: _WIDTH - 3] + "...")
