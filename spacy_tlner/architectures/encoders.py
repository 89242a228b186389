"""Encoders: from documents to states, one row a token."""

from typing import Literal, get_args

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Dropout, Model, chain, concatenate, residual, with_array
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.bilstm import BiLSTM
from ..layers.dropout import VariationalDropout
from ..layers.highway import Highway
from ..layers.precision import Precision

DropoutKind = Literal["standard", "variational"]
Connection = Literal["none", "residual", "highway"]


@registry.architectures("spacy_tlner.BiLSTMEncoder.v1")
def BiLSTMEncoder(
    embed: Model[list[Doc], list[Floats2d]],
    width: int = 256,
    depth: int = 1,
    dropout: DropoutKind = "standard",
    connection: Connection = "none",
    precision: Precision = "float32",
) -> Model[list[Doc], list[Floats2d]]:
    """BiLSTM over embedded words (Lample et al. 2016), dropout before each layer at the training rate.

    width: of the states, both directions together; even. depth: BiLSTM layers. dropout: "standard" draws for every
    token, "variational" once a document and layer (Gal & Ghahramani 2016; not inside the recurrence). connection: how
    layers after the first join with their input: "none", "residual" (added up) or "highway" (Srivastava et al. 2015).
    precision: of the recurrent products in training; "bfloat16" is faster on processors with units for it.
    Raises TL003 on an odd width or a depth below 1, TL039 on other words for the last three.
    """
    if width < 2 or width % 2 or depth < 1:
        raise ValueError(Errors.TL003.format(width=width, depth=depth))
    options = ((dropout, DropoutKind), (connection, Connection), (precision, Precision))
    if any(given not in get_args(kind) for given, kind in options):
        raise ValueError(Errors.TL039.format(dropout=dropout, connection=connection, precision=precision))
    layers: list[Model] = []
    for i in range(depth):
        drop: Model = VariationalDropout() if dropout == "variational" else with_array(Dropout())
        bilstm = BiLSTM(width, width if i else None, precision)
        if not i or connection == "none":
            layers += [drop, bilstm]
        elif connection == "residual":
            layers.append(residual(chain(drop, bilstm)))
        else:
            layers.append(Highway(chain(drop, bilstm), width))
    encoder: Model[list[Doc], list[Floats2d]] = chain(embed, *layers)
    if encoder.has_dim("nO") is None:
        encoder.set_dim("nO", width)
    return encoder


@registry.architectures("spacy_tlner.DirectConnection.v1")
def DirectConnection(
    encoder: Model[list[Doc], list[Floats2d]], features: Model[list[Doc], list[Floats2d]]
) -> Model[list[Doc], list[Floats2d]]:
    """States of an encoder with features beside them that it does not see (Huang et al. 2015, section 3.2.4).

    The emission layer above is linear, so features speak to the CRF directly. Huang et al. give every pair of feature
    and tag a weight; here it is the product of the feature's vector and the tag's, so the table of weights has at most
    the rank of the features' width. A width of at least the number of tags loses nothing but what hashing
    confuses. The head's dropout applies to features as to states.
    """
    return concatenate(encoder, features)
