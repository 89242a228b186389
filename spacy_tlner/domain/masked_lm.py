"""A Hugging Face checkpoint trained on as a masked language model, by transformers' own trainer.

Domain-adaptive pretraining (Gururangan et al. 2020): the checkpoint's own objective, on the user's texts.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy

from ..errors import Errors
from ..files import whole_folder
from ..layers.checkpoint import n_positions, quiet, special_ids, whole_text_tokenizer
from ..layers.precision import Precision
from .faults import DomainError
from .masked_loss import masked_loss

# What describes a run, in the folder of its checkpoints and in that of its outcome.
RUN_FILE = "adaptation.json"
# of the held-out blocks: more would only take time
_MOST_DEV = 200


@dataclass
class AdaptSettings:
    """How a checkpoint is trained on.

    length: word pieces of a block, special ones included. max_steps: updates after which to stop; 0: after `epochs`.
    mask_share: of word pieces that are to be guessed. dev_share: of blocks held out. save_every: updates between
    checkpoints. cased: tell the tokenizer not to lower-case, for a checkpoint that does not say so. precision: of the
    products in training, see `layers.precision`.
    """

    epochs: float = 1.0
    max_steps: int = 0
    batch_size: int = 16
    length: int = 256
    learn_rate: float = 5e-5
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    mask_share: float = 0.15
    dev_share: float = 0.05
    save_every: int = 500
    cased: bool = False
    seed: int = 0
    precision: Precision = "float32"


@dataclass
class AdaptSummary:
    """What was trained on, and the mean loss of a masked word piece of the held-out blocks before and after.

    new_head: the checkpoint came without its language model's output layer, so that one began at random.
    """

    texts: int
    pieces: int
    blocks: int
    dev_blocks: int
    steps: int
    before: float
    after: float
    new_head: bool


def checkpoints_of(output: Path) -> Path:
    """Where a run leaves its checkpoints: beside the output, which stands only once it is whole."""
    return output.with_name(f"{output.name}.checkpoints")


def adapt_checkpoint(
    name: str, texts: Iterable[str], output: Path, settings: AdaptSettings, *, resume: bool = False, gpu: bool = False
) -> AdaptSummary:
    """Train the checkpoint `name` on `texts` and write it to the folder `output`, to be used as a checkpoint itself.

    The same seed, texts and machine give the same weights, also through an interruption and `resume`.
    Raises DomainError: TL551 without accelerate, TL552 to TL555 on what stands in the folders, TL556 and TL557 on the
    checkpoint, TL558 without enough text, TL559 if the output cannot be written, TL560 if torch sees no GPU and one is
    asked for, TL561 if the checkpoints cannot be written, TL562 on settings that the trainer refuses.
    """
    output = output.resolve()  # "." has no name to put checkpoints beside
    trainer_type = _trainer_type(gpu)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise DomainError(Errors.TL552.format(path=output))
    work = checkpoints_of(output)
    last = _last_checkpoint(work, resume)
    _seed(settings.seed)
    model, tokenizer, new_head = _load(name, settings)
    blocks, n_texts, n_pieces = make_blocks(texts, tokenizer, settings.length)
    train, dev = split(blocks, settings)
    _begin_or_compare(work, {"name": name, **asdict(settings), "texts": _digest(blocks)}, last is not None)
    masking = Masking(tokenizer, settings)
    held_out = [masking(dev[i : i + settings.batch_size]) for i in range(0, len(dev), settings.batch_size)]
    before = evaluate(model, held_out)
    with _environment_kept():
        try:
            arguments = _arguments(work, settings, gpu)
        except ValueError as error:  # as bfloat16 on a GPU that does not have it
            raise DomainError(Errors.TL562.format(reason=error)) from error
        trainer = trainer_type(
            model=model,
            args=arguments,
            train_dataset=train,
            data_collator=masking,
            callbacks=[_epoch_teller(masking)],
        )
        _seed(settings.seed)
        trainer.train(resume_from_checkpoint=last)
    found = AdaptSummary(
        n_texts, n_pieces, len(blocks), len(dev), trainer.state.global_step, before, evaluate(model, held_out), new_head
    )
    try:
        with whole_folder(output) as part:
            model.save_pretrained(part, safe_serialization=True)
            tokenizer.save_pretrained(part)
            (part / RUN_FILE).write_text(json.dumps({"settings": asdict(settings), **asdict(found)}, indent=2))
    except OSError as error:
        raise DomainError(Errors.TL559.format(path=output, reason=error.strerror or error)) from error
    shutil.rmtree(work, ignore_errors=True)
    return found


def make_blocks(texts: Iterable[str], tokenizer: Any, length: int) -> tuple[list[list[int]], int, int]:
    """All word pieces, text after text with a separator between, cut into blocks with the special ones around each.

    Returns the blocks, of at most `length` ids each, how many texts there were and how many word pieces.
    """
    backend = whole_text_tokenizer(tokenizer)
    prefix, suffix = special_ids(backend)
    ids: list[numpy.ndarray] = []
    n_texts = n_pieces = 0
    for text in texts:
        pieces = backend.encode(text, add_special_tokens=False).ids
        n_texts, n_pieces = n_texts + 1, n_pieces + len(pieces)
        ids.append(numpy.array([*pieces, *suffix[:1]], dtype="int32"))
    stream = numpy.concatenate([numpy.zeros(0, dtype="int32"), *ids])
    size = length - len(prefix) - len(suffix)
    parts = [stream[i : i + size].tolist() for i in range(0, len(stream), size)]
    return [[*prefix, *part, *suffix] for part in parts], n_texts, n_pieces


def split(blocks: Sequence[list[int]], settings: AdaptSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The blocks to train on and those held out, drawn by the seed. Raises DomainError (TL558)."""
    if len(blocks) < 2:
        raise DomainError(Errors.TL558.format(blocks=len(blocks), length=settings.length))
    order = numpy.random.default_rng(settings.seed).permutation(len(blocks)).tolist()
    n_dev = min(max(1, round(settings.dev_share * len(blocks))), _MOST_DEV, len(blocks) - 1)
    rows = [{"input_ids": blocks[i], "number": i} for i in order]
    return rows[n_dev:], rows[:n_dev]


