"""GroupedAdam beside thinc's Adam, bit for bit; and its refusals."""

from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry
from thinc.api import Adam, Model, Optimizer, PyTorchWrapper, fix_random_seed
from thinc.api import registry as thinc_registry

from spacy_tlner import optimizer as module
from spacy_tlner.optimizer import GroupedAdam, name_groups

SETTINGS: dict[str, Any] = {"learn_rate": 0.01, "L2": 0.1, "grad_clip": 1.0, "use_averages": True}
SMALL = {
    "@architectures": "spacy_tlner.TransferTagger.v1",
    "tok2vec": {
        "@architectures": "spacy_tlner.BiLSTMEncoder.v1",
        "width": 8,
        "embed": {
            "@architectures": "spacy_tlner.WordCharEmbed.v1",
            "words": {"@architectures": "spacy_tlner.HashWords.v1", "width": 6, "rows": 40},
            "characters": {"@architectures": "spacy_tlner.CharCNN.v1", "filters": 4, "char_width": 3, "rows": 32},
        },
    },
}


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of layers are kept for the whole process: each test starts without any."""
    monkeypatch.setattr(module, "_group_of", {})


def pipeline() -> tuple[Language, list[Example]]:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tl_ner", config={"model": SMALL})
    gold = Doc(nlp.vocab, words=["Ann", "met", "Bob", "in", "Rome"])
    gold.set_ents([Span(gold, 0, 1, label="PER"), Span(gold, 2, 3, label="PER"), Span(gold, 4, 5, label="LOC")])
    examples = [Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)] * 3
    nlp.initialize(lambda: examples)
    return nlp, examples


def weights(model: Model) -> Iterator[tuple[str, Any]]:
    for i, node in enumerate(model.walk()):
        for name in node.param_names:
            yield f"{i}.{node.name}.{name}", node.get_param(name).copy()


def train(optimizer: Optimizer, steps: int = 20, name: bool = True) -> dict[str, Any]:
    """The weights after some steps on the same data from the same start."""
    nlp, examples = pipeline()
    if name:
        name_groups()(nlp)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
        optimizer.step_schedules()
    return dict(weights(nlp.get_pipe("tl_ner").model))


@pytest.mark.parametrize("name", [True, False])
@pytest.mark.parametrize("L2_is_weight_decay", [True, False])
def test_without_groups_it_is_adam_to_the_bit(name, L2_is_weight_decay):
    ours = train(GroupedAdam(**SETTINGS, L2_is_weight_decay=L2_is_weight_decay), name=name)
    theirs = train(Adam(**SETTINGS, L2_is_weight_decay=L2_is_weight_decay), name=name)
    start = train(Adam(**SETTINGS), steps=0)
    for key, weight in theirs.items():
        assert (ours[key] == weight).all(), key
        assert not (weight == start[key]).all(), key


def test_a_factor_is_a_smaller_learning_rate():
    """Given the same gradients, a group at 0.1 goes where Adam at a tenth of the rate goes, others where Adam goes."""
    nlp, _ = pipeline()
    name_groups()(nlp)
    model = nlp.get_pipe("tl_ner").model
    (emission,) = (node for node in model.walk() if node.name == "emission")
    (crf,) = (node for node in model.walk() if node.name == "crf")
    optimizers = {
        emission.id: (
            GroupedAdam(**SETTINGS, groups={"tl_ner": {"head": 0.1}}),
            Adam(**{**SETTINGS, "learn_rate": 0.001}),
        ),
        crf.id: (GroupedAdam(**SETTINGS, groups={"tl_ner": {"head": 0.1}}), Adam(**SETTINGS)),
    }
    rng = numpy.random.default_rng(0)
    for node, name in ((emission, "W"), (crf, "transitions")):
        ours = theirs = node.get_param(name) + numpy.float32(0.5)
        for _ in range(10):
            gradient = rng.normal(size=ours.shape).astype("float32")
            first, second = optimizers[node.id]
            ours, _ = first((node.id, name), ours.copy(), gradient.copy())
            theirs, _ = second((node.id, name), theirs.copy(), gradient.copy())
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("group", ["words", "characters", "encoder", "head", "transitions"])
def test_zero_freezes_a_group_to_the_bit_and_no_other(group):
    """Under decay and momentum; and the averages that are used at the end leave it alone too."""
    optimizer = GroupedAdam(**SETTINGS, groups={"tl_ner": {group: 0.0}})
    nlp, examples = pipeline()
    name_groups()(nlp)
    model = nlp.get_pipe("tl_ner").model
    start = dict(weights(model))
    nodes = {"encoder": "bilstm", "head": "emission", "transitions": "crf"}
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    with model.use_params(optimizer.averages):
        averaged = dict(weights(model))
    for key, weight in weights(model):
        is_frozen = key.split(".")[1] == nodes.get(group, group)
        assert (weight == start[key]).all() == is_frozen, key
        assert (averaged[key] == start[key]).all() == is_frozen, key
    assert not any(
        node.get_grad(name).any() for node in model.walk() for name in node.param_names if node.has_grad(name)
    )


def test_unknown_group_is_refused():
    with pytest.raises(ValueError, match=r"TL301.*'tl_ner:no_such'.*tl_ner:encoder"):
        train(GroupedAdam(**SETTINGS, groups={"tl_ner": {"no_such": 0.1}}), steps=1)


def test_unknown_component_is_refused():
    with pytest.raises(ValueError, match=r"TL301.*'no_such:encoder'"):
        train(GroupedAdam(**SETTINGS, groups={"no_such": {"encoder": 0.1}}), steps=1)


def test_groups_without_names_are_refused():
    with pytest.raises(ValueError, match="TL302"):
        train(GroupedAdam(**SETTINGS, groups={"tl_ner": {"encoder": 0.1}}), steps=1, name=False)


@pytest.mark.parametrize("factor", [-1.0, float("nan")])
def test_negative_factor_is_refused(factor):
    with pytest.raises(ValueError, match="TL303"):
        GroupedAdam(groups={"tl_ner": {"encoder": factor}})


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_weights_of_torch_are_reached(factor):
    """A torch module inside the encoder has its parameters in a shim, not in thinc."""
    nlp, _ = pipeline()
    pipe = nlp.get_pipe("tl_ner")
    linear = torch.nn.Linear(8, 8)
    encoder = pipe.model.get_ref("tok2vec")
    (bilstm,) = (node for node in encoder.walk() if node.name == "bilstm")
    bilstm.layers.append(PyTorchWrapper(linear))
    name_groups()(nlp)
    (shim,) = bilstm.layers[0].shims
    optimizer = GroupedAdam(**SETTINGS, groups={"tl_ner": {"encoder": factor}})
    before = linear.weight.detach().clone()
    linear(torch.ones(1, 8)).sum().backward()
    shim.finish_update(optimizer)
    assert torch.equal(linear.weight, before) == (factor == 0)
    assert linear.weight.grad is not None and not linear.weight.grad.any()


def test_other_components_keep_their_rate():
    """Two taggers, one of them frozen whole."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    for name in ("one", "two"):
        nlp.add_pipe("tl_ner", name=name, config={"model": SMALL})
    _, examples = pipeline()
    nlp.initialize(lambda: examples)
    name_groups()(nlp)
    groups = ("words", "characters", "encoder", "head", "transitions")
    optimizer = GroupedAdam(**SETTINGS, groups={"one": dict.fromkeys(groups, 0)})
    start = {name: dict(weights(nlp.get_pipe(name).model)) for name in ("one", "two")}
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    for name, same in (("one", True), ("two", False)):
        for key, weight in weights(nlp.get_pipe(name).model):
            assert (weight == start[name][key]).all() == same, key


def test_config_resolves_it_with_schedules():
    config = {
        "optimizer": {
            "@optimizers": "spacy_tlner.GroupedAdam.v1",
            "groups": {"tl_ner": {"encoder": 0.1}},
            "learn_rate": {"@schedules": "warmup_linear.v1", "warmup_steps": 2, "total_steps": 10, "initial_rate": 0.1},
        },
        "callback": {"@callbacks": "spacy_tlner.name_groups.v1"},
    }
    resolved = registry.resolve(config)
    assert isinstance(resolved["optimizer"], Optimizer) and callable(resolved["callback"])
    assert thinc_registry.optimizers.get("spacy_tlner.GroupedAdam.v1") is GroupedAdam
    rates = []
    for _ in range(3):
        rates.append(resolved["optimizer"].learn_rate)
        resolved["optimizer"].step_schedules()
    assert rates == [0.0, 0.05, 0.1]
