"""Reader that lets the documents of a corpus count by how near they are to another one, the target."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch, registry

from ..errors import Errors
from ..stamps import stamp_weight
from .faults import CorpusError
from .nearness import Nearness, WeightSettings, fit_nearness

logger = logging.getLogger("spacy_tlner")

_AT_ONCE = 256  # texts that are weighed together


@registry.readers("spacy_tlner.WeightedCorpus.v1")
def WeightedCorpus(
    corpus: Any,
    near: Any,
    strength: float = 0.5,
    least: float = 0.1,
    most: float = 10.0,
    normalise: bool = True,
    folds: int = 5,
    seed: int = 0,
) -> Callable[[Language], Iterator[Example]]:
    """Read `corpus` and stamp on both docs of an example how much it counts in the loss of `tl_ner`.

    corpus: a reader, finite. near: a reader of the target's texts, of which no annotation is used; training text, never
    the test set. A document counts by the density of its text in the target over that in the source, to the power of
    `strength`, within [least, most]: 0 lets all count 1; 1 is the ratio itself, under which the effective size of a
    source can be a sixth of it; the root, 0.5, leaves about twice as much (benchmarks/nearness.py).
    normalise: the mean weight of the corpus is 1, so that its share in a loss beside other corpora stays as it was.
    Without, ratios are used as they are: of several sources, each in a reader of its own, those that cover more of the
    target then count more.
    folds: classifiers, each trained on all but its part; the larger, the more they see and the longer it takes.
    seed: of the parts.

    Nothing is read before the first pass. That one reads `corpus` twice and `near` once and tells the log what came of
    it; later passes weigh by what it found. The weight belongs to the text of the reference: texts that were not in the
    first pass, from an augmenter, get one too, and a weight that `corpus` stamped is replaced.
    Raises CorpusError: TL260, TL261 on settings, TL262 on a block that is no reader, TL263 on too few texts.
    """
    for name, reader in (("corpus", corpus), ("near", near)):
        if not callable(reader):
            raise CorpusError(Errors.TL262.format(name=name, found=type(reader).__name__))
    settings = WeightSettings(strength=strength, least=least, most=most, normalise=normalise, folds=folds, seed=seed)
    nearness: Nearness | None = None

    def read(nlp: Language) -> Iterator[Example]:
        nonlocal nearness
        if nearness is None:
            source, target = ((example.reference.text for example in reader(nlp)) for reader in (corpus, near))
            nearness = fit_nearness(source, target, settings)
            logger.info("%s", nearness.summary)
        for batch in minibatch(corpus(nlp), _AT_ONCE):
            for example, weight in zip(batch, nearness.weights([example.reference.text for example in batch])):
                stamp_weight(example.reference, weight)
                stamp_weight(example.predicted, weight)
                yield example

    return read
