"""Taggers: an encoder with heads on top."""

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, chain
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.heads import Heads


@registry.architectures("spacy_tlner.TransferTagger.v1")
def TransferTagger(
    tok2vec: Model[list[Doc], list[Floats2d]], private_width: int = 0, reads: dict[str, str] | None = None
) -> Model[list[Doc], list[Floats2d]]:
    """An encoder under CRF heads, one emission (tokens, tags) a document.

    tok2vec: any encoder, a listener included. The component adds the heads when it knows the labels. private_width: of
    a BiLSTM that each head has for itself beside the shared states, even; 0 for none. reads: {head: another head} whose
    tag probabilities it reads as well, e.g. {"main": "source"} (Crichton et al. 2017, the dependent model); the other
    one must not read any. Refs: `tok2vec`, `heads`. Raises TL024 on an odd width or on heads that cannot be read.
    """
    reads = reads or {}
    if private_width < 0 or private_width % 2 or any(other in reads for other in reads.values()):
        raise ValueError(Errors.TL024.format(private_width=private_width, reads=reads))
    heads = Heads(private_width, reads)
    model: Model[list[Doc], list[Floats2d]] = chain(tok2vec, heads)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("heads", heads)
    return model
