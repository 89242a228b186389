"""Encoders from Hugging Face checkpoints, without a pipe of their own."""

from typing import Any, get_args

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.precision import Precision
from ..layers.transformer import TransformerEncoder as TransformerEncoderLayer
from ..layers.transformer_shim import Pooling, Settings


@registry.architectures("spacy_tlner.TransformerEncoder.v1")
def TransformerEncoder(
    name: str,
    window: int | None = None,
    stride: int | None = None,
    pooling: Pooling = "first",
    layers: int = 1,
    layer_decay: float = 1.0,
    trainable_layers: int | None = None,
    dropout: float | None = None,
    max_batch_pieces: int = 1024,
    tokenizer_config: dict[str, Any] | None = None,
    precision: Precision = "float32",
) -> Model[list[Doc], list[Floats2d]]:
    """A checkpoint's states, one row a token, zeros for a token without word pieces. See `layers.transformer`.

    name: a folder, or a name on the Hugging Face hub or in its cache; read when the pipeline is initialized, never
    when it is loaded. window: word pieces encoded together, by default as many as the checkpoint takes, at most 512
    with the special ones. stride: from one window's start to the next's, by default three quarters of a window.
    pooling: a token is its "first" piece or the "mean" of all. layers: the last ones, mixed with trained weights.
    layer_decay: each layer's learning rate is this times that of the layer above it; the embeddings are the lowest.
    trainable_layers: the top ones, the rest is frozen; 0 freezes all, and then nothing is dropped out either; None
    trains all. dropout: inside of the encoder, where the training rate does not reach; None keeps the checkpoint's.
    max_batch_pieces: padded word pieces encoded at once; a GPU likes more. tokenizer_config: for `AutoTokenizer`.
    precision: of the products in training; "bfloat16" is faster on processors with units for it.
    Raises TL059 on settings; when initialized, TL053 to TL055 on the checkpoint, TL058 where it is too small for them.
    """
    checks = [
        ("window", window, window is None or window >= 1),
        ("stride", stride, stride is None or 1 <= stride <= (window or stride)),
        ("pooling", pooling, pooling in get_args(Pooling)),
        ("layers", layers, layers >= 1),
        ("layer_decay", layer_decay, 0 <= layer_decay <= 1),
        ("trainable_layers", trainable_layers, trainable_layers is None or trainable_layers >= 0),
        ("dropout", dropout, dropout is None or 0 <= dropout < 1),
        ("max_batch_pieces", max_batch_pieces, max_batch_pieces >= 1),
        ("precision", precision, precision in get_args(Precision)),
    ]
    wrong = [f"{key} = {value!r}" for key, value, holds in checks if not holds]
    if wrong:
        raise ValueError(Errors.TL059.format(wrong=", ".join(wrong)))
    return TransformerEncoderLayer(
        Settings(
            name=name,
            window=window,
            stride=stride,
            pooling=pooling,
            layers=layers,
            layer_decay=layer_decay,
            trainable_layers=trainable_layers,
            dropout=dropout,
            max_batch_pieces=max_batch_pieces,
            tokenizer_config=tokenizer_config or {},
            precision=precision,
        )
    )
