"""From a model's states to chains, and from chains to what is found in each document."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .chains import Chains
from .gold import possible_tags, stack_or_none
from .learning import chain_of_head
from .mentions import Scored, best_first
from .tags import Mention, TagScheme


class Prediction(NamedTuple):
    """What is found in a document: entities in order, candidates if asked for, and what other heads find, by head."""

    mentions: list[Mention]
    candidates: list[Scored] | None
    others: dict[str, list[Mention]]


def chains_of(
    head: Model, scheme: TagScheme, docs: Sequence[Doc], states: Sequence[Floats2d], *, ents_given: bool = True
) -> Chains:
    """What a head says of documents. states: of the encoder, for each document; none if no document has tokens."""
    lengths = [len(doc) for doc in docs]
    ops = head.ops
    emissions = ops.flatten(head.predict(list(states))) if states else ops.alloc2f(0, scheme.n_tags)
    possible = stack_or_none([possible_tags(doc, scheme, ents_given=ents_given) for doc in docs], lengths, scheme)
    return Chains(
        emissions=emissions,
        chain=chain_of_head(head, scheme),
        scheme=scheme,
        lengths=lengths,
        possible=None if possible is None else ops.xp.asarray(possible),
    )


def find(
    chains: Chains, thresholds: Mapping[str, float], least: float | None, others: Mapping[str, Chains]
) -> list[Prediction]:
    """What is found in each document.

    thresholds: of each label, the least probability of an entity; empty: the best tagging decides. least: that of a
    candidate; None: no candidates. others: of other heads, whose best taggings are found as well.
    """
    if thresholds:
        likely = chains.mentions_above(min(thresholds.values()))
        ents = [best_first(s for s in of if s.probability >= thresholds[s.mention.label]) for of in likely]
    else:
        ents = [chains.scheme.decode(tags) for tags in chains.best()]
    candidates = repeat(None) if least is None else chains.candidates(least, ents)
    found: list[dict[str, list[Mention]]] = [{} for _ in ents]
    for head, of_head in others.items():
        for of_doc, tags in zip(found, of_head.best()):
            of_doc[head] = of_head.scheme.decode(tags)
    return [Prediction(*each) for each in zip(ents, candidates, found)]
