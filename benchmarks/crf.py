"""The CRF beside pytorch-crf in one run on one thread: loss with gradient, and best paths. And its share of training.

    python benchmarks/crf.py [TRAIN.spacy]

A batch is 128 sequences of 5 to 40 tokens, uniformly drawn and at least one of 40. Both systems hold the same float32
scores, each in the form it takes (ours flat, pytorch-crf padded), take turns, and must agree. The share is that of
`configs/ner_bilstm_crf.cfg` trained on TRAIN.spacy with its own batches, or on drawn sentences if none is given.
"""

import os

THREADS = 1
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import numpy  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from numpy.testing import assert_allclose  # noqa: E402
from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc, Span  # noqa: E402
from spacy.training import Corpus, Example  # noqa: E402
from spacy.util import load_config, load_model_from_config, registry  # noqa: E402
from thinc.api import fix_random_seed  # noqa: E402
from torchcrf import CRF  # noqa: E402

import rows  # noqa: E402
from spacy_tlner import learning  # noqa: E402
from spacy_tlner.crf.chain import Chain  # noqa: E402
from spacy_tlner.crf.loss import chain_loss  # noqa: E402
from spacy_tlner.crf.packing import Packing  # noqa: E402
from spacy_tlner.crf.paths import viterbi  # noqa: E402

BENCH = "crf"
CONFIG = Path(__file__).parent.parent / "configs" / "ner_bilstm_crf.cfg"
N_SEQUENCES, SHORTEST, LONGEST = 128, 5, 40
N_TAGS = (9, 37, 73)  # BILUO tags of 2, 9 and 18 labels
NAMES = ("transitions", "start_transitions", "end_transitions")  # pytorch-crf's

torch.set_num_threads(THREADS)


