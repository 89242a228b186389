"""`spacy tlner adapt`: a tiny BERT trained on as a masked language model, judged by its loss, by an uninterrupted run
and by what the encoder makes of it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from thinc.api import Model
from typer.testing import CliRunner, Result

from corpus import annotated
from spacy_tlner.architectures import TransformerEncoder
from spacy_tlner.cli import tlner
from spacy_tlner.domain.adapt_settings import AdaptSettings
from spacy_tlner.domain.masked_blocks import make_blocks, split
from spacy_tlner.domain.masked_lm import evaluate
from spacy_tlner.domain.masked_loss import masked_loss
from spacy_tlner.domain.run_folder import checkpoints_of
from tiny_transformers import tiny_bert, tiny_xlm_roberta

TEXTS = [" ".join(words) for (words, _), _ in zip(annotated(), range(120))]
SMALL = ["--length", "32", "--batch-size", "8", "--learn-rate", "5e-3", "--max-steps", "26", "--save-every", "11"]


def run(*args: Any) -> Result:
    return CliRunner().invoke(tlner, ["adapt", *(str(arg) for arg in args)], env={"COLUMNS": "300"})


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its output layer, so that the first loss is that of the checkpoint."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    path = tiny_bert(tmp_path_factory.mktemp("checkpoint") / "bert")
    torch.manual_seed(0)
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(path)).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf8")
    return path


@pytest.fixture(scope="module")
def adapted(checkpoint: Path, text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run without interruption."""
    output = tmp_path_factory.mktemp("adapted") / "out"
    result = run(checkpoint, text_file, output, *SMALL)
    assert result.exit_code == 0, result.output
    assert "Held-out loss" in result.output and "no output layer" not in result.output
    return output


