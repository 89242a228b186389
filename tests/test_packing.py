"""The packed order, judged by torch's own packing."""

import numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from spacy_tlner.crf.packing import Packing

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@given(LENGTHS)
def test_order_is_that_of_torch(lengths):
    packing = Packing.of(lengths)
    rows = torch.arange(sum(lengths)).split(lengths)  # the flat rows of each sequence
    assert sorted(packing.order.tolist()) == list(range(len(lengths)))
    longest_first = [rows[i] for i in packing.order]
    theirs = pack_padded_sequence(pad_sequence(longest_first), [len(r) for r in longest_first], enforce_sorted=True)
    assert packing.flat.tolist() == theirs.data.tolist()
    assert list(packing.sizes) == theirs.batch_sizes.tolist()
    assert packing.n_tokens == sum(lengths) and packing.n_sequences == len(lengths)


@given(LENGTHS)
def test_pointers_lead_to_the_right_tokens(lengths):
    packing = Packing.of(lengths)
    owner = numpy.repeat(numpy.arange(len(lengths)), lengths)
    assert packing.sequence.tolist() == owner[packing.flat].tolist()
    # the token before, in the same sequence, is the flat row before
    assert (packing.flat[packing.previous] == packing.flat[packing.n_sequences :] - 1).all()
    ends = numpy.cumsum(lengths) - 1
    assert packing.flat[packing.last].tolist() == ends[packing.order].tolist()


@given(LENGTHS)
def test_unpack_undoes_packing(lengths):
    packing = Packing.of(lengths)
    flat = numpy.random.default_rng(0).normal(size=(sum(lengths), 3))
    assert (packing.unpack(flat[packing.flat]) == flat).all()
