"""Tell the word layers which words training has seen, wherever they stand: in the tagger or in a shared tok2vec."""

from collections.abc import Iterable

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from ..layers.types import clear_caches
from ..layers.vocabulary import learn_vocabulary
from .groups import fresh_upstreams


def learn_vocabularies(model: Model, docs: Iterable[Doc], nlp: Language | None) -> None:
    """Set the seen words of every word layer of `model` from the training documents.

    A shared tok2vec is told once: one that came with weights, or learned from another listener, stays as it is.
    """
    word_layers = _word_layers(model)
    for upstream in fresh_upstreams(model, nlp):
        clear_caches(upstream)  # of what it made of words that it had not seen yet
        word_layers += [node for node in _word_layers(upstream) if not node.attrs["learned"]]
    if not word_layers:
        return
    docs = list(docs)
    for node in word_layers:
        keys = [doc.to_array(node.attrs["attr"]).ravel() for doc in docs]
        learn_vocabulary(node, numpy.concatenate(keys) if keys else numpy.zeros(0, dtype="uint64"))


def knows_words(model: Model, nlp: Language | None) -> bool:
    """Whether there is a layer that learns which words training has seen, here or in a fresh shared encoder."""
    return any(_word_layers(part) for part in (model, *fresh_upstreams(model, nlp)))


def _word_layers(model: Model) -> list[Model]:
    return [node for node in model.walk() if node.name == "words"]
