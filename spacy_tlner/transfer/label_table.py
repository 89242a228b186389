"""What a source tagger sees where the target's mentions stand: a table of labels by labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from wasabi import table

from ..tags import OUTSIDE, Mention, TagScheme


@dataclass(frozen=True)
class LabelTable:
    """labels: ours. source_labels: the source's. mentions: (labels,) how many of ours were read, in so many documents.

    counts: (labels, source labels + 1) how many of them the source gives each of its labels, the last column: none.
    Not whole numbers: a mention counts 1 and is spread over labels as the source's probabilities are (`counted`).
    """

    labels: Sequence[str]
    source_labels: Sequence[str]
    mentions: NDArray[numpy.int64]
    counts: NDArray[numpy.float64]
    documents: int

    @property
    def shares(self) -> NDArray[numpy.float64]:
        """(labels, source labels + 1) of the mentions of each of our labels; 0 where there are none."""
        return self.counts / numpy.maximum(self.mentions, 1)[:, None]

    def to_dict(self) -> dict[str, Any]:
        """For JSON. counts: {our label: a number a source label, and the last one none}."""
        return {
            "documents": self.documents,
            "source_labels": list(self.source_labels),
            "mentions": dict(zip(self.labels, self.mentions.tolist())),
            "counts": dict(zip(self.labels, self.counts.round(3).tolist())),
        }

    def lines(self) -> list[str]:
        """For people: a line a label of ours, with the share of its mentions that each source label has."""
        header = ["label", "mentions", *self.source_labels, "none"]
        rows = [
            [label, str(n), *(f"{share:.2f}" if n else "-" for share in of)]
            for label, n, of in zip(self.labels, self.mentions.tolist(), self.shares.tolist())
        ]
        widest = max(len(cell) for row in [header, *rows] for cell in row)
        text = table(rows, header=header, aligns=["l", *"r" * (len(header) - 1)], max_col=widest)
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def count_labels(
    source: Language, tagger: str, examples: Sequence[Example], labels: Sequence[str], limit: int
) -> LabelTable:
    """Run the source as far as its component `tagger` over documents with mentions, at most `limit`, and count.

    The documents that are read stand evenly over all of them: a corpus is often sorted. The examples stay as they are;
    mentions whose tokens do not line up are left out. Cost: the source's pipes and one forward-backward.
    """
    gold = [(eg, mentions) for eg in examples if (mentions := _mentions(eg, labels))]
    n = min(limit, len(gold))
    chosen = [gold[i * len(gold) // n] for i in range(n)]
    # as the source would meet them: words and spaces, and nothing that our pipeline or a reader left on them
    bare = [
        Doc(
            source.vocab,
            words=[token.text for token in eg.predicted],
            spaces=[bool(t.whitespace_) for t in eg.predicted],
        )
        for eg, _ in chosen
    ]
    later = source.component_names[source.component_names.index(tagger) :]
    with source.select_pipes(disable=[name for name in source.pipe_names if name in later]):
        docs = list(source.pipe(bare))
    pipe: Any = source.get_pipe(tagger)
    counts = numpy.zeros((len(labels), len(pipe.labels) + 1))
    for batch in minibatch(zip(docs, (mentions for _, mentions in chosen)), source.batch_size):
        # entities of pipes before the tagger would leave it nothing to say
        marginals = pipe.chains([doc for doc, _ in batch], ents_given=False).marginals()
        for rows, (_, mentions) in zip(marginals, batch):
            counts += counted(mentions, rows, labels, pipe.scheme)
    found = [mention.label for _, mentions in chosen for mention in mentions]
    n_mentions = numpy.asarray([found.count(label) for label in labels], dtype="int64")
    return LabelTable(tuple(labels), pipe.labels, n_mentions, counts, n)


def counted(
    mentions: Iterable[Mention], marginals: NDArray, labels: Sequence[str], scheme: TagScheme
) -> NDArray[numpy.float64]:
    """(labels, source labels + 1) of one document: each mention adds its tokens' mean probability of each label.

    marginals: (tokens, tags of `scheme`), the source's. Probabilities and not the best tagging: a source that doubts
    finds little in another domain, and with 50 sentences what it nearly found is most of the evidence. Tokens and not
    spans: corpora draw the borders of a mention differently. The mean over a mention: long names count no more than
    short ones. A row adds up to its number of mentions.
    """
    by_label = marginals[:, OUTSIDE + 1 :].reshape(len(marginals), len(scheme.labels), 4).sum(axis=2)
    seen = numpy.concatenate([by_label, marginals[:, [OUTSIDE]]], axis=1, dtype="float64")
    seen /= seen.sum(axis=1, keepdims=True)  # marginals add up to 1 within float32 only
    counts = numpy.zeros((len(labels), seen.shape[1]))
    for start, end, label in mentions:
        counts[labels.index(label)] += seen[start:end].mean(axis=0)
    return counts


def _mentions(example: Example, labels: Sequence[str]) -> list[Mention]:
    """Gold mentions in tokens of `predicted`."""
    spans = example.get_aligned_spans_y2x(example.reference.ents)
    return [Mention(span.start, span.end, span.label_) for span in spans if span.label_ in labels]
