"""Reader of unlabelled text for pretraining: plain or gzipped text and JSONL, as sentences or as they stand."""

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from .faults import CorpusError

SUFFIXES = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz")


@registry.readers("spacy_tlner.TextCorpus.v1")
def TextCorpus(
    path: str | Path | None,
    sentences: bool = True,
    min_length: int = 4,
    max_length: int = 100,
    limit: int = 0,
    shuffle: bool = False,
) -> Callable[[Language], Iterator[Example]]:
    """Documents without annotation.

    path: a file, or a folder of which every .txt, .txt.gz, .jsonl and .jsonl.gz is read in order of name. A line is a
    text; of JSONL, the value of "text". sentences: one document a sentence (spaCy's rule-based sentencizer).
    min_length: tokens below which a sentence (or text) is left out. max_length: tokens at which a longer one is cut,
    nothing of it is lost; 0 for no limit. limit: documents to stop after; 0 for all. shuffle: the texts in an order
    drawn at random, which is the same every time; all of them are then in memory. Otherwise files are read as they are
    used.
    Raises CorpusError: TL221 on a path without such files, TL222 on a file or line that cannot be read.
    """

    def read(nlp: Language) -> Iterator[Example]:
        if path is None:
            raise CorpusError(Errors.TL221.format(path="null", reason="no path is given", suffixes=", ".join(SUFFIXES)))
        sentencizer, n = Sentencizer(), 0
        for text in _shuffled(read_lines(Path(path))) if shuffle else read_lines(Path(path)):
            doc = nlp.make_doc(text)
            for part in _parts(sentencizer(doc) if sentences else doc, sentences, min_length, max_length):
                yield Example(part, part)
                n += 1
                if n == limit:
                    return

    return read


def read_lines(path: Path) -> Iterator[str]:
    """The texts of a file or folder that are not blank. Raises CorpusError, see `TextCorpus`."""
    for file in text_files(path):
        parse = _parse_json if ".jsonl" in file.name else str.strip
        number = 0
        try:
            # in bytes, so that a line that is no UTF-8 has a number
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
                for line in lines:
                    number += 1
                    try:
                        text = parse(line.decode("utf-8-sig" if number == 1 else "utf8").strip())
                    except ValueError as error:
                        where = f"line {number}"
                        raise CorpusError(Errors.TL222.format(path=file, where=where, reason=error)) from error
                    if text:
                        yield text
        except (OSError, EOFError, zlib.error) as error:
            where = f"after line {number}"
            raise CorpusError(Errors.TL222.format(path=file, where=where, reason=error)) from error


def _parse_json(line: str) -> str:
    """Raises ValueError with the reason."""
    if not line:
        return ""
    found = json.loads(line)
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise ValueError('no object with a string under "text"')
    text: str = found["text"].strip()
    try:
        text.encode("utf8")
    except UnicodeEncodeError as error:
        # JSON can spell it, but neither spaCy nor a file can hold it
        raise ValueError("half a surrogate pair in the text") from error
    return text


def text_files(path: Path) -> list[Path]:
    """The file, or those of a folder that are read, in order of name. Raises CorpusError: TL221."""
    files = [path]
    if path.is_dir():
        files = sorted(part for part in path.iterdir() if part.name.endswith(SUFFIXES) and part.is_file())
    if not path.exists():
        reason = "there is no such file"
    elif not files:
        reason = "no file in the folder has such a name"
    elif not files[0].name.endswith(SUFFIXES):
        reason = "its name ends otherwise"
    else:
        return files
    raise CorpusError(Errors.TL221.format(path=path, reason=reason, suffixes=", ".join(SUFFIXES)))


def _shuffled(texts: Iterable[str]) -> list[str]:
    held = list(texts)
    random.Random(0).shuffle(held)
    return held


def _parts(doc: Doc, sentences: bool, min_length: int, max_length: int) -> Iterator[Doc]:
    for span in doc.sents if sentences and len(doc) else [doc[:]]:
        if len(span) < max(min_length, 1):
            continue
        step = max_length or len(span)
        for start in range(span.start, span.end, step):
            tokens = doc[start : min(start + step, span.end)]
            yield Doc(doc.vocab, words=[t.text for t in tokens], spaces=[bool(t.whitespace_) for t in tokens])
