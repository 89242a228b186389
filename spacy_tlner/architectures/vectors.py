"""Parts of an embedding that look words up in the vocab's vectors, one vector a word type."""

from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.static_words import StaticWords as StaticWordsLayer
from ..layers.types import Types


@registry.architectures("spacy_tlner.StaticWords.v1")
def StaticWords(width: int | None = None, cache_size: int = 20000) -> Model[Types, Floats2d]:
    """The vocab's vectors, default or floret, fixed: what `[initialize] vectors` names. See `layers.static_words`.

    width: of a trained linear layer over them; None hands them on as they are. cache_size: floret vectors remembered.
    A table that is changed in place (`vocab.set_vector`) after the pipeline ran needs `layers.types.clear_caches`.
    Raises TL052 on a width below 1; where the pipeline runs, TL050 without vectors, TL051 on a table of another width.
    """
    if width is not None and width < 1:
        raise ValueError(Errors.TL052.format(width=width))
    return StaticWordsLayer(width, cache_size)
