"""`spacy tlner convert`: a token-per-line file to .spacy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

# schemes is plain Python without a dependency, so it may be imported here (see cli/__init__.py)
from ..corpora.schemes import Scheme
from .failure import fail

if TYPE_CHECKING:
    from ..corpora.convert import Summary


def convert(
    path: Annotated[Path, typer.Argument(metavar="IN", help="Token-per-line file: CoNLL-2002/2003, TSV, .iob2.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The .spacy file to write; its folder is made.")],
    scheme: Annotated[
        Scheme | None, typer.Option(case_sensitive=False, help="Tagging scheme; detected if left out.")
    ] = None,
    token_column: Annotated[int, typer.Option(help="Column of the tokens, from 0, or from the end with -1, ...")] = 0,
    tag_column: Annotated[int, typer.Option(help="Column of the tags, counted likewise.")] = -1,
    n_sents: Annotated[
        int,
        typer.Option("--n-sents", "-n", min=0, help="Sentences a doc; 0 makes one doc of each -DOCSTART- document."),
    ] = 1,
    label_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW,...", help="New labels; OLD= drops one. Or a .json file. May be repeated."),
    ] = None,
    labels_of: Annotated[
        Path | None,
        typer.Option(metavar="FILE.spacy", help="Drop labels that, behind the map, this corpus does not have."),
    ] = None,
    characters: Annotated[
        bool, typer.Option("--characters", help="A token a character, as spaCy reads Chinese; no blanks between.")
    ] = False,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language code of the vocabulary.")] = "en",
    strict: Annotated[bool, typer.Option("--strict", help="Refuse illegal transitions instead of repairing.")] = False,
) -> None:
    """Convert a token-per-line NER file to spaCy's .spacy format.

    The tagging scheme (IO, IOB1, IOB2, IOBES, BILUO) is detected and reported, illegal transitions are repaired as
    conlleval reads them and counted, and a line that cannot be used stops the conversion with its number.
    """
    from ..corpora.convert import convert_file
    from ..corpora.faults import CorpusError
    from ..corpora.labels import parse_label_map

    try:
        summary = convert_file(
            path,
            output,
            scheme=scheme,
            token_column=token_column,
            tag_column=tag_column,
            n_sents=n_sents,
            label_map=parse_label_map(label_map or []),
            labels_of=labels_of,
            characters=characters,
            lang=lang,
            strict=strict,
        )
    except CorpusError as error:
        fail(error)
    _print_summary(summary)


def _print_summary(summary: "Summary") -> None:
    from wasabi import msg

    msg.good(f"{summary.path} -> {summary.output}")
    rows: list[tuple[str, str]] = [
        ("Scheme", f"{summary.scheme.value} ({'detected' if summary.detected else 'given'})"),
        ("Documents", _with_note(summary.documents, summary.document_starts, "marked in the file")),
        ("Sentences", f"{summary.sentences:,}"),
        ("Tokens", _with_note(summary.tokens, summary.missing, "with unknown annotation")),
        ("Mentions", f"{sum(summary.mentions.values()):,}"),
        *((f"  {label}", f"{count:,}") for label, count in summary.mentions.items()),
    ]
    if summary.comments:
        rows.append(("Comment lines", f"{summary.comments:,}"))
    msg.table(rows, aligns=("l", "r"))
    for label, count in summary.dropped.items():
        msg.info(f"{count:,} mention(s) of {label} dropped")
    if summary.unmapped:
        msg.warn(f"The label map names labels that do not occur here: {', '.join(summary.unmapped)}")
    for kind, count in summary.repairs.items():
        msg.warn(f"{count:,} illegal transition(s) repaired: {kind.value}")
    if summary.sentences == 1:
        msg.warn("The whole file is one sentence: no empty line divides it")
    if not summary.mentions:
        msg.warn("No mention in the whole file: check --tag-column if that is not what you expect")


def _with_note(count: int, part: int, note: str) -> str:
    return f"{count:,} ({part:,} {note})" if part else f"{count:,}"
