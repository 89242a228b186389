"""Hypothesis strategies that several test files draw from: annotations, and batches of chains."""

from typing import Any, NamedTuple

import numpy
from hypothesis import strategies as st

from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.packing import Packing
from spacy_tlner.tags import Mention, TagScheme

LABELS = ("PER", "ORG", "I-O")  # the last one looks like a tag on purpose


@st.composite
def mentions(draw: st.DrawFn, labels: tuple[str, ...] = LABELS, max_tokens: int = 12) -> tuple[int, list[Mention]]:
    """A number of tokens and mentions that do not overlap, in order."""
    n_tokens = draw(st.integers(0, max_tokens))
    found, start = [], 0
    while start < n_tokens:
        label = draw(st.sampled_from((None, *labels)))
        length = draw(st.integers(1, n_tokens - start))
        if label is not None:
            found.append(Mention(start, start + length, label))
        start += length
    return n_tokens, found


class Batch(NamedTuple):
    """What inference takes: emissions and, if any, allowed (tokens, tags), the chain, weights (sequences,)."""

    lengths: list[int]
    emissions: Any
    chain: Chain
    allowed: Any | None
    weights: Any

    @property
    def packing(self) -> Packing:
        return Packing.of(self.lengths)


def random_chain(rng: numpy.random.Generator, scheme: TagScheme, sd: float = 1.0, dtype: str = "float32") -> Chain:
    """Random scores under the scheme's legality."""
    n = scheme.n_tags
    scores = [rng.normal(0, sd, size).astype(dtype) for size in ((n, n), n, n)]
    return Chain(*scores, scheme.legal, scheme.legal_start, scheme.legal_end)


@st.composite
def batches(
    draw: st.DrawFn,
    max_length: int = 5,
    max_sequences: int = 4,
    emission_sds: tuple[float, ...] = (1, 10),
    transition_sds: tuple[float, ...] = (1, 5),
    dtypes: tuple[str, ...] = ("float32", "float64"),
    with_sets: bool = True,
) -> Batch:
    """A few short sequences under BILUO or random legality, with allowed sets or without."""
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, max_length), min_size=1, max_size=max_sequences))
    dtype = draw(st.sampled_from(dtypes))
    n_labels = draw(st.integers(1, 2 if max_length <= 4 else 1))
    chain = random_chain(rng, TagScheme(LABELS[:n_labels]), draw(st.sampled_from(transition_sds)), dtype)
    n_tags = len(chain.start)
    legality = draw(st.sampled_from(["biluo", "all", "random"]))
    if legality != "biluo":
        share = 1 if legality == "all" else draw(st.sampled_from([0.3, 0.7]))
        masks = [rng.random(size) < share for size in ((n_tags, n_tags), n_tags, n_tags)]
        chain = Chain(chain.transitions, chain.start, chain.end, *masks)
    emissions = rng.normal(0, draw(st.sampled_from(emission_sds)), (sum(lengths), n_tags)).astype(dtype)
    allowed = None
    if with_sets and draw(st.booleans()):
        allowed = rng.random(emissions.shape) < draw(st.sampled_from([0.3, 0.8]))
    weights = rng.random(len(lengths)).astype(dtype)
    return Batch(lengths, emissions, chain, allowed, weights)
