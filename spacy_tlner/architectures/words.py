"""Parts of an embedding that know whole words, one vector a word type."""

from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.lookup import LookupWords as LookupWordsLayer
from ..layers.types import Types
from ..layers.vocabulary import Attr
from ..layers.words import HashWords as HashWordsLayer


@registry.architectures("spacy_tlner.HashWords.v1")
def HashWords(width: int = 96, rows: int = 5000, attr: Attr = "LOWER", unk_rate: float = 0.5) -> Model[Types, Floats2d]:
    """Hash-embedded words; words that training never saw share one vector. See `layers.words`.

    A streamed corpus (`max_epochs = -1`) initializes on 100 examples, and words outside of them stay unknown.
    Raises TL002 on another attr than "ORTH" or "LOWER", TL040 on a width or rows below 1 or a negative unk_rate.
    """
    _check("HashWords", width, rows, unk_rate)
    return HashWordsLayer(width, rows, attr, unk_rate)


@registry.architectures("spacy_tlner.LookupWords.v1")
def LookupWords(width: int = 100, attr: Attr = "LOWER", unk_rate: float = 0.5) -> Model[Types, Floats2d]:
    """A vector for each word that training or pretraining saw, and one for all others (Lample et al. 2016).

    Larger than hashed words, and no two words share weights, so frequent words cannot overwrite what pretraining has
    learned of rare ones. Words that come in with a warm start or pretrained weights keep their vectors. Otherwise as
    HashWords.
    """
    _check("LookupWords", width, 1, unk_rate)
    return LookupWordsLayer(width, attr, unk_rate)


def _check(name: str, width: int, rows: int, unk_rate: float) -> None:
    if min(width, rows) < 1 or unk_rate < 0:
        raise ValueError(Errors.TL040.format(name=name, given=f"width {width}, rows {rows}, unk_rate {unk_rate}"))
