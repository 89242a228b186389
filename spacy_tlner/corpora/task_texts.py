"""Texts for annotation, each with what its owner said of it: from JSONL, JSON, plain text and .spacy."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, DocBin, Span

from ..errors import Errors
from .faults import CorpusError, Fault, listing

TEXT_SUFFIXES = (".jsonl", ".json", ".txt", ".spacy")


class Text(NamedTuple):
    """A text, what its owner said of it, and its tokens with the blanks behind them where they are given."""

    text: str
    meta: dict[str, Any]
    tokens: tuple[tuple[str, bool], ...] | None = None

    @property
    def key(self) -> str:
        """The same for texts that differ in case and white space only, so also for a text and its tokens apart."""
        return "".join(self.text.split()).casefold()

    def make_doc(self, nlp: Language) -> Doc:
        """The text as a document without annotation."""
        if self.tokens is None:
            return nlp.make_doc(self.text)
        words, spaces = zip(*self.tokens)
        return Doc(nlp.vocab, words=list(words), spaces=list(spaces))


def read_texts(path: Path, nlp: Language, *, sentences: bool = False) -> Iterator[Text]:
    """The texts of a file that are not blank; of a .spacy file the tokens, without its annotation.

    .jsonl: an object with "text" and perhaps "meta" a line, or both under "data", as Label Studio has them. .json: a
    list of such objects. .txt: a text a line. sentences: a text for each sentence: those that a .spacy file marks, else
    those of spaCy's rule-based sentencizer.
    Raises CorpusError on another suffix (TL523), a file (TL521) or lines (TL522) that cannot be read.
    """
    if path.suffix not in TEXT_SUFFIXES:
        raise CorpusError(Errors.TL523.format(path=path))
    texts = _from_docs(path, nlp, sentences) if path.suffix == ".spacy" else _from_file(path)
    if sentences and path.suffix != ".spacy":
        texts = (part for text in texts for part in _sentences(nlp.make_doc(text.text), text.meta))
    for text in texts:
        if text.key:
            yield text


def distinct(texts: Iterable[Text], without: Iterable[Text] = ()) -> list[Text]:
    """Each text once, in order of its first place; none that is among `without`."""
    seen = {text.key for text in without}
    # `set.add` returns None: a text is kept where its key was new
    return [text for text in texts if not (text.key in seen or seen.add(text.key))]  # type: ignore[func-returns-value]


def _from_file(path: Path) -> Iterator[Text]:
    return _from_list(path) if path.suffix == ".json" else _from_lines(path)


def _from_list(path: Path) -> Iterator[Text]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CorpusError(Errors.TL521.format(path=path, reason=error.strerror or error)) from error
    except ValueError as error:
        raise CorpusError(Errors.TL521.format(path=path, reason=error)) from error
    if not isinstance(found, list):
        raise CorpusError(Errors.TL521.format(path=path, reason="it is no JSON list"))
    for number, each in enumerate(found, 1):
        try:
            yield _from_object(each)
        except ValueError as error:
            raise CorpusError(Errors.TL521.format(path=path, reason=f"object {number}: {error}")) from error


def _from_lines(path: Path) -> Iterator[Text]:
    parse = _parse_json if path.suffix == ".jsonl" else _parse_plain
    texts, faults = [], []
    try:
        # in bytes, so that a line that is no UTF-8 has a number; and str.splitlines would cut at U+2028
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                try:
                    if line.strip():
                        texts.append(parse(line.decode("utf8").rstrip("\r\n")))
                except ValueError as error:
                    faults.append(Fault(number, line.decode("utf8", "replace").rstrip("\r\n"), str(error)))
    except OSError as error:
        raise CorpusError(Errors.TL521.format(path=path, reason=error.strerror or error)) from error
    if faults:
        raise CorpusError(Errors.TL522.format(path=path, count=len(faults), lines=listing(faults)))
    return iter(texts)


def _parse_plain(line: str) -> Text:
    return Text(line.strip(), {})


def _parse_json(line: str) -> Text:
    """Raises ValueError with the reason, which stands beside the line's number in the message."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}") from error
    return _from_object(found)


def _from_object(found: Any) -> Text:
    """Raises ValueError with the reason."""
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    if "text" not in found and isinstance(found.get("data"), dict):
        found = found["data"]
    text, meta = found.get("text"), found.get("meta") or {}
    if not isinstance(text, str):
        raise ValueError('no string under "text"')
    if not isinstance(meta, dict):
        raise ValueError('"meta" is no object')
    try:
        text.encode("utf8")
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair in the text") from error
    return Text(text, meta)


def _from_docs(path: Path, nlp: Language, sentences: bool) -> Iterator[Text]:
    try:
        docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    except OSError as error:
        raise CorpusError(Errors.TL521.format(path=path, reason=error.strerror or error)) from error
    # zlib, msgpack and numpy each raise their own
    except Exception as error:
        raise CorpusError(Errors.TL521.format(path=path, reason=f"it is no DocBin ({error})")) from error
    for doc in docs:
        if sentences:
            yield from _sentences(doc, {})
        elif len(doc):
            yield _tokens(doc, {})


def _sentences(doc: Doc, meta: dict[str, Any]) -> Iterator[Text]:
    if not doc.has_annotation("SENT_START"):
        doc = Sentencizer()(doc)
    for sentence in doc.sents:
        yield from (_tokens(part, meta) for part in [_trimmed(sentence)] if len(part))


def _trimmed(span: Span) -> Span:
    """Without white space at both ends, which no one annotates."""
    start = next((token.i for token in span if not token.is_space), span.end)
    end = next((token.i + 1 for token in dropwhile(lambda t: t.is_space, reversed(list(span)))), start)
    return span.doc[start:end]


def _tokens(span: Doc | Span, meta: dict[str, Any]) -> Text:
    last = len(span) - 1
    # a blank behind the last token is the next sentence's affair
    tokens: Sequence[tuple[str, bool]] = [(t.text, bool(t.whitespace_) and i < last) for i, t in enumerate(span)]
    return Text("".join(word + " " * blank for word, blank in tokens), meta, tuple(tokens))
