"""Embeddings: parts side by side, one row a token."""

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, concatenate
from thinc.types import Floats2d

from ..layers.types import Types, by_type


@registry.architectures("spacy_tlner.WordCharEmbed.v1")
def WordCharEmbed(
    words: Model[Types, Floats2d], characters: Model[Types, Floats2d] | None = None, cache_size: int = 20000
) -> Model[list[Doc], list[Floats2d]]:
    """Vectors of words, with what their characters say beside them, computed once per word type.

    characters: None leaves them out. cache_size: word types remembered across batches at prediction.
    """
    parts = [words] if characters is None else [words, characters]
    return by_type(concatenate(*parts) if len(parts) > 1 else words, cache_size)
