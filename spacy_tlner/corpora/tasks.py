"""Annotation tasks, as Prodigy and Label Studio import them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span

from ..errors import Errors
from .faults import CorpusError

# spans with their probabilities, where there is one
Scored = Sequence[tuple[Span, float | None]]

TASK_SUFFIXES = {"prodigy": (".jsonl",), "label-studio": (".json", ".jsonl")}


def prodigy_task(doc: Doc, spans: Scored, meta: Mapping[str, Any]) -> dict[str, Any]:
    """A task of Prodigy's `ner_manual` interface: tokens, and spans with their probability under "score".

    Offsets count characters (code points); "token_end" is the span's last token, not the one after it.
    """
    return {
        "text": doc.text,
        "meta": dict(meta),
        "tokens": [
            {
                "text": token.text,
                "start": token.idx,
                "end": token.idx + len(token),
                "id": token.i,
                "ws": bool(token.whitespace_),
            }
            for token in doc
        ],
        "spans": [
            {
                "start": span.start_char,
                "end": span.end_char,
                "token_start": span.start,
                "token_end": span.end - 1,
                "label": span.label_,
                **_score(probability),
            }
            for span, probability in spans
        ],
    }


def label_studio_task(
    doc: Doc,
    spans: Scored,
    meta: Mapping[str, Any],
    *,
    model_version: str,
    confidence: float,
) -> dict[str, Any]:
    """A task with one prediction for Label Studio's NER template, whose tags are called "label" and "text".

    Offsets count characters (code points). The prediction's score is a confidence, for that is how Label Studio sorts.
    """
    result = [
        {
            "id": str(number),
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": span.start_char, "end": span.end_char, "text": span.text, "labels": [span.label_]},
            **_score(probability),
        }
        for number, (span, probability) in enumerate(spans, 1)
    ]
    prediction = {"model_version": model_version, **_score(confidence), "result": result}
    return {"data": {"text": doc.text, "meta": dict(meta)}, "predictions": [prediction]}


def as_lines(tasks: Iterable[Mapping[str, Any]]) -> str:
    """JSON, a task a line."""
    return "".join(f"{json.dumps(task, ensure_ascii=False)}\n" for task in tasks)


def as_list(tasks: Iterable[Mapping[str, Any]]) -> str:
    """One JSON list, a task a line: what Label Studio's import takes; it reads JSONL from cloud storage only."""
    return "[\n" + ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks) + "\n]\n"


def check_task_suffix(path: Path, style: str) -> None:
    """Refuse a name that the tool would not import. Raises CorpusError (TL524)."""
    if path.suffix not in TASK_SUFFIXES[style]:
        raise CorpusError(Errors.TL524.format(path=path, style=style, suffixes=" or ".join(TASK_SUFFIXES[style])))


def _score(probability: float | None) -> dict[str, float]:
    return {} if probability is None else {"score": round(probability, 4)}
