"""Words per second of fine-tuning a language model by GroupedAdam, which visits the words seen, and by thinc's Adam.

    python benchmarks/optimizer.py TRAIN.spacy LANGUAGE_MODEL

LANGUAGE_MODEL is a `model-best.bin` of `spacy tlner pretrain` with configs/ner_bilm_crf.cfg. Both train in turns, on
one thread, with the batches of that config.
"""

from pathlib import Path
from statistics import median

import typer

import rows
from speed import CONFIG, System

BENCH = "optimizer"
BILM = CONFIG.with_name("ner_bilm_crf.cfg")
OPTIMIZERS = ("spacy_tlner.GroupedAdam.v1", "Adam.v1")


def main(
    train: Path = typer.Argument(..., exists=True, dir_okay=False, help="Corpus, .spacy"),
    language_model: Path = typer.Argument(..., exists=True, dir_okay=False, help="Of `spacy tlner pretrain`"),
    turns: int = typer.Option(7, help="Of 20 batches each, and one before that does not count"),
) -> None:
    """Measure, print and append."""
    start = {"paths.pretrained": str(language_model)}
    systems = [System(name, BILM, train, {**start, "training.optimizer.@optimizers": name}) for name in OPTIMIZERS]
    for _ in range(1 + turns):
        for system in systems:
            system.train_block()
    found = {
        system.name: {
            "train_words_per_second": median(system.rates[1:]),
            # of each turn beside the same turn of the last system, thinc's Adam
            "train_ratio": median(ours / theirs for ours, theirs in zip(system.rates[1:], systems[-1].rates[1:])),
        }
        for system in systems
    }
    case = f"{BILM.stem}, {len(systems[0].examples)} sentences"
    body = [(name, *(f"{value:,.2f}" for value in of.values())) for name, of in found.items()]
    print(rows.table((case, "words per second", "ratio"), body))
    rows.append_metrics(BENCH, case, found)


if __name__ == "__main__":
    typer.run(main)
