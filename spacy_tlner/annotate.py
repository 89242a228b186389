"""What a prediction leaves on a Doc: entities, groups of spans, candidates with their scores, `ent._.tl_prob`."""

from collections.abc import Iterable

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from .gold import blocked_spans
from .mentions import Scored
from .tags import Mention

# In `attrs`: marks a span group as ours, whatever its name; of each span, its characters and its label's key.
_COMPONENT, _PLACES, _LABELS = "component", "places", "labels"


def candidates_key(component: str) -> str:
    """The name in `doc.spans` under which a component of this name leaves its candidates."""
    return f"{component}_candidates"


def set_ents(doc: Doc, mentions: Iterable[Mention]) -> None:
    """Write `doc.ents`. Entities set before stay as they are, blocked tokens stay blocked, the rest becomes O."""
    kept = list(doc.ents)
    covered = {(ent.start, ent.end) for ent in kept}
    found = [Span(doc, start, end, label=label) for start, end, label in mentions if (start, end) not in covered]
    doc.set_ents(kept + found, blocked=blocked_spans(doc), default="outside")


def set_spans(doc: Doc, key: str, mentions: Iterable[Mention]) -> None:
    """Write the span group `key`: one span a mention, in order."""
    doc.spans[key] = SpanGroup(doc, name=key, spans=[Span(doc, *mention) for mention in mentions])


def set_candidates(doc: Doc, component: str, candidates: list[Scored]) -> None:
    """Write the span group of a component: spans in order of start, end and label, probabilities in `attrs["scores"]`.

    That is where spancat leaves its scores. DocBin, bytes, disk and copies of the Doc keep them; JSON (`to_json`),
    `Doc.from_docs` and `Span.as_doc` keep the spans at most, without scores.
    """
    key = candidates_key(component)
    spans = [Span(doc, *mention) for mention, _ in candidates]
    attrs = {
        "scores": numpy.asarray([p for _, p in candidates], dtype="float32"),
        _COMPONENT: component,
        _PLACES: numpy.asarray([(span.start_char, span.end_char) for span in spans], dtype="int64").reshape(-1, 2),
        _LABELS: numpy.asarray([span.label for span in spans], dtype="uint64"),
    }
    doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)


def tl_prob(span: Span) -> float | None:
    """The getter of `span._.tl_prob`: the probability that exactly these tokens bear this label.

    Found by start, end and label among the candidates that a `tl_ner` with `candidates` set left on the Doc (the first
    such component, if several are at one); None where it is not among them. Places are compared in characters, for
    spaCy's retokenizer leaves the tokens of span groups as they were.
    """
    for group in span.doc.spans.values():
        attrs = group.attrs
        if _PLACES in attrs and "scores" in attrs:
            here = (attrs[_PLACES] == (span.start_char, span.end_char)).all(axis=1) & (attrs[_LABELS] == span.label)
            for at in numpy.flatnonzero(here):
                return float(attrs["scores"][at])
    return None


if not Span.has_extension("tl_prob"):
    Span.set_extension("tl_prob", getter=tl_prob)
