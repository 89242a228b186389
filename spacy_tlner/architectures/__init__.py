"""The registered builders: what a config names, assembled from layers. One file a kind of part."""

from .characters import CharCNN
from .embed import WordCharEmbed
from .encoders import BiLSTMEncoder
from .taggers import TransferTagger
from .words import HashWords
from .vectors import StaticWords

__all__ = [
    "BiLSTMEncoder",
    "CharCNN",
    "HashWords",
    "TransferTagger",
    "WordCharEmbed",
]
    "Lexicon",
    "StaticWords",
