"""The same seed on one thread gives the same bytes; another seed gives others."""

import hashlib
from collections.abc import Iterator

import pytest
import torch
from spacy.util import fix_random_seed

from corpus import blank_tagger, initialize, make_examples, optimizer

EXAMPLES = 64


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained_hash(seed: int) -> str:
    fix_random_seed(seed)
    nlp = blank_tagger()
    examples = make_examples(nlp, EXAMPLES)
    nlp.initialize(lambda: examples)
    sgd = optimizer()
    for _ in range(2):
        for i in range(0, EXAMPLES, 16):
            nlp.update(examples[i : i + 16], sgd=sgd, drop=0.3)
    nlp.evaluate(make_examples(nlp, 20, skip=1000))
    return hashlib.sha256(nlp.to_bytes()).hexdigest()


def test_same_seed_same_bytes() -> None:
    first = trained_hash(1)
    assert trained_hash(1) == first
    assert trained_hash(2) != first


def test_predictions_do_not_draw() -> None:
    """Evaluation between steps, which fills the type cache, changes nothing in training."""
    found = []
    for evaluate in (False, True):
        fix_random_seed(3)
        nlp = blank_tagger()
        examples = make_examples(nlp, EXAMPLES)
        initialize(nlp, examples)
        sgd = optimizer()
        for i in range(0, EXAMPLES, 16):
            nlp.update(examples[i : i + 16], sgd=sgd, drop=0.3)
            if evaluate:
                nlp.evaluate(make_examples(nlp, 20))
        found.append(nlp.get_pipe("tl_ner").to_bytes(exclude=["vocab"]))
    assert found[0] == found[1]
