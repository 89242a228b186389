"""`spacy tlner silver`: unlabelled text annotated by a trained tagger where it is certain, and kept apart from gold."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacy.language import Language
    from spacy.tokens import Doc

    from ..corpora.leaks import LeakGuard, Removed

# wasabi's tables are narrow: 30 characters
_REASONS = {
    "same": "Sentences of gold",
    "contained": "Parts of gold, or around gold",
    "near": "Near duplicates of gold",
    "document": "Others of the same texts",
    "string": "With a mention of gold",
}


def silver(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Pipeline with tl_ner: a folder or package.")],
    path: Annotated[
        Path,
        typer.Argument(
            metavar="TEXT",
            help='Texts, a text a line: .txt, .txt.gz, .jsonl with "text", a folder of these, or .spacy.',
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.spacy", help="The corpus to write; its folder is made.")],
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="GOLD.spacy",
            help="Gold corpus (test, dev) of which no sentence may get into the output; one of less than 5 words is "
            "looked for as a sentence, longer ones within others, too. May be repeated.",
        ),
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Share of 5-grams in common with a gold sentence from which a sentence is excluded.")
    ] = 0.5,
    exclude_strings: Annotated[
        bool, typer.Option("--exclude-strings", help="Exclude sentences, too, that have a mention of --exclude.")
    ] = False,
    known: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="TRAIN.spacy",
            help="Corpus whose mentions --exclude-strings leaves alone, as gold train. May be repeated.",
        ),
    ] = None,
    least_probability: Annotated[
        float,
        typer.Option(help="Above 0.5: of a mention, or of a token to be O; what is less probable is left missing."),
    ] = 0.9,
    whole: Annotated[bool, typer.Option("--whole", help="Only sentences of which no token is missing.")] = False,
    empty_share: Annotated[
        float, typer.Option(help="At most this share of the sentences written has no entity; 1 for no limit.")
    ] = 0.5,
    max_sentences: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Sentences to write; reading ends when there are as many.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sentences that are drawn where not all are written.")] = 0,
    component: Annotated[str | None, typer.Option(help="Which tl_ner, if the pipeline has several.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="File for what was read, removed, written.")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Label text with a trained tagger and write what is certain as a corpus for `spacy train`, a sentence a document.

    Kept are mentions of at least --least-probability, and O where no mention has a chance; all other tokens have no
    annotation, so that neither tl_ner nor spaCy's ner learns from them. These probabilities are worth what `spacy tlner
    calibrate` says. With --exclude, sentences that stand in gold corpora or nearly do are removed first, and texts that
    have some of them as a whole; what was removed is shown.
    """
    import srsly
    from spacy.cli._util import setup_gpu
    from wasabi import msg

    from ..corpora.docbin import check_suffix, write_docs
    from ..corpora.draw import Draw
    from ..corpora.faults import CorpusError
    from ..corpora.leaks import Removed
    from ..corpora.texts import read_plain
    from ..errors import Errors
    from ..files import write_whole
    from ..measure.silver import label
    from .pipelines import find_ready_tagger, load
    from .progress import tokenizing

    setup_gpu(gpu_id, silent=False)
    exclude, known = exclude or [], known or []
    try:
        _check("--least-probability", least_probability, "a number above 0.5, up to 1", 0.5 < least_probability <= 1)
        _check("--empty-share", empty_share, "a number from 0 to 1", 0 <= empty_share <= 1)
        _check("--overlap", overlap, "a number above 0, up to 1", 0 < overlap <= 1)
        _beside("--exclude-strings", exclude_strings, "--exclude", exclude)
        _beside("--known", known, "--exclude-strings", exclude_strings)
        check_suffix(output)
        _check_free("OUTPUT.spacy", output, [*exclude, *known], path)
        if json is not None:
            _check_free("--json", json, [*exclude, *known, output], path)
        nlp = load(model)
        name = find_ready_tagger(nlp, model, component)
        guard = _guard(nlp, exclude, known if exclude_strings else None, overlap)
        removed, draw = Removed(), Draw(empty_share, max_sentences)

        def keep(sentences: "Sequence[str]") -> list[bool]:
            verdict = guard.judge(sentences)
            removed.add(sentences, verdict)
            return [leak is None for leak in verdict.leaks]

        n_kept = uncertain = 0
        for batch in label(nlp, name, tokenizing(read_plain(path), "Labelling"), least_probability, keep=keep):
            n_kept += len(batch)
            for doc, missing in batch:
                if missing == len(doc) or (whole and missing):
                    uncertain += 1
                else:
                    draw.add(doc)
            if draw.enough:
                break
        docs = list(draw.docs(nlp.vocab, seed))
        if not docs:
            raise CorpusError(
                Errors.TL621.format(
                    path=path,
                    sentences=removed.sentences,
                    removed=removed.sentences - n_kept,
                    uncertain=uncertain,
                    others=n_kept - uncertain,
                )
            )
        found: dict[str, Any] = {
            "model": model,
            "component": name,
            "text": str(path),
            "output": str(output),
            "least_probability": least_probability,
            "whole": whole,
            "empty_share": empty_share,
            "max_sentences": max_sentences,
            "seed": seed,
            "texts": removed.texts,
            "sentences": removed.sentences,
            "removed": _removed(removed, guard, exclude, known),
            "uncertain": uncertain,
            "not_drawn": n_kept - uncertain - len(docs),
            "written": _written(docs),
        }
        if json is not None:
            try:
                write_whole(json, srsly.json_dumps(found, indent=2).encode("utf8"))
            except OSError as error:
                raise CorpusError(Errors.TL210.format(path=json, reason=error.strerror or error)) from error
        # last, so that nothing can fail behind it
        write_docs(docs, output)
    except ValueError as error:
        # ours, and spaCy's own of a text that is too long for the pipeline (E088)
        fail(error)
    _print(found)
    if not exclude:
        msg.warn("Without --exclude, nothing tells whether sentences of a gold test are among the texts")
    msg.good(f"{len(docs):,} sentence(s) -> {output}")


