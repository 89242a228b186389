"""Benchmark results as one JSON object a row, appended to benchmarks/results/<bench>.jsonl, and printed as a table."""

import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
KEYS = ("bench", "case", "system", "metric", "value", "seed", "threads", "device", "commit", "versions")


def append(bench: str, rows: Iterable[dict[str, Any]], *, threads: int = 1, device: str = "cpu") -> None:
    """Add rows of `case, system, metric, value, seed`; the keys that every row shares are filled in here."""
    common = {"bench": bench, "threads": threads, "device": device, "commit": commit(), "versions": versions()}
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{bench}.jsonl").open("a", encoding="utf8") as file_:
        for row in rows:
            merged = {**common, **row}
            file_.write(json.dumps({key: merged[key] for key in KEYS}) + "\n")


def append_metrics(bench: str, case: str, found: dict[str, dict[str, float]], *, threads: int = 1) -> None:
    """Add {system: {metric: value}} of one case and seed 0."""
    facts = [
        {"case": case, "system": system, "metric": metric, "value": value, "seed": 0}
        for system, of in found.items()
        for metric, value in of.items()
    ]
    append(bench, facts, threads=threads)


def read(bench: str) -> list[dict[str, Any]]:
    """All rows of a benchmark, oldest first; none if it never ran."""
    path = RESULTS / f"{bench}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()] if path.exists() else []


def table(header: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """A table in plain text, columns as wide as they need."""
    lines = [[str(cell) for cell in row] for row in (header, *body)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(header))]
    return "\n".join(_aligned(lines, widths))


def _aligned(lines: list[list[str]], widths: list[int]) -> Iterator[str]:
    for row in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


@lru_cache(maxsize=1)
def commit() -> str:
    """The short hash of the tree that runs, "-dirty" behind it if the package or benchmarks differ from it."""
    here = Path(__file__).parent.parent
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "spacy_tlner", "configs", "benchmarks/*.py"],
        cwd=here,
        capture_output=True,
        text=True,
    )
    return head.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of what the figures rest on."""
    names = ("spacy-tlner", "spacy", "thinc", "torch", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
