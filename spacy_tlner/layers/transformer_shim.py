"""The torch module of a transformer encoder, as thinc trains, moves and stores it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from thinc.api import Optimizer, Shim, get_torch_default_device, torch2xp, xp2torch

from ..errors import Errors
from .checkpoint import Checkpoint, from_bytes, from_pretrained
from .precision import Precision

Pooling = Literal["first", "mean"]

# A layer's number in a parameter's name, as the models of transformers spell it.
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|block|blocks|h|attentions|ffns|layer_norm[12])\.(\d+)\.")
_EMBEDDING = re.compile(r"emb|\bw[tp]e\b")


class Settings(NamedTuple):
    """See `architectures.transformer.TransformerEncoder`."""

    name: str
    window: int | None
    stride: int | None
    pooling: Pooling
    layers: int
    layer_decay: float
    trainable_layers: int | None
    dropout: float | None
    max_batch_pieces: int
    tokenizer_config: dict[str, Any]
    precision: Precision


class TransformerShim(Shim):
    """The torch module. Unlike thinc's, it is in training mode in `update` only, so that threads may predict; averages
    apply to it; a layer may have a rate of its own; and its bytes hold no pickle."""

    def __init__(self, settings: Settings):
        super().__init__(None)
        self.settings = settings
        self._checkpoint: Checkpoint | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """Raises TL057 before there is one."""
        if self._checkpoint is None:
            raise ValueError(Errors.TL057)
        return self._checkpoint

    @property
    def trains(self) -> bool:
        return any(param.requires_grad for param in self._model.parameters())

    def load(self) -> None:
        """Take the checkpoint that the settings name. Raises TL053 to TL055 and TL058."""
        settings = self.settings
        self._set(from_pretrained(settings.name, settings.tokenizer_config, settings.dropout))

    def _set(self, checkpoint: Checkpoint) -> None:
        self._check(checkpoint)
        checkpoint.module.to(get_torch_default_device())
        for table in embedding_tables(checkpoint.module):
            table.sparse = True  # the gradient of a run is some rows, and most of it would be zeros
        self._checkpoint, self._model = checkpoint, checkpoint.module
        if self.settings.trainable_layers is not None:
            for name, param in self._model.named_parameters():
                param.requires_grad = self.height(name) > checkpoint.n_layers - self.settings.trainable_layers

    def _check(self, checkpoint: Checkpoint) -> None:
        """Raises TL058 if the settings ask for more than the checkpoint has."""
        settings = self.settings
        longest = checkpoint.limit - len(checkpoint.prefix) - len(checkpoint.suffix)
        size, stride = self._window(checkpoint)
        if settings.layers > checkpoint.n_layers + 1:
            given = f"layers = {settings.layers}, but it has {checkpoint.n_layers} beside the embeddings"
        elif longest < 1:
            special = len(checkpoint.prefix) + len(checkpoint.suffix)
            given = f"any text: it reads {checkpoint.limit} word pieces, of which {special} are special"
        elif size > longest:
            given = f"window = {settings.window}, but it reads {longest} word pieces beside the special ones"
        elif stride > size:
            given = f"stride = {settings.stride}, but a window has {size} word pieces"
        else:
            return
        raise ValueError(Errors.TL058.format(name=settings.name, given=given))

    def height(self, name: str) -> int:
        """Of a parameter: 0 in the embeddings, n in the n-th layer, and as the last layer's in what comes after it."""
        numbered = _LAYER.search(name)
        if numbered:
            return int(numbered.group(1)) + 1
        return 0 if _EMBEDDING.search(name) else self.checkpoint.n_layers

    @property
    def window(self) -> tuple[int, int]:
        """Pieces of a window, and from start to start."""
        return self._window(self.checkpoint)

    def _window(self, checkpoint: Checkpoint) -> tuple[int, int]:
        size = self.settings.window or min(checkpoint.limit, 512) - len(checkpoint.prefix) - len(checkpoint.suffix)
        return size, self.settings.stride or max(1, size * 3 // 4)

    def finish_update(self, optimizer: Optimizer) -> None:
        for name, param in self._model.named_parameters():
            if param.grad is None:
                continue
            rate = self.settings.layer_decay ** (self.checkpoint.n_layers - self.height(name))
            # `nlp.rehearse` hands a function instead, which collects gradients and knows no rates
            scale = {} if rate == 1 else {"lr_scale": rate}
            if scale and not isinstance(optimizer, Optimizer):
                raise ValueError(Errors.TL066.format(layer_decay=self.settings.layer_decay))
            if rate:
                weights: Any = torch2xp(param.data)
                gradient: Any = torch2xp(param.grad)
                updated, _ = optimizer((self.id, name), weights, gradient, **scale)
                param.data = xp2torch(updated, device=param.device)
            # None and not zero, which would still move a weight that is frozen later on
            param.grad = None

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        own = {} if self._model is None else dict(self._model.named_parameters())
        kept = {name: param.data for name, param in own.items() if (self.id, name) in params}
        for name in kept:
            own[name].data = xp2torch(params[self.id, name], device=own[name].device)
        try:
            yield
        finally:
            for name, data in kept.items():
                own[name].data = data

    def copy(self) -> "TransformerShim":
        copied = TransformerShim(self.settings)
        if self._checkpoint is not None:
            copied.from_bytes(self.to_bytes())
        return copied

    def to_device(self, device_type: str, device_id: int) -> None:
        if self._model is not None:
            self._model.to("cpu" if device_type == "cpu" else f"cuda:{device_id}")

    def to_bytes(self) -> bytes:
        return b"" if self._checkpoint is None else self._checkpoint.to_bytes()

    def from_bytes(self, data: bytes) -> "TransformerShim":
        if data:
            self._set(from_bytes(data, self.settings.dropout))
        return self


def embedding_tables(module: Any) -> list[Any]:
    """The embeddings of a torch module, which hold most weights of a small encoder."""
    from torch.nn import Embedding

    return [each for each in module.modules() if isinstance(each, Embedding)]
