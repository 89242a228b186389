"""Parts of an embedding that know whole words, one vector a word type."""

from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..layers.types import Types
from ..layers.words import Attr
from ..layers.words import HashWords as HashWordsLayer


@registry.architectures("spacy_tlner.HashWords.v1")
def HashWords(width: int = 96, rows: int = 5000, attr: Attr = "LOWER", unk_rate: float = 0.5) -> Model[Types, Floats2d]:
    """Hash-embedded words; words that training never saw share one vector. See `layers.words`.

    A streamed corpus (`max_epochs = -1`) initializes on 100 examples, and words outside of them stay unknown.
    Raises TL002 on another attr than "ORTH" or "LOWER".
    """
    return HashWordsLayer(width, rows, attr, unk_rate)
