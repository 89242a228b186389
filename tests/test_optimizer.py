"""GroupedAdam beside thinc's Adam, bit for bit; and its refusals."""

import re
import textwrap
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
from thinc.api import Adam, Config, Model, Optimizer, PyTorchWrapper, fix_random_seed
from thinc.api import registry as thinc_registry

from corpus import HASH_EMBED_CNN
from spacy_tlner import optimizer as module
from spacy_tlner.optimizer import GroupedAdam, name_groups, unfreeze
from tiny_transformers import tiny_bert

SETTINGS: dict[str, Any] = {"learn_rate": 0.01, "L2": 0.1, "grad_clip": 1.0, "use_averages": True}
GROUPS_HERE = ("words", "characters", "encoder", "head", "transitions")
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
    monkeypatch.setattr(module, "_name_of", {})


def pipeline() -> tuple[Language, list[Example]]:
    fix_random_seed(0)
    nlp = spacy.blank("xx")
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


def test_body_is_all_below_the_heads():
    """What is named by itself counts more."""
    optimizer = GroupedAdam(**SETTINGS, groups={"tl_ner": {"body": 0.0, "characters": 1.0}})
    nlp, examples = pipeline()
    name_groups()(nlp)
    start = dict(weights(nlp.get_pipe("tl_ner").model))
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    after = weights(nlp.get_pipe("tl_ner").model)
    moved = {key.split(".")[1] for key, weight in after if (weight != start[key]).any()}
    assert moved == {"characters", "emission", "crf"}


def test_unknown_group_is_refused():
    with pytest.raises(ValueError, match=r"TL301.*'tl_ner:no_such'.*tl_ner:encoder"):
        train(GroupedAdam(**SETTINGS, groups={"tl_ner": {"no_such": 0.1}}), steps=1)


def test_a_component_of_an_earlier_pipeline_is_refused():
    nlp, _ = pipeline()
    nlp.rename_pipe("tl_ner", "of_before")
    name_groups()(nlp)
    with pytest.raises(ValueError, match=r"TL301.*'of_before:encoder'"):
        train(GroupedAdam(**SETTINGS, groups={"of_before": {"encoder": 0.0}}), steps=1)


def test_unknown_component_is_refused():
    with pytest.raises(ValueError, match=r"TL301.*'no_such:encoder'"):
        train(GroupedAdam(**SETTINGS, groups={"no_such": {"encoder": 0.1}}), steps=1)


@pytest.mark.parametrize(
    "groups",
    [
        {"tl_ner:encoder": 0.1},
        {"tl_ner": {"encoder": "0.1"}},
        {"tl_ner": {"encoder": None}},
        {"tl_ner": {"encoder": True}},
    ],
)
def test_groups_of_another_form_are_refused(groups):
    for argument in ("groups", "l2_sp"):
        with pytest.raises(ValueError, match=f"TL304.*{argument}.*encoder"):
            GroupedAdam(**SETTINGS, **{argument: groups})


def test_a_pull_has_no_schedule():
    with pytest.raises(ValueError, match=r"TL304.*l2_sp"):
        GroupedAdam(**SETTINGS, l2_sp={"tl_ner": {"encoder": unfreeze(2)}})


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
    nlp = spacy.blank("xx")
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


# --- patterns, schedules, the pull towards the start ---


def test_a_pattern_reaches_single_parameters():
    """Frozen by pattern: weights of the LSTMs but for their biases."""
    before = dict(weights(pipeline()[0].get_pipe("tl_ner").model))
    settings = {**SETTINGS, "L2": 0.0}
    after = train(GroupedAdam(**settings, groups={"tl_ner": {"encoder.*": 0.0, "encoder.*_b": 1.0}}), steps=3)
    moved = {name for name, weight in after.items() if (weight != before[name]).any()}
    lstm = {name for name in before if "lstm" in name}
    assert {name for name in lstm if name.endswith("_b")} == lstm & moved and lstm - moved
    assert any("emission" in name for name in moved)


@pytest.mark.parametrize("pattern", ["encoder.nothing*", "enc?der", "decoder"])
def test_a_pattern_that_fits_nothing_is_refused(pattern):
    for argument in ("groups", "l2_sp"):
        with pytest.raises(ValueError, match=r"TL301.*" + re.escape(f"tl_ner:{pattern}")):
            train(GroupedAdam(**SETTINGS, **{argument: {"tl_ner": {pattern: 0.5}}}), steps=1)


