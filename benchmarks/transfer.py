"""What each way to transfer is worth: test F1 from few to all target sentences, beside scratch and spaCy's own `ner`.

    python benchmarks/transfer.py SOURCE TARGET --name bc5cdr-ncbi --source-options "--label-map Chemical="
    python benchmarks/transfer.py SOURCE TARGET --sizes 100 --seeds 3 --methods scratch,warm_start,spacy-continued

SOURCE and TARGET are any corpora that `spacy tlner convert` reads: a folder with files called train, dev (or devel,
valid, val) and test, or the files themselves, TRAIN,DEV,TEST. A source needs no test; without a dev set a tenth of it
becomes one. Every run is the real `spacy train` and `spacy evaluate`, one thread each. Dev sets select; at n target
sentences that is a sample of n of them, not the whole. Runs whose model stands in the work folder and whose rows stand
in results/transfer.jsonl are not run again. `transfer_pairs.py` runs the pairs of the README.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import spacy
import typer
from spacy.tokens import DocBin, Span

from accuracy import write_spacy_configs
from runs import Run, Silver, execute, spacy_command
from samples import rest, sample
from transfer_methods import LADDER, METHODS, SOURCES, Method, needs_language_model
from transfer_report import print_tables
from transfer_rows import BENCH, SIZES

CONFIGS = Path(__file__).parent.parent / "configs"
ALL = {**METHODS, **LADDER}
N_SOURCES = 3  # source models; target seed s starts from source seed s modulo this
TOKENIZERS = {"zh": "spacy.zh.ChineseTokenizer"}  # of languages that have one of their own
SPLITS = {"train": ("train",), "dev": ("dev", "valid", "val"), "test": ("test",)}


@dataclass(frozen=True)
class Pair:
    """Two corpora. files: {"source.train": ..., "target.test": ...}; options: of `convert`, for either side."""

    name: str
    files: dict[str, Path]
    options: dict[str, str]
    label_map: dict[str, str]
    lang: str
    language_model: Path | None = None  # of `spacy tlner pretrain` with ner_bilm_crf.cfg
    text: Path | None = None  # for silver; without it, target train without its labels, but for the sentences drawn


def main(
    source: str = typer.Argument(..., help="A folder, or TRAIN,DEV"),
    target: str = typer.Argument(..., help="A folder, or TRAIN,DEV,TEST"),
    name: str = typer.Option("", help="Under which its rows are kept; by default the folders' names"),
    source_options: str = typer.Option("", help='Of convert, e.g. "--tag-column 3 --label-map Chemical="'),
    target_options: str = typer.Option("", help="Likewise"),
    label_map: str = typer.Option("", help="SOURCE=TARGET,..., beside labels of equal name"),
    lang: str = typer.Option("en", help="Language code"),
    language_model: Path | None = typer.Option(None, help="Of `tlner pretrain`, ner_bilm_crf.cfg, for methods bilm*"),
    text: Path | None = typer.Option(None, help="Unlabelled, for silver; by default what is left of target train"),
    work: Path = typer.Option(Path("training/transfer"), help="Where corpora and models go"),
    methods: str = typer.Option(",".join(METHODS), help=f"Of the table; or {', '.join(LADDER)}"),
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
    pair = Pair(title, files, options, pairs, lang, language_model, text)
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

    spaCy's `ner` has no label map: a user who continues it would rename the source's labels first. The target's test
    set by the source's names is for the source model as it is.
    """
    if "target.dev" not in pair.files or "target.test" not in pair.files:
        raise SystemExit(f"{pair.name}: the target has no dev or no test set; name its files, TRAIN,DEV,TEST")
    corpus.mkdir(exist_ok=True)
    note_settings(pair, corpus / f"{pair.name}.json")

    def path_of(side: str, split: str) -> Path:
        return corpus / f"{pair.name}.{side}.{split}.spacy"

    cut = "source.dev" not in pair.files
    for key, path in pair.files.items():
        side, split = key.split(".")
        # while a dev set that is cut off is missing, both are made anew
        if not path_of(side, split).exists() or (cut and side == "source" and not path_of(side, "dev").exists()):
            args = ["--lang", pair.lang, *pair.options[side].split()]
            spacy_command(["tlner", "convert", str(path), str(path_of(side, split)), *args], None)
    if cut and not path_of("source", "dev").exists():
        docs = list(DocBin().from_disk(path_of("source", "train")).get_docs(spacy.blank(pair.lang).vocab))
        random.Random(0).shuffle(docs)
        n = len(docs) // 10
        DocBin(docs=docs[n:], store_user_data=True).to_disk(path_of("source", "train"))
        DocBin(docs=docs[:n], store_user_data=True).to_disk(path_of("source", "dev"))
    if pair.label_map:
        known = labels_of(path_of("source", "train"), pair.lang)
        if unknown := sorted(pair.label_map.keys() - set(known)):
            raise SystemExit(f"{pair.name}: the source has no label {', '.join(unknown)}; it has {', '.join(known)}")
        for split in SPLITS:
            if path_of("source", split).exists() and not path_of("renamed", split).exists():
                rename(path_of("source", split), path_of("renamed", split), pair.label_map, pair.lang)
        back = {new: old for old, new in pair.label_map.items() if new}
        if len(back) == len(pair.label_map) and not path_of("as_source", "test").exists():
            rename(path_of("target", "test"), path_of("as_source", "test"), back, pair.lang)


