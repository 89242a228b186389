"""Batches of sequences of like length: a recurrent encoder then computes hardly any padding."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from spacy.training import Example
from spacy.util import registry

from ..errors import Errors


@registry.batchers("spacy_tlner.batch_by_length.v1")
def batch_by_length(size: int = 32, pool: int = 32) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Batches of `size` documents of like length, in random order.

    pool: how many batches' worth of documents are sorted together. Larger pools pad less and mix less;
    1 leaves the order of the corpus. Raises TL250 unless both are positive.
    """
    if size < 1 or pool < 1:
        raise ValueError(Errors.TL250.format(size=size, pool=pool))

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        stream = iter(examples)
        while held := list(islice(stream, size * pool)):
            # ties in random order, so that batches differ between epochs
            random.shuffle(held)
            held.sort(key=lambda eg: len(eg.predicted))
            batches = [held[i : i + size] for i in range(0, len(held), size)]
            random.shuffle(batches)
            yield from batches

    return batch
