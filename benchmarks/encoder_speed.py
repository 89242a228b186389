"""Words per second of every trained encoder, beside spaCy's `ner` in one run on one thread; weights and memory of each.

    python benchmarks/encoder_speed.py DATA

It loads the models of seed 0 that encoders.py trained on BC5CDR. They label BC5CDR test through `nlp.pipe` in turns:
fresh documents each time, each at its best batch size, caches of word types emptied before every pass. Memory is the
peak of a process that does only this, weights and vectors included.
"""

import os

THREADS = 1
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402

import spacy  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from spacy.training import Corpus  # noqa: E402

import rows  # noqa: E402
from encoders import SYSTEMS, convert  # noqa: E402
from runs import model_folder  # noqa: E402
from speed import n_weights, peak_mib, predict  # noqa: E402

BENCH = "encoder_speed"
BATCH_SIZES = (64, 256, 1000)
TURNS = 5
PEER = "spacy-cnn"

torch.set_num_threads(THREADS)


def main(
    data: Path = typer.Argument(..., exists=True, help="Folder that holds mtl-bioinformatics-2016"),
    work: Path = typer.Option(Path("training/encoders"), help="Where encoders.py has its corpora and models"),
    only: str = typer.Option("", hidden=True),
) -> None:
    """Measure what is trained, print and append."""
    convert(data, work)
    vocab = spacy.blank("en").vocab
    corpus = Corpus(work / "corpus" / "bc5cdr.test.spacy")
    texts = [[token.text for token in eg.reference] for eg in corpus(spacy.blank("en", vocab=vocab))]
    if only:
        predict(spacy.load(trained(only, work)), texts, 256)
        print(json.dumps(peak_mib()))
        return
    names = [name for name in SYSTEMS if (trained(name, work) / "meta.json").exists()]
    found: dict[str, dict[str, float]] = {}
    systems = {name: spacy.load(trained(name, work)) for name in names}
    few = texts[:400]
    # the first pass pays for first calls
    best = {}
    for name, nlp in systems.items():
        predict(nlp, few, BATCH_SIZES[0])
        best[name] = max(BATCH_SIZES, key=lambda size: predict(nlp, few, size))
    passes: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(TURNS):
        for name, nlp in systems.items():
            passes[name].append(predict(nlp, texts, best[name]))
    for name, nlp in systems.items():
        out = subprocess.run(
            [sys.executable, __file__, str(data), "--work", str(work), "--only", name],
            check=True,
            capture_output=True,
            text=True,
        )
        found[name] = {
            "words_per_second": median(passes[name]),
            "best_batch_size": best[name],
            "parameters": n_weights(nlp),
            "vector_table": float(nlp.vocab.vectors.data.size),
            "peak_mib": json.loads(out.stdout.strip().splitlines()[-1]),
        }
    header = ("system", *found[names[0]], f"times {PEER}")
    body = [
        (name, *(f"{v:,.0f}" for v in of.values()), f"{of['words_per_second'] / found[PEER]['words_per_second']:.2f}")
        for name, of in found.items()
    ]
    print(rows.table(header, body))
    rows.append_metrics(BENCH, "bc5cdr", found, threads=THREADS)


def trained(name: str, work: Path) -> Path:
    return model_folder(work, ("bc5cdr", name, 0)) / "model-best"


if __name__ == "__main__":
    typer.run(main)
