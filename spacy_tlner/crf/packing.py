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


def take_into(out: Array, rows: Array, index: Array) -> Array:
    """`rows[index]` written to `out`, which is returned."""
    if isinstance(out, numpy.ndarray):
        return rows.take(index, axis=0, out=out, mode="clip")  # any mode but "raise" spares NumPy another copy
    return rows.take(index, axis=0, out=out)


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
        # sequences longer than t, for every t
        sizes = len(n) - numpy.cumsum(numpy.bincount(n))[:-1]
        offsets = numpy.zeros(len(sizes) + 1, dtype=numpy.intp)
        numpy.cumsum(sizes, out=offsets[1:])
        rows = numpy.arange(offsets[-1])
        sequence = order[rows - numpy.repeat(offsets[:-1], sizes)]
        flat = (numpy.cumsum(n) - n)[sequence] + numpy.repeat(numpy.arange(len(sizes)), sizes)
        packed = numpy.empty_like(flat)
        packed[flat] = rows
        return cls(
            lengths=tuple(n.tolist()),
            sizes=tuple(sizes.tolist()),
            offsets=tuple(offsets.tolist()),
            flat=xp.asarray(flat),
            packed=xp.asarray(packed),
            sequence=xp.asarray(sequence),
            order=xp.asarray(order),
            previous=xp.asarray(rows[len(n) :] - numpy.repeat(sizes[:-1], sizes[1:])),
            last=xp.asarray(offsets[by_length - 1] + numpy.arange(len(n))),
        )

    def pack(self, rows: Array) -> Array:
        """Rows in flat order to packed order; a copy. (`take` costs less than an index in brackets.)"""
        return rows.take(self.flat, axis=0)

    def unpack(self, rows: Array) -> Array:
        """Rows in packed order back to flat order; a copy."""
        return rows.take(self.packed, axis=0)