def test_of_several_that_fit_the_longest_counts():
    """In whatever order: a config builds schedules, which are blocks, before it reads the numbers above them."""
    one = train(GroupedAdam(**SETTINGS, groups={"tl_ner": {"*": 0.5, "head": 0.1}}))
    other = train(GroupedAdam(**SETTINGS, groups={"tl_ner": {"head": 0.1, "*": 0.5}}))
    apart = train(GroupedAdam(**SETTINGS, groups={"tl_ner": {**dict.fromkeys(GROUPS_HERE, 0.5), "head": 0.1}}))
    assert all((one[name] == apart[name]).all() and (other[name] == apart[name]).all() for name in apart)
    config = """
        [optimizer]
        @optimizers = "spacy_tlner.GroupedAdam.v1"

        [optimizer.groups]

        [optimizer.groups.tl_ner]
        * = 0.1

        [optimizer.groups.tl_ner.encoder]
        @schedules = "spacy_tlner.unfreeze.v1"
        step = 100
        """
    before = dict(weights(pipeline()[0].get_pipe("tl_ner").model))
    after = train(registry.resolve(Config().from_str(textwrap.dedent(config)))["optimizer"], steps=2)
    moved = {name for name in before if (after[name] != before[name]).any()}
    assert not any("lstm" in name for name in moved) and any("emission" in name for name in moved)


def test_averages_of_a_layer_that_freezes_are_its_weights():
    module._name_of[3, "W"] = module.Name("a:b", "a:b.W")
    rng = numpy.random.default_rng(0)
    optimizer = GroupedAdam(0.01, groups={"a": {"b": iter([1.0] * 10 + [0.0] * 5)}})
    found = numpy.ones(3, dtype="f")
    for gradient in rng.normal(size=(12, 3)).astype("f"):
        found, _ = optimizer((3, "W"), found, gradient)
        optimizer.step_schedules()
    assert (optimizer.averages[3, "W"] == found).all() and (found != 1).all()


def test_l2_sp_pulls_towards_the_start_of_this_training():
    """Also if the optimizer was used before the pipeline was initialized again."""
    nlp, examples = pipeline()
    name_groups()(nlp)
    optimizer = GroupedAdam(**{**SETTINGS, "use_averages": False}, l2_sp={"tl_ner": {"encoder": 50.0}})
    first = dict(weights(nlp.get_pipe("tl_ner").model))
    nlp.update(examples, sgd=optimizer)
    nlp.initialize(lambda: examples, sgd=optimizer)
    name_groups()(nlp)
    second = dict(weights(nlp.get_pipe("tl_ner").model))
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    after = dict(weights(nlp.get_pipe("tl_ner").model))
    lstm = [name for name in after if "lstm" in name]
    far = [sum(float(((after[name] - of[name]) ** 2).sum()) for name in lstm) for of in (first, second)]
    assert lstm and far[1] < 0.1 * far[0]


def test_gradual_unfreezing():
    """The head learns from the start, the encoder from the fourth update on, the words from the sixth."""
    groups = {"head": 1.0, "encoder": unfreeze(3), "words": unfreeze(5, 0.5), "characters": unfreeze(100)}
    moved: dict[str, int] = {}
    nlp, examples = pipeline()
    name_groups()(nlp)
    optimizer = GroupedAdam(**SETTINGS, groups={"tl_ner": groups})
    before = dict(weights(nlp.get_pipe("tl_ner").model))
    for step in range(1, 8):
        nlp.update(examples, sgd=optimizer)
        optimizer.step_schedules()
        for name, weight in weights(nlp.get_pipe("tl_ner").model):
            if (weight != before[name]).any():
                moved.setdefault(name, step)
    parts = ("emission", "lstm", "words", "char")
    of = {part: {step for name, step in moved.items() if part in name} for part in parts}
    assert of == {"emission": {1}, "lstm": {4}, "words": {6}, "char": set()}