def note_settings(pair: Pair, path: Path) -> None:
    """Of what the corpora of a name are made; stops where those that are there were made of something else."""
    files = {key: str(file.resolve()) for key, file in pair.files.items()}
    settings = {"files": files, "options": pair.options, "label_map": pair.label_map, "lang": pair.lang}
    if path.exists() and json.loads(path.read_text(encoding="utf8")) != settings:
        raise SystemExit(f"{path}: the corpora of {pair.name} were made otherwise; take another --name or --work")
    path.write_text(json.dumps(settings), encoding="utf8")


def rename(path: Path, output: Path, label_map: Mapping[str, str], lang: str) -> None:
    """A .spacy file with its labels renamed; an empty name leaves the mention out."""
    docs = list(DocBin().from_disk(path).get_docs(spacy.blank(lang).vocab))
    for doc in docs:
        missing = [doc[token.i : token.i + 1] for token in doc if token.ent_iob == 0]
        named = [(ent, label_map.get(ent.label_, ent.label_)) for ent in doc.ents]
        doc.set_ents([Span(doc, ent.start, ent.end, name) for ent, name in named if name], missing=missing)
    DocBin(docs=docs, store_user_data=True).to_disk(output)


def plan(pair: Pair, work: Path, methods: Sequence[str], sizes: Sequence[str], seeds: int) -> Iterator[Run]:
    """Runs behind those that they need; one seed of everything before the next."""
    runs = Plan(pair, work)
    counts = {size: min(seeds or 5, 5 if runs.n_sentences(size) <= 250 else 3) for size in sizes}
    methods = [name for name in methods if pair.language_model or not needs_language_model(ALL[name])]
    if not runs.names_each_label and (left_out := [name for name in methods if not ALL[name].trains]):
        print(f"{pair.name}: without {', '.join(left_out)}, for which its label map would have to name each label once")
        methods = [name for name in methods if name not in left_out]
    # a sample as large as the corpus would be called by another name than all of it
    sizes = [size for size in sizes if size == "all" or int(size) < runs.n_docs]
    for seed in range(max(counts.values())):
        if seed < N_SOURCES:
            for kind in sorted({ALL[name].starts or "" for name in methods} - {""}):
                yield runs.source(kind, seed)
            for name in methods:
                if not ALL[name].trains:
                    yield runs.zero_shot(name, seed)
        for size in sizes:
            if seed >= counts[size]:
                continue
            for name in methods:
                # of all target sentences none is left to be labelled
                if ALL[name].silver and (pair.text or size != "all"):
                    yield from runs.silver(name, size, seed)
                elif ALL[name].trains and not ALL[name].silver:
                    yield runs.target(name, ALL[name], size, seed)


