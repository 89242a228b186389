"""One update of a tagger, between encoder and backward pass: each document teaches the head that it belongs to.

loss = 1/N sum_i w_i (log Z_i - log Z_i(allowed)) + terms,   over the N documents of the batch that have tokens
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.training import Example
from thinc.api import Model
from thinc.types import Floats2d

from .crf.chain import Chain
from .crf.layer import add_gradient, chain_of
from .crf.loss import ChainLoss, chain_loss
from .crf.packing import Packing
from .errors import Errors
from .gold import Gold, stack_or_none, training_sets
from .layers.heads import get_head
from .stamps import corpus_of, weight_of
from .tags import TagScheme
from .transfer.term import HeadView, Term, Update


@dataclass(frozen=True)
class Curriculum:
    """What is learned from whom. name: of the component. active: the head of documents whose corpus `heads` lacks.

    heads: {corpus: head}. corpus_weights: {corpus: weight of its documents in the loss}, 1 for others, times that of a
    document's own stamp. incorrect_spans_key: see `gold.training_sets`.
    """

    name: str
    active: str
    heads: Mapping[str, str]
    corpus_weights: Mapping[str, float]
    terms: Mapping[str, Term]
    incorrect_spans_key: str | None = None

    def head_of(self, example: Example) -> str:
        return self.heads.get(corpus_of(example.reference) or "", self.active)

    def weight_of(self, example: Example) -> float:
        return weight_of(example.reference) * self.corpus_weights.get(corpus_of(example.reference) or "", 1.0)

    def gold_of(self, example: Example, scheme: TagScheme) -> Gold:
        return training_sets(example, scheme, self.incorrect_spans_key)


@dataclass(frozen=True)
class _Lesson:
    """One head's share of a batch: which documents, by position, and what was found."""

    head: Model
    docs: list[int]
    value: float
    loss: ChainLoss
    backprop: Callable[[Any], list[Any]]
    scheme: TagScheme
    allowed: list[Any]  # of each of `docs`


def learn(
    heads: Model,
    schemes: Mapping[str, TagScheme],
    curriculum: Curriculum,
    examples: Sequence[Example],
    states: Sequence[Floats2d],
) -> tuple[list[Any], float, dict[str, float]]:
    """Add the gradients of heads, chains and terms; return those of the states, the CRFs' loss and that of each term.

    states: (tokens, width) a document; the gradients likewise.
    Nothing is added to any gradient if a document cannot be learned from. Raises TL005, TL006, TL018, TL020 to TL022.
    """
    ops = heads.ops
    filled = [i for i, eg in enumerate(examples) if len(eg.predicted)]
    by_head: dict[str, list[int]] = {}
    for i in filled:
        by_head.setdefault(curriculum.head_of(examples[i]), []).append(i)
    for head in by_head:
        if head not in schemes:
            raise ValueError(Errors.TL018.format(name=curriculum.name, head=head, heads=", ".join(schemes)))
    lessons = {
        head: _lesson(get_head(heads, head), schemes[head], curriculum, examples, states, docs, len(filled))
        for head, docs in by_head.items()
    }
    d_states: list[Any] = [ops.alloc2f(*each.shape) for each in states]
    for lesson in lessons.values():
        add_gradient(lesson.head.get_ref("crf"), lesson.loss)
        lengths = [len(examples[i].predicted) for i in lesson.docs]
        split = ops.unflatten(lesson.loss.d_emissions, ops.asarray1i(lengths))
        for i, gradient in zip(lesson.docs, lesson.backprop(split)):
            d_states[i] += gradient
    of_terms: dict[str, float] = {}
    if curriculum.terms and filled:
        position = {i: k for k, i in enumerate(filled)}
        update = Update(
            docs=[examples[i].predicted for i in filled],
            corpora=[corpus_of(examples[i].reference) for i in filled],
            states=[states[i] for i in filled],
            d_states=[d_states[i] for i in filled],
            heads={
                head: _view(lessons[head], position) if head in lessons else HeadView(get_head(heads, head), scheme)
                for head, scheme in schemes.items()
            },
            active=curriculum.active,
        )
        of_terms = {name: term.add(update) for name, term in curriculum.terms.items()}
    return d_states, sum(lesson.value for lesson in lessons.values()), of_terms


def head_loss(
    head: Model,
    scheme: TagScheme,
    curriculum: Curriculum,
    examples: Sequence[Example],
    emissions: Sequence[Floats2d],
    n: int,
) -> tuple[float, ChainLoss, list[Gold]]:
    """The loss of documents that have tokens, all of one head, weighted and divided by `n`; and what gold allows.

    Raises TL005, TL006, TL020 to TL022.
    """
    ops = head.ops
    lengths = [len(eg.predicted) for eg in examples]
    golds = [curriculum.gold_of(eg, scheme) for eg in examples]
    possible = stack_or_none([gold.possible for gold in golds], lengths, scheme)
    weights = numpy.asarray([curriculum.weight_of(eg) / n for eg in examples])
    loss = chain_loss(
        ops.flatten(list(emissions)),
        Packing.of(lengths, ops.xp),
        chain_of_head(head, scheme),
        ops.xp.asarray(numpy.concatenate([gold.allowed for gold in golds])),
        possible=None if possible is None else ops.xp.asarray(possible),
        forbidden=[gold.forbidden for gold in golds],
        weights=ops.xp.asarray(weights, dtype="float32"),
    )
    if not bool(ops.xp.isfinite(loss.losses).all()):
        raise ValueError(Errors.TL006.format(name=curriculum.name))
    return float((loss.losses * ops.xp.asarray(weights)).sum()), loss, golds


def chain_of_head(head: Model, scheme: TagScheme) -> Chain:
    """A head's chain, with what is legal."""
    return chain_of(head.get_ref("crf"), scheme.legal, scheme.legal_start, scheme.legal_end)


def _lesson(
    head: Model,
    scheme: TagScheme,
    curriculum: Curriculum,
    examples: Sequence[Example],
    states: Sequence[Floats2d],
    docs: list[int],
    n: int,
) -> _Lesson:
    emissions, backprop = head.begin_update([states[i] for i in docs])
    value, loss, golds = head_loss(head, scheme, curriculum, [examples[i] for i in docs], emissions, n)
    return _Lesson(head, docs, value, loss, backprop, scheme, [gold.allowed for gold in golds])


def _view(lesson: _Lesson, position: Mapping[int, int]) -> HeadView:
    """What terms see of it. position: of a document of the batch among those that have tokens."""
    return HeadView(lesson.head, lesson.scheme, [position[i] for i in lesson.docs], lesson.allowed)
