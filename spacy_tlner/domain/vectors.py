"""Word vectors trained by floret (fastText with a hashed table, https://github.com/explosion/floret) on texts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from spacy.language import Language
from spacy.training.initialize import convert_vectors

from ..errors import Errors
from ..files import may_be_replaced, whole_folder
from .faults import DomainError

Mode = Literal["floret", "default"]
Algorithm = Literal["skipgram", "cbow"]
# floret's words end at these
_BLANKS = set(" \t\n\v\f\r\0")


@dataclass
class VectorSettings:
    """How floret trains. mode: "floret" hashes words and n-grams into `buckets` rows, so that every word has a vector;
    "default" keeps a row for each word that occurs `min_count` times, and no other word has one.

    minn, maxn: lengths of n-grams. hashes: rows an n-gram has. window: words to each side. threads: with more than
    one, no two runs give the same vectors.
    """

    mode: Mode = "floret"
    algorithm: Algorithm = "skipgram"
    dim: int = 100
    minn: int = 3
    maxn: int = 6
    buckets: int = 50000
    hashes: int = 2
    epochs: int = 5
    min_count: int = 5
    window: int = 5
    threads: int = 1


@dataclass
class VectorSummary:
    """What was trained on: texts, their tokens, and the different words among them that were frequent enough."""

    texts: int
    tokens: int
    words: int


def train_vectors(
    texts: Iterable[str],
    nlp: Language,
    output: Path,
    settings: VectorSettings,
    *,
    lower: bool = False,
    verbose: int = 0,
) -> VectorSummary:
    """Train on `texts` as `nlp` tokenizes them, and write `nlp` with the vectors to the folder `output`.

    lower: lower-case the text, and look words up by their lower-cased form. verbose: 2 shows floret's progress.
    Raises DomainError: TL541 without floret, TL542 without enough words, TL543 and TL545 on the folder, TL544 on
    settings.
    """
    floret = _floret()
    if settings.minn > settings.maxn:
        raise DomainError(Errors.TL544.format(minn=settings.minn, maxn=settings.maxn))
    output = output.resolve()  # "." has no name
    check_output(output)
    with TemporaryDirectory() as work:
        text_file, table_file = Path(work) / "texts", Path(work) / "table.txt"
        n_texts, n_tokens = _write_words(texts, nlp, text_file, lower)
        if not n_tokens:
            raise DomainError(Errors.TL542.format(reason="no text has a word", tokens=0))
        try:
            model = floret.train_unsupervised(str(text_file), **_arguments(settings), verbose=verbose)
        except (ValueError, RuntimeError) as error:
            raise DomainError(Errors.TL542.format(reason=error, tokens=n_tokens)) from error
        save = model.save_floret_vectors if settings.mode == "floret" else model.save_vectors
        save(str(table_file))
        attr = "LOWER" if lower else "ORTH"
        convert_vectors(nlp, table_file, truncate=0, prune=-1, mode=settings.mode, attr=attr, name=output.name)
    summary = VectorSummary(n_texts, n_tokens, len(model.get_words()))
    nlp.meta["spacy_tlner"] = {"vectors": {**asdict(settings), **asdict(summary), "lower": lower}}
    try:
        with whole_folder(output) as part:
            nlp.to_disk(part)
    except OSError as error:
        raise DomainError(Errors.TL545.format(path=output, reason=error.strerror or error)) from error
    return summary


def check_output(path: Path) -> None:
    """Refuse to take the place of anything but earlier vectors or an empty folder. Raises DomainError (TL543)."""
    if not may_be_replaced(path, lambda meta: not meta["pipeline"] and "vectors" in meta.get("spacy_tlner", {})):
        raise DomainError(Errors.TL543.format(path=path))


def _floret() -> Any:
    try:
        import floret
    except ImportError as error:
        raise DomainError(Errors.TL541) from error
    return floret


def _write_words(texts: Iterable[str], nlp: Language, path: Path, lower: bool) -> tuple[int, int]:
    """A text a line, its tokens set apart by blanks; how many texts and tokens."""
    n_texts = n_tokens = 0
    # spaCy's limit of a text's length is for parsers, and this is the tokenizer alone
    with path.open("w", encoding="utf8", newline="\n") as file:
        for text in texts:
            doc = nlp.tokenizer(text)
            words = [token.lower_ if lower else token.text for token in doc if not token.is_space]
            words = [word for word in words if not _BLANKS.intersection(word)]
            file.write(" ".join(words) + "\n")
            n_texts, n_tokens = n_texts + 1, n_tokens + len(words)
    return n_texts, n_tokens


def _arguments(settings: VectorSettings) -> dict[str, Any]:
    """In floret's words."""
    arguments: dict[str, Any] = {
        "model": settings.algorithm,
        "mode": "floret" if settings.mode == "floret" else "fasttext",
        "dim": settings.dim,
        "minn": settings.minn,
        "maxn": settings.maxn,
        "bucket": settings.buckets,
        "epoch": settings.epochs,
        "minCount": settings.min_count,
        "ws": settings.window,
        "thread": settings.threads,
    }
    if settings.mode == "floret":
        arguments["hashCount"] = settings.hashes
    return arguments
