"""Parts of an embedding that read characters, one vector a word type."""

from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.chars import CharCNN as CharCNNLayer
from ..layers.types import Types


@registry.architectures("spacy_tlner.CharCNN.v1")
def CharCNN(
    filters: int = 64, char_width: int = 32, window: int = 3, rows: int = 1024, max_chars: int = 48
) -> Model[Types, Floats2d]:
    """Character convolution, maximum over the word (Ma & Hovy 2016). See `layers.chars`.

    Raises TL004 on an even window, fewer than 2 rows or no character.
    """
    if window < 1 or not window % 2 or rows < 2 or max_chars < 1:
        raise ValueError(Errors.TL004.format(window=window, rows=rows, max_chars=max_chars))
    return CharCNNLayer(filters, char_width, window, rows, max_chars)
