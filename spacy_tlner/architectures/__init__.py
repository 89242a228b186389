"""The registered builders: what a config names, assembled from layers. One file a kind of part."""

from .characters import CharCNN, CharLSTM
from .embed import ConcatEmbed, TypeEmbed, WordCharEmbed
from .encoders import BiLSTMEncoder, DirectConnection
from .features import ContextFeatures, Lexicon, WordFeatures
from .source import SourceMarginals
from .taggers import TransferTagger
from .transformer import TransformerEncoder
from .vectors import StaticWords
from .words import HashWords, LookupWords

__all__ = [
    "BiLSTMEncoder",
    "CharCNN",
    "CharLSTM",
    "ConcatEmbed",
    "ContextFeatures",
    "DirectConnection",
    "HashWords",
    "Lexicon",
    "LookupWords",
    "SourceMarginals",
    "StaticWords",
    "TransferTagger",
    "TransformerEncoder",
    "TypeEmbed",
    "WordCharEmbed",
    "WordFeatures",
]
