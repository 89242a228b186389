"""Smaller corpora out of larger ones: a sample of the annotated documents, and what it leaves."""

import random
from pathlib import Path

import spacy
from spacy.tokens import DocBin


def sample(path: Path, size: str, seed: int) -> Path:
    """A file of `size` documents drawn from `path`; all of them for "all"."""
    return path if size == "all" else _drawn(path, size, seed)[0]


def rest(path: Path, size: str, seed: int) -> Path:
    """A file of the documents that `sample` did not draw."""
    return _drawn(path, size, seed)[1]


def _drawn(path: Path, size: str, seed: int) -> tuple[Path, Path]:
    drawn, left = (path.with_name(f"{path.stem}.{size}{part}.{seed}.spacy") for part in ("", ".rest"))
    if not (drawn.exists() and left.exists()):
        docs = list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
        chosen = random.Random(seed).sample(range(len(docs)), min(int(size), len(docs)))
        others = sorted(set(range(len(docs))).difference(chosen))
        for output, numbers in ((drawn, chosen), (left, others)):
            DocBin(docs=[docs[i] for i in numbers], store_user_data=True).to_disk(output)
    return drawn, left
