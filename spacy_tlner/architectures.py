"""The registered builders: what a config names, assembled from layers."""

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Dropout, Model, chain, concatenate, with_array
from thinc.types import Floats2d

from .errors import Errors
from .layers.bilstm import BiLSTM
from .layers.chars import CharCNN as CharCNNLayer
from .layers.heads import Heads
from .layers.types import Types, by_type
from .layers.words import Attr
from .layers.words import HashWords as HashWordsLayer


@registry.architectures("spacy_tlner.TransferTagger.v1")
def TransferTagger(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], list[Floats2d]]:
    """An encoder under CRF heads, one emission (tokens, tags) a document.

    tok2vec: any encoder, a listener included. The component adds the heads when it knows the labels.
    Refs: `tok2vec`, `heads`.
    """
    heads = Heads()
    model: Model[list[Doc], list[Floats2d]] = chain(tok2vec, heads)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("heads", heads)
    return model


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


@registry.architectures("spacy_tlner.WordCharEmbed.v1")
def WordCharEmbed(
    words: Model[Types, Floats2d], characters: Model[Types, Floats2d] | None = None, cache_size: int = 20000
) -> Model[list[Doc], list[Floats2d]]:
    """Vectors of words, with what their characters say beside them, computed once per word type.

    characters: None leaves them out. cache_size: word types remembered across batches at prediction.
    """
    parts = [words] if characters is None else [words, characters]
    return by_type(concatenate(*parts) if len(parts) > 1 else words, cache_size)


@registry.architectures("spacy_tlner.HashWords.v1")
def HashWords(width: int = 96, rows: int = 5000, attr: Attr = "LOWER", unk_rate: float = 0.5) -> Model[Types, Floats2d]:
    """Hash-embedded words; words that training never saw share one vector. See `layers.words`.

    A streamed corpus (`max_epochs = -1`) initializes on 100 examples, and words outside of them stay unknown.
    Raises TL002 on another attr than "ORTH" or "LOWER".
    """
    return HashWordsLayer(width, rows, attr, unk_rate)


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
