"""What each way to transfer is worth: test F1 from few to all target sentences, beside scratch and spaCy's own `ner`.

    python benchmarks/transfer.py SOURCE TARGET --name bc5cdr-ncbi --source-options "--label-map Chemical="
    python benchmarks/transfer.py SOURCE TARGET --sizes 100 --seeds 3 --methods scratch,warm_start,spacy-continued

SOURCE and TARGET are any corpora that `spacy tlner convert` reads: a folder with files called train, dev (or devel,
valid, val) and test, or the files themselves, TRAIN,DEV,TEST. A source needs no test; without a dev set a tenth of it
becomes one. Every run is the real `spacy train` and `spacy evaluate`, one thread each. Dev sets select; at n target
sentences that is a sample of n of them, not the whole. Runs whose model stands in the work folder and whose rows stand
in results/transfer.jsonl are not run again. `transfer_pairs.py` runs the pairs of the README.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import numpy
import spacy
import typer
from spacy.tokens import DocBin

import rows
from accuracy import sample, write_spacy_configs
from runs import Run, execute, spacy_command, summary

BENCH = "transfer"
CONFIGS = Path(__file__).parent.parent / "configs"
SIZES = ("50", "100", "250", "all")
N_SOURCES = 3  # source models; target seed s starts from source seed s modulo this
SPLITS = {"train": ("train",), "dev": ("dev", "valid", "val"), "test": ("test",)}


@dataclass(frozen=True)
class Method:
    """A config, what it starts from (of SOURCES, or nothing), whether it reads the source corpus too, where its config
    wants the label map, and whether it starts from a language model, which is then to be given."""

    config: str
    starts: str | None = None
    reads_source: bool = False
    label_map: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    language_model: bool = False


# The same rates for all that begin at random, and for all that start warm.
_SCRATCH_RATE = {"training.optimizer.learn_rate": 0.002}
_WARM_RATE = {"training.optimizer.learn_rate": 0.001}
_WARM = "initialize.components.tl_ner.label_map"
METHODS = {
    "spacy-scratch": Method("spacy_ner.cfg"),
    "spacy-continued": Method("spacy_ner_continued.cfg", "spacy"),
    "scratch": Method("ner_bilstm_crf.cfg"),
    "fresh_head": Method("transfer/fresh_head.cfg", "tl_ner"),
    "warm_start": Method("transfer/warm_start.cfg", "tl_ner", label_map=_WARM),
    "l2_sp": Method("transfer/l2_sp.cfg", "tl_ner", label_map=_WARM),
    "gradual_unfreezing": Method("transfer/gradual_unfreezing.cfg", "tl_ner", label_map=_WARM),
    "source_features": Method("transfer/source_features.cfg", "tl_ner"),
    "distillation": Method("transfer/distillation.cfg", "tl_ner", label_map="transfer.label_map"),
    "multi_task": Method("transfer/multi_task.cfg", reads_source=True, overrides=_SCRATCH_RATE),
    "warm_multi_task": Method("transfer/warm_multi_task.cfg", "tl_ner", True, _WARM),
    "weighted_multi_task": Method("transfer/weighted_multi_task.cfg", "tl_ner", True, _WARM),
    "la_dtl": Method("transfer/la_dtl.cfg", None, True, "transfer.label_map", _SCRATCH_RATE),
    "warm_la_dtl": Method("transfer/warm_la_dtl.cfg", "tl_ner", True, "transfer.label_map"),
    "bilm": Method("ner_bilm_crf.cfg", language_model=True),
    "bilm_warm_start": Method("ner_bilm_crf.cfg", "bilm", label_map=_WARM, overrides=_WARM_RATE),
}
# Source models: the config, and whether it starts from the language model. spaCy's knows the target's label names.
SOURCES = {
    "tl_ner": Method("ner_bilstm_crf.cfg"),
    "spacy": Method("spacy_ner.cfg"),
    "bilm": Method("ner_bilm_crf.cfg", language_model=True),
}


@dataclass(frozen=True)
class Pair:
    """Two corpora. files: {"source.train": ..., "target.test": ...}; options: of `convert`, for either side."""

    name: str
    files: dict[str, Path]
    options: dict[str, str]
    label_map: dict[str, str]
    lang: str
    language_model: Path | None = None  # of `spacy tlner pretrain` with ner_bilm_crf.cfg


def main(
    source: str = typer.Argument(..., help="A folder, or TRAIN,DEV"),
    target: str = typer.Argument(..., help="A folder, or TRAIN,DEV,TEST"),
    name: str = typer.Option("", help="Under which its rows are kept; by default the folders' names"),
    source_options: str = typer.Option("", help='Of convert, e.g. "--tag-column 3 --label-map Chemical="'),
    target_options: str = typer.Option("", help="Likewise"),
    label_map: str = typer.Option("", help="SOURCE=TARGET,..., beside labels of equal name"),
    lang: str = typer.Option("en", help="Language code"),
    language_model: Path | None = typer.Option(None, help="Of `tlner pretrain`, ner_bilm_crf.cfg, for methods bilm*"),
    work: Path = typer.Option(Path("training/transfer"), help="Where corpora and models go"),
    methods: str = typer.Option(",".join(METHODS), help="Of the table"),
    sizes: str = typer.Option(",".join(SIZES), help="Target sentences"),
    seeds: int = typer.Option(0, help="At most this many; 0: 5 up to 250 sentences, 3 beyond"),
    workers: int = typer.Option(1, help="Runs at a time"),
    report: bool = typer.Option(False, help="Only print the tables"),
) -> None:
    """Run what is missing, then print the tables."""
    files = {
        f"{side}.{split}": path
        for side, given in (("source", source), ("target", target))
        for split, path in find_files(given).items()
    }
    title = name or f"{Path(source.split(',')[0]).stem}-{Path(target.split(',')[0]).stem}"
    pairs = dict(part.split("=", 1) for part in label_map.split(",") if part)
    options = {"source": source_options, "target": target_options}
    pair = Pair(title, files, options, pairs, lang, language_model)
    if not report:
        run(pair, work, methods.split(","), sizes.split(","), seeds, workers)
    print_tables()


def find_files(given: str) -> dict[str, Path]:
    """{split: path} of a folder, or of paths separated by commas in the order train, dev, test."""
    if "," in given:
        return dict(zip(SPLITS, map(Path, given.split(","))))
    found = {}
    for split, names in SPLITS.items():
        files = [path for path in sorted(Path(given).iterdir()) if any(name in path.name.lower() for name in names)]
        if len(files) > 1:
            raise SystemExit(f"{given}: which is {split}? {', '.join(path.name for path in files)}. Name the files.")
        if files:
            found[split] = files[0]
    return found


def run(pair: Pair, work: Path, methods: Sequence[str], sizes: Sequence[str], seeds: int, workers: int) -> None:
    """Convert, and run what has no rows yet."""
    work.mkdir(parents=True, exist_ok=True)
    convert(pair, work / "corpus")
    write_spacy_configs(work)
    execute(BENCH, list(plan(pair, work, methods, sizes, seeds)), work, workers)


def convert(pair: Pair, corpus: Path) -> None:
    """The corpora as .spacy, one sentence a document; the source twice, the second time by the target's label names.

    spaCy's `ner` has no label map: a user who continues it would rename the source's labels first.
    """
    if "target.dev" not in pair.files or "target.test" not in pair.files:
        raise SystemExit(f"{pair.name}: the target has no dev or no test set; name its files, TRAIN,DEV,TEST")
    for key, path in pair.files.items():
        side, split = key.split(".")
        renamed = ",".join(f"{old}={new}" for old, new in pair.label_map.items())
        versions = {side: pair.options[side].split()}
        if side == "source" and renamed:
            versions["renamed"] = [*versions[side], "--label-map", renamed]
        for version, options in versions.items():
            output = corpus / f"{pair.name}.{version}.{split}.spacy"
            if not output.exists() or not (corpus / f"{pair.name}.{version}.dev.spacy").exists():
                spacy_command(["tlner", "convert", str(path), str(output), "--lang", pair.lang, *options], None)
    for version in ("source", "renamed"):
        train, dev = (corpus / f"{pair.name}.{version}.{split}.spacy" for split in ("train", "dev"))
        if train.exists() and not dev.exists():
            docs = list(DocBin().from_disk(train).get_docs(spacy.blank(pair.lang).vocab))
            random.Random(0).shuffle(docs)
            cut = len(docs) // 10
            # the dev set last: while it is missing, both are made anew
            DocBin(docs=docs[cut:], store_user_data=True).to_disk(train)
            DocBin(docs=docs[:cut], store_user_data=True).to_disk(dev)


def plan(pair: Pair, work: Path, methods: Sequence[str], sizes: Sequence[str], seeds: int) -> Iterator[Run]:
    """Sources before what needs them; one seed of everything before the next."""
    corpus = work / "corpus"

    def data(side: str, split: str) -> Path:
        path = corpus / f"{pair.name}.{side}.{split}.spacy"
        return path if path.exists() or side != "renamed" else data("source", split)

    lang = {"nlp.lang": pair.lang}
    counts = {size: min(seeds or 5, 5 if size != "all" and int(size) <= 250 else 3) for size in sizes}
    methods = [name for name in methods if pair.language_model or not name.startswith("bilm")]
    starts = {METHODS[method].starts for method in methods} - {None}
    pretrained = {"paths.pretrained": pair.language_model}
    for seed in range(min(N_SOURCES, max(counts.values()))):
        for kind in sorted(str(start) for start in starts):
            of, side = SOURCES[kind], "renamed" if kind == "spacy" else "source"
            files = data(side, "train"), data(side, "dev"), None
            overrides = {**lang, **budget(kind, "source"), **(pretrained if of.language_model else {})}
            yield Run(f"{pair.name}-source", kind, seed, *files, find(of.config, work), overrides)
    for seed in range(max(counts.values())):
        for size in sizes:
            if seed >= counts[size]:
                continue
            train, dev = (sample(data("target", split), size, seed) for split in ("train", "dev"))
            for name in methods:
                method = METHODS[name]
                overrides = {**lang, **budget(name, size), **method.overrides}
                overrides |= pretrained if method.language_model else {}
                if method.reads_source:
                    overrides["paths.source_train"] = data("source", "train")
                if method.label_map:
                    overrides |= {f"{method.label_map}.{old}": new for old, new in pair.label_map.items()}
                needs = (f"{pair.name}-source", method.starts, seed % N_SOURCES) if method.starts else None
                test = data("target", "test")
                case = f"{pair.name}-{size}"
                yield Run(case, name, seed, train, dev, test, find(method.config, work), overrides, needs)


def find(config: str, work: Path) -> Path:
    return work / config if config.startswith("spacy") else CONFIGS / config


def budget(name: str, size: str) -> dict[str, Any]:
    """How long to train, and for few sentences with how much dropout; the rest is each config's own.

    Ours alone has a dropout that was tuned, on all of NCBI-disease dev at 100 sentences (see accuracy.py).
    """
    few = size not in ("all", "source") and int(size) < 1000
    if name.startswith("spacy"):
        # batches grow from 100 to 1,000 words: 1,500 steps are over 100 passes at 100 sentences
        steps, patience, every = (1500, 600, 50) if few else (4000, 1200, 200)
        return {"training.max_steps": steps, "training.patience": patience, "training.eval_frequency": every}
    steps, patience, every = (500, 250, 25) if few else (3000, 1000, 100)
    if name in METHODS and METHODS[name].reads_source:  # half of each batch
        steps, patience, every = 2 * steps, 2 * patience, 2 * every
    return {
        "training.max_epochs": 0,
        "training.max_steps": steps,
        "training.patience": patience,
        "training.eval_frequency": every,
        "training.dropout": 0.7 if few else 0.5,
    }


def print_tables() -> None:
    """Test F1 by pair, size and method, and the paired difference to scratch with its bootstrap interval."""
    values: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows.read(BENCH):
        if row["metric"] == "test_f":
            values.setdefault(row["case"], {}).setdefault(row["system"], {})[row["seed"]] = row["value"]
    body = []
    for case, of in sorted(values.items()):
        for method in sorted(of, key=lambda name: [*METHODS, name].index(name)):
            gain = differences(of[method], of.get("scratch", {}))
            low, high = interval(gain) if len(gain) > 1 else (float("nan"), float("nan"))
            told = f"{mean(gain):+.2f} [{low:+.2f}, {high:+.2f}]" if gain and method != "scratch" else "-"
            rival = differences(of[method], of.get("spacy-continued", {}))
            body.append(
                (case, method, summary(list(of[method].values())), told, f"{mean(rival):+.2f}" if rival else "-")
            )
    header = ("pair and size", "method", "test F1: mean (sd, seeds)", "minus scratch [95 %]", "minus spacy-continued")
    print(rows.table(header, body))


def differences(first: dict[int, float], second: dict[int, float]) -> list[float]:
    """By seed, where both have one."""
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]


def interval(gains: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the means of 10,000 draws of seeds with replacement."""
    drawn = numpy.random.default_rng(0).choice(numpy.asarray(gains), (10_000, len(gains))).mean(axis=1)
    low, high = numpy.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    typer.run(main)