def test_a_thawed_weight_is_as_if_training_began_then():
    """Nothing of the frozen time stays: no moments, no count of updates."""
    module._name_of[1, "W"] = module.Name("a:b", "a:b.W")
    rng = numpy.random.default_rng(0)
    gradients = rng.normal(size=(8, 3)).astype("f")
    late = GroupedAdam(0.01, groups={"a": {"b": unfreeze(4)}})
    plain = Adam(0.01, L2=0.0, grad_clip=1.0)
    found, expected = numpy.ones(3, dtype="f"), numpy.ones(3, dtype="f")
    for step, gradient in enumerate(gradients):
        found, _ = late((1, "W"), found, gradient.copy())
        if step >= 4:
            expected, _ = plain((1, "W"), expected, gradient.copy())
        late.step_schedules()
        plain.step_schedules()
    assert (found == expected).all() and (found != 1).all()


@pytest.mark.parametrize("decay", [True, False])
def test_the_pull_goes_to_where_training_began(decay):
    """Without a gradient, weights that are somewhere else come back; by hand, one step of either kind."""
    start, away = numpy.array([1.0, 2.0], dtype="f"), numpy.array([2.0, -2.0], dtype="f")
    module._name_of[1, "W"] = module.Name("a:b", "a:b.W")
    settings: dict[str, Any] = {"use_averages": False, "grad_clip": 0.0, "L2_is_weight_decay": decay}
    optimizer = GroupedAdam(0.1, l2_sp={"a": {"b": 0.5}}, **settings)
    zero = numpy.zeros(2, dtype="f")
    found, _ = optimizer((1, "W"), start.copy(), zero.copy())
    assert_allclose(found, start)
    found, _ = optimizer((1, "W"), away.copy(), zero.copy())
    if decay:
        assert_allclose(found, away - 0.1 * 0.5 * (away - start), rtol=1e-6)
    else:
        reference = Adam(0.1, L2=0.0, **settings)
        reference((1, "W"), start.copy(), zero.copy())
        expected, _ = reference((1, "W"), away.copy(), (0.5 * (away - start)).astype("f"))
        assert_allclose(found, expected, rtol=1e-6)


def test_the_pull_keeps_weights_near_and_none_is_adam_to_the_bit():
    before = dict(weights(pipeline()[0].get_pipe("tl_ner").model))
    settings = {**SETTINGS, "L2": 0.0}
    far = {}
    for strength in (0.0, 20.0):
        after = train(GroupedAdam(**settings, l2_sp={"tl_ner": {"*": strength}}))
        far[strength] = sum(float(abs(after[name] - before[name]).sum()) for name in before)
    assert far[20.0] < 0.6 * far[0.0]
    none, plain = train(GroupedAdam(**settings, l2_sp={"tl_ner": {"*": 0.0}})), train(Adam(**settings))
    assert all((none[name] == plain[name]).all() for name in plain)


def test_negative_pull_is_refused():
    with pytest.raises(ValueError, match=r"TL303.*tl_ner:head"):
        GroupedAdam(l2_sp={"tl_ner": {"head": -1.0}})


def test_config_resolves_factors_that_are_schedules():
    thaw = {"@schedules": "spacy_tlner.unfreeze.v1", "step": 2, "factor": 0.3}
    block = {
        "@optimizers": "spacy_tlner.GroupedAdam.v1",
        "groups": {"tl_ner": {"encoder": thaw, "head": 2}},
        "l2_sp": {"tl_ner": {"encoder": 0.1}},
    }
    optimizer = registry.resolve({"o": block})["o"]
    seen = []
    for _ in range(4):
        seen.append(optimizer.factors["tl_ner:encoder"])
        optimizer.step_schedules()
    assert seen == [0.0, 0.0, 0.3, 0.3] and optimizer.factors["tl_ner:head"] == 2


def test_a_pattern_over_a_transformers_layers(tmp_path):
    """By the names that the torch module gives."""
    encoder = {"@architectures": "spacy_tlner.TransformerEncoder.v1", "name": str(tiny_bert(tmp_path / "bert"))}
    nlp = spacy.blank("xx")
    nlp.add_pipe("tl_ner", config={"model": {**SMALL, "tok2vec": encoder}})
    gold = Doc(nlp.vocab, words=["Ann", "met", "Bob"])
    gold.set_ents([Span(gold, 0, 1, label="PER")])
    examples = [Example(Doc(nlp.vocab, words=["Ann", "met", "Bob"]), gold)]
    nlp.initialize(lambda: examples)
    name_groups()(nlp)
    optimizer = GroupedAdam(0.1, groups={"tl_ner": {"transformer.*layer.0.*": 0.0, "transformer.embeddings.*": 0.0}})
    torch_model = nlp.get_pipe("tl_ner").model.get_ref("tok2vec").layers[0].shims[0]._model
    before = {name: param.detach().clone() for name, param in torch_model.named_parameters()}
    nlp.update(examples, sgd=optimizer)
    still = {name for name, param in torch_model.named_parameters() if torch.equal(param, before[name])}
    frozen = {name for name in before if "layer.0." in name or name.startswith("embeddings.")}
    assert frozen <= still and any("layer.1." in name for name in set(before) - still)


