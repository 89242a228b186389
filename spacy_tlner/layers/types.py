"""Word-level networks run once per word type of a batch, not once per token, and remember types at prediction."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy
from spacy.attrs import LOWER, ORTH
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, Ops, Shim
from thinc.types import Floats2d

from .cache_lock import cache_lock

InT = list[Doc]
OutT = list[Floats2d]


class Types(NamedTuple):
    """Distinct words: `orth` and `lower` are (n,) uint64 keys of the string store, `strings` their n spellings.

    vocab: where the words come from, for parts that look them up in it. looked_up: (n,) uint64 keys of its vectors
    table, where that is by neither ORTH nor LOWER: tokens of one spelling may have different ones.
    """

    orth: numpy.ndarray
    lower: numpy.ndarray
    strings: list[str]
    vocab: Vocab | None = None
    looked_up: numpy.ndarray | None = None

    def ids(self) -> list[Hashable]:
        """What tells one word from another."""
        if self.looked_up is None:
            return self.orth.tolist()
        return list(zip(self.orth.tolist(), self.looked_up.tolist()))


class TypeCache(Shim):
    """Vectors of word types that were predicted before, at most `size` of them.

    A shim, because thinc tells shims of everything that changes weights: `finish_update`, `use_params`,
    `from_bytes` and a move to another device all empty it, and so does a new vectors table in the vocab, which nobody
    tells of. It is never written out, nor copied.
    """

    def __init__(self, size: int):
        super().__init__(None)
        self.size = size
        self.clear()

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        with cache_lock():
            self._rows: dict[Hashable, int] = {}
            self._table: Any = None
            self._vectors: tuple[Any, ...] = ()

    def lookup(
        self, keys: Sequence[Hashable], compute: Callable[[list[int]], Floats2d], ops: Ops, vocab: Vocab | None = None
    ) -> Floats2d:
        """Vectors (len(keys), width) of distinct keys; `compute` is given the positions of the unknown ones.

        vocab: whose words these are. Another vectors table in it than at the call before empties the cache first.
        Safe to call from several threads.
        """
        with cache_lock():
            self._follow(vocab)
            return self._lookup(keys, compute, ops)

    def _follow(self, vocab: Vocab | None) -> None:
        # compared as objects, and held so that no later object can get their address
        vectors = () if vocab is None else (vocab.vectors, getattr(vocab.vectors, "data", None))
        if len(vectors) != len(self._vectors) or any(new is not old for new, old in zip(vectors, self._vectors)):
            self.clear()
            self._vectors = vectors

    def _lookup(self, keys: Sequence[Hashable], compute: Callable[[list[int]], Floats2d], ops: Ops) -> Floats2d:
        rows = self._rows
        new = [i for i, key in enumerate(keys) if key not in rows]
        if len(rows) + len(new) > self.size:
            self._rows, self._table = {}, None
            rows, new = self._rows, list(range(len(keys)))
        if len(new) > self.size:
            return compute(new)
        if new:
            vectors = compute(new)
            self._reserve(len(rows) + len(new), vectors.shape[1], ops)
            self._table[len(rows) : len(rows) + len(new)] = vectors
            rows.update(zip((keys[i] for i in new), range(len(rows), len(rows) + len(new))))
        index = numpy.fromiter((rows[key] for key in keys), dtype="int64", count=len(keys))
        return self._table[ops.xp.asarray(index)]

    def _reserve(self, n_rows: int, width: int, ops: Ops) -> None:
        held = 0 if self._table is None else len(self._table)
        if n_rows > held:
            table = ops.alloc2f(min(self.size, max(2 * held, n_rows, 1024)), width)
            if held:
                table[:held] = self._table
            self._table = table

    def finish_update(self, optimizer: Any) -> None:
        self.clear()

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        self.clear()
        try:
            yield
        finally:
            self.clear()

    def copy(self) -> "TypeCache":
        return TypeCache(self.size)

    def __getstate__(self) -> dict[str, Any]:
        # a pickle for another process, or a deep copy of a pipeline: what is remembered stays behind
        return {**self.__dict__, "_rows": {}, "_table": None, "_vectors": ()}

    def to_device(self, device_type: str, device_id: int) -> None:
        self.clear()

    def to_bytes(self) -> bytes:
        return b""

    def from_bytes(self, data: bytes) -> "TypeCache":
        self.clear()
        return self


def by_type(embed: Model[Types, Floats2d], cache_size: int) -> Model[InT, OutT]:
    """Apply `embed` to the distinct words of a batch and hand each token its row.

    cache_size: types remembered across batches at prediction; 0 remembers none.
    Output: (tokens, width) a document.
    """
    # a width, for spaCy asks a shared encoder for it when there is no token
    dims = {"nO": embed.get_dim("nO") if embed.has_dim("nO") else None}
    return Model("by_type", forward, init=init, dims=dims, layers=[embed], shims=[TypeCache(cache_size)])


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    embed: Model[Types, Floats2d] = model.layers[0]
    ops = model.ops
    types, token_types = types_of(docs)
    tokens: Any = ops.xp.asarray(token_types)
    backprop_embed: Callable[[Floats2d], Any] | None = None
    if is_train or not len(types.orth):
        vectors, backprop_embed = embed(types, is_train)
    else:
        vectors = _cache(model).lookup(types.ids(), lambda new: embed.predict(_take(types, new)), ops, types.vocab)
    lengths = [len(doc) for doc in docs]
    output = ops.unflatten(vectors[tokens], ops.asarray1i(lengths))

    def backprop(d_output: OutT) -> InT:
        assert backprop_embed is not None  # the callback of a prediction is never called
        d_vectors = ops.alloc2f(*vectors.shape)
        ops.scatter_add(d_vectors, tokens.astype("int32"), ops.flatten(d_output))
        backprop_embed(d_vectors)
        return []

    return output, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    embed = model.layers[0]
    embed.initialize(X=None if X is None else types_of(X)[0])
    if embed.has_dim("nO"):
        model.set_dim("nO", embed.get_dim("nO"), force=True)
    clear_caches(model)


def types_of(docs: InT) -> tuple[Types, numpy.ndarray]:
    """The distinct words of a batch, and (tokens,) which of them each token is."""
    if not any(len(doc) for doc in docs):
        nothing = numpy.zeros(0, dtype="uint64")
        return Types(nothing, nothing, [], docs[0].vocab if docs else None), numpy.zeros(0, dtype="int64")
    vocab = docs[0].vocab
    attr = getattr(vocab.vectors, "attr", ORTH)
    if attr in (ORTH, LOWER):
        keys = numpy.concatenate([doc.to_array([ORTH, LOWER]) for doc in docs if len(doc)])
        orth, first, token_types = numpy.unique(keys[:, 0], return_index=True, return_inverse=True)
        return Types(orth, keys[first, 1], _spellings(docs, orth, first), vocab), token_types
    keys = numpy.concatenate([doc.to_array([ORTH, attr, LOWER]) for doc in docs if len(doc)])
    pairs, first, token_types = numpy.unique(keys[:, :2], axis=0, return_index=True, return_inverse=True)
    found = Types(pairs[:, 0], keys[first, 2], _spellings(docs, pairs[:, 0], first), vocab, pairs[:, 1])
    return found, token_types.reshape(-1)


def _spellings(docs: InT, orth: numpy.ndarray, first: numpy.ndarray) -> list[str]:
    """Of words; first: (n,) where each stands first among all tokens."""
    if all(doc.vocab is docs[0].vocab for doc in docs):
        return [docs[0].vocab.strings[key] for key in orth.tolist()]
    # docs that were read back one by one have a vocab each, which knows its own words
    owners = numpy.searchsorted(numpy.cumsum([len(doc) for doc in docs]), first, side="right")
    return [docs[owner].vocab.strings[key] for owner, key in zip(owners.tolist(), orth.tolist())]


def clear_caches(model: Model) -> None:
    """Forget every remembered type below `model`: for code that sets weights by hand."""
    for node in model.walk():
        for shim in node.shims:
            if isinstance(shim, TypeCache):
                shim.clear()


def _cache(model: Model) -> TypeCache:
    shim = model.shims[0]
    assert isinstance(shim, TypeCache)
    return shim


def _take(types: Types, which: list[int]) -> Types:
    looked_up = None if types.looked_up is None else types.looked_up[which]
    return Types(types.orth[which], types.lower[which], [types.strings[i] for i in which], types.vocab, looked_up)
