"""What a transfer term is: a loss beside that of the CRF, and what it sees of an update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..tags import TagScheme


@dataclass(frozen=True)
class HeadView:
    """A head of the tagger and the documents of a batch that belong to it.

    docs: their positions in the batch. allowed: for each, (tokens, tags) bool, the gold as a set of tags a token. Both
    are empty for a head that no document belongs to.
    """

    model: Model
    scheme: TagScheme
    docs: Sequence[int] = ()
    allowed: Sequence[NDArray] = ()


@dataclass(frozen=True)
class Update:
    """What a term sees of an update, and where it leaves its gradient.

    docs, all with tokens, and corpora: of each, the name that a reader stamped on it. states: (tokens, width) each, of
    the encoder; d_states: of the same shapes, to be added to. heads: by name; active: that which predicts.
    """

    docs: Sequence[Doc]
    corpora: Sequence[str | None]
    states: Sequence[Floats2d]
    d_states: list[Any]
    heads: Mapping[str, HeadView]
    active: str


class Term(Protocol):
    """A block of `[components.tl_ner.terms]`. Made when the config is read, before there are labels or weights."""

    def check(self, labels: Mapping[str, Sequence[str]], active: str, name: str) -> None:
        """Raise if the term cannot work on these heads, {head: labels}, of the component `name`. Before training.

        active: the head that predicts.
        """

    def add(self, update: Update) -> float:
        """Add the gradient, to `update.d_states` or to parameters by `inc_grad`, and return the loss."""
