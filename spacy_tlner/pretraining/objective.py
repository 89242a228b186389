"""The objective of Sachan et al. 2018: each direction of a BiLSTM is a language model of its own.

    loss = - sum_t [ log P(w_{t+1} | forward state t) + log P(w_{t-1} | backward state t) ]

Both directions share the input layers and the decoder. The weights then start a tagger with the same encoder.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.precision import Precision
from ..layers.softmax import AdaptiveSoftmax, softmax_loss
from ..layers.types import clear_caches
from ..layers.vocabulary import Attr, learn_vocabulary
from .word_list import BOUNDARY, WordList

Objective = Callable[[Vocab, Model], Model]


@registry.architectures("spacy_tlner.PretrainBiLM.v1")
def PretrainBiLM(
    words: str | Path,
    attr: Attr = "LOWER",
    cutoffs: Sequence[int] = (1000, 5000),
    shrink: float = 4.0,
    precision: Precision = "float32",
) -> Objective:
    """Predict the next word from forward states and the word before from backward states.

    words: file of the words to predict, most frequent first (`spacy tlner pretrain` makes it); others count as unknown.
    attr: the spelling that is predicted, and listed. cutoffs, shrink, precision: of the adaptive softmax, see
    `layers.softmax`; "bfloat16" is faster on processors that have it.
    The encoder's states must be forward beside backward halves of one BiLSTM layer: TL603 if a state can see the word
    that it is to predict. Word layers learn the list as their seen words: TL611 if they do not go by `attr`, too.
    Raises TL601, TL602, TL613 on a list that is none, TL610 on clusters that cannot be.
    """
    if list(cutoffs) != sorted({c for c in cutoffs if c > 0}) or not shrink > 0:
        raise ValueError(Errors.TL610.format(cutoffs=list(cutoffs), shrink=shrink))

    def create(vocab: Vocab, tok2vec: Model) -> Model:
        word_list = WordList.read(Path(words))
        for word in word_list.words if attr == "LOWER" else ():
            if word != word.lower():
                raise ValueError(Errors.TL613.format(path=words, word=word))
        for node in tok2vec.walk():
            if node.name == "lexicon":
                # the words that the test below changes are in no gazetteer
                raise ValueError(Errors.TL603.format(reason="its lexicon matches several words, those to come as well"))
            if node.name == "words":
                if node.attrs["attr"] != attr:
                    raise ValueError(Errors.TL611.format(attr=attr, known=node.attrs["attr"]))
                learn_vocabulary(node, word_list.keys, numpy.asarray(word_list.counts))
        width = check_directions(tok2vec, vocab, word_list.words[0])
        clear_caches(tok2vec)
        decoder = AdaptiveSoftmax(word_list.n_classes, width, cutoffs, shrink, precision)
        refs: dict[str, Model | None] = {"tok2vec": tok2vec, "decoder": decoder}
        model: Model = Model("bilm", forward, init=init, layers=[tok2vec, decoder], refs=refs)
        model.attrs["words"] = word_list.keys
        model.attrs["loss"] = partial(bilm_loss, decoder=decoder, words=word_list, attr=attr)
        model.attrs["predictions"] = partial(predictions_of, words=word_list, attr=attr)
        return model

    return create


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    return model.get_ref("tok2vec")(docs, is_train)


def init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Of the decoder alone: the encoder comes with weights, and its words have been learned."""
    model.get_ref("decoder").initialize()


def targets_of(docs: Sequence[Doc], words: WordList, attr: str) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
    """(tokens,) classes of the next word and of the word before; BOUNDARY at the ends of a document."""
    after, before = [], []
    for doc in docs:
        classes = words.classes_of(doc.to_array([attr]).ravel().astype("uint64"))
        edge = numpy.full(min(1, len(doc)), BOUNDARY)
        after += [classes[1:], edge]
        before += [edge, classes[:-1]]
    return numpy.concatenate(after), numpy.concatenate(before)


def bilm_loss(
    ops: Any, docs: Sequence[Doc], states: list[Floats2d], *, decoder: Model, words: WordList, attr: str
) -> tuple[float, list[Floats2d]]:
    """The mean of -log P over all predictions of both directions, in nats, and its gradient for each document."""
    stacked, targets = predictions_of(ops, docs, states, words, attr)
    total, d_stacked = softmax_loss(decoder, stacked, targets)
    n, half = len(stacked) // 2, stacked.shape[1]
    d_states = ops.alloc2f(n, 2 * half)
    d_states[:, :half], d_states[:, half:] = d_stacked[:n], d_stacked[n:]
    return total / max(len(targets), 1), ops.unflatten(d_states, ops.asarray1i([len(doc) for doc in docs]))


def predictions_of(
    ops: Any, docs: Sequence[Doc], states: list[Floats2d], words: WordList, attr: str
) -> tuple[Floats2d, Any]:
    """What is predicted from what: (2 tokens, width / 2) forward above backward states, and (2 tokens,) classes."""
    flat = ops.flatten(states)
    half = flat.shape[1] // 2
    targets = numpy.concatenate(targets_of(docs, words, attr))
    return ops.xp.concatenate([flat[:, :half], flat[:, half:]]), ops.xp.asarray(targets)


def check_directions(tok2vec: Model, vocab: Vocab, known: str) -> int:
    """The width of one direction's states. Raises TL603 unless forward halves see no later word, backward no earlier.

    Tested by changing one word of a sentence and looking at which states change. known: a word that the encoder knows,
    which it tells from others.
    """
    words = [f"w{i}" for i in range(9)]
    at = len(words) // 2
    changed = [*words[:at], known, *words[at + 1 :]]
    before, after = (tok2vec.predict([Doc(vocab, words=spelt)])[0] for spelt in (words, changed))
    width = before.shape[1]
    if width % 2:
        raise ValueError(Errors.TL603.format(reason=f"its states are {width} wide, which is odd"))
    moved = [part.any(axis=1) for part in ((before != after)[:, : width // 2], (before != after)[:, width // 2 :])]
    if bool(moved[0][:at].any()) or bool(moved[1][at + 1 :].any()):
        raise ValueError(Errors.TL603.format(reason="a state can see the word that it is to predict"))
    if not (bool(moved[0][at + 1 :].all()) and bool(moved[1][:at].all())):
        raise ValueError(Errors.TL603.format(reason="a state cannot see the words before it (forward) or after it"))
    return width // 2
