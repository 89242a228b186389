"""From unlabelled documents and a trained pipeline to those worth annotating, marked with what the model finds.

Of the pipeline, what comes before the component and the component itself are run; what comes after is not.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..mentions import Scored
from ..tags import Mention
from .uncertainty import Choice, choose, doubt

# documents at a time: bounds what the scores of a batch take
_BATCH = 256


class Marked(NamedTuple):
    """A document with the component's entities, and how sure it is of them.

    confidence: the probability of the whole tagging that the entities spell, so that none is wrong and none missing.
    possible: every mention of at least the threshold asked for and the entities whatever theirs, in order of position.
    """

    doc: Doc
    confidence: float
    possible: list[Scored]


def rank(
    nlp: Language,
    component: str,
    docs: Iterable[Doc],
    top: int,
    *,
    diversity: float,
    threshold: float,
    annotated: Iterable[Doc] = (),
) -> list[Choice]:
    """Which `top` of the unannotated documents to annotate next, most useful first; see `uncertainty.choose`.

    docs: taken one batch at a time and not kept. threshold: mentions of a smaller probability count nothing.
    annotated: documents that are annotated already; with `diversity`, ones like them count less.
    Cost: the pipeline and one forward-backward, then what `choose` costs.
    """
    words, scores = [], []
    with before(nlp, component) as tagger:
        for batch in minibatch(docs, _BATCH):
            batch = list(nlp.pipe(batch))
            words += [doc.to_array("LOWER") for doc in batch]
            scores += [doubt(mentions) for mentions in tagger.chains(batch).mentions_above(threshold)]
    n = len(words)
    words += [doc.to_array("LOWER") for doc in annotated]
    scores += [0.0] * (len(words) - n)
    return choose(scores, words, top, diversity=diversity, taken=range(n, len(words)))


def mark(nlp: Language, component: str, docs: Iterable[Doc], threshold: float) -> Iterator[Marked]:
    """Set the component's entities on unannotated documents and say how probable they are."""
    with before(nlp, component) as tagger:
        for batch in minibatch(docs, _BATCH):
            batch = list(nlp.pipe(batch))
            # before entities are set: afterwards they would be taken as given
            chains = tagger.chains(batch)
            tagger.set_annotations(batch, tagger.predict(batch))
            mentions = [_mentions(doc, tagger.labels) for doc in batch]
            taggings = [tagger.scheme.encode(found, len(doc)) for found, doc in zip(mentions, batch)]
            confidences = chains.log_probabilities(taggings)
            for doc, confidence, possible in zip(batch, confidences, chains.candidates(threshold, mentions)):
                yield Marked(doc, math.exp(min(confidence, 0.0)), possible)


@contextmanager
def before(nlp: Language, component: str) -> Iterator[Any]:
    """The component, while `nlp.pipe` runs only what comes before it."""
    with nlp.select_pipes(disable=nlp.pipe_names[nlp.pipe_names.index(component) :]):
        yield nlp.get_pipe(component)


def _mentions(doc: Doc, labels: Sequence[str]) -> list[Mention]:
    # entities that an earlier component set may bear labels of its own
    return [Mention(ent.start, ent.end, ent.label_) for ent in doc.ents if ent.label_ in labels]
