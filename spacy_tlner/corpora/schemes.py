"""Tagging schemes of token-per-line files: which one a file uses, and the mentions that its tags spell.

Detection looks at the prefixes of the whole file, then at where B- and I- stand:

1. L- or U- occur: BILUO. E- or S- occur: IOBES. Both kinds: no scheme fits.
2. I- occurs and B- does not: IO.
3. B- and I-: each tag that does not continue a mention of its own label (it follows O, a sentence start, an unknown
   tag or another label) is a vote. I- there is how IOB1 begins a mention, B- is how IOB2 does. More votes for I-
   than for B-: IOB1. Otherwise, also in a tie: IOB2.
4. No mention at all: IOB2, which reads the file as any other scheme would.

A file without illegal transitions is always told right: the first mention of an IOB1 sentence begins with I-, that of
an IOB2 sentence with B-. IO and IOB1 differ only in B-, so an IOB1 file without adjacent mentions reads as IO.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

OUTSIDE = "O"
# A tag that says "not annotated", as in spaCy's own BILUO: the token stays missing rather than O.
MISSING = "-"


class Scheme(Enum):
    """How prefixes mark the first, inner, last and only tokens of a mention."""

    IO = "IO"
    IOB1 = "IOB1"
    IOB2 = "IOB2"
    IOBES = "IOBES"
    BILUO = "BILUO"


PREFIXES: dict[Scheme, str] = {
    Scheme.IO: "I",
    Scheme.IOB1: "BI",
    Scheme.IOB2: "BI",
    Scheme.IOBES: "BIES",
    Scheme.BILUO: "BILU",
}
_ALL_PREFIXES = frozenset("BILUES")
# IOBES is BILUO with other letters, so both are read by the same code.
_AS_BILUO = {"E": "L", "S": "U"}


class RepairKind(Enum):
    """An illegal transition, and by its name how it is read (as conlleval reads it)."""

    INSIDE_BEGINS = "I- without a mention to continue begins one"
    LABEL_CHANGES = "change of label within a mention begins another"
    END_ALONE = "L-/E- without a mention to end is one of a single token"
    UNCLOSED = "mention without its L-/E- ends where its tags end"
    NEEDLESS_BEGIN = "B- in IOB1 without a mention of its label before it"


class Mention(NamedTuple):
    """Tokens `start` up to but not including `end` are a mention of `label`."""

    start: int
    end: int
    label: str


class Repair(NamedTuple):
    """The token, by its index in the sentence, at which a transition was illegal."""

    token: int
    kind: RepairKind


@dataclass(frozen=True)
class Decoded:
    """What the tags of one sentence say."""

    mentions: tuple[Mention, ...]
    missing: tuple[int, ...]
    repairs: tuple[Repair, ...]


class MixedSchemesError(ValueError):
    """Tags that only IOBES has and tags that only BILUO has, in one corpus."""


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str] | None:
    """(prefix, label) of `tag`, with an empty label for O and "-"; None if this is no tag of any scheme."""
    if tag in (OUTSIDE, MISSING):
        return tag, ""
    if len(tag) > 2 and tag[0] in _ALL_PREFIXES and tag[1] == "-" and tag[2:].strip():
        return tag[0], tag[2:]
    return None


def detect(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme of a corpus, given the tags of each sentence, by the rule at the head of this file."""
    prefixes: set[str] = set()
    votes = {"B": 0, "I": 0}
    for tags in sequences:
        label_before = ""
        for tag in tags:
            prefix, label = _split(tag)
            prefixes.add(prefix)
            if prefix in votes and label != label_before:
                votes[prefix] += 1
            label_before = label
    has_biluo, has_iobes = bool(prefixes & set("LU")), bool(prefixes & set("ES"))
    if has_biluo and has_iobes:
        raise MixedSchemesError
    if has_biluo:
        return Scheme.BILUO
    if has_iobes:
        return Scheme.IOBES
    if "I" in prefixes and "B" not in prefixes:
        return Scheme.IO
    return Scheme.IOB1 if votes["I"] > votes["B"] else Scheme.IOB2


def decode(tags: Sequence[str], scheme: Scheme) -> Decoded:
    """The mentions of one sentence. Illegal transitions are repaired and noted, never dropped.

    Every tag must have a prefix of `scheme` (PREFIXES), or be O or "-".
    """
    if scheme in (Scheme.BILUO, Scheme.IOBES):
        return _decode_closed(tags)
    return _decode_open(tags, scheme)


def _decode_open(tags: Sequence[str], scheme: Scheme) -> Decoded:
    """IO, IOB1, IOB2: a mention ends where the next tag does not continue it."""
    mentions: list[Mention] = []
    missing: list[int] = []
    repairs: list[Repair] = []
    current = ""  # label of the mention that the token before belongs to
    for i, tag in enumerate(tags):
        prefix, label = _split(tag)
        if prefix == MISSING:
            missing.append(i)
        elif prefix == "I" and label == current:
            mentions[-1] = mentions[-1]._replace(end=i + 1)
        elif prefix != OUTSIDE:
            mentions.append(Mention(i, i + 1, label))
            if prefix == "I" and scheme is Scheme.IOB2:
                kind = RepairKind.LABEL_CHANGES if current else RepairKind.INSIDE_BEGINS
                repairs.append(Repair(i, kind))
            elif prefix == "B" and scheme is Scheme.IOB1 and label != current:
                repairs.append(Repair(i, RepairKind.NEEDLESS_BEGIN))
        current = label
    return Decoded(tuple(mentions), tuple(missing), tuple(repairs))


def _decode_closed(tags: Sequence[str]) -> Decoded:
    """BILUO, IOBES: a mention of several tokens says where it ends."""
    mentions: list[Mention] = []
    missing: list[int] = []
    repairs: list[Repair] = []
    current = ""  # label of the mention that is open, waiting for its last token
    for i, tag in enumerate(tags):
        prefix, label = _split(tag)
        prefix = _AS_BILUO.get(prefix, prefix)
        if prefix == MISSING:
            missing.append(i)
        if prefix in ("I", "L") and label == current:
            mentions[-1] = mentions[-1]._replace(end=i + 1)
        else:
            if prefix in ("I", "L") and current:
                repairs.append(Repair(i, RepairKind.LABEL_CHANGES))
            elif current:
                repairs.append(Repair(i - 1, RepairKind.UNCLOSED))
            elif prefix == "I":
                repairs.append(Repair(i, RepairKind.INSIDE_BEGINS))
            elif prefix == "L":
                repairs.append(Repair(i, RepairKind.END_ALONE))
            if label:
                mentions.append(Mention(i, i + 1, label))
        current = label if prefix in ("B", "I") else ""
    if current:
        repairs.append(Repair(len(tags) - 1, RepairKind.UNCLOSED))
    return Decoded(tuple(mentions), tuple(missing), tuple(repairs))


def _split(tag: str) -> tuple[str, str]:
    parts = split_tag(tag)
    if parts is None:
        raise ValueError(f"{tag!r} is not a tag")  # a reader lets no such tag through
    return parts
