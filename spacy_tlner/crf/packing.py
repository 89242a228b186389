"""How a batch of sequences lies in memory so that every time step is one contiguous block.

Sequences are sorted by length, longest first; step t of the *packed* order then holds the t-th token of
the first `sizes[t]` sequences. A recursion walks over slices, does no work for padding and needs no mask.
The *flat* order is what callers hold: the sequences one after another, as concatenated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

Array = Any  # numpy.ndarray or cupy.ndarray, chosen by the `xp` that is passed along


@dataclass(frozen=True)
class Packing:
    """The two orders of one batch. Index arrays live on the device of `xp`; sizes and offsets on the host.

    lengths: of each sequence, in the caller's order, all >= 1.
    """

    lengths: tuple[int, ...]
    sizes: tuple[int, ...]  # (n_steps,) sequences that reach step t
    offsets: tuple[int, ...]  # (n_steps + 1,) where step t begins in packed order
    flat: Array  # (n_tokens,) flat row of each packed row
    packed: Array  # (n_tokens,) packed row of each flat row
    sequence: Array  # (n_tokens,) the caller's index of the sequence of each packed row
    order: Array  # (n_sequences,) the caller's index of the i-th longest sequence
    previous: Array  # (n_tokens - n_sequences,) packed row of the token before, for steps 1 ...
    last: Array  # (n_sequences,) packed row of the last token of the i-th longest sequence

    @property
    def n_sequences(self) -> int:
        return len(self.lengths)

    @property
    def n_tokens(self) -> int:
        return self.offsets[-1]

    @classmethod
    def of(cls, lengths: Sequence[int], xp: Any = numpy) -> "Packing":
        """Pack sequences of these lengths; empty sequences must be left out by the caller."""
        n = numpy.asarray(lengths, dtype=numpy.intp)
        order = numpy.argsort(-n, kind="stable")
        by_length = n[order]
        n_steps = int(by_length[0]) if len(n) else 0
        # sequences longer than t, for every t
        sizes = numpy.searchsorted(-by_length, -numpy.arange(n_steps), side="left")
        offsets = numpy.concatenate([[0], numpy.cumsum(sizes)]).astype(numpy.intp)
        step = numpy.repeat(numpy.arange(n_steps), sizes)
        slot = numpy.arange(int(offsets[-1])) - offsets[step]
        starts = numpy.concatenate([[0], numpy.cumsum(n)[:-1]]) if len(n) else numpy.zeros(0, numpy.intp)
        sequence = order[slot]
        later = step > 0
        flat = starts[sequence] + step
        packed = numpy.empty_like(flat)
        packed[flat] = numpy.arange(len(flat))
        return cls(
            lengths=tuple(n.tolist()),
            sizes=tuple(sizes.tolist()),
            offsets=tuple(offsets.tolist()),
            flat=xp.asarray(flat),
            packed=xp.asarray(packed),
            sequence=xp.asarray(sequence),
            order=xp.asarray(order),
            previous=xp.asarray(offsets[step[later] - 1] + slot[later]),
            last=xp.asarray(offsets[by_length - 1] + numpy.arange(len(n))),
        )

    def pack(self, rows: Array) -> Array:
        """Rows in flat order to packed order; a copy. (`take` costs less than an index in brackets.)"""
        return rows.take(self.flat, axis=0)

    def unpack(self, rows: Array) -> Array:
        """Rows in packed order back to flat order; a copy."""
        return rows.take(self.packed, axis=0)