def _check(option: str, value: float, expected: str, holds: bool) -> None:
    from ..corpora.faults import CorpusError
    from ..errors import Errors

    if not holds:
        raise CorpusError(Errors.TL525.format(option=option, value=value, expected=expected))


def _beside(option: str, given: Any, other: str, needed: Any) -> None:
    from ..corpora.faults import CorpusError
    from ..errors import Errors

    if given and not needed:
        raise CorpusError(Errors.TL622.format(option=option, other=other))


def _check_free(option: str, written: Path, others: "Sequence[Path]", text: Path) -> None:
    """Refuse what would be written over another file, or cannot be written, before hours of labelling. TL620, TL210.

    others: files, or folders of which everything may be read; of `text`, a folder, only files of text are.
    """
    from ..corpora.faults import CorpusError
    from ..corpora.unlabelled import SUFFIXES
    from ..errors import Errors

    target, texts = written.resolve(), text.resolve()
    is_text = target == texts or (target.parent == texts and target.name.endswith(SUFFIXES))
    if is_text or any(other.resolve() in (target, *target.parents) for other in others):
        raise CorpusError(Errors.TL620.format(option=option, path=written))
    above = next(each for each in target.parents if each.exists())
    if target.is_dir() or not above.is_dir():
        reason = "it is a folder" if target.is_dir() else f"{above} is no folder"
        raise CorpusError(Errors.TL210.format(path=written, reason=reason))


def _guard(nlp: "Language", exclude: list[Path], known: list[Path] | None, overlap: float) -> "LeakGuard":
    """What may not get into the output. known: None: mentions may. Raises TL214, TL215, TL623."""
    from ..corpora.check import read_examples
    from ..corpora.faults import CorpusError
    from ..corpora.leaks import LeakGuard, sentences_of, words_of
    from ..errors import Errors

    gold = [example.reference for each in exclude for example in read_examples(each, nlp)]
    strings: list[str] = []
    if known is not None:
        strings = [ent.text for doc in gold for ent in doc.ents]
        if not strings:
            raise CorpusError(Errors.TL623.format(paths=", ".join(map(str, exclude))))
        free = {words_of(ent.text) for each in known for eg in read_examples(each, nlp) for ent in eg.reference.ents}
        strings = [text for text in strings if words_of(text) not in free]
    return LeakGuard(sentences_of(gold), strings, overlap=overlap)


def _removed(removed: "Removed", guard: "LeakGuard", exclude: list[Path], known: list[Path]) -> dict[str, Any]:
    from ..corpora.leaks import Reason

    return {
        "exclude": [str(each) for each in exclude],
        "known": [str(each) for each in known],
        "overlap": guard.overlap,
        "gold_sentences": guard.n_sentences,
        "gold_strings": guard.n_strings,
        "texts": removed.whole_texts,
        "sentences": {reason.value: removed.reasons[reason] for reason in Reason},
        "examples": {
            reason.value: [{"sentence": sentence, "gold": gold} for sentence, gold in removed.examples[reason]]
            for reason in Reason
            if reason in removed.examples
        },
    }


def _written(docs: "list[Doc]") -> dict[str, Any]:
    mentions = Counter(ent.label_ for doc in docs for ent in doc.ents)
    return {
        "sentences": len(docs),
        "without_entity": sum(not doc.ents for doc in docs),
        "tokens": sum(len(doc) for doc in docs),
        "missing": sum(token.ent_iob == 0 for doc in docs for token in doc),
        "mentions": dict(mentions.most_common()),
    }


def _print(found: dict[str, Any]) -> None:
    from wasabi import msg

    removed, written = found["removed"], found["written"]
    rows: list[tuple[str, str]] = [
        ("Texts read", f"{found['texts']:,}"),
        ("Sentences read", f"{found['sentences']:,}"),
        ("  removed by the leak guard", f"{sum(removed['sentences'].values()):,}"),
        ("  not certain enough", f"{found['uncertain']:,}"),
        ("  left out by chance", f"{found['not_drawn']:,}"),
        ("  written", f"{written['sentences']:,} ({written['without_entity']:,} without an entity)"),
        ("Tokens written", f"{written['tokens']:,} ({written['missing']:,} missing)"),
        ("Mentions written", f"{sum(written['mentions'].values()):,}"),
        *((f"  {label}", f"{count:,}") for label, count in written["mentions"].items()),
    ]
    msg.table(rows, aligns=("l", "r"))
    if not removed["exclude"]:
        return
    msg.divider("Leak guard")
    strings = f" and {removed['gold_strings']:,} mention(s)" if removed["gold_strings"] else ""
    msg.info(f"Looked for {removed['gold_sentences']:,} sentence(s){strings} of {', '.join(removed['exclude'])}")
    if not any(removed["sentences"].values()):
        msg.good("No sentence had to be removed")
        return
    rows = [(_REASONS[reason], f"{count:,}") for reason, count in removed["sentences"].items()]
    msg.table([*rows, ("Texts removed as a whole", f"{removed['texts']:,}")], aligns=("l", "r"))
    for reason, examples in removed["examples"].items():
        msg.text(f"{_REASONS[reason]}, for example:")
        for example in examples[:3]:
            msg.text(f"  {_short(example['sentence'])}")
            if reason != "same":
                msg.text(f"    gold: {_short(example['gold'])}")


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."
