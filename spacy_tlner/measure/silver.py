"""From unlabelled texts and a trained pipeline to sentences annotated as far as it is certain: a silver corpus.

With p the least probability asked for, a mention is kept if P(exactly these tokens bear this label) is at least p; a
token is O if P(O) is at least p; any other token is left missing, which the CRF sums over when it is trained (and
spaCy's `ner` passes over). So nothing is trained as O merely because no mention of it was certain. Above p = 0.5 these
events exclude each other, and no choice between them is left.

After Giorgi & Bader 2018 (Bioinformatics 34:4087), who trained on a silver corpus first and on gold afterwards. Of the
pipeline, what comes before the component and the component itself are run; what comes after is not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ..mentions import best_first
from ..tags import OUTSIDE, Mention
from .suggest import before

# texts that are read at a time, and documents that are scored at a time: bound what a batch takes
_TEXTS, _DOCS = 64, 256

Keep = Callable[[Sequence[str]], Sequence[bool]]


class Labelled(NamedTuple):
    """A sentence as a document of its own, and how many of its tokens are missing, their annotation left unknown."""

    doc: Doc
    missing: int


class Certain(NamedTuple):
    """What is certain of a document: mentions in order, and (tokens,) whether a token is O."""

    mentions: list[Mention]
    outside: NDArray[numpy.bool_]


def label(
    nlp: Language, component: str, texts: Iterable[str], least: float, *, keep: Keep | None = None
) -> Iterator[list[Labelled]]:
    """The sentences of the texts, a batch of texts at a time.

    Where a component before the tagger finds sentences, texts go through the pipeline whole and are cut afterwards.
    Otherwise they are cut by spaCy's rule-based sentencizer, and the pipeline reads a sentence at a time. least: above
    0.5. keep: which of the sentences of one text to label at all, by their text; asked once a text, in order.
    """
    with before(nlp, component) as tagger:
        whole = _finds_sentences(nlp)
        for batch in minibatch(texts, _TEXTS):
            made = [[nlp.make_doc(text)] if whole else list(_cut(nlp, text)) for text in batch]
            ran = iter(nlp.pipe(chain.from_iterable(made)))
            chosen: list[tuple[Doc, list[Span]]] = []
            for of_text in made:
                cut = [(doc, _sentences(doc)) for doc in islice(ran, len(of_text))]
                texts_of = [span.text for _, spans in cut for span in spans]
                stays = iter(keep(texts_of) if keep else [True] * len(texts_of))
                chosen += [(doc, [span for span in spans if next(stays)]) for doc, spans in cut]
            yield [
                part
                for some in minibatch([item for item in chosen if item[1]], _DOCS)
                for (_, spans), found in zip(some, certain(tagger, [doc for doc, _ in some], least))
                for part in (_annotated(span, found) for span in spans)
            ]


def certain(tagger: Any, docs: list[Doc], least: float) -> list[Certain]:
    """What a `tl_ner` is certain of. docs: with what pipes before it leave on them. least: a probability above 0.5."""
    chains = tagger.chains(docs)
    found = []
    for doc, likely, nodes in zip(docs, chains.mentions_above(least), chains.marginals()):
        # sums in float32: two events that exclude each other may both seem to be just above one half
        mentions = best_first(likely)
        outside = nodes[:, OUTSIDE] >= least
        for mention in mentions:
            outside[mention.start : mention.end] = False
        # an entity that an earlier component set, with a label of its own, is O to the tagger because it was told so
        for ent in doc.ents:
            if ent.label_ not in tagger.labels:
                outside[ent.start : ent.end] = False
        found.append(Certain(mentions, outside))
    return found


def _finds_sentences(nlp: Language) -> bool:
    sets = {"token.is_sent_start", "doc.sents"}
    return any(sets.intersection(nlp.get_pipe_meta(name).assigns) for name in nlp.pipe_names)


def _cut(nlp: Language, text: str) -> Iterator[Doc]:
    doc = Sentencizer()(nlp.make_doc(text))
    for sentence in _sentences(doc):
        yield _document(sentence)


def _sentences(doc: Doc) -> list[Span]:
    """Sentences without white space at their ends, which no one annotates; none that is blank."""
    if not len(doc):
        return []
    trimmed = []
    for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
        words = [token.i for token in sentence if not token.is_space]
        if words:
            trimmed.append(doc[words[0] : words[-1] + 1])
    return trimmed


def _document(sentence: Span) -> Doc:
    last = len(sentence) - 1
    # a blank behind the last token is the next sentence's affair
    return Doc(
        sentence.doc.vocab,
        words=[token.text for token in sentence],
        spaces=[bool(token.whitespace_) and i < last for i, token in enumerate(sentence)],
        sent_starts=[i == 0 for i in range(len(sentence))],
    )


def _annotated(sentence: Span, found: Certain) -> Labelled:
    doc, offset = _document(sentence), sentence.start
    # one that was set before may go on past the sentence; its tokens are no O, so they are missing
    mentions = [
        Span(doc, start - offset, end - offset, label=label)
        for start, end, label in found.mentions
        if sentence.start <= start and end <= sentence.end
    ]
    outside = numpy.flatnonzero(found.outside[sentence.start : sentence.end])
    doc.set_ents(mentions, outside=[doc[int(i) : int(i) + 1] for i in outside], default="missing")
    return Labelled(doc, len(doc) - len(outside) - sum(len(mention) for mention in mentions))
