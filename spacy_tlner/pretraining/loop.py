"""The loop of `spacy tlner pretrain`: spaCy's `[pretraining]` block with schedules, a dev set and full checkpoints."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.pretrain import ensure_docs, make_update
from thinc.api import Model, Optimizer

from ..errors import Errors
from ..files import write_whole
from ..layers.softmax import softmax_loss
from . import checkpoint
from .checkpoint import Position
from .word_list import UNKNOWN

logger = logging.getLogger("spacy_tlner")
CHECKPOINT = "checkpoint.msgpack"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Run:
    """One pretraining.

    model: from the objective, initialized. corpus: examples of one epoch, every time in the same order. dev: docs that
    are never trained on. max_epochs, n_save_every (batches), n_save_epoch: as in `[pretraining]`. output: the folder.
    Raises TL605 on a dev set without a token.
    """

    nlp: Language
    model: Model
    optimizer: Optimizer
    corpus: Callable[[Language], Iterable[Example]]
    batcher: Callable[[Iterable[Example]], Iterable[list[Example]]]
    dev: list[Doc]
    output: Path
    max_epochs: int
    n_save_every: int | None
    n_save_epoch: int | None
    settings: dict[str, Any] = field(default_factory=dict)  # what a resumed run is compared with

    def __post_init__(self) -> None:
        if not any(len(doc) for doc in self.dev):
            raise ValueError(Errors.TL605)


@dataclass(frozen=True)
class Score:
    """perplexity: exp of the mean -log P of both directions. unknown: the share of targets that are not in the list."""

    perplexity: float
    unknown: float


def evaluate(model: Model, docs: list[Doc], batch_words: int = 5000) -> Score:
    """Perplexity on docs, without dropout. Raises TL605 where there is no token."""
    total, n, n_unknown = 0.0, 0, 0
    decoder, ops = model.get_ref("decoder"), model.ops
    for batch in _by_words(docs, batch_words):
        states = model.get_ref("tok2vec").predict(batch)
        stacked, targets = model.attrs["predictions"](ops, batch, states)
        total += softmax_loss(decoder, stacked, targets, is_train=False)[0]
        n += len(targets)
        n_unknown += int((targets == UNKNOWN).sum())
    if not n:
        raise ValueError(Errors.TL605)
    return Score(math.exp(min(total / n, 700.0)), n_unknown / n)


def run(task: Run, *, resume: bool, on_log: Callable[[dict[str, Any]], None]) -> Path:
    """Train, write `model{epoch}.bin` as spaCy does, `model-best.bin` by dev perplexity, a log, and checkpoints.

    resume: go on from the folder's checkpoint, with the weights, moments, rates and random numbers that a run without
    a stop would have. Warns once (TL615) where the rate has come to 0 before the end. Returns the path of the best
    weights. Raises TL604 on what cannot be resumed from, TL608 on an
    empty corpus, TL609 on a loss that is not finite.
    """
    path = task.output / CHECKPOINT
    position, skip = Position(), 0
    now: Any = None
    if resume:
        position, epoch_chance, now, before = checkpoint.load(path, task.model, task.optimizer)
        different = sorted(key for key, value in before.items() if task.settings.get(key) != value)
        if different:
            logger.warning(Errors.TL614.format(path=path, different=", ".join(different)))
        checkpoint.set_chance(epoch_chance)
        skip = position.batch
        _cut_log(task.output / LOG, position.step)
    loss_function = task.model.attrs["loss"]
    is_over = False
    for epoch in range(position.epoch, task.max_epochs):
        epoch_chance = checkpoint.chance()
        meter = _Meter()
        for i, batch in enumerate(task.batcher(task.corpus(task.nlp))):
            if i < skip:
                # batches are drawn as they were; what training drew beside them is made up for before the next one
                if i + 1 == skip:
                    checkpoint.set_chance(now)
                continue
            docs = [doc for doc in ensure_docs(batch) if len(doc)]
            if not docs:
                continue
            if position.step and not task.optimizer.learn_rate and not is_over:
                is_over = True
                logger.warning(Errors.TL615.format(step=position.step, epoch=epoch + 1, epochs=task.max_epochs))
            loss = make_update(task.model, docs, task.optimizer, loss_function)
            if not math.isfinite(loss):
                raise ValueError(Errors.TL609.format(step=position.step))
            meter.add(docs, loss)
            task.optimizer.step_schedules()
            position.step += 1
            position.batch = i + 1
            position.words += sum(len(doc) for doc in docs)
            if task.n_save_every and position.batch % task.n_save_every == 0:
                _score_and_save(task, position, meter, on_log)
                checkpoint.save(path, task.model, task.optimizer, position, epoch_chance, task.settings)
                meter = _Meter()
        if not position.step:
            raise ValueError(Errors.TL608.format(n_dev=len(task.dev)))
        skip = 0
        position.epoch, position.batch = epoch + 1, 0
        if meter.words:
            _score_and_save(task, position, meter, on_log)
        if not task.n_save_epoch or epoch % task.n_save_epoch == 0 or epoch == task.max_epochs - 1:
            _save_weights(task, f"model{epoch}.bin")
        checkpoint.save(path, task.model, task.optimizer, position, checkpoint.chance(), task.settings)
    _save_weights(task, "model-last.bin")
    return task.output / "model-best.bin"


class _Meter:
    """Loss and speed since the last line of the log."""

    def __init__(self) -> None:
        self.loss, self.words, self.since = 0.0, 0, time.perf_counter()

    def add(self, docs: list[Doc], loss: float) -> None:
        words = sum(len(doc) for doc in docs)
        self.loss += loss * words
        self.words += words

    def read(self) -> dict[str, float]:
        seconds = time.perf_counter() - self.since
        return {"loss": self.loss / max(self.words, 1), "words_per_second": self.words / max(seconds, 1e-9)}


def _score_and_save(task: Run, position: Position, meter: _Meter, on_log: Callable[[dict[str, Any]], None]) -> None:
    measured = meter.read()
    with task.model.use_params(task.optimizer.averages or {}):
        score = evaluate(task.model, task.dev)
    row = {
        "epoch": position.epoch,
        "step": position.step,
        "words": position.words,
        **measured,
        "learn_rate": float(task.optimizer.learn_rate),
        "dev_perplexity": score.perplexity,
        "dev_unknown": score.unknown,
    }
    with (task.output / LOG).open("a", encoding="utf8") as file_:
        file_.write(json.dumps(row) + "\n")
    on_log(row)
    if score.perplexity < position.best:
        position.best = score.perplexity
        _save_weights(task, "model-best.bin")


def _save_weights(task: Run, name: str) -> None:
    with task.model.use_params(task.optimizer.averages or {}):
        write_whole(task.output / name, task.model.get_ref("tok2vec").to_bytes())


def _cut_log(path: Path, step: int) -> None:
    """Leave out what a run that was cut off logged after its last checkpoint: it is done again."""
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    kept = [line for line in lines if _step_of(line) <= step]
    write_whole(path, "".join(line + "\n" for line in kept).encode())


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:  # the last line, cut off as it was written
        return math.inf


def _by_words(docs: list[Doc], most: int) -> Iterator[list[Doc]]:
    batch: list[Doc] = []
    for doc in sorted((doc for doc in docs if len(doc)), key=len):
        if batch and sum(map(len, batch)) + len(doc) > most:
            yield batch
            batch = []
        batch.append(doc)
    if batch:
        yield batch


def split_dev(
    corpus: Callable[[Language], Iterable[Example]], nlp: Language, n_dev: int
) -> tuple[Callable[[Language], Iterator[Example]], list[Doc]]:
    """Hold out the first `n_dev` examples of a corpus: the rest as a corpus, and the held-out docs."""
    dev = ensure_docs(islice(corpus(nlp), n_dev))
    return (lambda nlp: islice(iter(corpus(nlp)), n_dev, None)), dev
