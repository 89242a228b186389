"""A Hugging Face encoder over documents: windows counted in word pieces, a mix of its layers, pooled to tokens."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d, Floats3d

from .checkpoint import Checkpoint
from .layer_mix import Mix
from .precision import training_dtype
from .transformer_shim import Settings, TransformerShim, embedding_tables
from .word_pieces import Pieces, align, batches, pooling_rows, windows

InT = list[Doc]
OutT = list[Floats2d]

# What a call of the encoder costs beside its pieces, in pieces: read off MiniLM on one core, 20 ms against 0.4 ms.
_OVERHEAD = 48
# In bfloat16 lengths are filled up to multiples of this: torch prepares a product once for each shape, which takes
# longer than the product itself. Read off MiniLM on one core: updates then take 0.87 of the time.
_ROUND = 16


class Sequences(NamedTuple):
    """What is encoded: ids with those set around them, and which positions become which rows of the output."""

    ids: list[numpy.ndarray]  # (length,) each
    positions: list[numpy.ndarray]  # (n,) each
    rows: list[numpy.ndarray]  # (n,) each
    n_rows: int


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
        for table in embedding_tables(module):
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


def _shim(transformer: Model) -> TransformerShim:
    shim = transformer.shims[0]
    assert isinstance(shim, TransformerShim)
    return shim
