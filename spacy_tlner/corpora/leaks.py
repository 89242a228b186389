"""A guard against leaks: which sentences of unlabelled text stand in gold corpora, too, or nearly. Texts only.

Sentences are compared as words: runs of letters or of digits, every ideograph one of its own, without case,
compatibility forms (NFKC), white space and punctuation. So neither spacing nor another tokenizer hides a copy.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

Words = tuple[str, ...]

# kana and ideographs: scripts without blanks, whose runs of letters would be whole clauses
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_WORD = re.compile(rf"\d+|[{_IDEOGRAPHS}]|[^\W\d_{_IDEOGRAPHS}]+")


class Reason(str, Enum):
    """Why a sentence is removed, the first that holds."""

    same = "same"  # the words of a gold sentence
    contained = "contained"  # all words of the one stand, in a row, in the other
    near = "near"  # most n-grams of the one stand in the other
    document = "document"  # of a text that has sentences of the kinds above
    string = "string"  # has a mention of the gold corpora


class Leak(NamedTuple):
    """Why a sentence is removed, and the gold sentence or mention that it has; of a document, the one it has first."""

    reason: Reason
    gold: str


class Verdict(NamedTuple):
    """Of each sentence of a text, the leak or None; and whether the text as a whole is removed."""

    leaks: list[Leak | None]
    whole_text: bool


class LeakGuard:
    """What gold corpora hold, to be looked up in.

    gold: sentences. strings: mentions; a sentence that has one is removed. Mentions of fewer than 3 letters and digits
    are passed over, as without case they stand in every sentence; of ideographs, single ones. One word in capitals is
    looked for in capitals.
    overlap: a sentence is a near duplicate if it and a gold sentence share at least this part of the n-grams (n words
    in a row) that the shorter has. document_share: a text of several sentences is removed as a whole if this part of
    them leaks, or one holds a gold sentence or stands in one. least_words: sentences of fewer words are near none,
    stand in none, and say nothing of their text; of gold sentences, those of at least n words are still found in a
    longer one, shorter ones only alone.

    Building costs the n-grams of gold. Looking up costs the n-grams of the sentence and the gold sentences that share
    a rare one with it, not all that share one (prefix filtering: Chaudhuri, Ganti & Kaushik 2006, "A primitive operator
    for similarity joins"); what is found is exact.
    """

    def __init__(
        self,
        gold: Iterable[str],
        strings: Iterable[str] = (),
        *,
        overlap: float = 0.5,
        document_share: float = 1 / 3,
        n: int = 5,
        least_words: int = 8,
    ):
        self.overlap, self.document_share, self.n, self.least_words = overlap, document_share, n, least_words
        self._texts: dict[str, str] = {}
        for text in gold:
            if words := words_of(text):
                self._texts.setdefault("".join(words), text)
        self._keys = list(self._texts)
        self._grams = [self._n_grams(words_of(text)) for text in self._texts.values()]
        # n-gram to the gold sentences that have it, and to those of which it is one of the rarest
        self._having: dict[Words, list[int]] = defaultdict(list)
        self._rarest: dict[Words, list[int]] = defaultdict(list)
        for at, grams in enumerate(self._grams):
            for gram in grams:
                self._having[gram].append(at)
        for at, grams in enumerate(self._grams):
            for gram in self._prefix(grams, len(grams)):
                self._rarest[gram].append(at)
        self._short = {words: text for text in self._texts.values() if n <= len(words := words_of(text)) < least_words}
        given = list(strings)
        self._strings = {words: text for text in given if _length(words := words_of(text)) >= 3}
        # "WHO" is not in every question; a mention that also stands in small letters is no such name
        self._capitals = {words for words, text in self._strings.items() if len(words) == 1 and text.isupper()}
        self._capitals -= {words_of(text) for text in given if not text.isupper()}
        self._lengths: dict[str, set[int]] = defaultdict(set)
        for words in self._strings:
            self._lengths[words[0]].add(len(words))

    @property
    def n_sentences(self) -> int:
        """Different gold sentences."""
        return len(self._keys)

    @property
    def n_strings(self) -> int:
        """Different mentions that are looked for."""
        return len(self._strings)

    def judge(self, sentences: Sequence[str]) -> Verdict:
        """Which of the sentences of one text leak. A text of one sentence is no document."""
        words = [words_of(sentence) for sentence in sentences]
        leaks = [self._copied(each) for each in words]
        long = [len(each) >= self.least_words for each in words]
        hits = [leak for leak, counts in zip(leaks, long) if leak and counts and words_of(leak.gold) not in self._short]
        verbatim = any(leak.reason is not Reason.near for leak in hits)
        if len(sentences) > 1 and hits and (verbatim or len(hits) >= self.document_share * sum(long)):
            return Verdict([leak or Leak(Reason.document, hits[0].gold) for leak in leaks], whole_text=True)
        found = [leak or self._mentioned(each, text) for leak, each, text in zip(leaks, words, sentences)]
        return Verdict(found, whole_text=False)

    def _copied(self, words: Words) -> Leak | None:
        """The gold sentence that is nearest, if near enough."""
        key = "".join(words)
        if key in self._texts:
            return Leak(Reason.same, self._texts[key])
        grams = self._n_grams(words)
        known = [gram for gram in grams if gram in self._having]
        candidates = {at for gram in known for at in self._rarest.get(gram, ())}
        for gram in self._prefix(known, len(grams)):
            candidates.update(self._having[gram])
        near = []
        for at in candidates:
            shorter = min(len(grams), len(self._grams[at]))
            shared = len(grams & self._grams[at])
            if shared >= self._enough(shorter):
                contained = key in self._keys[at] or self._keys[at] in key
                near.append((not contained, -shared / shorter, at))
        if not near:
            return self._having_short(words)
        apart, _, at = min(near)
        return Leak(Reason.near if apart else Reason.contained, self._texts[self._keys[at]])

    def _having_short(self, words: Words) -> Leak | None:
        """The first short gold sentence within a longer one."""
        for length in range(self.n, min(self.least_words, len(words))):
            for start in range(len(words) - length + 1):
                if (found := words[start : start + length]) in self._short:
                    return Leak(Reason.contained, self._short[found])
        return None

    def _mentioned(self, words: Words, sentence: str) -> Leak | None:
        """The first mention in the sentence."""
        as_written = _words(sentence) if self._capitals else ()
        for start, word in enumerate(words):
            for length in sorted(self._lengths.get(word, ())):
                if (found := words[start : start + length]) in self._strings:
                    if found in self._capitals and not as_written[start].isupper():
                        continue
                    return Leak(Reason.string, self._strings[found])
        return None

    def _n_grams(self, words: Words) -> frozenset[Words]:
        if len(words) < self.least_words:
            return frozenset()
        return frozenset(words[i : i + self.n] for i in range(len(words) - self.n + 1))

    def _enough(self, of: int) -> int:
        """The least number of n-grams that is the part `overlap` of them."""
        # without what rounding adds: 0.7 of 10 is a bit more than 7
        return math.ceil(self.overlap * of - 1e-9)

    def _prefix(self, known: Iterable[Words], of: int) -> list[Words]:
        """Of `known` n-grams those, rarest in gold first, of which one at least is in any enough-sized subset."""
        ordered = sorted(known, key=lambda gram: (len(self._having[gram]), gram))
        return ordered[: max(len(ordered) - self._enough(of) + 1, 0)]


@dataclass
class Removed:
    """What a guard removed, counted as it goes on."""

    texts: int = 0
    sentences: int = 0
    whole_texts: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: dict[Reason, list[tuple[str, str]]] = field(default_factory=dict)  # the first, each with its gold
    n_examples: int = 5

    def add(self, sentences: Sequence[str], verdict: Verdict) -> None:
        """Count a text and its verdict."""
        self.texts += 1
        self.sentences += len(sentences)
        self.whole_texts += verdict.whole_text
        for sentence, leak in zip(sentences, verdict.leaks, strict=True):
            if leak:
                self.reasons[leak.reason] += 1
                shown = self.examples.setdefault(leak.reason, [])
                if len(shown) < self.n_examples:
                    shown.append((" ".join(sentence.split()), " ".join(leak.gold.split())))


def _length(words: Words) -> int:
    """In letters and digits, of which an ideograph is worth two: two of them make a name."""
    text = "".join(words)
    return len(text) + len(_IDEOGRAPH.findall(text))


def words_of(text: str) -> Words:
    """The words that texts are compared by."""
    return tuple(word.casefold() for word in _words(text))


def _words(text: str) -> Words:
    """With their case."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text)))


def sentences_of(docs: Iterable[Doc]) -> Iterator[str]:
    """The sentences of gold documents; where none are marked, those of spaCy's sentencizer and the document itself."""
    sentencizer = Sentencizer()
    for doc in docs:
        if not doc.has_annotation("SENT_START"):
            # it may be one sentence, which the sentencizer cuts at an abbreviation
            yield doc.text
            doc = sentencizer(doc.copy())
        for sentence in doc.sents:
            yield sentence.text
