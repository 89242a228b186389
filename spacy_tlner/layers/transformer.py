"""A Hugging Face encoder over documents: windows counted in word pieces, a mix of its layers, pooled to tokens."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy
from spacy.tokens import Doc
from thinc.api import Model, Optimizer, Shim, get_torch_default_device, torch2xp, xp2torch
from thinc.types import Floats2d, Floats3d

from ..errors import Errors
from .checkpoint import Checkpoint, from_bytes, from_pretrained
from .precision import Precision, training_dtype
from .word_pieces import Pieces, align, batches, pooling_rows, windows

InT = list[Doc]
OutT = list[Floats2d]
Pooling = Literal["first", "mean"]

# A layer's number in a parameter's name, as the models of transformers spell it.
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|block|blocks|h|attentions|ffns|layer_norm[12])\.(\d+)\.")
_EMBEDDING = re.compile(r"emb|\bw[tp]e\b")
# What a call of the encoder costs beside its pieces, in pieces: read off MiniLM on one core, 20 ms against 0.4 ms.
_OVERHEAD = 48
# In bfloat16 lengths are filled up to multiples of this: torch prepares a product once for each shape, which takes
# longer than the product itself. Read off MiniLM on one core: updates then take 0.87 of the time.
_ROUND = 16


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


class Sequences(NamedTuple):
    """What is encoded: ids with those set around them, and which positions become which rows of the output."""

    ids: list[numpy.ndarray]  # (length,) each
    positions: list[numpy.ndarray]  # (n,) each
    rows: list[numpy.ndarray]  # (n,) each
    n_rows: int


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
        for table in _tables(checkpoint.module):
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
            if rate:
                weights: Any = torch2xp(param.data)
                gradient: Any = torch2xp(param.grad)
                updated, _ = optimizer((self.id, name), weights, gradient, lr_scale=rate)
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


def TransformerEncoder(settings: Settings) -> Model[InT, OutT]:
    """States (tokens, the encoder's width) a document. A token without word pieces is a row of zeros.

    Documents are encoded by their text, as the checkpoint was trained, not token by token.
    """
    transformer: Model[Sequences, Floats3d] = Model("transformer", encode, shims=[TransformerShim(settings)])
    layers: list[Model] = [transformer, Mix(settings.layers)]
    return Model("transformer_encoder", forward, init=init, dims={"nO": None}, layers=layers)


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    transformer, mix = model.layers
    ops, shim = model.ops, _shim(transformer)
    pieces = [_pieces(shim.checkpoint, doc) for doc in docs]
    layers, backprop_transformer = transformer(_sequences(shim, pieces), is_train)
    states, backprop_mix = mix(layers, is_train)
    lengths = [len(doc) for doc in docs]
    rows: Any = None
    output: Any = ops.alloc2f(sum(lengths), shim.checkpoint.width)
    if sum(lengths):
        rows, tokens, weights = (ops.xp.asarray(each) for each in pooling_rows(pieces, shim.settings.pooling))
        ops.scatter_add(output, tokens.astype("int32"), states[rows] * weights[:, None])

    def backprop(d_output: OutT) -> InT:
        if rows is not None:
            d_states = ops.alloc2f(*states.shape)
            ops.scatter_add(d_states, rows.astype("int32"), ops.flatten(d_output)[tokens] * weights[:, None])
            backprop_transformer(backprop_mix(d_states))
        return []

    return ops.unflatten(output, ops.asarray1i(lengths)), backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    transformer, mix = model.layers
    shim = _shim(transformer)
    shim.load()
    mix.initialize()
    model.set_dim("nO", shim.checkpoint.width, force=True)


def encode(
    model: Model[Sequences, Floats3d], sequences: Sequences, is_train: bool
) -> tuple[Floats3d, Callable[[Floats3d], Any]]:
    """The last layers' states (layers, rows, width), the deepest first."""
    import torch

    ops, shim = model.ops, _shim(model)
    module, n_layers = shim.checkpoint.module, shim.settings.layers
    is_train = is_train and shim.trains
    rounded = training_dtype(shim.settings.precision, is_train) == torch.bfloat16
    step = _ROUND if rounded else 1
    lengths = [min(-(-len(ids) // step) * step, shim.checkpoint.limit) for ids in sequences.ids]
    device_type = next(module.parameters()).device.type
    output: Any = ops.alloc3f(n_layers, sequences.n_rows, shim.checkpoint.width)
    runs: list[tuple[Any, Any]] = []
    if is_train:
        module.train()
    try:
        # around all runs, which share the weights that autocast has rounded
        with torch.set_grad_enabled(is_train), torch.autocast(device_type, torch.bfloat16, enabled=rounded):
            for members in batches(lengths, shim.settings.max_batch_pieces, _OVERHEAD):
                ids, positions = ([of[i] for i in members] for of in (sequences.ids, sequences.positions))
                states = _run(shim, ids, positions, length=lengths[members[0]])
                rows = ops.xp.asarray(numpy.concatenate([sequences.rows[i] for i in members]))
                output[:, rows] = torch2xp(states.detach())
                if is_train:
                    runs.append((rows, states))
    finally:
        if is_train:
            module.eval()

    def backprop(d_output: Floats3d) -> Any:
        gradient: Any = d_output
        for rows, states in runs:
            torch.autograd.backward(states, grad_tensors=xp2torch(ops.xp.ascontiguousarray(gradient[:, rows])))
        for table in _tables(module):
            if table.weight.grad is not None:  # as all others, for whoever reads it
                table.weight.grad = table.weight.grad.to_dense()

    return output, backprop


def _run(shim: TransformerShim, ids: list[numpy.ndarray], positions: list[numpy.ndarray], length: int) -> Any:
    """States (layers, n, width) of the kept positions of sequences that are padded to a length."""
    import torch

    padded = numpy.full((len(ids), length), shim.checkpoint.pad, dtype="int64")
    mask = numpy.zeros((len(ids), length), dtype="int64")
    for i, each in enumerate(ids):
        padded[i, : len(each)] = each
        mask[i, : len(each)] = 1
    which = numpy.repeat(numpy.arange(len(ids)), [len(each) for each in positions])
    module, n_layers = shim.checkpoint.module, shim.settings.layers
    device = next(module.parameters()).device
    here, at = (torch.from_numpy(each).to(device) for each in (which, numpy.concatenate(positions)))
    found = module(
        input_ids=torch.from_numpy(padded).to(device),
        attention_mask=torch.from_numpy(mask).to(device),
        output_hidden_states=n_layers > 1,
        return_dict=True,
    )
    # the last layer as the model hands it out, which in some models is normalized once more
    layers = [*(found.hidden_states[-n_layers:-1] if n_layers > 1 else ()), found.last_hidden_state]
    return torch.stack([layer[here, at].float() for layer in layers])


def Mix(n_layers: int) -> Model[Floats3d, Floats2d]:
    """Layers (layers, n, width) mixed with trained weights that add up to 1, times a trained scale (n, width).

    Peters et al. 2018, equation 1. One layer is handed on as it is.
    """
    if n_layers == 1:
        return Model("layer_mix", _only)
    return Model(
        "layer_mix", _mix, init=_init_mix, params={"weights": None, "scale": None}, attrs={"n_layers": n_layers}
    )


def _only(model: Model, layers: Floats3d, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats3d]]:
    return layers[0], lambda d_output: d_output[None]


def _mix(model: Model, layers: Floats3d, is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Floats3d]]:
    xp = model.ops.xp
    stacked: Any = layers
    scale: Any = model.get_param("scale")
    shares: Any = model.get_param("weights")
    shares = xp.exp(shares - shares.max())
    shares /= shares.sum()
    mixed = xp.tensordot(shares, stacked, axes=1)

    def backprop(d_output: Any) -> Any:
        model.inc_grad("scale", (d_output * mixed).sum(keepdims=True).reshape(1))
        d_shares = scale * xp.tensordot(stacked, d_output, axes=2)
        model.inc_grad("weights", shares * (d_shares - (shares * d_shares).sum()))
        return (scale * shares)[:, None, None] * d_output

    return mixed * scale, backprop


def _init_mix(model: Model, X: Any = None, Y: Any = None) -> None:
    one: Any = model.ops.alloc1f(1) + 1
    model.set_param("weights", model.ops.alloc1f(model.attrs["n_layers"]))
    model.set_param("scale", one)


def _pieces(checkpoint: Checkpoint, doc: Doc) -> Pieces:
    encoding = checkpoint.tokenizer.encode(doc.text, add_special_tokens=False)
    return align(doc, encoding.ids, encoding.offsets)


def _sequences(shim: TransformerShim, pieces: list[Pieces]) -> Sequences:
    """The windows of a batch; row i of the output will be the batch's i-th piece."""
    prefix, suffix = shim.checkpoint.prefix, shim.checkpoint.suffix
    found = Sequences([], [], [], sum(len(each.ids) for each in pieces))
    offset = 0
    for each in pieces:
        for window in windows(each, *shim.window):
            found.ids.append(numpy.concatenate([prefix, each.ids[window.start : window.end], suffix]).astype("int64"))
            found.positions.append(window.kept - window.start + len(prefix))
            found.rows.append(window.kept + offset)
        offset += len(each.ids)
    return found


def _tables(module: Any) -> list[Any]:
    """Of embeddings, which hold most weights of a small encoder."""
    from torch.nn import Embedding

    return [each for each in module.modules() if isinstance(each, Embedding)]


def _shim(transformer: Model) -> TransformerShim:
    shim = transformer.shims[0]
    assert isinstance(shim, TransformerShim)
    return shim
