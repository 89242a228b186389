"""The pairs of transfer_corpora.py through transfer.py: same type, shared types, small target, domains, languages.

    python benchmarks/transfer_pairs.py DATA --stage choose    all methods, two pairs, 100 sentences, 3 seeds: hours
    python benchmarks/transfer_pairs.py DATA --stage judge     the best beside the baselines, all pairs and sizes: days
    python benchmarks/transfer_pairs.py DATA --stage ladder    ever more layers from the source, two pairs, all sizes
    python benchmarks/transfer_pairs.py DATA --stage multi     one task against several, biomedical pairs, all sentences
    python benchmarks/transfer_pairs.py DATA --stage chinese   by character, one pair, 100 sentences
    python benchmarks/transfer_pairs.py DATA --stage reduced   under an hour

Methods bilm* of the biomedical pairs start from training/encoders/bilm, which `benchmarks/encoders.py DATA` makes, and
of those that begin at WikiNEuRal from

    python -m spacy tlner pretrain configs/ner_bilm_crf.cfg training/general --paths.text DATA/unlabeled-general

DATA is the folder of corpora. The method that is recommended is chosen on the first stage and judged on the
pairs that did not choose it. Stops and resumes at will.
"""

import re
from pathlib import Path

import typer

from transfer import Pair, run
from transfer_corpora import ALL_PAIRS, BIOMEDICAL, CHINESE, GENERAL, PAIRS, TEXTS
from transfer_methods import BASELINES, LADDER, METHODS
from transfer_report import CHOOSING, print_tables
from transfer_rows import SIZES

# The best of the first stage, a plain warm start, and the default of project.yml
JUDGED = ("spelling_warm_start", "warm_start", "silver", "bilm_warm_start", "bilm_silver")


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder of corpora"),
    stage: str = typer.Option("reduced", help="choose, judge, ladder, multi, chinese or reduced"),
    methods: str = typer.Option("", help="By default those of the stage"),
    baselines: bool = typer.Option(True, help="Beside them, scratch and spaCy's `ner`"),
    pairs: str = typer.Option("", help=f"Of {', '.join(ALL_PAIRS)}; by default those of the stage"),
    sizes: str = typer.Option("", help="Target sentences; by default those of the stage"),
    seeds: int = typer.Option(0, help="At most this many; by default those of the stage"),
    language_model: Path | None = typer.Option(
        None, help="Of biomedical text, by `tlner pretrain` and ner_bilm_crf.cfg, for the biomedical pairs"
    ),
    general_model: Path | None = typer.Option(
        None, help="The same, of general text, for the pairs that begin at WikiNEuRal"
    ),
    work: Path = typer.Option(Path("training/transfer"), help="Where corpora and models go"),
    workers: int = typer.Option(1, help="Runs at a time"),
) -> None:
    """Run what is missing, then print the tables."""
    defaults = {
        "choose": (CHOOSING, tuple(METHODS), ("100",), 3),
        "judge": (tuple(PAIRS), (*BASELINES, *JUDGED), SIZES, 0),
        "ladder": (CHOOSING, ("scratch", *LADDER, "warm_start"), SIZES, 0),
        "multi": (BIOMEDICAL, ("scratch", "multi_task", "warm_multi_task"), ("all",), 3),
        "chinese": (tuple(CHINESE), ("scratch", "warm_start"), ("100",), 3),
        "reduced": (("bc5cdr-ncbi",), (*BASELINES, "warm_start", "l2_sp"), ("100",), 2),
    }
    if stage not in defaults:
        raise SystemExit(f"--stage is {stage}; expected one of {', '.join(defaults)}")
    of_stage = defaults[stage]
    before = BASELINES if baselines else ()
    chosen = tuple(dict.fromkeys((*before, *methods.split(",")))) if methods else of_stage[1]
    for name in pairs.split(",") if pairs else of_stage[0]:
        models = dict.fromkeys(BIOMEDICAL, language_model) | dict.fromkeys(GENERAL, general_model)
        pair = make_pair(name, data, models.get(name), work)
        run(pair, work, chosen, sizes.split(",") if sizes else of_stage[2], seeds or of_stage[3], workers)
    print_tables()


def make_pair(name: str, data: Path, language_model: Path | None, work: Path) -> Pair:
    of = ALL_PAIRS[name]
    sides = {"source": of.source, "target": of.target}
    files = {
        f"{side}.{split}": (without_digits(data / file, work) if place.digits else data / file)
        for side, place in sides.items()
        for split, file in zip(("train", "dev", "test"), place.files)
    }
    options = {side: place.options for side, place in sides.items()}
    text = data / TEXTS[name] if name in TEXTS else None
    return Pair(name, files, options, of.label_map, of.lang, language_model, text)


def without_digits(path: Path, work: Path) -> Path:
    """A copy of a file of one character a line, without the digit behind each."""
    output = work / "corpus" / path.name
    output.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf8")
    output.write_text(re.sub(r"^(\S+)\d\t", r"\1\t", text, flags=re.MULTILINE), encoding="utf8")
    return output


if __name__ == "__main__":
    typer.run(main)
