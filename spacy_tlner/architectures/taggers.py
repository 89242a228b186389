"""Taggers: an encoder with heads on top."""

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, chain
from thinc.types import Floats2d

from ..layers.heads import Heads


@registry.architectures("spacy_tlner.TransferTagger.v1")
def TransferTagger(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], list[Floats2d]]:
    """An encoder under CRF heads, one emission (tokens, tags) a document.

    tok2vec: any encoder, a listener included. The component adds the heads when it knows the labels.
    Refs: `tok2vec`, `heads`.
    """
    heads = Heads()
    model: Model[list[Doc], list[Floats2d]] = chain(tok2vec, heads)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("heads", heads)
    return model
