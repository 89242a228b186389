"""Matches with a gazetteer's entries, whole and partial, as features of tokens (Chiu & Nichols 2016, section 2.3.4).

A lexicon is kept as hashed n-grams: those that are a whole entry of some category, and those that begin or end one.
"""

import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import spacy
from spacy.strings import get_string_id
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from .gazetteer import Entry, read_gazetteer
from .hashed import add_up, init_table, mix, salt_of

InT = list[Doc]
OutT = list[Floats2d]

_WHOLE, _BEGINS, _ENDS = 1, 2, 4
# A token's place in what it matches; tokens outside of all matches have none, and no vector.
_TAGS = ("B", "I", "E", "S")
_B, _I, _E, _S = range(4)
_NGRAM = salt_of("ngram")


class Lexicon(NamedTuple):
    """N-grams of entries, sorted by length, key and category; equal ones are one.

    categories: names. keys (n,) uint64: of the n-gram. category (n,) int32. flags (n,) uint8: whether the n-gram is a
    whole entry of its category, begins one, ends one. stops (longest + 1,) int64: where each length stops.
    """

    categories: list[str]
    keys: numpy.ndarray
    category: numpy.ndarray
    flags: numpy.ndarray
    stops: numpy.ndarray


class Matches(NamedTuple):
    """Matched tokens, each (n,) int64: the token, its category, its place in the match (an index of B, I, E, S)."""

    token: numpy.ndarray
    category: numpy.ndarray
    tag: numpy.ndarray


def LexiconFeatures(path: str | Path | None, width: int, rows: int, single: Sequence[str]) -> Model[InT, OutT]:
    """For each token the sum over categories of the vector of its place in a match, (tokens, width) a document.

    path: a gazetteer (`layers.gazetteer`), read when the layer is initialized and never again: what is stored is the
    lexicon itself. None: a warning, and no entries but those that a warm start brings. single: categories in which one
    token of an entry of two may match. rows: of the table that categories share; a vector's key is the category's name
    and the place, so layers with other lexicons fit each other's weights. Raises TL031 to TL033 on initialization.
    """
    return Model(
        "lexicon",
        forward,
        init=partial(init, path=path, single=tuple(single)),
        dims={"nO": width, "nV": rows},
        params={"table": None},
        attrs={"seed": 0, **build([], (), [])._asdict()},
    )


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> tuple[OutT, Callable[[OutT], InT]]:
    ops, attrs = model.ops, model.attrs
    lengths = ops.asarray1i([len(doc) for doc in docs])
    lexicon = Lexicon(*(attrs[name] for name in Lexicon._fields))
    matches = match(lexicon, [doc.to_array("LOWER").ravel() for doc in docs])
    places = numpy.arange(len(_TAGS), dtype="uint64")
    names = numpy.asarray([salt_of(name) for name in lexicon.categories], dtype="uint64")
    vectors, backprop_table = add_up(model, mix(names[:, None], places).reshape(-1, 1))  # (categories * 4, width)
    token, which = (ops.xp.asarray(ids, dtype="int32") for ids in (matches.token, matches.category * 4 + matches.tag))
    output = ops.alloc2f(int(lengths.sum()), model.get_dim("nO"))
    ops.scatter_add(output, token, vectors[which])

    def backprop(d_output: OutT) -> InT:
        d_vectors = ops.alloc2f(*vectors.shape)
        if len(token):
            ops.scatter_add(d_vectors, which, ops.flatten(d_output)[token])
        backprop_table(d_vectors)
        return []

    return ops.unflatten(output, lengths), backprop


def init(
    model: Model[InT, OutT],
    X: InT | None = None,
    Y: OutT | None = None,
    *,
    path: str | Path | None,
    single: Sequence[str],
) -> None:
    init_table(model, 1)
    if path is None:
        warnings.warn(Errors.TL030, stacklevel=2)
    entries = [] if path is None else read_gazetteer(path)
    model.attrs.update(build(entries, single, _tokenizers(X or []))._asdict())


