"""What a frozen tagger of another corpus says of each token: its tag marginals, remembered by document."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model, Shim
from thinc.types import Floats2d

from ..errors import Errors
from .cache_lock import cache_lock
from .frozen_tagger import FrozenTagger, cut_out

InT = list[Doc]
OutT = list[Floats2d]


class SourceShim(Shim):
    """The tagger, and its marginals of documents seen before: of `size` tokens, the oldest go first.

    A shim, because thinc stores the bytes of shims and tells them of a move to another device. Its `_model` stays None:
    what stands there has layer groups, rates and warm starts, and here is nothing to train. What is remembered is
    never written out, nor copied, and holds through training: the tagger does not change.
    """

    def __init__(self, size: int):
        super().__init__(None)
        self.size = size
        self._tagger: FrozenTagger | None = None
        self.clear()

    def clear(self) -> None:
        with cache_lock():
            self._known: OrderedDict[bytes, NDArray[numpy.float32]] = OrderedDict()
            self._n_tokens = 0

    @property
    def n_tokens(self) -> int:
        """Tokens whose marginals are remembered."""
        return self._n_tokens

    @property
    def tagger(self) -> FrozenTagger:
        """Raises TL060 before there is one."""
        if self._tagger is None:
            raise ValueError(Errors.TL060)
        return self._tagger

    def load(self, data: bytes) -> None:
        """Take the tagger that these bytes hold. Raises TL065."""
        self._tagger = FrozenTagger(data)
        self.clear()

    def marginals(self, docs: Sequence[Doc]) -> list[NDArray[numpy.float32]]:
        """(tokens, tags) a document; not to be changed. Safe to call from several threads."""
        keys = [_key(doc) for doc in docs]
        with cache_lock():
            found = {key: self._known[key] for key in keys if key in self._known}
        missing = {key: doc for key, doc in zip(keys, docs) if key not in found}
        if missing:
            # outside of the lock: two threads at worst find the same
            new = dict(zip(missing, self.tagger.marginals(list(missing.values()))))
            self._remember(new)
            found.update(new)
        return [found[key] for key in keys]

    def _remember(self, new: dict[bytes, NDArray[numpy.float32]]) -> None:
        with cache_lock():
            for key, marginals in new.items():
                if key not in self._known and len(marginals) <= self.size:
                    # a copy: a view would hold on to its whole batch
                    self._known[key] = marginals.copy()
                    self._n_tokens += len(marginals)
            while self._n_tokens > self.size:
                _, oldest = self._known.popitem(last=False)
                self._n_tokens -= len(oldest)

    def finish_update(self, optimizer: Any) -> None:
        pass

    def copy(self) -> "SourceShim":
        return SourceShim(self.size).from_bytes(self.to_bytes())

    def __getstate__(self) -> dict[str, Any]:
        # a pickle for another process, or a deep copy of a pipeline
        held = {key: value for key, value in self.__dict__.items() if key not in ("_tagger", "_known", "_n_tokens")}
        return {**held, "data": self.to_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        data = state.pop("data")
        self.__dict__.update(state)
        self._tagger = None
        self.clear()
        self.from_bytes(data)

    def to_device(self, device_type: str, device_id: int) -> None:
        if self._tagger is not None:
            self._tagger.to_device(device_type, device_id)

    def to_bytes(self) -> bytes:
        return b"" if self._tagger is None else self._tagger.data

    def from_bytes(self, data: bytes) -> "SourceShim":
        if data:
            self.load(data)
        return self


def SourceMarginals(
    source: str | Path | None, component: str | None, pipes: Sequence[str], scale: float, cache_size: int
) -> Model[InT, OutT]:
    """scale * P(tag of token) as a frozen tagger has it, (tokens, its tags) a document. No gradient goes further down.

    `attrs["tags"]` names the columns, `O` first. See `architectures.source.SourceMarginals`.
    """
    return Model(
        "source_marginals",
        forward,
        init=partial(init, source=source, component=component, pipes=tuple(pipes)),
        dims={"nO": None},
        attrs={"tags": [], "scale": scale},
        shims=[SourceShim(cache_size)],
    )


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    ops, n_tags = model.ops, len(_shim(model).tagger.tags)
    rows = numpy.concatenate([numpy.zeros((0, n_tags), dtype="float32"), *_shim(model).marginals(docs)])
    # a new array, whatever the scale: what comes next may work in place
    scaled: Any = ops.asarray(rows * numpy.float32(model.attrs["scale"]))
    output = ops.unflatten(scaled, ops.asarray1i([len(doc) for doc in docs]))
    return output, lambda d_output: []


def init(
    model: Model[InT, OutT],
    X: InT | None = None,
    Y: OutT | None = None,
    *,
    source: str | Path | None,
    component: str | None,
    pipes: Sequence[str],
) -> None:
    """Take the source's tagger; without a source keep the one that was loaded. Raises TL060 to TL063."""
    shim = _shim(model)
    if source is not None:
        shim.load(cut_out(source, component, pipes))
    model.attrs["tags"] = shim.tagger.tags
    # another initialization may find another source
    model.set_dim("nO", len(model.attrs["tags"]), force=True)


def _key(doc: Doc) -> bytes:
    """Equal for documents of equal marginals: all that `FrozenTagger` takes over of them."""
    columns = doc.to_array(["ORTH", "SPACY", "SENT_START"])
    return hashlib.blake2b(columns.tobytes(), digest_size=16).digest()


def _shim(model: Model[InT, OutT]) -> SourceShim:
    shim = model.shims[0]
    assert isinstance(shim, SourceShim)
    return shim
