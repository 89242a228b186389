"""A frozen tagger teaches its distribution over taggings: against forgetting, in training and in `nlp.rehearse`."""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from spacy.attrs import ORTH, SENT_START, SPACY
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, get_array_module
from thinc.types import Floats2d

from ..crf.chain import Chain
from ..crf.divergence import divergence, restrict
from ..crf.layer import chain_of
from ..crf.packing import Packing
from ..errors import Errors
from ..tags import OUTSIDE, TagScheme
from .frozen import FrozenSource
from .label_map import label_map_of_term, match_labels
from .term import Update

logger = logging.getLogger("spacy_tlner")

# tokens whose beliefs are remembered: the frozen source says the same of a text in every pass
_REMEMBERED = 500_000


class Beliefs(NamedTuple):
    """What a tagger thinks of some documents: emissions (T, tags), its chain, what is possible (T, tags) or None."""

    emissions: Any
    chain: Chain
    scheme: TagScheme
    possible: Any | None


@registry.misc("spacy_tlner.Distillation.v1")
def make_distillation(
    source: str | Path | None,
    weight: float = 1.0,
    head: str | None = None,
    corpora: list[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    component: str | None = None,
) -> "Distillation":
    """`weight` times the mean over documents of KL(source || ours), over taggings of the labels that both know.

    Keeps what the source model knew (Li & Hoiem 2017, learning without forgetting; here of whole taggings, and exact).
    source: a trained pipeline, path or package, which stays as it is. A pipeline that was saved no longer knows it;
    trained further, it warns (TL124) and goes without. head: of ours that is taught, by default the one that predicts;
    the source's head of that name teaches it, or else the one that predicts there, as in a warm start. corpora: whose
    documents are used, by default all; the mean is over these, however few of a batch they are. label_map: {source
    label: ours}, beside labels of equal name. component: the tagger's name in the source, by default its only `tl_ner`.
    Labels that the source does not know are left to the gold: both distributions are those given that none occurs.
    Raises TL120 on a weight below 0, TL130 on a label map that is estimated; in training TL121 to TL123, TL127, TL131.
    """
    if not weight >= 0:
        raise ValueError(Errors.TL120.format(term="Distillation", given=f"weight {weight}"))
    label_map = label_map_of_term(label_map, "Distillation")
    return Distillation(FrozenSource(source, component), weight, head, corpora, label_map)


class Distillation:
    """See `make_distillation`."""

    def __init__(
        self,
        source: FrozenSource,
        weight: float,
        head: str | None,
        corpora: list[str] | None,
        label_map: Mapping[str, str],
    ):
        self.source, self.weight, self.head = source, weight, head
        self.corpora, self.label_map = corpora, label_map
        self._remembered: OrderedDict[tuple[str, bytes], tuple[Any, Any]] = OrderedDict()
        self._n_tokens = 0
        self._told = False

    def check(self, labels: Mapping[str, Sequence[str]], active: str, name: str) -> None:
        head = self.head or active
        if head not in labels:
            message = Errors.TL121.format(term="Distillation", name=name, head=head, heads=", ".join(labels))
            raise ValueError(message)
        theirs, ours = self.source.scheme(head).labels, labels[head]
        if not match_labels(theirs, ours, self.label_map).matched:
            given = {"theirs": ", ".join(theirs), "ours": ", ".join(ours)}
            raise ValueError(Errors.TL122.format(term="Distillation", name=name, **given))

    def add(self, update: Update) -> float:
        if self.source.path is None:
            if not self._told:
                logger.warning(Errors.TL124)
                self._told = True
            return 0.0
        chosen = [i for i, corpus in enumerate(update.corpora) if self.corpora is None or corpus in self.corpora]
        if not chosen:
            return 0.0
        head = self.head or update.active
        view = update.heads[head]
        beliefs = self._beliefs([update.docs[i] for i in chosen], head)
        states = [update.states[i] for i in chosen]
        value, d_states = teach(view.model, view.scheme, states, beliefs, self.label_map, self.weight)
        for i, gradient in zip(chosen, d_states):
            update.d_states[i] += gradient
        return value

    def _beliefs(self, docs: Sequence[Doc], head: str) -> Beliefs:
        keys = [(head, doc.to_array([ORTH, SPACY, SENT_START]).tobytes()) for doc in docs]
        new = {key: doc for key, doc in zip(keys, docs) if key not in self._remembered}
        found = {key: self._remembered[key] for key in keys if key not in new}
        if new:
            chains = self.source.chains(list(new.values()), head)
            ends = numpy.cumsum(chains.lengths)
            for key, start, end in zip(new, [0, *ends], ends):
                possible = None if chains.possible is None else chains.possible[start:end]
                # copies: views would hold on to their whole batch
                found[key] = (chains.emissions[start:end].copy(), None if possible is None else possible.copy())
                self._remember(key, found[key])
        each = [found[key] for key in keys]
        xp = get_array_module(each[0][0])
        possible = None
        if any(of is not None for _, of in each):
            possible = xp.concatenate([xp.ones(e.shape, dtype=bool) if of is None else of for e, of in each])
        emissions = xp.concatenate([emissions for emissions, _ in each])
        return Beliefs(emissions, self.source.chains([], head).chain, self.source.scheme(head), possible)

    def _remember(self, key: tuple[str, bytes], beliefs: tuple[Any, Any]) -> None:
        self._remembered[key] = beliefs
        self._n_tokens += len(beliefs[0])
        while self._n_tokens > _REMEMBERED:
            _, (oldest, _) = self._remembered.popitem(last=False)
            self._n_tokens -= len(oldest)


def teach(
    head: Model,
    scheme: TagScheme,
    states: Sequence[Floats2d],
    beliefs: Beliefs,
    label_map: Mapping[str, str],
    weight: float = 1.0,
) -> tuple[float, list[Any]]:
    """`weight` times the mean over documents of KL(beliefs || head), with the gradients of the states.

    Those of the head's parameters are added to them. states: (tokens, width) of documents that all have tokens.
    """
    ops = head.ops
    matched = match_labels(beliefs.scheme.labels, scheme.labels, dict(label_map)).matched
    theirs, ours = [OUTSIDE], [OUTSIDE]
    for target, source in matched.items():
        theirs += beliefs.scheme.tags_of(source).tolist()
        ours += scheme.tags_of(target).tolist()
    rows, columns = ops.xp.asarray(theirs), ops.xp.asarray(ours)
    emissions, backprop = head.begin_update(list(states))
    lengths = [len(each) for each in states]
    crf = head.get_ref("crf")
    flat = ops.flatten(emissions)
    found = divergence(
        restrict(ops.asarray(beliefs.emissions), beliefs.chain, rows),
        restrict(flat, chain_of(crf, scheme.legal, scheme.legal_start, scheme.legal_end), columns),
        Packing.of(lengths, ops.xp),
        allowed=None if beliefs.possible is None else ops.xp.asarray(beliefs.possible)[:, rows],
    )
    share = weight / len(states)
    d_emissions: Any = ops.alloc2f(*flat.shape)
    d_emissions[:, columns] = found.d_emissions * share
    d_transitions: Any = ops.alloc2f(scheme.n_tags, scheme.n_tags)
    d_transitions[columns[:, None], columns] = found.d_transitions * share
    crf.inc_grad("transitions", d_transitions)
    for param, values in (("start", found.d_start), ("end", found.d_end)):
        gradient: Any = ops.alloc1f(scheme.n_tags)
        gradient[columns] = values * share
        crf.inc_grad(param, gradient)
    return found.value * share, backprop(ops.unflatten(d_emissions, ops.asarray1i(lengths)))