def take_entries(model: Model[InT, OutT], other: Model[InT, OutT]) -> str:
    """Give a lexicon without entries those of another layer; one that has its own keeps them. Says which it has now."""
    whose = "its own"
    if not model.attrs["categories"]:
        whose = "the source's"
        model.attrs.update({name: other.attrs[name] for name in Lexicon._fields})
    return f"{whose} ({', '.join(model.attrs['categories']) or 'no entries'})"


def build(
    entries: Iterable[Entry], single: Collection[str], tokenizers: Sequence[Callable[[str], list[str]]]
) -> Lexicon:
    """The lexicon of a gazetteer's entries.

    single: categories in which one token of an entry of two may match. tokenizers: each cuts every entry that is a
    text, and all outcomes count.
    """
    entries = list(entries)
    categories = sorted({entry.category for entry in entries})
    ids = {name: i for i, name in enumerate(categories)}
    by_length: dict[int, list[tuple[int, ...]]] = {}  # a category and the keys of its words
    for name, term in entries:
        for words in {tuple(cut(term)) for cut in tokenizers} if isinstance(term, str) else {term}:
            if words:
                keys = (get_string_id(word.lower()) for word in words)
                by_length.setdefault(len(words), []).append((ids[name], *keys))
    may_be_single = numpy.asarray([name in single for name in categories], dtype=bool)
    found: list[tuple[int, numpy.ndarray, numpy.ndarray, int]] = []  # length, keys, categories, flag
    for length, terms in by_length.items():
        table = numpy.asarray(terms, dtype="uint64")
        category, tokens = table[:, 0].astype("int32"), table[:, 1:]  # (terms,), (terms, length)
        found.append((length, _ngram_keys(tokens), category, _WHOLE))
        for n in range(-(-length // 2), length):
            keep = may_be_single[category] if n == 1 else numpy.ones(len(terms), dtype=bool)
            for flag, part in ((_BEGINS, tokens[keep, :n]), (_ENDS, tokens[keep, length - n :])):
                found.append((n, _ngram_keys(part), category[keep], flag))
    return _sorted(categories, found)


def match(lexicon: Lexicon, docs: Sequence[numpy.ndarray]) -> Matches:
    """The tokens that match entries. docs: (tokens,) uint64 a document, the keys of its words in lower case.

    An n-gram matches a category's entry if it is the entry, or if it begins or ends it and is at least half of it and
    of two tokens (of one, in some categories). Of overlapping matches of one category whole entries come first, then
    the longer, then the earlier. The first token of a match is B only if it is the entry's first, the last is E only if
    it is the entry's last; S is both, and all else I. Tokens count over the whole batch.
    """
    tokens = numpy.concatenate([numpy.zeros(0, dtype="uint64"), *docs]).astype("uint64")
    left = numpy.concatenate([numpy.zeros(0, dtype="int64"), *(numpy.arange(len(doc), 0, -1) for doc in docs)])
    candidates: list[tuple[numpy.ndarray, numpy.ndarray]] = []  # of each length: first tokens, n-grams
    keys = numpy.full(len(tokens), _NGRAM, dtype="uint64")
    for n in range(1, min(len(lexicon.stops) - 1, int(left.max(initial=0))) + 1):
        starts = numpy.flatnonzero(left >= n)
        keys[starts] = mix(keys[starts], tokens[starts + n - 1])
        candidates.append(_look_up(lexicon, n, starts, keys[starts]))
    taken = numpy.zeros((len(lexicon.categories), len(tokens)), dtype=bool)
    found: list[Matches] = []
    for whole in (True, False):
        for n in range(len(candidates), 0, -1):
            starts, ngrams = candidates[n - 1]
            which = (lexicon.flags[ngrams] & _WHOLE > 0) == whole
            found.append(_accept(lexicon, n, starts[which], ngrams[which], taken))
    nothing = numpy.zeros(0, dtype="int64")
    return Matches(*(numpy.concatenate(parts) for parts in zip(Matches(nothing, nothing, nothing), *found)))


def _look_up(
    lexicon: Lexicon, n: int, starts: numpy.ndarray, keys: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Where the text has n-grams of the lexicon: (matches,) first tokens, and which n-grams, one a category."""
    begin, stop = (int(lexicon.stops[i]) for i in (n - 1, n))
    known = lexicon.keys[begin:stop]
    first = numpy.searchsorted(known, keys, side="left")
    counts = numpy.searchsorted(known, keys, side="right") - first
    nth = numpy.arange(int(counts.sum())) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
    return numpy.repeat(starts, counts), begin + numpy.repeat(first, counts) + nth


def _accept(lexicon: Lexicon, n: int, starts: numpy.ndarray, ngrams: numpy.ndarray, taken: numpy.ndarray) -> Matches:
    """Of matches of n tokens those that nothing overlaps, the earlier first; they are noted in `taken`."""
    category = lexicon.category[ngrams]
    spans = starts[:, None] + numpy.arange(n)  # (matches, n)
    free = numpy.flatnonzero(~taken[category[:, None], spans].any(axis=1))
    free = free[numpy.lexsort((starts[free], category[free]))]
    if n > 1:
        free = free[_apart(category[free], starts[free], n)]
    category, spans, flags = category[free].astype("int64"), spans[free], lexicon.flags[ngrams[free]]
    taken[category[:, None], spans] = True
    is_first, is_last = (flags & (_WHOLE | flag) > 0 for flag in (_BEGINS, _ENDS))
    tags = numpy.full(spans.shape, _I, dtype="int64")
    if n == 1:
        tags[:, 0] = numpy.select([is_first & is_last, is_first], [_S, _B], default=_E)
    else:
        tags[is_first, 0] = _B
        tags[is_last, -1] = _E
    return Matches(spans.ravel(), numpy.repeat(category, n), tags.ravel())


def _apart(category: numpy.ndarray, starts: numpy.ndarray, n: int) -> list[int]:
    """Of matches of n tokens, sorted by category and place, the positions of those that overlap none kept before."""
    kept: list[int] = []
    last = (-1, 0)  # category, where its last kept match stops
    # over matches of several tokens, not over tokens: there are few
    for i, at in enumerate(zip(category.tolist(), starts.tolist())):
        if at[0] != last[0] or at[1] >= last[1]:
            kept.append(i)
            last = (at[0], at[1] + n)
    return kept


def _sorted(categories: list[str], found: list[tuple[int, numpy.ndarray, numpy.ndarray, int]]) -> Lexicon:
    if not found:
        keys, category, flags = (numpy.zeros(0, dtype) for dtype in ("uint64", "int32", "uint8"))
        return Lexicon([], keys, category, flags, numpy.zeros(1, dtype="int64"))
    lengths = numpy.concatenate([numpy.full(len(keys), n) for n, keys, _, _ in found])
    flags = numpy.concatenate([numpy.full(len(keys), flag, dtype="uint8") for _, keys, _, flag in found])
    keys, category = (numpy.concatenate([part[i] for part in found]) for i in (1, 2))
    order = numpy.lexsort((category, keys, lengths))
    lengths, keys, category, flags = lengths[order], keys[order], category[order], flags[order]
    new = numpy.ones(len(order), dtype=bool)
    new[1:] = (lengths[1:] != lengths[:-1]) | (keys[1:] != keys[:-1]) | (category[1:] != category[:-1])
    first = numpy.flatnonzero(new)
    stops = numpy.searchsorted(lengths[first], numpy.arange(int(lengths.max()) + 1), side="right").astype("int64")
    return Lexicon(categories, keys[first], category[first], numpy.bitwise_or.reduceat(flags, first), stops)


def _ngram_keys(tokens: numpy.ndarray) -> numpy.ndarray:
    """The key of each row of (n, length) uint64 keys of words."""
    keys = numpy.full(len(tokens), _NGRAM, dtype="uint64")
    for column in tokens.T:
        keys = mix(keys, column)
    return keys


def _tokenizers(docs: InT) -> list[Callable[[str], list[str]]]:
    """How a text may be cut into words: at blanks, as corpora are, and as the documents' language does."""
    cuts: list[Callable[[str], list[str]]] = [str.split]
    if docs and docs[0].lang_:
        tokenizer: Any = spacy.blank(docs[0].lang_).tokenizer
        cuts.append(lambda text: [token.text for token in tokenizer(text)])
    return cuts
