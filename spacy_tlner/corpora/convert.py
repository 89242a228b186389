"""Convert a token-per-line file to spaCy's binary corpus, and say what was found in it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar

from spacy.tokens import Doc, Span
from spacy.util import get_lang_class
from spacy.vocab import Vocab, create_vocab

from ..errors import Errors
from .conll import Sentence, read_sentences
from .docbin import check_suffix, read_docs, write_docs
from .faults import CorpusError, Fault, listing
from .schemes import (
    MISSING,
    PREFIXES,
    Decoded,
    Mention,
    MixedSchemesError,
    RepairKind,
    Scheme,
    decode,
    detect,
    split_tag,
)

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Summary:
    """What one conversion found and did. Counts by label or kind are ordered from the most common."""

    path: Path
    output: Path
    scheme: Scheme
    detected: bool  # the scheme was read off the file, not given
    documents: int  # docs written
    document_starts: int  # documents that the file itself marks
    sentences: int
    tokens: int
    missing: int  # tokens tagged "-", whose annotation stays unknown
    comments: int
    mentions: dict[str, int]  # written, under their new labels
    dropped: dict[str, int]  # mentions that were turned into O, under their old labels
    unmapped: tuple[str, ...]  # left sides of the label map that do not occur in the file
    repairs: dict[RepairKind, int]


class _Parsed(NamedTuple):
    """A sentence with what its tags say."""

    sentence: Sentence
    decoded: Decoded


def convert_file(
    path: str | Path,
    output: str | Path,
    *,
    scheme: Scheme | None = None,
    token_column: int = 0,
    tag_column: int = -1,
    n_sents: int = 1,
    label_map: Mapping[str, str] | None = None,
    labels_of: str | Path | None = None,
    characters: bool = False,
    lang: str = "en",
    strict: bool = False,
) -> Summary:
    """Convert the token-per-line file at `path` to the .spacy file `output`.

    scheme: the tagging scheme; None has it detected.
    token_column, tag_column: counted from 0, negative ones from the end.
    n_sents: sentences a doc, never across the documents that the file marks; 0 makes one doc of each document.
    label_map: new label for each old one, "" to drop its mentions; labels that are not named stay.
    labels_of: a .spacy file; of the labels that come out of `label_map`, those that it does not have are dropped.
    characters: a token for each character instead, in a text without blanks, as spaCy's Chinese tokenizer has them
        unless it is given a segmenter. A mention begins and ends with the same words.
    lang: language of the vocabulary.
    strict: refuse illegal transitions rather than repair them, and a label map of which a part does not occur.

    Raises CorpusError with what is wrong and where; `output` is then as it was before.
    """
    path, output = Path(path), Path(output)
    check_suffix(output)
    if n_sents < 0:
        raise CorpusError(Errors.TL216.format(n_sents=n_sents))
    vocab = _make_vocab(lang)
    sentences = read_sentences(path, token_column=token_column, tag_column=tag_column)
    if n_sents == 0 and not any(sentence.new_document for sentence in sentences):
        raise CorpusError(Errors.TL206.format(path=path))
    if all(tag == MISSING for sentence in sentences for tag in sentence.tags):
        raise CorpusError(Errors.TL203.format(path=path, column=tag_column))
    used = scheme or _detect(path, sentences)
    parsed = _decode_all(path, sentences, used, strict)
    label_map = label_map or {}
    labels = {mention.label for item in parsed for mention in item.decoded.mentions}
    unmapped = tuple(sorted(set(label_map) - labels))
    if unmapped and strict:
        raise CorpusError(Errors.TL207.format(path=path, missing=", ".join(unmapped), labels=", ".join(sorted(labels))))
    if labels_of is not None:
        known = {ent.label_ for doc in read_docs(labels_of) for ent in doc.ents}
        renamed = {label: label_map.get(label, label) for label in labels}
        label_map = {label: new if new in known else "" for label, new in renamed.items()}
    kept, dropped = _apply_label_map(parsed, label_map)
    if characters:
        kept = [_by_character(item) for item in kept]
    docs = [_make_doc(vocab, group, blanks=not characters) for group in _group(kept, n_sents)]
    write_docs(docs, output)
    return Summary(
        path=path,
        output=output,
        scheme=used,
        detected=scheme is None,
        documents=len(docs),
        document_starts=sum(sentence.new_document for sentence in sentences),
        sentences=len(sentences),
        tokens=sum(len(item.sentence.words) for item in kept),
        missing=sum(len(item.decoded.missing) for item in kept),
        comments=sum(len(sentence.comments) for sentence in sentences),
        mentions=_ordered(Counter(mention.label for item in kept for mention in item.decoded.mentions)),
        dropped=_ordered(dropped),
        unmapped=unmapped,
        repairs=_ordered(Counter(repair.kind for item in kept for repair in item.decoded.repairs)),
    )


def _make_vocab(lang: str) -> Vocab:
    try:
        defaults = get_lang_class(lang).Defaults
    except ImportError as error:
        raise CorpusError(Errors.TL212.format(lang=lang, reason=error)) from error
    # the vocabulary alone: building the tokenizer of some languages needs packages that reading a corpus does not
    return create_vocab(lang, defaults)


def _detect(path: Path, sentences: Sequence[Sentence]) -> Scheme:
    try:
        return detect(sentence.tags for sentence in sentences)
    except MixedSchemesError as error:
        raise CorpusError(Errors.TL204.format(path=path)) from error


def _decode_all(path: Path, sentences: Sequence[Sentence], scheme: Scheme, strict: bool) -> list[_Parsed]:
    """Decode each sentence; raise with the lines whose prefix the scheme lacks or, if strict, needs a repair."""
    allowed = {"O", MISSING, *PREFIXES[scheme]}
    foreign = [
        Fault(line, f"{word}\t{tag}", f"{scheme.value} has no prefix {tag[0]}-")
        for sentence in sentences
        for word, tag, line in zip(sentence.words, sentence.tags, sentence.lines, strict=True)
        if (split_tag(tag) or tag)[0] not in allowed
    ]
    if foreign:
        raise CorpusError(Errors.TL201.format(path=path, count=len(foreign), lines=listing(foreign)))
    parsed = [_Parsed(sentence, decode(sentence.tags, scheme)) for sentence in sentences]
    if strict:
        illegal = [
            Fault(sentence.lines[i], f"{sentence.words[i]}\t{sentence.tags[i]}", kind.value)
            for sentence, decoded in parsed
            for i, kind in decoded.repairs
        ]
        if illegal:
            message = Errors.TL205.format(path=path, count=len(illegal), scheme=scheme.value, lines=listing(illegal))
            raise CorpusError(message)
    return parsed


def _apply_label_map(parsed: Sequence[_Parsed], label_map: Mapping[str, str]) -> tuple[list[_Parsed], Counter[str]]:
    """The sentences under their new labels, and how many mentions of each old label were dropped."""
    dropped: Counter[str] = Counter()
    kept: list[_Parsed] = []
    for sentence, decoded in parsed:
        mentions: list[Mention] = []
        for mention in decoded.mentions:
            label = label_map.get(mention.label, mention.label)
            if label:
                mentions.append(mention._replace(label=label))
            else:
                dropped[mention.label] += 1
        kept.append(_Parsed(sentence, Decoded(tuple(mentions), decoded.missing, decoded.repairs)))
    return kept, dropped


def _by_character(item: _Parsed) -> _Parsed:
    """The sentence with a word for each character; blanks inside of words are left out."""
    sentence, decoded = item
    words = [[char for char in word if not char.isspace()] for word in sentence.words]
    starts = [0, *accumulate(map(len, words))]
    spread = replace(
        sentence,
        words=tuple(char for word in words for char in word),
        tags=tuple(tag for word, tag in zip(words, sentence.tags, strict=True) for _ in word),
        lines=tuple(line for word, line in zip(words, sentence.lines, strict=True) for _ in word),
    )
    mentions = tuple(Mention(starts[start], starts[end], label) for start, end, label in decoded.mentions)
    missing = tuple(char for i in decoded.missing for char in range(starts[i], starts[i + 1]))
    return _Parsed(spread, Decoded(mentions, missing, decoded.repairs))


def _group(parsed: Sequence[_Parsed], n_sents: int) -> Iterator[list[_Parsed]]:
    """Sentences of one doc: `n_sents` of them (0: no limit), fewer where the file begins a document."""
    group: list[_Parsed] = []
    for item in parsed:
        if group and (item.sentence.new_document or len(group) == n_sents):
            yield group
            group = []
        group.append(item)
    yield group


def _make_doc(vocab: Vocab, group: Sequence[_Parsed], blanks: bool) -> Doc:
    """One doc of the group. With `blanks`, spaces stay unknown: spaCy's Corpus then trains on these very tokens."""
    words = [word for item in group for word in item.sentence.words]
    sent_starts: list[bool | int | None] = [i == 0 for item in group for i in range(len(item.sentence.words))]
    doc = Doc(vocab, words=words, spaces=None if blanks else [False] * len(words), sent_starts=sent_starts)
    mentions: list[Span] = []
    missing: list[Span] = []
    offset = 0
    for sentence, decoded in group:
        mentions += [Span(doc, offset + start, offset + end, label=label) for start, end, label in decoded.mentions]
        missing += [Span(doc, offset + i, offset + i + 1) for i in decoded.missing]
        offset += len(sentence.words)
    # the default says it: a token without a mention is O, and training learns from it
    doc.set_ents(mentions, missing=missing, default="outside")
    return doc


def _ordered(counts: Counter[_Key]) -> dict[_Key, int]:
    return dict(counts.most_common())
