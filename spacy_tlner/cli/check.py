"""`spacy tlner check`: what is in a corpus, and what of it leaks into another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failure import fail

if TYPE_CHECKING:
    from ..corpora.check import CorpusStats, Leaks, Overlap


def check(
    path: Annotated[Path, typer.Argument(metavar="A", help="Training corpus: a .spacy file or a folder of them.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="B", help="Development or test corpus, looked up in A for leaks.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the tokenizer that training will use.")] = "en",
) -> None:
    """Show what `spacy debug data` shows for ner, and which texts of B also occur in A.

    Warnings leave the exit code at 0; a corpus that cannot be read ends with 1.
    """
    from spacy.util import get_lang_class

    from ..corpora.check import corpus_stats, find_leaks, mention_overlap, read_examples
    from ..corpora.faults import CorpusError
    from ..errors import Errors

    try:
        # the tokenizers of some languages need a package of their own
        nlp = get_lang_class(lang)()
    except ImportError as error:
        fail(Errors.TL212.format(lang=lang, reason=error))
    try:
        corpora = [(each, read_examples(each, nlp)) for each in (path, other) if each is not None]
    except CorpusError as error:
        fail(error)
    stats = [corpus_stats(examples) for _, examples in corpora]
    for number, (each, _) in enumerate(corpora):
        _print_stats(each, stats[number], is_training=number == 0)
    if other is not None:
        _print_strangers(path, other, [label for label in stats[1].mentions if label not in stats[0].mentions])
        train, test = ([example.reference for example in examples] for _, examples in corpora)
        _print_leaks(path, other, find_leaks(train, test))
        _print_overlap(path, other, mention_overlap(train, test))


def _print_stats(path: Path, stats: "CorpusStats", *, is_training: bool) -> None:
    # spaCy's own thresholds, so that both commands warn alike
    from spacy.cli.debug_data import BLANK_MODEL_MIN_THRESHOLD, BLANK_MODEL_THRESHOLD, NEW_LABEL_THRESHOLD
    from wasabi import msg

    msg.divider(str(path))
    sentences = "no sentence boundaries" if stats.sentences is None else f"{stats.sentences:,} sentence(s)"
    msg.info(f"{stats.docs:,} doc(s), {sentences}, {stats.words:,} word(s) ({stats.unique_words:,} unique)")
    msg.info(f"{len(stats.mentions)} label(s), {sum(stats.mentions.values()):,} mention(s)")
    if stats.mentions:
        rows = [(label, f"{n:,}", f"{stats.docs_without[label]:,}") for label, n in stats.mentions.items()]
        msg.table(rows, header=("Label", "Mentions", "Docs without"), aligns=("l", "r", "r"), divider=True)
    else:
        msg.warn("No mention of any label")
    msg.text(f"{stats.missing:,} missing value(s) (tokens with '-' label)")
    warnings: list[str] = []
    if is_training and stats.docs < BLANK_MODEL_THRESHOLD:
        warnings.append(
            f"Low number of examples to train a new pipeline ({stats.docs:,}): at least {BLANK_MODEL_THRESHOLD} are "
            f"recommended, {BLANK_MODEL_MIN_THRESHOLD} the minimum"
        )
    for label, count in stats.mentions.items():
        if is_training and count <= NEW_LABEL_THRESHOLD:
            warnings.append(f"Low number of examples for label '{label}' ({count})")
        if not stats.docs_without[label]:
            warnings.append(f"No examples for texts WITHOUT label '{label}'")
    for count, what in (
        (stats.misaligned_words, "misaligned token(s): the tokenizer cuts them unlike the annotation"),
        (stats.lost_mentions, "mention(s) lost, since they do not begin and end with tokens of the tokenizer"),
        (stats.whitespace_mentions, "invalid whitespace mention(s): consisting of, starting or ending with it"),
        (stats.crossing_mentions, "mention(s) crossing a sentence boundary"),
    ):
        if count:
            warnings.append(f"{count:,} {what}")
    for warning in warnings:
        msg.warn(warning)
    if not warnings:
        msg.good("Nothing to warn of")


def _print_strangers(path: Path, other: Path, labels: list[str]) -> None:
    from wasabi import msg

    if labels:
        msg.warn(
            f"{path} does not have these labels of {other}, so what is trained on it cannot find them: "
            f"{', '.join(labels)}. Were both converted with the same --label-map?"
        )


def _print_leaks(path: Path, other: Path, leaks: "Leaks") -> None:
    from wasabi import msg

    msg.divider(f"{other} in {path}")
    if not leaks.examples:
        msg.good("No text of the second corpus occurs in the first")
        return
    parts = [f"{leaks.documents:,} document(s)"]
    if leaks.sentences is not None:
        parts.append(f"{leaks.sentences:,} sentence(s)")
    msg.warn(f"{' and '.join(parts)} of {other} also occur in {path}; the longest:")
    for text in leaks.examples:
        msg.text(f"  {text if len(text) <= 100 else text[:97] + '...'}")


def _print_overlap(path: Path, other: Path, overlap: "dict[str, Overlap]") -> None:
    from wasabi import msg

    if overlap:
        msg.info(f"Distinct mentions of {other} that {path} has under the same label")
        rows = [
            (label, f"{each.distinct:,}", f"{each.seen:,}", f"{100 * each.seen / each.distinct:.1f}")
            for label, each in overlap.items()
        ]
        msg.table(rows, header=("Label", "Distinct", "Seen", "%"), aligns=("l", "r", "r", "r"), divider=True)
