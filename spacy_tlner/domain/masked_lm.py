"""A Hugging Face checkpoint trained on as a masked language model, by transformers' own trainer.

Domain-adaptive pretraining (Gururangan et al. 2020): the checkpoint's own objective, on the user's texts.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import Errors
from ..files import whole_folder
from ..layers.checkpoint import n_positions, quiet, special_ids, whole_text_tokenizer
from .adapt_settings import AdaptSettings, AdaptSummary
from .faults import DomainError
from .masked_blocks import Masking, digest_of, make_blocks, split
from .masked_loss import masked_loss
from .run_folder import RUN_FILE, begin_or_compare, checkpoints_of, last_checkpoint


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
    last = last_checkpoint(work, resume)
    _seed(settings.seed)
    model, tokenizer, new_head = _load(name, settings)
    blocks, n_texts, n_pieces = make_blocks(texts, tokenizer, settings.length)
    train, dev = split(blocks, settings)
    begin_or_compare(work, {"name": name, **asdict(settings), "texts": digest_of(blocks)}, last is not None)
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
