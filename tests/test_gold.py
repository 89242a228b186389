"""Gold sets, judged by spaCy's alignment; what a document rules out, judged by the moves of spaCy's own `ner`."""

from itertools import combinations, product

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from brute_force import score_of
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.loss import chain_loss
from spacy_tlner.crf.packing import Packing
from spacy_tlner.gold import Sets, allowed_tags, blocked_spans, possible_tags, training_sets
from spacy_tlner.stamps import stamp, stamp_annotated
from spacy_tlner.tags import TagScheme

NLP = spacy.blank("en")
SCHEME = TagScheme(("X", "Y"))
NER = NLP.add_pipe("ner")
for label in SCHEME.labels:
    NER.add_label(label)
# the two moves that have no label; the number of an action is its place in (missing, B, I, L, U, O)
NER.moves.add_action(5, "")  # O
NER.moves.add_action(4, "")  # U-, a blocked token
LEGAL_ONLY = Chain(*(numpy.zeros(size) for size in ((9, 9), 9, 9)), SCHEME.legal, SCHEME.legal_start, SCHEME.legal_end)


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """Some tokenization of a text."""
    words, start = [], 0
    while start < len(text):
        length = draw(st.integers(1, min(3, len(text) - start)))
        words.append(text[start : start + length])
        start += length
    return words


def doc_of(words: list[str], **settings: object) -> Doc:
    return Doc(NLP.vocab, words=words, spaces=[False] * len(words), **settings)


@st.composite
def annotated(draw: st.DrawFn, doc: Doc, labels: tuple[str, ...] = SCHEME.labels, kinds: str = "eomb-") -> Doc:
    """The doc, with each token in an entity, outside, missing, blocked, or left as it is."""
    spans: dict[str, list[Span]] = {kind: [] for kind in "eomb-"}
    start = 0
    while start < len(doc):
        kind = draw(st.sampled_from(kinds))
        end = draw(st.integers(start + 1, len(doc)))
        spans[kind].append(Span(doc, start, end, label=draw(st.sampled_from(labels)) if kind == "e" else ""))
        start = end
    default = draw(st.sampled_from(["outside", "missing", "unmodified"]))
    doc.set_ents(spans["e"], outside=spans["o"], missing=spans["m"], blocked=spans["b"], default=default)
    return doc


TEXT = st.text("ab \n", min_size=1, max_size=10)


@given(st.data(), TEXT, st.booleans())
@settings(max_examples=400)
def test_gold_is_what_spacy_aligns(data, text, same_tokens):
    words = data.draw(cuts(text))
    gold = data.draw(annotated(doc_of(words)))
    example = Example(doc_of(words if same_tokens else data.draw(cuts(text))), gold)
    for names, allowed in zip(example.get_aligned_ner(), allowed_tags(example, SCHEME), strict=True):
        if names in (None, "-"):
            assert allowed.all()
        else:
            assert allowed.tolist() == [name == names for name in SCHEME.names]


def test_gold_by_example():
    """Missing tokens allow all, a known tag allows one; a mention cut by the tokenizer is unknown."""
    gold = doc_of(["a", "b", "c", "d", "e"])
    gold.set_ents([Span(gold, 1, 3, label="X")], missing=[gold[3:4]], default="outside")

    def tags(words: list[str]) -> list[list[str]]:
        allowed = allowed_tags(Example(doc_of(words), gold), SCHEME)
        return [[SCHEME.names[i] for i in numpy.flatnonzero(row)] for row in allowed]

    everything = list(SCHEME.names)
    assert tags(["a", "b", "c", "d", "e"]) == [["O"], ["B-X"], ["L-X"], everything, ["O"]]
    assert tags(["a", "bc", "d", "e"]) == [["O"], ["U-X"], everything, ["O"]]
    assert tags(["ab", "c", "d", "e"]) == [everything, everything, everything, ["O"]]


@pytest.mark.parametrize("words", [["a", "b"], ["ab"]])
def test_unknown_label_is_refused_not_trained_as_outside(words):
    gold = doc_of(["a", "b"])
    gold.set_ents([Span(gold, 0, 1, label="Z")])
    with pytest.raises(ValueError, match=r"TL005.*'Z'.*X, Y"):
        allowed_tags(Example(doc_of(words), gold), SCHEME)


# --- labels that were never annotated ---


@st.composite
def stamped(draw: st.DrawFn, gold: Doc) -> list[str]:
    """The labels that are said to be annotated: those of the mentions at least. Noted on `gold`."""
    labels = {ent.label_ for ent in gold.ents} | draw(st.sets(st.sampled_from(SCHEME.labels)))
    stamp_annotated(gold, sorted(labels) or ["X"])
    return sorted(labels) or ["X"]


@given(st.data(), TEXT, st.booleans())
@settings(max_examples=300)
def test_outside_may_be_a_mention_that_was_not_annotated(data, text, same_tokens):
    words = data.draw(cuts(text))
    gold = data.draw(annotated(doc_of(words), labels=data.draw(st.sampled_from([("X",), ("Y",), ("X", "Y")]))))
    labels = data.draw(stamped(gold))
    hidden = {name for name in SCHEME.names if name[2:] not in labels}  # "O" among them
    example = Example(doc_of(words if same_tokens else data.draw(cuts(text))), gold)
    for name, allowed in zip(example.get_aligned_ner(), allowed_tags(example, SCHEME), strict=True):
        found = {SCHEME.names[i] for i in numpy.flatnonzero(allowed)}
        assert found == (set(SCHEME.names) if name in (None, "-") else hidden if name == "O" else {name})


