"""Encoders: from documents to states, one row a token."""

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Dropout, Model, chain, with_array
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.bilstm import BiLSTM


@registry.architectures("spacy_tlner.BiLSTMEncoder.v1")
def BiLSTMEncoder(
    embed: Model[list[Doc], list[Floats2d]], width: int = 256, depth: int = 1
) -> Model[list[Doc], list[Floats2d]]:
    """BiLSTM over embedded words (Lample et al. 2016), dropout before each layer at the training rate.

    width: of the states, both directions together; even. depth: BiLSTM layers.
    Raises TL003 on an odd width or a depth below 1.
    """
    if width < 2 or width % 2 or depth < 1:
        raise ValueError(Errors.TL003.format(width=width, depth=depth))
    layers: list[Model] = []
    for i in range(depth):
        layers += [with_array(Dropout()), BiLSTM(width, width if i else None)]
    encoder: Model[list[Doc], list[Floats2d]] = chain(embed, *layers)
    if encoder.has_dim("nO") is None:
        encoder.set_dim("nO", width)
    return encoder