class Problem:
    """One batch in both forms, and what each system does with it."""

    padded: Any

    def __init__(self, n_tags: int, seed: int):
        rng = numpy.random.default_rng(seed)
        self.lengths = [LONGEST, *rng.integers(SHORTEST, LONGEST + 1, N_SEQUENCES - 1).tolist()]
        n_tokens = sum(self.lengths)
        self.emissions = rng.normal(0, 1, (n_tokens, n_tags)).astype("float32")
        scores = [rng.normal(0, 1, size).astype("float32") for size in ((n_tags, n_tags), n_tags, n_tags)]
        legal = [numpy.ones(score.shape, dtype=bool) for score in scores]
        self.chain = Chain(*scores, *legal)
        tags = rng.integers(0, n_tags, n_tokens)
        self.allowed = tags[:, None] == numpy.arange(n_tags)

        self.crf = CRF(n_tags, batch_first=True)
        self.crf.load_state_dict({name: torch.tensor(score) for name, score in zip(NAMES, scores)})
        self.mask = torch.arange(LONGEST)[None] < torch.tensor(self.lengths)[:, None]
        self.padded = torch.zeros(N_SEQUENCES, LONGEST, n_tags)
        self.padded[self.mask] = torch.tensor(self.emissions)
        self.padded.requires_grad_()
        self.tags = torch.zeros(self.mask.shape, dtype=torch.long)
        self.tags[self.mask] = torch.tensor(tags)

    def our_loss(self) -> list[Any]:
        loss = chain_loss(self.emissions, Packing.of(self.lengths), self.chain, self.allowed)
        return [loss.losses.sum(), loss.d_emissions, loss.d_transitions, loss.d_start, loss.d_end]

    def their_loss(self) -> list[Any]:
        self.crf.zero_grad()
        self.padded.grad = None
        loss = -self.crf(self.padded, self.tags, self.mask, reduction="sum")
        loss.backward()
        grads = [self.padded.grad[self.mask], *(getattr(self.crf, name).grad for name in NAMES)]
        return [loss.item(), *(grad.numpy() for grad in grads)]

    def our_paths(self) -> list[int]:
        return viterbi(self.emissions, Packing.of(self.lengths), self.chain).tolist()

    def their_paths(self) -> list[int]:
        with torch.no_grad():
            return [tag for path in self.crf.decode(self.padded, self.mask) for tag in path]


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any], turns: int) -> tuple[float, float]:
    """Median seconds of each after one call that does not count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns + 1):
        for times, system in zip(seconds, (ours, theirs)):
            start = time.perf_counter()
            system()
            times.append(time.perf_counter() - start)
    return median(seconds[0][1:]), median(seconds[1][1:])


def drawn_examples(nlp: Language, n: int = 1000) -> list[Example]:
    """Sentences of the lengths above over a Zipf vocabulary, every fifth token or so a mention of one of two labels."""
    rng = numpy.random.default_rng(0)
    examples = []
    for length in rng.integers(SHORTEST, LONGEST + 1, n).tolist():
        doc = Doc(nlp.vocab, words=[f"w{i}" for i in rng.zipf(1.3, length) % 20000])
        starts = [i for i in range(0, length - 1, 5) if rng.random() < 0.7]
        doc.set_ents([Span(doc, i, i + 1 + i % 2, label=("DISEASE", "CHEMICAL")[i % 3 % 2]) for i in starts])
        examples.append(Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc))
    return examples


def shares_of_training(train: Path | None, n_batches: int) -> dict[str, float]:
    """What part of an update goes to the CRF, and what to turning annotation into gold, medians over batches."""
    fix_random_seed(0)
    config = load_config(CONFIG, overrides={"paths.train": str(train), "paths.dev": str(train)})
    nlp = load_model_from_config(config, auto_fill=True)
    settings = registry.resolve(nlp.config.interpolate()["training"])
    examples = list(Corpus(train)(nlp)) if train else drawn_examples(nlp)
    nlp.initialize(lambda: examples, sgd=settings["optimizer"])
    spent = {"chain_loss": 0.0, "training_sets": 0.0}
    kept = {name: getattr(learning, name) for name in spent}

    def timed(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = kept[name](*args, **kwargs)
            spent[name] += time.perf_counter() - start
            return result

        return call

    shares: dict[str, list[float]] = {name: [] for name in spent}
    for name in spent:
        setattr(learning, name, timed(name))
    try:
        batches = settings["batcher"](Example(eg.predicted.copy(), eg.reference) for eg in examples * 100)
        for _, batch in zip(range(n_batches + 2), batches):
            spent.update(dict.fromkeys(spent, 0.0))
            start = time.perf_counter()
            nlp.update(batch, drop=settings["dropout"], sgd=settings["optimizer"])
            seconds = time.perf_counter() - start
            for name in spent:
                shares[name].append(spent[name] / seconds)
    finally:
        for name in spent:
            setattr(learning, name, kept[name])
    # the first batches pay for first calls
    return {name: median(found[2:]) for name, found in shares.items()}


def main(
    train: Path | None = typer.Argument(None, exists=True, help="Corpus (.spacy) for the share of a training step"),
    turns: int = typer.Option(15, help="Turns of each measurement"),
    seed: int = typer.Option(0, help="Seed of the drawn scores"),
    save: bool = typer.Option(True, help="Append to benchmarks/results"),
) -> None:
    """Measure, print and append."""
    body, results = [], []
    for n_tags in N_TAGS:
        problem = Problem(n_tags, seed)
        # the sums of 128 sequences in float32: relative to the largest entry
        for ours, theirs in zip(problem.our_loss(), problem.their_loss()):
            assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * numpy.abs(theirs).max())
        assert problem.our_paths() == problem.their_paths()
        for metric, pair in (
            ("loss_and_gradient_seconds", (problem.our_loss, problem.their_loss)),
            ("viterbi_seconds", (problem.our_paths, problem.their_paths)),
        ):
            ours_and_theirs = in_turns(pair[0], pair[1], turns)
            seconds = dict(zip(("spacy-tlner", "pytorch-crf"), ours_and_theirs))
            ratio = seconds["pytorch-crf"] / seconds["spacy-tlner"]
            body.append([metric, n_tags, *(f"{1000 * s:.2f} ms" for s in seconds.values()), f"{ratio:.1f}"])
            common = {"case": f"{n_tags} tags", "metric": metric, "seed": seed}
            results += [{**common, "system": system, "value": value} for system, value in seconds.items()]
    print(rows.table(("metric", "tags", "spacy-tlner", "pytorch-crf", "ratio"), body), end="\n\n")

    shares = shares_of_training(train, n_batches=50)
    print(rows.table(("share of a training step", ""), [[name, f"{share:.1%}"] for name, share in shares.items()]))
    case = train.stem if train else "drawn sentences"
    for name, share in shares.items():
        results.append(
            {"case": case, "system": "spacy-tlner", "metric": f"{name}_share_of_update", "value": share, "seed": 0}
        )
    if save:
        rows.append(BENCH, results, threads=THREADS)


if __name__ == "__main__":
    typer.run(main)
