"""Which annotated sentences are written: as many as asked for, and not too many without an entity."""

import random
from collections.abc import Iterator

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab


class Draw:
    """Sentences to draw from, added one after another.

    empty_share: of those drawn, at most this part has no entity. most: how many are drawn at most; None: all.
    """

    def __init__(self, empty_share: float, most: int | None = None):
        self.empty_share, self.most = empty_share, most
        # arrays instead of docs, which take a tenth of the memory
        self._held = DocBin(attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"])
        self._empty: list[bool] = []

    def add(self, doc: Doc) -> None:
        """Hold a document that may be drawn."""
        self._held.add(doc)
        self._empty.append(not doc.ents)

    @property
    def enough(self) -> bool:
        """Whether `most` can be drawn, so that more need not be added."""
        return self.most is not None and sum(self._sizes()) >= self.most

    def chosen(self, seed: int) -> list[int]:
        """The numbers of the documents drawn, in order: all there may be, and which is chance."""
        rng = random.Random(seed)
        sizes = self._sizes()
        drawn: list[int] = []
        for is_empty, size in zip((False, True), sizes):
            drawn += rng.sample([i for i, empty in enumerate(self._empty) if empty is is_empty], size)
        return sorted(drawn)

    def docs(self, vocab: Vocab, seed: int) -> Iterator[Doc]:
        """The documents drawn, in the order in which they were added."""
        chosen = set(self.chosen(seed))
        return (doc for i, doc in enumerate(self._held.get_docs(vocab)) if i in chosen)

    def _sizes(self) -> tuple[int, int]:
        """How many with an entity and how many without are drawn."""
        empty = sum(self._empty)
        full = len(self._empty) - empty
        share = self.empty_share
        if share < 1:
            # e <= share (e + full); what rounding takes from a whole number is given back
            empty = min(empty, int(full * share / (1 - share) + 1e-9))
        if self.most is not None and full + empty > self.most:
            # as many of either as chance would draw, no more than their share without an entity
            empty = self.most * empty // (full + empty)
            full = self.most - empty
        return full, empty
