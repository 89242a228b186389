"""The registered builders: what a config names, assembled from layers. One file a kind of part."""

from .characters import CharCNN
from .embed import WordCharEmbed
from .encoders import BiLSTMEncoder
from .taggers import TransferTagger
from .vectors import StaticWords
from .words import HashWords

__all__ = [
    "BiLSTMEncoder",
    "CharCNN",
    "HashWords",
    "StaticWords",
    "TransferTagger",
    "WordCharEmbed",
]
