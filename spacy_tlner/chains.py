"""A batch of documents as the CRF sees it, and every question that can be asked of its distribution over taggings.

    P(tagging) = exp(score / temperature) / Z

With a temperature of 1 these are the probabilities that training made; `spacy tlner calibrate` fits another. The
temperature moves no best tagging. No answer is an approximation; sums are of float32, so that marginals of
10,000 tokens hold to about 1e-5. Answers come one array a document, on the host, and take what a document rules
out beforehand (whitespace, entities set before, sentence starts) as given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy
from numpy.typing import NDArray
from thinc.api import get_array_module

from .crf.chain import Chain, Posterior
from .crf.inference import forward_backward
from .crf.nbest import n_best
from .crf.packing import Packing
from .crf.paths import path_score, viterbi
from .crf.sample import sample
from .mentions import Scored, mentions_above, probabilities_of
from .tags import Mention, TagScheme

Tags = NDArray[numpy.intp]  # (tokens,)


@dataclass(frozen=True)
class Chains:
    """Scores of a batch. Made by `TransferNER.chains`.

    emissions: (T, tags) of all documents one after another. possible: (T, tags) bool, None means everything.
    lengths: tokens a document; some may be 0. chain: transitions, start, end and what is legal.
    """

    emissions: Any
    chain: Chain
    scheme: TagScheme
    lengths: Sequence[int]
    possible: Any | None = None

    def at(self, temperature: float) -> "Chains":
        """The same documents, all scores divided by `temperature`."""
        if temperature == 1:
            return self
        chain = replace(
            self.chain,
            transitions=self.chain.transitions / temperature,
            start=self.chain.start / temperature,
            end=self.chain.end / temperature,
        )
        return replace(self, emissions=self.emissions / temperature, chain=chain)

    # --- the best taggings ---

    def best(self) -> list[Tags]:
        """The best legal tag ids (Viterbi). Cost: (tags, tags) a token."""
        if not self._n:
            return self._split(numpy.zeros(0, dtype="int64"))
        return self._split(viterbi(self.emissions, self._packing, self.chain, allowed=self.possible))

    def n_best(self, n: int) -> list[list[tuple[Tags, float]]]:
        """Up to n taggings with their probabilities, best first. Cost: Viterbi, then O(tokens (tags + n)) each."""
        if not self._n or n < 1:
            return [[(tags, 1.0)][:n] for tags in self.best()]
        tags, scores = n_best(self.emissions, self._packing, self.chain, n, allowed=self.possible)
        by_doc = list(zip(*(self._split(row) for row in tags)))
        log_p = self._every(_host(scores).T) - self._every(self._posterior.log_z)[:, None]
        return [
            # -inf: there are no more taggings; a probability of a long document may well be 0 in float64
            [(path, min(float(numpy.exp(p)), 1.0)) for path, p in zip(paths, row) if p > -numpy.inf][
                : n if length else 1
            ]
            for paths, row, length in zip(by_doc, log_p, self.lengths)
        ]

    # --- probabilities ---

    def marginals(self) -> list[NDArray]:
        """(tokens, tags) P(tag of token), from one forward-backward: two (tags, tags) products a token."""
        return self._split(self._nodes)

    def mention_probabilities(self, mentions: Iterable[Iterable[Mention]]) -> list[NDArray[numpy.float64]]:
        """P(exactly these tokens bear this label) for the mentions of each document. See `mentions.py`."""
        each = zip(mentions, self._split(self._nodes), self._split(self._moves), strict=True)
        return [probabilities_of(asked, nodes, moves, self.scheme) for asked, nodes, moves in each]

    def mentions_above(self, threshold: float) -> list[list[Scored]]:
        """Every mention of at least this probability, overlapping ones too, in order of position."""
        return mentions_above(threshold, self._nodes, self._moves, self.lengths, self.scheme)

    def candidates(self, least: float, mentions: Sequence[Sequence[Mention]]) -> list[list[Scored]]:
        """Every mention of at least this probability, and `mentions` whatever theirs, in order of position."""
        found = self.mentions_above(least)
        known = [{item.mention for item in of_doc} for of_doc in found]
        missing = [[m for m in of_doc if m not in seen] for of_doc, seen in zip(mentions, known, strict=True)]
        if not any(missing):
            return found
        added = [map(Scored, of_doc, p.tolist()) for of_doc, p in zip(missing, self.mention_probabilities(missing))]
        return [sorted([*likely, *rest]) for likely, rest in zip(found, added)]

    def log_probabilities(self, taggings: Sequence[Tags]) -> NDArray[numpy.float64]:
        """(documents,) log P of one whole tagging each; -inf where it is not legal or ruled out by the document."""
        tags = [numpy.asarray(t, dtype="int64") for _, t in zip(self.lengths, taggings, strict=True)]
        if not self._n:
            return numpy.zeros(len(self.lengths))
        xp = get_array_module(self.emissions)
        on_device = xp.asarray(numpy.concatenate(tags))
        scores = path_score(self.emissions, self._packing, self.chain, on_device) - self._posterior.log_z
        if self.possible is not None:
            ruled_out = ~self.possible[xp.arange(self._n), on_device]
            of = xp.repeat(xp.arange(self._packing.n_sequences), list(self._packing.lengths))
            scores[of[ruled_out]] = -xp.inf
        return self._every(scores)

    def log_z(self) -> NDArray[numpy.float64]:
        """(documents,) the log of the sum over all permitted taggings."""
        return self._every(self._posterior.log_z) if self._n else numpy.zeros(len(self.lengths))

    def entropies(self) -> NDArray[numpy.float64]:
        """(documents,) entropy of the distribution over taggings, in nats: 0 where the model is certain."""
        if not self._n:
            return numpy.zeros(len(self.lengths))
        found = forward_backward(self.emissions, self._packing, self.chain, allowed=self.possible, entropy=True)
        return self._every(found.entropy)

    def sample(self, n: int, rng: numpy.random.Generator) -> list[NDArray[numpy.intp]]:
        """(n, tokens) tag ids, n independent taggings a document. Cost: (tags, tags) a token, then (n, tags)."""
        if not self._n:
            return [numpy.zeros((n, 0), dtype="int64") for _ in self.lengths]
        drawn = _host(sample(self.emissions, self._packing, self.chain, n, rng, allowed=self.possible))
        return numpy.split(drawn, numpy.cumsum(self.lengths)[:-1], axis=1)

    # --- one pass for all of them ---

    @property
    def _n(self) -> int:
        return len(self.emissions)

    @cached_property
    def _packing(self) -> Packing:
        return Packing.of([n for n in self.lengths if n], get_array_module(self.emissions))

    @cached_property
    def _posterior(self) -> Posterior:
        xp = get_array_module(self.emissions)
        asked = xp.asarray(self.scheme.inner_moves)
        return forward_backward(self.emissions, self._packing, self.chain, allowed=self.possible, moves=asked)

    @cached_property
    def _nodes(self) -> NDArray:
        return _host(self._posterior.nodes) if self._n else numpy.zeros((0, self.scheme.n_tags))

    @cached_property
    def _moves(self) -> NDArray:
        return _host(self._posterior.moves) if self._n else numpy.zeros((0, len(self.scheme.inner_moves)))

    def _split(self, rows: Any) -> list[NDArray]:
        return numpy.split(_host(rows), numpy.cumsum(self.lengths)[:-1]) if len(self.lengths) else []

    def _every(self, values: Any) -> NDArray[numpy.float64]:
        """Values of the documents that have tokens, and 0 for the others: their one tagging is certain."""
        values = _host(values)
        filled = numpy.zeros((len(self.lengths), *values.shape[1:]))
        filled[numpy.asarray(self.lengths) > 0] = values
        return filled


def _host(array: Any) -> NDArray:
    return array if isinstance(array, numpy.ndarray) else array.get()