class Plan:
    """The runs of one pair, one by one."""

    def __init__(self, pair: Pair, work: Path):
        self.pair, self.work = pair, work
        self.pretrained = {"paths.pretrained": pair.language_model}

    @cached_property
    def n_docs(self) -> int:
        """All sentences of the target's training set."""
        return len(DocBin().from_disk(self.data("target", "train")))

    @property
    def names_each_label(self) -> bool:
        """Whether a source model can be scored on the target as it is: the target's test set by the source's names."""
        return not self.pair.label_map or self.data("as_source", "test").exists()

    def n_sentences(self, size: str) -> int:
        """How many a size stands for."""
        return self.n_docs if size == "all" else int(size)

    def language(self, config: str) -> dict[str, Any]:
        """What tells a config the language. Those of transfer/ take its tokenizer, the others name spaCy's."""
        told = {"nlp.lang": self.pair.lang}
        if self.pair.lang in TOKENIZERS and not config.startswith("transfer/"):
            told["nlp.tokenizer.@tokenizers"] = TOKENIZERS[self.pair.lang]
        return told

    def data(self, side: str, split: str) -> Path:
        path = self.work / "corpus" / f"{self.pair.name}.{side}.{split}.spacy"
        return path if path.exists() or side != "renamed" else self.data("source", split)

    def source(self, kind: str, seed: int) -> Run:
        """A source model, selected on 1,000 sentences. spaCy's `ner` learns the target's names: it has no label map."""
        of, side = SOURCES[kind], "renamed" if kind == "spacy" else "source"
        overrides = {**self.language(of.config), **budget(kind, of, None)}
        overrides |= self.pretrained if of.language_model else {}
        files = self.data(side, "train"), sample(self.data(side, "dev"), "1000", 0), None
        return Run(
            f"{self.pair.name}-source", kind, seed, *files, find(of.config, self.work), overrides, **self.kept(side)
        )

    def zero_shot(self, name: str, seed: int) -> Run:
        """A source model on the target's test set, whose labels have the source's names there."""
        source = self.source(str(METHODS[name].starts), seed)
        test = self.data("as_source" if self.pair.label_map else "target", "test")
        return Run(
            f"{self.pair.name}-0",
            name,
            seed,
            source.train,
            source.dev,
            test,
            source.config,
            needs=source.key,
            trains=False,
        )

    def target(self, name: str, method: Method, size: str, seed: int) -> Run:
        train, dev = (sample(self.data("target", split), size, seed) for split in ("train", "dev"))
        overrides = {**self.language(method.config), **budget(name, method, self.n_sentences(size))}
        overrides |= method.overrides
        overrides |= self.pretrained if method.language_model else {}
        if method.reads_source:
            overrides["paths.source_train"] = self.data("renamed" if method.one_head else "source", "train")
        if method.label_map:
            # a label of which the sample has no mention is none of the target's
            known = {"", *labels_of(train, self.pair.lang)}
            overrides |= {f"{method.label_map}.{old}": new for old, new in self.pair.label_map.items() if new in known}
        needs = (f"{self.pair.name}-source", method.starts, seed % N_SOURCES) if method.starts else None
        return Run(
            f"{self.pair.name}-{size}",
            name,
            seed,
            train,
            dev,
            self.data("target", "test"),
            find(method.config, self.work),
            overrides,
            needs,
            **(self.kept("renamed") if method.starts else {}),
        )

    def silver(self, name: str, size: str, seed: int) -> Iterator[Run]:
        """The teacher, what learns from it beginning with the source model, and what becomes of that on gold.

        Of a teacher that learned from silver itself, all that comes before it, too.
        """
        method, teaches = METHODS[name], str(METHODS[name].silver)
        gold = self.target(name, method, size, seed)
        if METHODS[teaches].silver:
            *before, teacher = self.silver(teaches, size, seed)
            yield from before
        else:
            teacher = self.target(teaches, METHODS[teaches], size, seed)
        yield teacher
        text = self.pair.text or rest(self.data("target", "train"), size, seed)
        train = self.work / "corpus" / f"{self.pair.name}.{name}.{size}.{seed}.spacy"
        labelled = Silver(teacher.key, text, (self.data("target", "test"), teacher.dev))
        # the teacher may be sure of no mention of a label, which the label map may name
        labels = json.dumps(labels_of(teacher.train, self.pair.lang))
        overrides = {**teacher.overrides, "initialize.components.tl_ner.labels": labels}
        model = replace(
            teacher,
            system=f"{name}-model",
            train=train,
            test=None,
            source_test=None,
            silver=labelled,
            overrides=overrides,
            needs=gold.needs,
        )
        yield model
        yield replace(gold, needs=model.key)

    def kept(self, side: str) -> dict[str, Any]:
        """What is not forgotten: the source's test set, or else dev, and its labels."""
        path = self.data(side, "test")
        path = sample(path if path.exists() else self.data(side, "dev"), "1000", 0)
        return {"source_test": path, "source_labels": tuple(labels_of(path, self.pair.lang))}


@cache
def labels_of(corpus: Path, lang: str) -> list[str]:
    """The labels of a .spacy file's mentions."""
    docs = DocBin().from_disk(corpus).get_docs(spacy.blank(lang).vocab)
    return sorted({ent.label_ for doc in docs for ent in doc.ents})


def find(config: str, work: Path) -> Path:
    return work / config if config.startswith("spacy") else CONFIGS / config


def budget(name: str, method: Method, n_docs: int | None) -> dict[str, Any]:
    """How long to train on so many target sentences (None: a source), and on few with how much dropout.

    Ours alone has a dropout that was tuned, on all of NCBI-disease dev at 100 sentences (see accuracy.py).
    """
    few = n_docs is not None and n_docs < 1000
    if name.startswith("spacy"):
        # batches grow from 100 to 1,000 words: 1,500 steps are over 100 passes at 100 sentences
        steps, patience, every = (1500, 600, 50) if few else (4000, 1200, 200)
        return {"training.max_steps": steps, "training.patience": patience, "training.eval_frequency": every}
    steps, patience, every = (500, 250, 25) if few else (3000, 1000, 100)
    if method.reads_source:  # half of each batch, of replay's a quarter
        steps, patience, every = 2 * steps, 2 * patience, 2 * every
    return {
        "training.max_epochs": 0,
        "training.max_steps": steps,
        "training.patience": patience,
        "training.eval_frequency": every,
        "training.dropout": 0.7 if few else 0.5,
    }


if __name__ == "__main__":
    typer.run(main)