def test_annotated_labels_are_held_against_gold_and_scheme():
    gold = doc_of(["a", "b"])
    gold.set_ents([Span(gold, 0, 1, label="X")])
    example = Example(doc_of(["a", "b"]), gold)
    stamp(gold, "mine")
    for labels, message in (
        (["X", "x"], "TL020.*'mine' is said to annotate 'x'.*knows: X, Y"),
        (["Y"], "TL021.*'mine' is said to annotate Y alone, but holds a mention of 'X'.*'ab'"),
    ):
        stamp_annotated(gold, labels)
        with pytest.raises(ValueError, match=message):
            allowed_tags(example, SCHEME)


# --- what the document rules out ---

WORDS = st.lists(st.sampled_from(["a", "b", " "]), min_size=1, max_size=4)


@given(st.data(), WORDS)
@settings(max_examples=300)
def test_possible_paths_are_those_of_spacys_ner(data, words):
    sent_starts = data.draw(st.one_of(st.none(), st.tuples(*[st.booleans()] * len(words))))
    doc = doc_of(words, sent_starts=None if sent_starts is None else [True, *sent_starts[1:]])
    data.draw(annotated(doc))
    expected = {path for path in paths_of_ner(doc) if not ends_in_whitespace(path, doc)}
    assert paths_of(possible_tags(doc, SCHEME), len(doc)) == expected


def paths_of(possible: Sets | None, n_tokens: int) -> set[tuple[str, ...]]:
    """Every legal path within the sets, spelt out."""
    if possible is None:
        possible = numpy.ones((n_tokens, SCHEME.n_tags), dtype=bool)
    zeros = numpy.zeros(possible.shape)
    choices = product(*(numpy.flatnonzero(row).tolist() for row in possible))
    legal = (path for path in choices if score_of(path, zeros, LEGAL_ONLY) == 0)
    return {tuple(SCHEME.names[tag] for tag in path) for path in legal}


def paths_of_ner(doc: Doc) -> set[tuple[str, ...]]:
    """Every sequence of moves that spaCy's transition system permits. Its `U-`, a blocked token, is our O."""
    moves = NER.moves
    names = [*SCHEME.names, "U-"]
    complete, growing = set(), [()]
    while growing:
        path = growing.pop()
        state = moves.init_batch([doc])[0]
        for name in path:
            moves.apply_transition(state, name)
        if len(path) == len(doc):
            complete.add(tuple("O" if name == "U-" else name for name in path))
            continue
        growing += [(*path, name) for name in names if moves.is_valid(state, name)]
    return complete


def ends_in_whitespace(path: tuple[str, ...], doc: Doc) -> bool:
    """spaCy's `ner` lets a mention end in whitespace; we do not, unless it was set before."""
    preset = {ent.end - 1 for ent in doc.ents}
    return any(name[0] == "L" and token.is_space and token.i not in preset for name, token in zip(path, doc))


def test_nothing_is_ruled_out_of_a_plain_document():
    assert possible_tags(doc_of(["a", "b"]), SCHEME) is None


def test_preset_mentions_with_other_labels_are_outside_to_us():
    doc = doc_of(["a", "b", "c"])
    doc.set_ents([Span(doc, 0, 2, label="Z")], default="unmodified")
    possible = possible_tags(doc, SCHEME)
    assert possible is not None
    assert [numpy.flatnonzero(row).tolist() for row in possible[:2]] == [[0], [0]] and possible[2].all()


@given(st.data(), WORDS)
@settings(max_examples=300)
def test_training_always_leaves_a_path(data, words):
    """However gold, entities set before, whitespace and sentences are at odds, the loss is finite and not below 0."""
    predicted = data.draw(annotated(doc_of(words), labels=("X", "Y", "Z")))
    gold = data.draw(annotated(doc_of(words)))
    labels = data.draw(st.one_of(st.just(list(SCHEME.labels)), stamped(gold)))
    ents = {(ent.start, ent.end, ent.label_) for ent in gold.ents}
    spans = [(*span, name) for span in combinations(range(len(words) + 1), 2) for name in SCHEME.labels]
    wrong = data.draw(st.lists(st.sampled_from(spans).filter(lambda span: span not in ents), max_size=4))
    gold.spans["wrong"] = [Span(gold, start, end, label=name) for start, end, name in wrong]
    example = Example(predicted, gold)
    allowed, possible, forbidden = training_sets(example, SCHEME, "wrong")
    found = chain_loss(
        numpy.zeros(allowed.shape),
        Packing.of([len(words)]),
        LEGAL_ONLY,
        allowed,
        possible=possible,
        forbidden=[forbidden],
    )
    assert -1e-9 < found.losses[0] < numpy.inf
    for i, name in enumerate(example.get_aligned_ner()):
        if name not in (None, "-", "O"):
            assert [SCHEME.names[tag] for tag in numpy.flatnonzero(allowed[i])] == [name]
        elif name == "O":
            assert not any(SCHEME.names[tag][2:] in labels for tag in numpy.flatnonzero(allowed[i]))


def test_blocked_spans_are_the_tokens_that_were_blocked():
    doc = doc_of(["a", "b", "c", "d"])
    doc.set_ents([Span(doc, 0, 1, label="X")], blocked=[doc[1:3]], default="outside")
    assert [(span.start, span.end) for span in blocked_spans(doc)] == [(1, 2), (2, 3)]
