"""Where the time goes, in training and in prediction: per cent by part of the default config, or of another.

    python benchmarks/time_spent.py TRAIN.spacy
    python benchmarks/time_spent.py TRAIN.spacy --config configs/ner_bilm_crf.cfg

A clock looks at the call stack every millisecond of processor time, and the innermost frame that a part names gets it:
what thinc, torch or spaCy do for a part of ours is that part's, but for what stands in the table by itself.
"""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import signal  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from types import FrameType  # noqa: E402

import typer  # noqa: E402

import rows  # noqa: E402
from speed import CONFIG, System, predict  # noqa: E402

BENCH = "time_spent"
BLOCKS = 8
EVERY = 0.001  # seconds
# the first that a frame's file contains
PARTS = {
    "torch/autograd/": "recurrent products",
    "torch/nn/modules/rnn.py": "recurrent products",
    "layers/lstm.py": "rows in and out of the LSTM",
    "layers/bilstm.py": "rows in and out of the LSTM",
    "layers/chars.py": "characters",
    "layers/words.py": "words",
    "layers/lookup.py": "words",
    "layers/vocabulary.py": "words",
    "layers/types.py": "word types",
    "layers/heads.py": "emissions",
    "spacy_tlner/crf/": "CRF",
    "spacy_tlner/chains.py": "CRF",
    "spacy_tlner/gold.py": "gold annotation",
    "spacy_tlner/annotate.py": "entities on documents",
    "spacy_tlner/component.py": "the component itself",
    "spacy_tlner/corpora/": "batches",
    "spacy_tlner/optimizer.py": "optimizer",
    "thinc/optimizers.py": "optimizer",
    "spacy/language.py": "spaCy",
    "spacy/training/": "spaCy",
    "layers/dropout.py": "dropout",
    "thinc/layers/dropout.py": "dropout",
}


def main(
    train: Path = typer.Argument(..., exists=True, dir_okay=False, help="Corpus, .spacy"),
    config: Path = typer.Option(CONFIG, exists=True, help="The tagger"),
) -> None:
    """Profile, print and append."""
    system = System("tl_ner", config, train, {})
    texts = [[token.text for token in eg.reference] for eg in system.examples]
    system.train_block()  # the first block pays for first calls

    def train_blocks() -> None:
        for _ in range(BLOCKS):
            system.train_block()

    work: dict[str, Callable[[], object]] = {
        "training": train_blocks,
        "prediction": lambda: predict(system.nlp, texts, 256),
    }
    for case, run in work.items():
        shares = watch(run)
        print(f"\n{case}\n" + rows.table(("part", "%"), [(part, f"{share:.1f}") for part, share in shares.items()]))
        facts = {"case": f"{config.stem}, {case}", "system": "tl_ner", "seed": 0}
        rows.append(BENCH, [{**facts, "metric": part, "value": share} for part, share in shares.items()])


def watch(run: Callable[[], object]) -> dict[str, float]:
    """Per cent of the processor time of a call by part, largest first."""
    seen: Counter[str] = Counter()

    def look(signal_number: int, frame: FrameType | None) -> None:
        seen[part_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {part: 100 * n / seen.total() for part, n in seen.most_common()}


def part_of(frame: FrameType | None) -> str:
    while frame is not None:
        file = frame.f_code.co_filename.replace(os.sep, "/")
        for sign, part in PARTS.items():
            if sign in file:
                return part
        frame = frame.f_back
    return "other"


if __name__ == "__main__":
    typer.run(main)
