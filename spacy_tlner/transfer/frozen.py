"""A trained pipeline that is asked and never changed: loaded when first asked, on documents of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from ..layers.frozen_tagger import copy_for
from ..loading import find_tagger, load_pipeline
from ..tags import TagScheme
from .head_rows import partner_of


class FrozenSource:
    """A pipeline with a `tl_ner`. path: folder or package; None for one that is not needed any more.

    component: the tagger's name, by default the pipeline's only one.
    """

    def __init__(self, path: str | Path | None, component: str | None = None):
        self.path, self.component = path, component
        self._nlp: Language | None = None

    @property
    def nlp(self) -> Language:
        """The pipeline, loaded at the first call. Raises TL123 without a path, TL127 if it cannot be loaded."""
        if self._nlp is None:
            if not self.path:
                raise ValueError(Errors.TL123)
            self._nlp = load_pipeline(self.path, Errors.TL127)
        return self._nlp

    @property
    def _name(self) -> str:
        return find_tagger(self.nlp, str(self.path), self.component, Errors.TL131)

    def scheme(self, head: str) -> TagScheme:
        """Of the tagger's head that a warm start would give to `head`. Raises TL131 unless the tagger is there."""
        tagger: Any = self.nlp.get_pipe(self._name)
        scheme: TagScheme = tagger.schemes[partner_of(head, tagger)]
        return scheme

    def chains(self, docs: Sequence[Doc], head: str) -> Any:
        """What that head says of copies of `docs`, their tokens and sentence starts alone (`chains.Chains`)."""
        copies = [copy_for(doc, self.nlp) for doc in docs]
        name = self._name
        # of all components: the tagger may have been saved as disabled
        names = self.nlp.component_names
        after = names[names.index(name) :]
        if any(pipe not in after for pipe in self.nlp.pipe_names):
            copies = list(self.nlp.pipe(copies, disable=after))
        tagger: Any = self.nlp.get_pipe(name)
        return tagger.chains(copies, ents_given=False, head=partner_of(head, tagger))