class Masking:
    """Batches with masks that depend on the seed, the epoch and the blocks, and on nothing that was drawn before.

    The trainer fetches a batch ahead of the one it trains on, and a resumed run would draw other masks for it.
    """

    def __init__(self, tokenizer: Any, settings: AdaptSettings):
        from transformers import DataCollatorForLanguageModeling

        self.collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=settings.mask_share)
        self.seed = settings.seed
        self.epoch = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            drawn_from = numpy.random.SeedSequence([self.seed, self.epoch, *(row["number"] for row in rows)])
            torch.manual_seed(int(drawn_from.generate_state(1)[0]))
            return self.collator([{"input_ids": row["input_ids"]} for row in rows])


def evaluate(model: Any, batches: Sequence[Any]) -> float:
    """The mean loss of a masked word piece."""
    import torch

    total, n, was_training = 0.0, 0, model.training
    model.eval()
    with torch.no_grad():
        for batch in batches:
            masked = int((batch["labels"] >= 0).sum())
            if masked:
                moved = {key: value.to(model.device) for key, value in batch.items()}
                total += float(masked_loss(model, moved)) * masked
                n += masked
    model.train(was_training)
    return total / max(n, 1)


def _trainer_type(gpu: bool) -> Any:
    """Raises DomainError: TL551, TL560."""
    import torch

    # transformers itself says so only once training begins
    if find_spec("accelerate") is None:
        raise DomainError(Errors.TL551)
    # the trainer would take the CPU and say nothing
    if gpu and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise DomainError(Errors.TL560)
    import transformers

    base: Any = transformers.Trainer

    class MaskedTrainer(base):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            # over several GPUs the model is wrapped, and a batch's labels are not those of each
            if hasattr(model, "get_output_embeddings"):
                return masked_loss(model, inputs)
            return super().compute_loss(model, inputs, *args, **kwargs)

    return MaskedTrainer


