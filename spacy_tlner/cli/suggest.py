"""`spacy tlner suggest`: which texts to annotate next, as tasks that Prodigy and Label Studio import."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import fail

if TYPE_CHECKING:
    from spacy.language import Language

    from ..corpora.task_texts import Text
    from ..measure.suggest import Marked


class Style(str, Enum):
    """The tool that tasks are written for."""

    prodigy = "prodigy"
    label_studio = "label-studio"


def suggest(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Pipeline with tl_ner: a folder or package.")],
    path: Annotated[
        Path,
        typer.Argument(
            metavar="TEXTS",
            help='Unlabelled texts: .jsonl or .json with "text", .txt with a text a line, or .spacy.',
        ),
    ],
    top: Annotated[int, typer.Option(metavar="N", help="How many texts to suggest.")] = 200,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the tasks go; - prints them.")
    ] = Path("-"),
    style: Annotated[
        Style,
        typer.Option(
            "--format", help="prodigy writes JSONL; label-studio a JSON list, to a .jsonl file a task a line."
        ),
    ] = Style.prodigy,
    component: Annotated[str | None, typer.Option(help="Which tl_ner, if the pipeline has several.")] = None,
    annotated: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="What is annotated already, as TEXTS or tasks: not suggested again. May be repeated."
        ),
    ] = None,
    sentences: Annotated[bool, typer.Option("--sentences", help="Suggest sentences instead of whole texts.")] = False,
    diversity: Annotated[
        float, typer.Option(help="0: by score alone; 1: the words of a text chosen before are worth nothing.")
    ] = 0.8,
    threshold: Annotated[float, typer.Option(help="Mentions of a smaller probability neither count nor show.")] = 0.05,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Rank unlabelled texts by how much the model doubts in them, without near duplicates, and mark what it finds.

    A text's score is the sum of p (1 - p) over its possible mentions, p being their exact probabilities. Texts that
    differ in case or white space only are one.
    """
    from xml.sax.saxutils import quoteattr  # takes xml in, which no other command needs

    from spacy.cli._util import setup_gpu
    from wasabi import msg

    from ..corpora.faults import CorpusError
    from ..corpora.tasks import as_lines, as_list, check_task_suffix
    from ..errors import Errors
    from ..measure.suggest import mark, rank
    from .pipelines import find_ready_tagger, load

    # silent: what is printed may be the tasks alone
    setup_gpu(gpu_id, silent=True)
    to_screen = str(output) == "-"
    try:
        _check("--top", top, "at least 1", top >= 1)
        _check("--diversity", diversity, "a number from 0 to 1", 0 <= diversity <= 1)
        _check("--threshold", threshold, "a probability, a number from 0 to 1", 0 <= threshold <= 1)
        if not to_screen:
            check_task_suffix(output, style.value)
            if output.resolve() in {each.resolve() for each in (path, *(annotated or []))}:
                raise CorpusError(Errors.TL527.format(path=output))
        nlp = load(model)
        name = find_ready_tagger(nlp, model, component)
        texts, known = _read(path, annotated or [], nlp, sentences)
        choices = rank(
            nlp,
            name,
            (text.make_doc(nlp) for text in texts),
            top,
            diversity=diversity,
            threshold=threshold,
            annotated=(text.make_doc(nlp) for text in known),
        )
        chosen = [texts[choice.at] for choice in choices]
        marked = mark(nlp, name, (text.make_doc(nlp) for text in chosen), threshold)
        tasks = [
            _task(style, nlp, each, {**text.meta, "score": round(choice.score, 4)})
            for text, choice, each in zip(chosen, choices, marked)
        ]
        is_list = style is Style.label_studio and output.suffix != ".jsonl"
        content = as_list(tasks) if is_list else as_lines(tasks)
        if to_screen:
            typer.echo(content, nl=False)
            return
        _write(content, output)
    except ValueError as error:
        # ours, and spaCy's own of a text that is too long for the pipeline (E088)
        fail(error)
    msg.good(f"{len(tasks):,} of {len(texts):,} different text(s) -> {output}")
    if style is Style.label_studio:
        labels = "".join(f"<Label value={quoteattr(label)}/>" for label in nlp.pipe_labels[name])
        msg.text("Labeling interface for the project:")
        msg.text(f'<View><Labels name="label" toName="text">{labels}</Labels><Text name="text" value="$text"/></View>')


def _check(option: str, value: float, expected: str, holds: bool) -> None:
    from ..corpora.faults import CorpusError
    from ..errors import Errors

    if not holds:
        raise CorpusError(Errors.TL525.format(option=option, value=value, expected=expected))


def _read(path: Path, annotated: list[Path], nlp: "Language", sentences: bool) -> "tuple[list[Text], list[Text]]":
    """The different texts to choose from, and those annotated already. Raises CorpusError, TL520 if none is left."""
    from ..corpora.faults import CorpusError
    from ..corpora.task_texts import distinct, read_texts
    from ..errors import Errors

    known = distinct(text for each in annotated for text in read_texts(each, nlp, sentences=sentences))
    found = list(read_texts(path, nlp, sentences=sentences))
    texts = distinct(found, without=known)
    if not texts:
        reason = "each is among those annotated already" if found else "it is empty or blank"
        raise CorpusError(Errors.TL520.format(path=path, reason=reason))
    return texts, known


def _write(content: str, path: Path) -> None:
    from ..corpora.faults import CorpusError
    from ..errors import Errors
    from ..files import write_whole

    try:
        write_whole(path, content.encode("utf8"))
    except OSError as error:
        raise CorpusError(Errors.TL526.format(path=path, reason=error.strerror or error)) from error


def _task(style: Style, nlp: "Language", marked: "Marked", meta: dict[str, Any]) -> dict[str, Any]:
    from ..corpora.tasks import label_studio_task, prodigy_task
    from ..tags import Mention

    doc, probability = marked.doc, dict(marked.possible)
    # None: an entity that an earlier component set, with a label of its own
    spans = [(ent, probability.get(Mention(ent.start, ent.end, ent.label_))) for ent in doc.ents]
    # as text: Prodigy shows it below the sentence
    meta["probabilities"] = "; ".join(f"{doc[m.start : m.end].text} {m.label} {p:.2f}" for m, p in marked.possible)
    if style is Style.prodigy:
        return prodigy_task(doc, spans, meta)
    version = "{lang}_{name}-{version}".format(**nlp.meta)
    return label_studio_task(doc, spans, meta, model_version=version, confidence=marked.confidence)
