"""Sentences of the test corpus as gold and each model mark them, drawn by displaCy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy
from numpy.typing import NDArray
from spacy import blank, displacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..corpora import check
from ..corpora.faults import CorpusError
from .results import ReportError

# Light tints of the colours of Okabe and Ito (2008): black text on each has a contrast above 10:1.
_TINTS = ("#F9D5B8", "#BFE0F5", "#C5EBDD", "#F6EE9C", "#EFD3E3", "#D9D9D9", "#FBDDA5", "#CFCFF2")

_Mentions = frozenset[tuple[int, int, str]]


@dataclass(frozen=True)
class Marked:
    """One way to mark a sentence. markup: displaCy's HTML. note: how it compares to gold, in words."""

    name: str
    markup: str
    note: str


@dataclass(frozen=True)
class Examples:
    """sentences: for each example, gold and then every model. differing: sentences in all that models mark unlike."""

    sentences: list[list[Marked]]
    differing: int
    total: int


def read_examples(corpus: Path, nlp: Language | None = None) -> list[Example]:
    """The annotated documents of a .spacy file, tokenized for `nlp`, by default a blank one.

    Raises TL214, TL215 as ReportError.
    """
    try:
        return check.read_examples(corpus, nlp or blank("xx"))
    except CorpusError as error:
        raise ReportError(str(error)) from error


def count_mentions(examples: Sequence[Example]) -> dict[str, int]:
    """Gold mentions by label, the most frequent first."""
    counts: dict[str, int] = {}
    for example in examples:
        for ent in example.reference.ents:
            counts[ent.label_] = counts.get(ent.label_, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def mark(examples: Sequence[Example], models: Mapping[str, Language]) -> dict[str, list[Doc]]:
    """The test corpus as each model marks it."""
    return {name: _predict(examples, nlp) for name, nlp in models.items()}


def outcomes(examples: Sequence[Example], docs: Sequence[Doc]) -> NDArray[numpy.int64]:
    """(documents, 3) mentions that are right, wrong and missed. As in spaCy's scorer, what touches a token without
    annotation is not counted."""
    counts = []
    for example, doc in zip(examples, docs):
        gold = example.reference
        unknown = [(t.idx, t.idx + len(t)) for t in gold if not t.ent_iob]
        expected = _mentions(gold)
        found = {
            mention
            for mention in _mentions(doc)
            if not any(mention[0] < end and start < mention[1] for start, end in unknown)
        }
        counts.append((len(expected & found), len(found - expected), len(expected - found)))
    return numpy.array(counts, dtype="int64").reshape(-1, 3)


def compare(examples: Sequence[Example], marked: Mapping[str, Sequence[Doc]], limit: int) -> Examples:
    """Pick `limit` documents on which the models, {name: the corpus as it marks it}, differ.

    The choice favours nobody: of all documents with a difference, in the order of the corpus, evenly spaced ones.
    Without any difference, of all documents with a mention.
    """
    gold = [example.reference for example in examples]
    differing = [i for i in range(len(gold)) if len({_mentions(docs[i]) for docs in marked.values()}) > 1]
    candidates = differing or [i for i, doc in enumerate(gold) if doc.ents]
    labels = sorted({ent.label_ for docs in (gold, *marked.values()) for doc in docs for ent in doc.ents})
    tints = {label: _TINTS[i % len(_TINTS)] for i, label in enumerate(labels)}
    sentences = [
        [
            Marked("gold", draw(gold[i], tints), ""),
            *(Marked(name, draw(docs[i], tints), _note(gold[i], docs[i])) for name, docs in marked.items()),
        ]
        for i in evenly(candidates, limit)
    ]
    return Examples(sentences, len(differing), len(gold))


def evenly(items: Sequence[int], limit: int) -> list[int]:
    """At most `limit` of `items`, evenly spaced from the first on."""
    count = min(limit, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def draw(doc: Doc, tints: Mapping[str, str]) -> str:
    """displaCy's HTML of the entities of `doc`."""
    ents = [
        # displaCy escapes the text but not the label
        {"start": ent.start_char, "end": ent.end_char, "label": escape(ent.label_), "params": {"bg": tints[ent.label_]}}
        for ent in doc.ents
    ]
    return displacy.render({"text": doc.text, "ents": ents}, style="ent", manual=True, page=False, jupyter=False)


def _predict(examples: Sequence[Example], nlp: Language) -> list[Doc]:
    # fresh docs over the same tokens: a model must not see what another one marked
    docs = [
        Doc(nlp.vocab, words=[t.text for t in eg.predicted], spaces=[bool(t.whitespace_) for t in eg.predicted])
        for eg in examples
    ]
    return list(nlp.pipe(docs))


def _mentions(doc: Doc) -> _Mentions:
    # by characters, since gold and prediction may be tokenized unlike
    return frozenset((ent.start_char, ent.end_char, ent.label_) for ent in doc.ents)


def _note(gold: Doc, predicted: Doc) -> str:
    expected, found = _mentions(gold), _mentions(predicted)
    right, wrong = len(expected & found), len(found - expected)
    return f"{right} of {len(expected)} right" + (f", {wrong} wrong" if wrong else "")
