"""What can be said of a corpus, or of two, before training: counts, faulty mentions, leaks. Numbers only, no printing.

The counts are those of `spacy debug data` for `ner`, which has them for no other factory; they are taken on the tokens
that training sees. One differs: spaCy 3.8 represents unknown annotation as None, and debug data counts "-" alone.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example

from .docbin import load


@dataclass(frozen=True)
class CorpusStats:
    """Counts over one corpus; by label from the most common."""

    docs: int
    sentences: int | None  # None: no doc has sentence boundaries
    words: int
    unique_words: int
    misaligned_words: int  # tokens of the pipeline that are not one token of the annotation
    missing: int  # tokens of the pipeline whose annotation is unknown, or lost by misalignment
    mentions: dict[str, int]
    docs_without: dict[str, int]  # docs that have no mention of the label
    lost_mentions: int  # annotated, but not on the tokens of the pipeline
    whitespace_mentions: int  # consisting of, starting or ending with whitespace
    crossing_mentions: int  # going on past a sentence boundary


@dataclass(frozen=True)
class Leaks:
    """Texts of one corpus that another one has, too, each occurrence counted."""

    documents: int
    sentences: int | None  # None: the corpus has no sentence boundaries
    examples: tuple[str, ...]  # the longest different texts, which are the least likely to be chance


@dataclass(frozen=True)
class Overlap:
    """Distinct surfaces of a label's mentions, and how many of them another corpus has under that label."""

    distinct: int
    seen: int


def read_examples(path: str | Path, nlp: Language) -> list[Example]:
    """The examples that spaCy's own reader makes of a .spacy file or a folder of them.

    Raises CorpusError: TL214, TL215.
    """
    return load(path, lambda path: Corpus(path)(nlp))


def corpus_stats(examples: Sequence[Example]) -> CorpusStats:
    """Count over `examples`."""
    words: Counter[str] = Counter()
    mentions: Counter[str] = Counter()
    docs_with: Counter[str] = Counter()
    misaligned = missing = whitespace = crossing = annotated = 0
    for example in examples:
        reference, predicted = example.reference, example.predicted
        words.update(token.text for token in reference)
        annotated += len(reference.ents)
        lengths = example.alignment.x2y.lengths
        misaligned += sum(1 for token in predicted if not token.is_space and lengths[token.i] != 1)
        labels: set[str] = set()
        for token, tag, starts_sentence in zip(
            predicted, example.get_aligned_ner(), example.get_aligned_sent_starts(), strict=True
        ):
            if tag is None or tag == "-":
                missing += 1
                continue
            prefix, _, label = tag.partition("-")
            if prefix in ("B", "U"):
                mentions[label] += 1
                labels.add(label)
            whitespace += prefix in ("B", "U", "L") and token.is_space
            crossing += prefix in ("I", "L") and bool(starts_sentence)
        docs_with.update(labels)
    return CorpusStats(
        docs=len(examples),
        sentences=_count_sentences([example.reference for example in examples]),
        words=words.total(),
        unique_words=len(words),
        misaligned_words=misaligned,
        missing=missing,
        mentions=dict(mentions.most_common()),
        docs_without={label: len(examples) - docs_with[label] for label, _ in mentions.most_common()},
        lost_mentions=annotated - mentions.total(),
        whitespace_mentions=whitespace,
        crossing_mentions=crossing,
    )


def find_leaks(train: Iterable[Doc], test: Iterable[Doc], *, n_examples: int = 5) -> Leaks:
    """Documents and sentences of `test` that `train` has as well, as a document or as a sentence.

    Texts are compared without case, compatibility forms (NFKC) and white space, so that neither other spacing nor
    another tokenizer hides a copy.
    """
    test = list(test)
    known: set[str] = set()
    for doc in train:
        known.add(_normalise(doc.text))
        known.update(_normalise(sentence.text) for sentence in _sentences(doc))
    known.discard("")
    found: dict[str, str] = {}
    documents = sentences = 0
    for doc in test:
        if (key := _normalise(doc.text)) in known:
            documents += 1
            found.setdefault(key, doc.text)
        for sentence in _sentences(doc):
            if (key := _normalise(sentence.text)) in known:
                sentences += 1
                found.setdefault(key, sentence.text)
    examples = sorted(found.values(), key=len, reverse=True)[:n_examples]
    has_sentences = _count_sentences(test) is not None
    return Leaks(documents, sentences if has_sentences else None, tuple(" ".join(text.split()) for text in examples))


def mention_overlap(train: Iterable[Doc], test: Iterable[Doc]) -> dict[str, Overlap]:
    """For each label of `test`, how many of its distinct mention surfaces `train` has under the same label."""
    known = _surfaces(train)
    return {
        label: Overlap(len(surfaces), len(surfaces & known.get(label, set())))
        for label, surfaces in sorted(_surfaces(test).items())
    }


def _surfaces(docs: Iterable[Doc]) -> dict[str, set[str]]:
    surfaces: dict[str, set[str]] = {}
    for doc in docs:
        for ent in doc.ents:
            surfaces.setdefault(ent.label_, set()).add(_normalise(ent.text))
    return surfaces


def _sentences(doc: Doc) -> Iterator[Span]:
    if doc.has_annotation("SENT_START"):
        yield from doc.sents


def _count_sentences(docs: Sequence[Doc]) -> int | None:
    # spaCy calls every doc of a single token annotated, so such docs alone do not tell
    if not any(len(doc) > 1 and doc.has_annotation("SENT_START") for doc in docs):
        return None
    return sum(1 for doc in docs for _ in _sentences(doc))


def _normalise(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
