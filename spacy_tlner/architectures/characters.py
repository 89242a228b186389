"""Parts of an embedding that read characters, one vector a word type."""

from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.charlstm import CharLSTM as CharLSTMLayer
from ..layers.chars import CharCNN as CharCNNLayer
from ..layers.types import Types


@registry.architectures("spacy_tlner.CharCNN.v1")
def CharCNN(
    filters: int = 64,
    char_width: int = 32,
    window: int = 3,
    rows: int = 1024,
    max_chars: int = 48,
    type_width: int = 0,
) -> Model[Types, Floats2d]:
    """Character convolution, maximum over the word (Ma & Hovy 2016). See `layers.chars`.

    type_width: width of a vector beside each character's, that of its type: upper case, lower case, punctuation, other
    (Chiu & Nichols 2016); 0 leaves it out. Raises TL004 on an even window, fewer than 2 rows, or a number that is
    too low.
    """
    if min(filters, char_width, window, max_chars) < 1 or not window % 2 or rows < 2 or type_width < 0:
        given = {"filters": filters, "char_width": char_width, "window": window, "rows": rows}
        raise ValueError(Errors.TL004.format(**given, max_chars=max_chars, type_width=type_width))
    return CharCNNLayer(filters, char_width, window, rows, max_chars, type_width)


@registry.architectures("spacy_tlner.CharLSTM.v1")
def CharLSTM(width: int = 50, char_width: int = 25, rows: int = 1024, max_chars: int = 48) -> Model[Types, Floats2d]:
    """BiLSTM over characters, its last states (Lample et al. 2016). See `layers.charlstm`.

    width: both directions together. Raises TL034 on an odd width, or where a number is below 1.
    """
    if width % 2 or min(width, char_width, rows, max_chars) < 1:
        raise ValueError(Errors.TL034.format(width=width, char_width=char_width, rows=rows, max_chars=max_chars))
    return CharLSTMLayer(width, char_width, rows, max_chars)