def weights_of(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(path / "model.safetensors")


def test_loss_falls_and_the_outcome_is_an_encoder(checkpoint: Path, adapted: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    told = json.loads((adapted / "adaptation.json").read_text())
    assert told["after"] < told["before"] * 0.9 and told["steps"] == 26
    assert 10 < (told["blocks"] - told["dev_blocks"]) / 8 < 20  # updates an epoch: the other test stops in the second
    assert not checkpoints_of(adapted).exists()
    assert not list(adapted.glob("*.bin")) and not list(adapted.glob("*.pt"))
    # the loss of either, each masked piece of each text in turn, by transformers alone
    tokenizer = AutoTokenizer.from_pretrained(adapted)
    losses = []
    for path in (checkpoint, adapted):
        model = AutoModelForMaskedLM.from_pretrained(path).eval()
        ids = tokenizer(TEXTS[3], return_tensors="pt").input_ids
        rows, labels = ids.repeat(ids.shape[1] - 2, 1), torch.full((ids.shape[1] - 2, ids.shape[1]), -100)
        for i in range(len(rows)):
            labels[i, i + 1] = ids[0, i + 1]
            rows[i, i + 1] = tokenizer.mask_token_id
        losses.append(model(input_ids=rows, labels=labels).loss.item())
    assert losses[1] < losses[0] * 0.9

    doc = spacy.blank("en")(TEXTS[0])
    states = []
    for path in (checkpoint, adapted):
        model = TransformerEncoder(str(path)).initialize()
        states.append(model.predict([doc])[0])
    assert states[1].shape == states[0].shape and not numpy.allclose(*states)


def test_bfloat16_learns_as_much(checkpoint: Path, text_file: Path, adapted: Path, tmp_path: Path) -> None:
    assert run(checkpoint, text_file, tmp_path / "out", *SMALL, "--precision", "bfloat16").exit_code == 0
    exact, rough = (json.loads((path / "adaptation.json").read_text()) for path in (adapted, tmp_path / "out"))
    assert rough["before"] == exact["before"] and rough["after"] != exact["after"]
    assert abs(rough["after"] - exact["after"]) < 0.2 * (exact["before"] - exact["after"])
    assert all(weight.dtype == torch.float32 for weight in weights_of(tmp_path / "out").values())


def test_interrupted_and_resumed_is_as_if_never_interrupted(
    checkpoint: Path, text_file: Path, adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    output, steps = tmp_path / "out", []

    def fail_in_the_second_epoch(self: Any, *args: Any, training_step: Any = Trainer.training_step) -> Any:
        steps.append(1)
        if len(steps) == 25:
            raise KeyboardInterrupt
        return training_step(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "training_step", fail_in_the_second_epoch)
        assert run(checkpoint, text_file, output, *SMALL).exit_code == 130
    assert not output.exists() and (checkpoints_of(output) / "checkpoint-22").is_dir()
    # as a run leaves it that was stopped while it wrote a checkpoint
    half = checkpoints_of(output) / "checkpoint-33"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    for args, number in (([], "TL553"), (["--resume", "--seed", "1"], "TL555")):
        result = run(checkpoint, text_file, output, *SMALL, *args)
        assert result.exit_code == 1 and number in result.output
    assert run(checkpoint, text_file, output, *SMALL, "--resume").exit_code == 0
    found, expected = weights_of(output), weights_of(adapted)
    assert set(found) == set(expected)
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name
    assert not checkpoints_of(output).exists()
    told = [json.loads((path / "adaptation.json").read_text()) for path in (output, adapted)]
    assert told[0] == told[1]


def test_every_word_piece_is_in_one_block(checkpoint: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    blocks, n_texts, n_pieces = make_blocks(TEXTS, tokenizer, 20)
    expected = [i for text in TEXTS for i in (*tokenizer(text, add_special_tokens=False).input_ids, 3)]
    assert [i for block in blocks for i in block[1:-1]] == expected
    assert all(block[0] == 2 and block[-1] == 3 and len(block) <= 20 for block in blocks)
    assert (n_texts, n_pieces) == (len(TEXTS), len(expected) - len(TEXTS))
    train, dev = split(blocks, AdaptSettings(dev_share=0.25))
    assert len(dev) == round(0.25 * len(blocks))
    assert sorted(row["input_ids"] for row in [*train, *dev]) == sorted(blocks)


def test_a_tokenizer_that_truncates_and_pads_is_told_not_to(checkpoint: Path) -> None:
    from transformers import AutoTokenizer

    plain, tokenizer = (AutoTokenizer.from_pretrained(checkpoint) for _ in range(2))
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.backend_tokenizer.enable_padding(length=12)
    assert make_blocks(TEXTS, tokenizer, 20) == make_blocks(TEXTS, plain, 20)


def test_loss_is_the_mean_over_masked_pieces(checkpoint: Path) -> None:
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(checkpoint).train()
    rng = torch.Generator().manual_seed(0)
    batches = []
    for n, masked in ((3, 5), (1, 0), (2, 1)):
        ids = torch.randint(5, 100, (n, 9), generator=rng)
        labels = torch.full_like(ids, -100)
        labels.view(-1)[:masked] = ids.view(-1)[:masked]
        batches.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    found = evaluate(model, batches)
    assert model.training
    model.eval()
    each = []
    for batch in batches:
        logits = model(input_ids=batch["input_ids"]).logits.log_softmax(dim=-1)
        each += [-logits[i, j, label].item() for (i, j), label in numpy.ndenumerate(batch["labels"]) if label >= 0]
    assert found == pytest.approx(numpy.mean(each), rel=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "deberta-v2", "albert", "mpnet"])
def test_scores_of_masked_pieces_alone_give_the_same_loss(kind: str) -> None:
    """The loss and its gradient, judged by transformers' own."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    more = {"embedding_size": 8} if kind in ("electra", "albert") else {}
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, vocab_size=50, **sizes, **more)).eval()
    ids = torch.randint(5, 50, (3, 9))
    labels = torch.where(torch.rand(3, 9) < 0.3, ids, -100)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    found = []
    for loss in (masked_loss(model, dict(batch)), model(**batch).loss):
        model.zero_grad()
        loss.backward()
        found.append({name: param.grad.clone() for name, param in model.named_parameters() if param.grad is not None})
        found[-1]["loss"] = loss.detach()
    assert set(found[0]) == set(found[1])
    for name, gradient in found[1].items():
        torch.testing.assert_close(found[0][name], gradient, msg=name)
    assert masked_loss(model, {**batch, "labels": torch.full_like(labels, -100)}) == 0
    n_masked = int((labels >= 0).sum())
    rows: list[int] = []
    handle = model.get_output_embeddings().register_forward_hook(lambda module, args, out: rows.append(len(out)))
    masked_loss(model, batch)
    handle.remove()
    assert rows == [n_masked]


def test_without_an_output_layer_one_begins_anew(text_file: Path, tmp_path: Path) -> None:
    """Also a checkpoint of another kind: only an encoder, and a unigram tokenizer."""
    path = tiny_xlm_roberta(tmp_path / "xlm-r")
    result = run(path, text_file, tmp_path / "out", *SMALL, "--max-steps", "2")
    assert result.exit_code == 0 and "no output layer" in result.output
    model: Model = TransformerEncoder(str(tmp_path / "out")).initialize()
    assert model.get_dim("nO") == 16


def test_cased_stays_with_the_outcome(checkpoint: Path, text_file: Path, tmp_path: Path) -> None:
    path = shutil.copytree(checkpoint, tmp_path / "cased")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (path / name).unlink()
    assert run(path, text_file, tmp_path / "out", *SMALL, "--max-steps", "1", "--cased").exit_code == 0
    nlp = spacy.blank("en")
    model: Model = TransformerEncoder(str(tmp_path / "out")).initialize()
    upper, lower = model.predict([nlp("PARIS"), nlp("paris")])
    assert not numpy.allclose(upper, lower)


def test_errors(checkpoint: Path, text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (torch.cuda, torch.backends.mps):
        monkeypatch.setattr(backend, "is_available", lambda: False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    short = tmp_path / "short.txt"
    short.write_text("a b c")
    for args, number in (
        ([checkpoint, text_file, tmp_path / "full"], "TL552"),
        ([checkpoint, text_file, tmp_path / "out", "--resume"], "TL554"),
        ([tmp_path / "nowhere", text_file, tmp_path / "out"], "TL556"),
        ([checkpoint, text_file, tmp_path / "out", "--length", "65"], "TL557"),
        ([checkpoint, text_file, tmp_path / "out", "--length", "4"], "TL557"),
        ([checkpoint, short, tmp_path / "out", *SMALL], "TL558"),
        ([checkpoint, tmp_path / "missing.txt", tmp_path / "out", *SMALL], "TL221"),
        ([checkpoint, text_file, short / "out", *SMALL], "TL561"),
        ([checkpoint, text_file, tmp_path / "out", *SMALL, "--gpu-id", "0"], "TL560"),
    ):
        result = run(*args)
        assert result.exit_code == 1 and number in result.output, (number, result.output)
    theirs = checkpoints_of(tmp_path / "beside") / "letter.txt"
    theirs.parent.mkdir()
    theirs.write_text("dear")
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes()[:1000])
    for args, number in (
        ([checkpoint, text_file, tmp_path / "beside", *SMALL], "TL552"),
        ([broken, text_file, tmp_path / "out", *SMALL], "TL556"),
    ):
        result = run(*args)
        assert result.exit_code == 1 and number in result.output, (number, result.output)
    assert theirs.read_text() == "dear"
    monkeypatch.setitem(sys.modules, "accelerate", None)
    result = run(checkpoint, text_file, tmp_path / "out")
    assert (
        result.exit_code == 1
        and "TL551" in result.output
        and 'pip install "spacy-tlner[adapt]"' in " ".join(result.output.split())
    )
    assert not (tmp_path / "out").exists() and not checkpoints_of(tmp_path / "out").exists()


def test_an_outcome_that_cannot_be_written_is_not_lost(
    checkpoint: Path, text_file: Path, adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has ended, so what resumes it trains no more, and writes what was trained."""
    from transformers import BertForMaskedLM

    output = tmp_path / "out"

    def full_disk(
        self: Any, path: Path, *args: Any, save: Any = BertForMaskedLM.save_pretrained, **settings: Any
    ) -> Any:
        if Path(path).parent == tmp_path:
            raise OSError(28, "No space left on device")
        return save(self, path, *args, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(BertForMaskedLM, "save_pretrained", full_disk)
        result = run(checkpoint, text_file, output, *SMALL)
    assert result.exit_code == 1 and "TL559" in result.output and "No space left" in result.output
    assert not output.exists() and checkpoints_of(output).is_dir()
    assert run(checkpoint, text_file, output, *SMALL, "--resume").exit_code == 0
    found, expected = weights_of(output), weights_of(adapted)
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_into_the_folder_that_one_is_in(
    checkpoint: Path, text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    assert run(checkpoint, text_file, ".", *SMALL, "--max-steps", "1").exit_code == 0
    assert (tmp_path / "out" / "model.safetensors").exists()
