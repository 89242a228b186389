"""Texts as blocks of word pieces: to train on or held out, and masked."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy

from ..errors import Errors
from ..layers.checkpoint import special_ids, whole_text_tokenizer
from .adapt_settings import AdaptSettings
from .faults import DomainError

# of the held-out blocks: more would only take time
_MOST_DEV = 200


def make_blocks(texts: Iterable[str], tokenizer: Any, length: int) -> tuple[list[list[int]], int, int]:
    """All word pieces, text after text with a separator between, cut into blocks with the special ones around each.

    Returns the blocks, of at most `length` ids each, how many texts there were and how many word pieces.
    """
    backend = whole_text_tokenizer(tokenizer)
    prefix, suffix = special_ids(backend)
    ids: list[numpy.ndarray] = []
    n_texts = n_pieces = 0
    for text in texts:
        pieces = backend.encode(text, add_special_tokens=False).ids
        n_texts, n_pieces = n_texts + 1, n_pieces + len(pieces)
        ids.append(numpy.array([*pieces, *suffix[:1]], dtype="int32"))
    stream = numpy.concatenate([numpy.zeros(0, dtype="int32"), *ids])
    size = length - len(prefix) - len(suffix)
    parts = [stream[i : i + size].tolist() for i in range(0, len(stream), size)]
    return [[*prefix, *part, *suffix] for part in parts], n_texts, n_pieces


def split(blocks: Sequence[list[int]], settings: AdaptSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The blocks to train on and those held out, drawn by the seed. Raises DomainError (TL558)."""
    if len(blocks) < 2:
        raise DomainError(Errors.TL558.format(blocks=len(blocks), length=settings.length))
    order = numpy.random.default_rng(settings.seed).permutation(len(blocks)).tolist()
    n_dev = min(max(1, round(settings.dev_share * len(blocks))), _MOST_DEV, len(blocks) - 1)
    rows = [{"input_ids": blocks[i], "number": i} for i in order]
    return rows[n_dev:], rows[:n_dev]


class Masking:
    """Batches with masks that depend on the seed, the epoch and the blocks, and on nothing that was drawn before.

    The trainer fetches a batch ahead of the one it trains on, and a resumed run would draw other masks for it.
    """

    def __init__(self, tokenizer: Any, settings: AdaptSettings):
        from transformers import DataCollatorForLanguageModeling

        self.collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=settings.mask_share)
        self.seed = settings.seed
        self.epoch = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            drawn_from = numpy.random.SeedSequence([self.seed, self.epoch, *(row["number"] for row in rows)])
            torch.manual_seed(int(drawn_from.generate_state(1)[0]))
            return self.collator([{"input_ids": row["input_ids"]} for row in rows])


def digest_of(blocks: Sequence[list[int]]) -> str:
    """A number for what is in them."""
    digest = blake2b(digest_size=16)
    for block in blocks:
        digest.update(numpy.asarray(block, dtype="int32").tobytes())
    return digest.hexdigest()
