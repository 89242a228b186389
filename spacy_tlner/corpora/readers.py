"""Readers that spaCy's config can name: several corpora as one, each document knowing where it comes from."""

from collections.abc import Callable, Iterator
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from ..stamps import stamp, stamp_annotated
from .faults import CorpusError

Reader = Callable[[Language], Iterator[Example]]
FOUND = "found"


@registry.readers("spacy_tlner.MultiCorpus.v1")
def MultiCorpus(corpora: dict[str, Any], annotates: dict[str, Any] | None = None) -> Reader:
    """Read each of the named `corpora` once, one after the other, and stamp its name on both docs of its examples.

    annotates: {corpus name: [labels that this corpus annotates]}. Training then reads its O as "O, or a mention of any
    other label". "found" in the place of the list: the labels of which it has a mention; it is read once more for that.
    A corpus that is left out annotates every label.

    A pass ends with the last corpus, as spaCy's training loop expects; drawing from the corpora in other shares is a
    batcher's work. Raises CorpusError if there is no corpus, if one is no reader, or on `annotates` that names a
    corpus not given or holds anything but lists of labels and "found".
    """
    # every value is a Reader, but the type cannot say so: confection checks it while nested blocks are still dicts
    if not corpora:
        raise CorpusError(Errors.TL213)
    for name, reader in corpora.items():
        if not callable(reader):
            raise CorpusError(Errors.TL217.format(name=name, found=type(reader).__name__))
    # the type is as loose as that of `corpora`, for a message that says what to write
    annotates = dict(annotates or {})
    for name, labels in annotates.items():
        if name not in corpora:
            raise CorpusError(Errors.TL218.format(name=name, names=", ".join(corpora)))
        if labels == FOUND:
            continue
        if not isinstance(labels, list | tuple) or not labels or not all(isinstance(lb, str) and lb for lb in labels):
            raise CorpusError(Errors.TL219.format(name=name, found=labels))

    def read(nlp: Language) -> Iterator[Example]:
        for name, reader in corpora.items():
            if annotates.get(name) == FOUND:
                annotates[name] = sorted({ent.label_ for eg in reader(nlp) for ent in eg.reference.ents})
            for example in reader(nlp):
                # here and not on the way in: neither Corpus nor augmenters carry user data over to `predicted`
                stamp(example.reference, name)
                stamp(example.predicted, name)
                if name in annotates:
                    stamp_annotated(example.reference, annotates[name])
                yield example

    return read
