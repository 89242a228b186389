"""Embeddings: parts side by side, one row a token."""

from typing import Any

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model, concatenate
from thinc.types import Floats2d

from ..errors import Errors
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


@registry.architectures("spacy_tlner.TypeEmbed.v1")
def TypeEmbed(parts: dict[str, Any], cache_size: int = 20000) -> Model[list[Doc], list[Floats2d]]:
    """Any number of parts that look at words alone, side by side, computed once per word type.

    parts: {any name: Model[Types, Floats2d]}, e.g. HashWords, CharCNN, CharLSTM, WordFeatures. They stand in the order
    of their names, whatever that of their blocks. cache_size: as of `WordCharEmbed`. Raises TL038 on no part, or one
    that is no model.
    """
    return by_type(_side_by_side("TypeEmbed", parts), cache_size)


@registry.architectures("spacy_tlner.ConcatEmbed.v1")
def ConcatEmbed(parts: dict[str, Any]) -> Model[list[Doc], list[Floats2d]]:
    """Any number of parts that look at documents, side by side: TypeEmbed, Lexicon, ContextFeatures, any encoder.

    parts: {any name: Model[list[Doc], list[Floats2d]]}, in the order of their names. Raises TL038 as `TypeEmbed`.
    """
    return _side_by_side("ConcatEmbed", parts)


def _side_by_side(name: str, parts: dict[str, Any]) -> Model:
    # the type of `parts` is loose because confection checks it while nested blocks are still dicts
    models = [parts[key] for key in sorted(parts)]
    if not models or not all(isinstance(model, Model) for model in models):
        found = {key: type(part).__name__ for key, part in parts.items()}
        raise ValueError(Errors.TL038.format(name=name, found=found))
    return concatenate(*models)
