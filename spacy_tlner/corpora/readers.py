"""Readers that spaCy's config can name: several corpora as one, each document knowing where it comes from."""

from collections.abc import Callable, Iterator
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import registry

from ..errors import Errors
from .faults import CorpusError
from .names import stamp

Reader = Callable[[Language], Iterator[Example]]


@registry.readers("spacy_tlner.MultiCorpus.v1")
def MultiCorpus(corpora: dict[str, Any]) -> Reader:
    """Read each of the named `corpora` once, one after the other, and stamp its name on both docs of its examples.

    A pass ends with the last corpus, as spaCy's training loop expects; drawing from the corpora in other shares is a
    batcher's work. Raises CorpusError if there is no corpus, or if one is no reader.
    """
    # every value is a Reader, but the type cannot say so: confection checks it while nested blocks are still dicts
    if not corpora:
        raise CorpusError(Errors.TL213)
    for name, reader in corpora.items():
        if not callable(reader):
            raise CorpusError(Errors.TL217.format(name=name, found=type(reader).__name__))

    def read(nlp: Language) -> Iterator[Example]:
        for name, reader in corpora.items():
            for example in reader(nlp):
                # here and not on the way in: neither Corpus nor augmenters carry user data over to `predicted`
                stamp(example.reference, name)
                stamp(example.predicted, name)
                yield example

    return read
