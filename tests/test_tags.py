"""The BILUO scheme, judged by a regular expression over tag names and by spaCy's own tag functions."""

import re
from itertools import product

import numpy
import pytest
from hypothesis import given
from spacy.tokens import Doc
from spacy.training import biluo_tags_to_spans, biluo_to_iob, iob_to_biluo
from spacy.vocab import Vocab

from spacy_tlner.tags import Mention, TagScheme
from strategies import LABELS, mentions

SCHEME = TagScheme(("X", "Y"))
LEGAL = re.compile(r"((O|U-[XY]|B-X( I-X)* L-X|B-Y( I-Y)* L-Y)( |$))+")
VOCAB = Vocab()


def is_legal(path: numpy.ndarray, scheme: TagScheme) -> bool:
    """What the three masks say of a whole sequence."""
    ends = scheme.legal_start[path[0]] and scheme.legal_end[path[-1]]
    return bool(ends and scheme.legal[path[:-1], path[1:]].all())


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_masks_permit_just_the_sequences_of_the_grammar(length):
    n_legal = 0
    for path in product(range(SCHEME.n_tags), repeat=length):
        names = [SCHEME.names[tag] for tag in path]
        legal = is_legal(numpy.array(path), SCHEME)
        assert legal == bool(LEGAL.fullmatch(" ".join(names))), names
        # spaCy repairs what is not legal, and what is legal survives its two conversions
        assert legal == (iob_to_biluo(biluo_to_iob(names)) == names), names
        n_legal += legal
    # f(n) = 3 f(n-1) + 2 (f(n-2) + ... + f(0)), f(0) = 1: one token is O or one of two U
    assert n_legal == {1: 3, 2: 11, 3: 41, 4: 153}[length]


@given(mentions())
def test_encode_is_legal_and_decode_brings_the_mentions_back(drawn):
    n_tokens, given_mentions = drawn
    scheme = TagScheme(LABELS)
    tags = scheme.encode(given_mentions, n_tokens)
    assert tags.shape == (n_tokens,)
    assert n_tokens == 0 or is_legal(tags, scheme)
    assert scheme.decode(tags) == given_mentions
    spans = biluo_tags_to_spans(Doc(VOCAB, words=["w"] * n_tokens), [scheme.names[tag] for tag in tags])
    assert [(span.start, span.end, span.label_) for span in spans] == given_mentions


def test_decode_of_every_legal_sequence_is_what_spacy_reads():
    doc = Doc(VOCAB, words=["w"] * 4)
    for path in product(range(SCHEME.n_tags), repeat=4):
        tags = numpy.array(path)
        if is_legal(tags, SCHEME):
            spans = biluo_tags_to_spans(doc, [SCHEME.names[tag] for tag in path])
            assert SCHEME.decode(tags) == [(span.start, span.end, span.label_) for span in spans]


def test_boundaries_are_the_tags_at_the_edges_of_mentions():
    assert [name for name, edge in zip(SCHEME.names, SCHEME.boundaries) if edge] == [
        f"{prefix}-{label}" for label in "XY" for prefix in "BLU"
    ]


def test_tags_of_a_label_are_the_tags_that_bear_its_name():
    for label in SCHEME.labels:
        assert [SCHEME.names[tag] for tag in SCHEME.tags_of(label)] == [f"{prefix}-{label}" for prefix in "BILU"]
        assert [SCHEME.ids[name] for name in SCHEME.names] == list(range(SCHEME.n_tags))


def test_masks_cannot_be_written_to():
    for mask in (SCHEME.legal, SCHEME.legal_start, SCHEME.legal_end, SCHEME.boundaries):
        with pytest.raises(ValueError, match="read-only"):
            mask[0] = False


@pytest.mark.parametrize("labels", [("",), ("A", "B", "A")])
def test_empty_or_repeated_label_is_refused(labels):
    with pytest.raises(ValueError, match="TL001"):
        TagScheme(labels)


def test_unknown_label_is_refused():
    with pytest.raises(KeyError):
        SCHEME.encode([Mention(0, 1, "Z")], 1)


def test_no_labels_leaves_outside():
    scheme = TagScheme(())
    assert scheme.names == ("O",) and scheme.legal.all() and scheme.decode(numpy.zeros(3, dtype=int)) == []