def test_averages_begin_at_the_weights():
    """After its first update the average of a weight is near the weight, also of one that thaws later."""
    module._name_of[1, "W"] = module.Name("a:b", "a:b.W")
    optimizer = GroupedAdam(0.001, groups={"a": {"b": unfreeze(2)}}, use_averages=True)
    weight = numpy.full(3, 5.0, dtype="f")
    for _ in range(3):
        weight, _ = optimizer((1, "W"), weight, numpy.ones(3, dtype="f"))
        optimizer.step_schedules()
    assert_allclose(optimizer.averages[1, "W"], weight, atol=0.002)


def test_a_sourced_shared_encoder_is_named(tmp_path):
    """spaCy disables it while others are initialized, which is when the callback runs."""
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    cnn = {**HASH_EMBED_CNN, "width": 32}
    source = spacy.blank("xx")
    source.add_pipe("tok2vec", config={"model": cnn})
    source.add_pipe("tl_ner", config={"model": {**SMALL, "tok2vec": listener}})
    gold = Doc(source.vocab, words=["Ann", "met", "Bob"])
    gold.set_ents([Span(gold, 0, 1, label="PER")])
    examples = [Example(Doc(source.vocab, words=["Ann", "met", "Bob"]), gold)]
    source.initialize(lambda: examples)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", source=source)
    nlp.add_pipe("tl_ner", config={"model": {**SMALL, "tok2vec": listener}})
    nlp.config["initialize"]["after_init"] = {"@callbacks": "spacy_tlner.name_groups.v1"}
    with nlp.select_pipes(disable=["tok2vec"]):
        nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=GroupedAdam(0.01, groups={"tl_ner": {"head": 0.1}}))


def test_rates_and_pulls_of_a_shared_encoder():
    """Frozen and pulled as any other component's layers, while the tagger over it learns."""
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
    found = {}
    for name, settings in (
        ("plain", {}),
        ("frozen", {"groups": {"tok2vec": {"body": 0.0}}}),
        ("by pattern", {"groups": {"tok2vec": {"encoder.*embed*": 0.0}}}),
        ("pulled", {"l2_sp": {"tok2vec": {"encoder": 1000.0}}}),
    ):
        fix_random_seed(0)
        nlp = spacy.blank("xx")
        nlp.add_pipe("tok2vec", config={"model": {**HASH_EMBED_CNN, "width": 32}})
        nlp.add_pipe("tl_ner", config={"model": {**SMALL, "tok2vec": listener}})
        gold = Doc(nlp.vocab, words=["Ann", "met", "Bob"])
        gold.set_ents([Span(gold, 0, 1, label="PER")])
        examples = [Example(Doc(nlp.vocab, words=["Ann", "met", "Bob"]), gold)]
        nlp.initialize(lambda examples=examples: examples)
        name_groups()(nlp)
        models = [pipe.model for _, pipe in nlp.pipeline]
        before = [dict(weights(model)) for model in models]
        before = [{key: value.copy() for key, value in of.items()} for of in before]
        optimizer = GroupedAdam(0.01, **settings)
        for _ in range(10):
            nlp.update(examples, sgd=optimizer)
        found[name] = [
            {key: float(abs(value - of[key]).max()) for key, value in weights(model)}
            for model, of in zip(models, before)
        ]
        assert max(found[name][1].values()) > 0.01
    assert max(found["frozen"][0].values()) == 0 < max(found["plain"][0].values())
    embed = [key for key in found["plain"][0] if "hashembed" in key]
    assert embed and all(found["by pattern"][0][key] == 0 for key in embed)
    assert max(found["by pattern"][0].values()) > 0
    assert max(found["pulled"][0].values()) < 0.5 * max(found["plain"][0].values())