def _load(name: str, settings: AdaptSettings) -> tuple[Any, Any, bool]:
    """The model, its tokenizer, and whether its output layer is new. Raises DomainError (TL556, TL557)."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, use_fast=True, **({"do_lower_case": False} if settings.cased else {})
        )
        with quiet():
            model, found = AutoModelForMaskedLM.from_pretrained(
                name, torch_dtype=torch.float32, output_loading_info=True
            )
    except Exception as error:  # what transformers, tokenizers and safetensors raise is of many kinds
        raise DomainError(Errors.TL556.format(name=name, reason=error)) from error
    body = f"{model.base_model_prefix}."
    missing = [key for key in found["missing_keys"] if key.startswith(body)]
    if missing or found["mismatched_keys"]:
        reason = f"it lacks weights ({', '.join(sorted(missing)[:5]) or 'some are of another shape'})."
        raise DomainError(Errors.TL556.format(name=name, reason=reason))
    if not tokenizer.is_fast or tokenizer.mask_token_id is None:
        raise DomainError(Errors.TL556.format(name=name, reason="its tokenizer is not a fast one with a mask token."))
    least, most = 3 + sum(len(each) for each in special_ids(whole_text_tokenizer(tokenizer))), n_positions(model)
    if not least <= settings.length <= most:
        raise DomainError(Errors.TL557.format(length=settings.length, name=name, least=least, most=most))
    return model, tokenizer, bool(found["missing_keys"])


def _last_checkpoint(work: Path, resume: bool) -> str | None:
    """The last checkpoint that is whole; what was cut off while it was written is removed.

    Raises DomainError: TL552 on a folder that is not of a run, TL553, TL554.
    """
    found = sorted(work.glob("checkpoint-*"), key=lambda path: (len(path.name), path.name))
    if resume:
        # the trainer writes this file last
        whole = [path for path in found if (path / "trainer_state.json").is_file()]
        if not whole:
            raise DomainError(Errors.TL554.format(path=work))
        for path in found:
            if path not in whole:
                shutil.rmtree(path, ignore_errors=True)
        return str(whole[-1])
    if found:
        raise DomainError(Errors.TL553.format(path=work))
    if work.exists() and not (work.is_dir() and {path.name for path in work.iterdir()} <= {RUN_FILE}):
        raise DomainError(Errors.TL552.format(path=work))
    return None


def _begin_or_compare(work: Path, run: dict[str, Any], resumed: bool) -> None:
    """Note what a run is made of, or check that it is the same. Raises DomainError: TL555, TL561."""
    path = work / RUN_FILE
    if not resumed:
        try:
            work.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(run, indent=2), encoding="utf8")
        except OSError as error:
            raise DomainError(Errors.TL561.format(path=work, reason=error.strerror or error)) from error
        return
    try:
        begun = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        begun = {}
    different = [key for key in run if begun.get(key) != run[key]]
    if different:
        raise DomainError(Errors.TL555.format(path=work, different=", ".join(different)))


def _digest(blocks: Sequence[list[int]]) -> str:
    digest = blake2b(digest_size=16)
    for block in blocks:
        digest.update(numpy.asarray(block, dtype="int32").tobytes())
    return digest.hexdigest()


def _epoch_teller(masking: Masking) -> Any:
    from transformers import TrainerCallback

    class EpochTeller(TrainerCallback):
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            masking.epoch = int(state.epoch or 0)

    return EpochTeller()


@contextmanager
def _environment_kept() -> Iterator[None]:
    """The trainer's precision goes through an environment variable, which would hold for every later training."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _arguments(work: Path, settings: AdaptSettings, gpu: bool) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(work),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learn_rate,
        warmup_ratio=settings.warmup_share,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        save_steps=settings.save_every,
        save_total_limit=1,
        logging_steps=max(1, min(50, settings.save_every)),
        report_to="none",
        remove_unused_columns=False,
        use_cpu=not gpu,
        bf16=settings.precision == "bfloat16",
    )


def _seed(seed: int) -> None:
    from transformers import set_seed

    set_seed(seed)
