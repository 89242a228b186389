"""Batches of sequences of like length, which an encoder hardly has to pad; and batches out of several corpora."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from ..stamps import corpus_of


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


@registry.batchers("spacy_tlner.batch_by_corpus.v1")
def batch_by_corpus(
    size: int = 32, alpha: float = 1.0, mixed: bool = False, shares: dict[str, float] | None = None, pool: int = 32
) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Batches of `size` documents out of several corpora, as `MultiCorpus.v1` stamps them.

    A corpus of n documents is drawn with a share proportional to n ** alpha: 1 is as the corpora are, 0 as if they
    were of one size; or with its own of `shares`, {corpus: share}, all corpora named. mixed: every batch holds each
    corpus by its share, at least one document, rather than one corpus alone. In a pass, over finite corpora, all
    documents of a corpus come before one comes again, those of like length together (see `batch_by_length`). It makes
    as many batches as the documents of all corpora would fill; small corpora come several times in it, large ones not
    as a whole.
    Raises TL250 unless `size` and `pool` are positive, TL251 on a share or alpha that is negative, TL252 on documents
    without a corpus's name, TL253 where `shares` names other corpora, or a batch cannot hold one of each.
    """
    if size < 1 or pool < 1:
        raise ValueError(Errors.TL250.format(size=size, pool=pool))
    if not alpha >= 0 or any(not share > 0 for share in (shares or {}).values()):
        raise ValueError(Errors.TL251.format(alpha=alpha, shares=shares))

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        corpora: dict[str, list[Example]] = {}
        for eg in examples:
            name = corpus_of(eg.reference)
            if name is None:
                raise ValueError(Errors.TL252.format(text=eg.reference[:10].text))
            corpora.setdefault(name, []).append(eg)
        if not corpora:
            return
        if (shares and set(shares) != set(corpora)) or (mixed and size < len(corpora)):
            raise ValueError(Errors.TL253.format(size=size, shares=shares, corpora=", ".join(corpora)))
        weights = shares or {name: len(of) ** alpha for name, of in corpora.items()}
        names = list(corpora)
        drawn = [weights[name] / sum(weights.values()) for name in names]
        n_batches = -(-sum(len(of) for of in corpora.values()) // size)
        if mixed:
            streams = [_endless(corpora[name], n, pool) for name, n in zip(names, _apportion(drawn, size))]
            for _ in range(n_batches):
                yield [eg for stream in streams for eg in next(stream)]
        else:
            of_one = {name: _endless(corpora[name], size, pool) for name in names}
            for name in random.choices(names, drawn, k=n_batches):
                yield next(of_one[name])

    return batch


def _endless(examples: list[Example], size: int, pool: int) -> Iterator[list[Example]]:
    """Batches of exactly `size`, pass after pass over the examples, each in another order."""
    held: list[Example] = []
    while True:
        for part in batch_by_length(size, pool)(random.sample(examples, len(examples))):
            held += part
            while len(held) >= size:
                yield held[:size]
                held = held[size:]


def _apportion(shares: list[float], size: int) -> list[int]:
    """Seats by largest remainder, at least one each."""
    free = size - len(shares)
    exact = [max(share * size - 1, 0.0) for share in shares]
    total = sum(exact) or 1.0
    exact = [free * each / total for each in exact]
    seats = [int(each) for each in exact]
    order = sorted(range(len(shares)), key=lambda i: seats[i] - exact[i])
    for i in order[: free - sum(seats)]:
        seats[i] += 1
    return [1 + each for each in seats]
