"""The pairs of the README through transfer.py: same type, shared types, small target, news to domain, across languages.

    python benchmarks/transfer_pairs.py DATA --stage choose    all methods, two pairs, 100 sentences, 3 seeds: hours
    python benchmarks/transfer_pairs.py DATA --stage judge     the best beside the baselines, all pairs and sizes: days
    python benchmarks/transfer_pairs.py DATA --stage ladder    ever more layers from the source, two pairs, all sizes
    python benchmarks/transfer_pairs.py DATA --stage multi     one task against several, biomedical pairs, all sentences
    python benchmarks/transfer_pairs.py DATA --stage reduced   under an hour

DATA is the folder of corpora. The method that is recommended is chosen on the first stage and judged on the
pairs that did not choose it. Stops and resumes at will.
"""

from pathlib import Path
from typing import NamedTuple

import typer

from transfer import Pair, run
from transfer_methods import BASELINES, LADDER, METHODS
from transfer_report import CHOOSING, SIZES, print_tables

IOB = "mtl-bioinformatics-2016"
UNER = "uner"


class Place(NamedTuple):
    """Where the files of a corpus lie below DATA, in the order train, dev, test, and options of `convert`."""

    files: tuple[str, ...]
    options: str = ""


def _iob(name: str, options: str = "") -> Place:
    return Place(tuple(f"{IOB}/{name}-IOB/{split}.tsv" for split in ("train", "devel", "test")), options)


def _uner(name: str, stem: str) -> Place:
    files = tuple(f"{UNER}/{name}/{stem}-ud-{split}.iob2" for split in ("train", "dev", "test"))
    return Place(files, "--token-column 1 --tag-column 2")


NEWS = Place(("wikineural-en-val/val.conllu",), "--token-column 1 --tag-column 2")
POLITICS = Place(tuple(f"crossner/ner_data/politics/{split}.txt" for split in ("train", "dev", "test")))
WNUT = Place(("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll", "wnut17/emerging.test.annotated"))
# name: source, target, label map, language
PAIRS: dict[str, tuple[Place, Place, dict[str, str], str]] = {
    "bc5cdr-ncbi": (_iob("BC5CDR", "--label-map Chemical="), _iob("NCBI-disease"), {}, "en"),
    "bionlp13pc-bionlp13cg": (_iob("BioNLP13PC"), _iob("BioNLP13CG"), {}, "en"),
    "bc2gm-exptm": (_iob("BC2GM"), _iob("Ex-PTM"), {"GENE": "Protein"}, "en"),
    "news-politics": (
        NEWS,
        POLITICS,
        {"PER": "politician", "LOC": "location", "ORG": "organisation", "MISC": "misc"},
        "en",
    ),
    "news-wnut17": (NEWS, WNUT, {"PER": "person", "LOC": "location", "ORG": "group", "MISC": "creative-work"}, "en"),
    "portuguese-danish": (_uner("Portuguese-Bosque", "pt_bosque"), _uner("Danish-DDT", "da_ddt"), {}, "xx"),
}
# For silver; the other pairs have what is left of target train. Politics has 200 sentences in all.
TEXTS = {"news-politics": "unlabeled-general/wikitext-2-valid.txt"}
BIOMEDICAL = ("bc5cdr-ncbi", "bionlp13pc-bionlp13cg", "bc2gm-exptm")
NEWSLIKE = ("news-politics", "news-wnut17")


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder of corpora"),
    stage: str = typer.Option("reduced", help="choose, judge, ladder, multi or reduced"),
    methods: str = typer.Option("", help="By default all, and for judge warm_start"),
    baselines: bool = typer.Option(True, help="Beside them, scratch and spaCy's `ner`"),
    pairs: str = typer.Option("", help=f"Of {', '.join(PAIRS)}; by default those of the stage"),
    sizes: str = typer.Option("", help="Target sentences; by default those of the stage"),
    seeds: int = typer.Option(0, help="At most this many; by default those of the stage"),
    language_model: Path | None = typer.Option(
        None, help="Of biomedical text, by `tlner pretrain` and ner_bilm_crf.cfg, for the biomedical pairs"
    ),
    general_model: Path | None = typer.Option(None, help="The same, of general text, for the pairs that begin at news"),
    work: Path = typer.Option(Path("training/transfer"), help="Where corpora and models go"),
    workers: int = typer.Option(1, help="Runs at a time"),
) -> None:
    """Run what is missing, then print the tables."""
    defaults = {
        "choose": (CHOOSING, tuple(METHODS), ("100",), 3),
        "judge": (tuple(PAIRS), (*BASELINES, "warm_start"), SIZES, 0),
        "ladder": (CHOOSING, ("scratch", *LADDER, "warm_start"), SIZES, 0),
        "multi": (BIOMEDICAL, ("scratch", "multi_task", "warm_multi_task"), ("all",), 3),
        "reduced": (("bc5cdr-ncbi",), (*BASELINES, "warm_start", "l2_sp"), ("100",), 2),
    }
    if stage not in defaults:
        raise SystemExit(f"--stage is {stage}; expected one of {', '.join(defaults)}")
    of_stage = defaults[stage]
    before = BASELINES if baselines else ()
    chosen = tuple(dict.fromkeys((*before, *methods.split(",")))) if methods else of_stage[1]
    for name in pairs.split(",") if pairs else of_stage[0]:
        models = dict.fromkeys(BIOMEDICAL, language_model) | dict.fromkeys(NEWSLIKE, general_model)
        pair = make_pair(name, data, models.get(name))
        run(pair, work, chosen, sizes.split(",") if sizes else of_stage[2], seeds or of_stage[3], workers)
    print_tables()


def make_pair(name: str, data: Path, language_model: Path | None) -> Pair:
    source, target, label_map, lang = PAIRS[name]
    files = {
        f"{side}.{split}": data / file
        for side, place in (("source", source), ("target", target))
        for split, file in zip(("train", "dev", "test"), place.files)
    }
    options = {"source": source.options, "target": target.options}
    text = data / TEXTS[name] if name in TEXTS else None
    return Pair(name, files, options, label_map, lang, language_model, text)


if __name__ == "__main__":
    typer.run(main)
