"""A Hugging Face encoder with its tokenizer: how it comes in from a checkpoint, and how it is stored in our bytes.

Bytes hold the config and the tokenizer as JSON and the weights as safetensors: no pickle, and loading needs neither
the network nor the folder that the checkpoint came from. transformers is imported when an encoder is made, not before.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import srsly

from ..errors import Errors

# What is taken for granted where a checkpoint does not say how many positions it has.
_POSITIONS = 512
# transformers' sign that a tokenizer knows no limit is 1e30
_NO_LIMIT = 1_000_000


class Checkpoint(NamedTuple):
    """An encoder and what it reads.

    module: torch module, in evaluation mode. tokenizer: of the package `tokenizers`, without truncation or padding.
    prefix, suffix: ids set around a sequence. pad: the id that fills up. limit: the longest sequence, those included.
    """

    module: Any
    tokenizer: Any
    prefix: list[int]
    suffix: list[int]
    pad: int
    limit: int

    @property
    def width(self) -> int:
        return int(self.module.config.hidden_size)

    @property
    def n_layers(self) -> int:
        return int(self.module.config.num_hidden_layers)

    def to_bytes(self) -> bytes:
        from safetensors.torch import save

        weights = {name: weight.cpu().contiguous() for name, weight in _stored(self.module).items()}
        config = self.module.config.to_dict()
        # where it came from is a path of one machine
        config.pop("_name_or_path", None)
        return srsly.msgpack_dumps(
            {
                "config": json.dumps(config, sort_keys=True),
                "tokenizer": self.tokenizer.to_str(),
                "weights": save(weights),
                **{key: getattr(self, key) for key in ("prefix", "suffix", "pad", "limit")},
            }
        )


def from_pretrained(name: str, tokenizer_config: dict[str, Any], dropout: float | None) -> Checkpoint:
    """A folder, or a name that transformers finds in its cache or on the hub.

    tokenizer_config: for `AutoTokenizer`. dropout: for all of the encoder's; None keeps the checkpoint's own.
    Raises TL053 if it cannot be loaded, TL054 if it has no encoder or tokenizer of a usable kind, TL055 if it lacks
    weights.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(name)
        tokenizer = AutoTokenizer.from_pretrained(name, **{"use_fast": True, **tokenizer_config})
    except Exception as error:  # tokenizers raises no narrower class
        raise ValueError(Errors.TL053.format(name=name, reason=error)) from error
    _check_kind(name, config, tokenizer)
    _set_dropout(config, dropout)
    try:
        with quiet():
            module, found = AutoModel.from_pretrained(
                name, config=config, torch_dtype=torch.float32, output_loading_info=True
            )
    except Exception as error:  # safetensors raises one of its own, torch what it meets on the way
        raise ValueError(Errors.TL053.format(name=name, reason=error)) from error
    missing = sorted(key for key in found["missing_keys"] if not key.startswith("pooler."))
    if missing or found["mismatched_keys"]:
        raise ValueError(Errors.TL055.format(name=name, missing=", ".join(missing[:5]) or "none of the right shape"))
    backend = whole_text_tokenizer(tokenizer)
    prefix, suffix = special_ids(backend)
    pad = next((i for i in (config.pad_token_id, tokenizer.pad_token_id) if i is not None), 0)
    limit = min(n_positions(module), tokenizer.model_max_length)
    return Checkpoint(_without_pooler(module).eval(), backend, prefix, suffix, int(pad), int(limit))


def from_bytes(data: bytes, dropout: float | None) -> Checkpoint:
    """What `Checkpoint.to_bytes` wrote; dropout as in `from_pretrained`.

    Raises TL056 if transformers does not know such an encoder, or the weights do not fit.
    """
    from safetensors.torch import load
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModel
    from transformers.modeling_utils import no_init_weights

    msg = srsly.msgpack_loads(data)
    stored = json.loads(msg["config"])
    try:
        config = AutoConfig.for_model(stored.pop("model_type"), **stored)
    except ValueError as error:
        raise ValueError(Errors.TL056.format(reason=error)) from error
    _set_dropout(config, dropout)
    with no_init_weights():  # every weight comes out of the bytes
        module = _without_pooler(AutoModel.from_config(config))
    weights = load(msg["weights"])
    found, expected = ({(name, tuple(w.shape)) for name, w in of.items()} for of in (weights, _stored(module)))
    if found != expected:
        different = sorted({name for name, _ in found ^ expected})
        raise ValueError(Errors.TL056.format(reason=f"its weights differ in {', '.join(different[:5])}"))
    module.load_state_dict(weights, strict=False)  # the names of weights that share memory are stored once
    tokenizer = Tokenizer.from_str(msg["tokenizer"])
    return Checkpoint(module.eval(), tokenizer, **{key: msg[key] for key in ("prefix", "suffix", "pad", "limit")})


def _check_kind(name: str, config: Any, tokenizer: Any) -> None:
    if config.is_encoder_decoder or not hasattr(config, "hidden_size") or not hasattr(config, "num_hidden_layers"):
        reason = f"{config.model_type} is no plain encoder"
    elif not tokenizer.is_fast:
        reason = "it has no tokenizer that gives offsets (no tokenizer.json, and none can be made of what it has)"
    else:
        return
    raise ValueError(Errors.TL054.format(name=name, reason=reason))


def _set_dropout(config: Any, rate: float | None) -> None:
    """Set every rate in the config: attention takes its own from there and has no module for it."""
    if rate is None:
        return
    for key, value in config.to_dict().items():
        if ("dropout" in key or key.endswith("pdrop")) and isinstance(value, float | int):
            setattr(config, key, rate)


def _without_pooler(module: Any) -> Any:
    """Nothing here reads it, and in many checkpoints it is random."""
    if getattr(module, "pooler", None) is not None:
        module.pooler = None
    return module


def _stored(module: Any) -> dict[str, Any]:
    """Weights and buffers, each once: several names of one weight cannot be told apart on the way back."""
    own = {name for name, _ in module.named_parameters()} | {name for name, _ in module.named_buffers()}
    return {name: weight for name, weight in module.state_dict().items() if name in own}


def whole_text_tokenizer(tokenizer: Any) -> Any:
    """What transformers' tokenizer runs on, told to neither cut nor pad, which many a checkpoint has it do."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


def special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer without padding sets before and behind a text."""
    encoding = tokenizer.encode("a")
    ours = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: ours[0]], encoding.ids[ours[-1] + 1 :]


def n_positions(module: Any) -> int:
    """The longest sequence that the module can read, as far as it says so."""
    table: Any = next((m for n, m in module.named_modules() if n.endswith("position_embeddings")), None)
    if hasattr(table, "num_embeddings"):
        # RoBERTa and its kin count positions from behind the padding's
        offset = table.padding_idx + 1 if table.padding_idx is not None else 0
        return int(table.num_embeddings - offset)
    stated = getattr(module.config, "max_position_embeddings", None)
    return int(stated) if stated and 0 < stated < _NO_LIMIT else _POSITIONS


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' warning of weights that are new: those that matter are an error here."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
