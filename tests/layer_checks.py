"""What tests of layers share: words, documents of them, weights drawn anew, gradients by finite differences."""

from pathlib import Path
from typing import Any

import numpy
import spacy
from numpy.testing import assert_allclose
from spacy.strings import get_string_id
from spacy.tokens import Doc
from thinc.api import Model

from spacy_tlner.architectures import Lexicon
from spacy_tlner.layers.types import Types, clear_caches

NLP = spacy.blank("xx")
TEXT = "the The NATO iPhone Aspirin aspirin 1996 12.5 p53 TNF-α – x-ray Apple's IL-2 a I ( New York City Ünïcödé"
WORDS = TEXT.split()
GAZETTEER = "New York City\tLOC\nYork\tLOC\nIL-2\tGENE\nTNF-α receptor\tGENE\nApple\tORG\n"


def docs_of(*lengths: int, seed: int = 0) -> list[Doc]:
    rng = numpy.random.default_rng(seed)
    return [Doc(NLP.vocab, words=[WORDS[i] for i in rng.integers(0, len(WORDS), n)]) for n in lengths]


def types_from(*strings: str) -> Types:
    """For parts that look at spellings: the keys are any."""
    keys = numpy.arange(len(strings), dtype="uint64")
    return Types(keys, keys, list(strings))


def normal(*shape: int, seed: int = 0) -> Any:
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def randomize(model: Model, scale: float = 0.5) -> Model:
    """Initialized layers with weights drawn anew, biases too."""
    for i, node in enumerate(model.walk()):
        for j, name in enumerate(node.param_names):
            if node.has_param(name):
                node.set_param(name, normal(*node.get_param(name).shape, seed=31 * i + j) * scale)
    clear_caches(model)
    return model


def flat(output: Any) -> numpy.ndarray:
    return numpy.concatenate(output) if isinstance(output, list) else output


def assert_gradients(model: Model, X: Any, *, step: float = 1e-2, rtol: float = 0.02) -> None:
    """Along a drawn direction of each weight, the output moves as the gradient says (central differences)."""
    output, backprop = model(X, is_train=True)
    d_output: Any = [normal(*part.shape, seed=i) for i, part in enumerate(output)] if isinstance(output, list) else None
    d_output = normal(*output.shape, seed=7) if d_output is None else d_output
    for node in model.walk():
        for name in node.param_names:
            node.set_grad(name, numpy.zeros_like(node.get_param(name)))
    backprop(d_output)

    def value() -> float:
        clear_caches(model)
        return float((flat(model.predict(X)).astype("float64") * flat(d_output)).sum())

    checked = 0
    for node in model.walk():
        for name in node.param_names:
            weight, grad = node.get_param(name).copy(), node.get_grad(name)
            direction = numpy.sign(grad) * numpy.abs(normal(*weight.shape, seed=len(name)))
            ends = []
            for sign in (1, -1):
                node.set_param(name, weight + sign * step * direction)
                ends.append(value())
            node.set_param(name, weight)
            assert_allclose((ends[0] - ends[1]) / (2 * step), (grad * direction).sum(), rtol=rtol, err_msg=name)
            checked += bool(grad.any())
    clear_caches(model)
    assert checked


def assert_input_gradient(model: Model, X: list[Any], step: float = 1e-2) -> None:
    output, backprop = model(X, is_train=True)
    d_output = [normal(*part.shape, seed=i) for i, part in enumerate(output)]
    d_X = backprop(d_output)
    direction = [normal(*part.shape, seed=50 + i) for i, part in enumerate(X)]
    ends = [
        float((flat(model.predict([x + sign * step * d for x, d in zip(X, direction)])) * flat(d_output)).sum())
        for sign in (1, -1)
    ]
    assert [d.shape for d in d_X] == [x.shape for x in X]
    assert_allclose((ends[0] - ends[1]) / (2 * step), (flat(d_X) * flat(direction)).sum(), rtol=0.02)


def key_of(word: str) -> int:
    return get_string_id(word.lower())


def lexicon_of(path: Path, text: str = GAZETTEER, name: str = "names.tsv", **settings: Any) -> Model:
    (path / name).write_text(text, encoding="utf8")
    return Lexicon(path / name, **settings)
