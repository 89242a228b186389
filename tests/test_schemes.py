"""Tagging schemes: what is written in any of them is detected and read back; illegal tags read as conlleval's rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import biluo_tags_to_spans, biluo_to_iob, iob_to_biluo
from spacy.training.iob_utils import doc_to_biluo_tags
from spacy.vocab import Vocab

from spacy_tlner.corpora.schemes import (
    PREFIXES,
    Decoded,
    Mention,
    MixedSchemesError,
    RepairKind,
    Scheme,
    decode,
    detect,
    split_tag,
)

VOCAB = Vocab()
LABELS = ["PER", "creative-work", "B-X"]


@st.composite
def annotations(draw):
    """(length, mentions) of one sentence: mentions in order, adjacent ones and gaps alike."""
    position, mentions = draw(st.integers(0, 2)), []
    for _ in range(draw(st.integers(0, 4))):
        end = position + draw(st.integers(1, 4))
        mentions.append(Mention(position, end, draw(st.sampled_from(LABELS))))
        position = end + draw(st.integers(0, 2))
    return max(1, position + draw(st.integers(0, 2))), mentions


def write(length, mentions, scheme):
    """The tags of a sentence: BILUO as spaCy writes it, the others from that."""
    doc = Doc(VOCAB, words=["x"] * length)
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in mentions])
    tags = doc_to_biluo_tags(doc)
    if scheme is Scheme.BILUO:
        return tags
    if scheme is Scheme.IOBES:
        return [{"L": "E", "U": "S"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    tags = biluo_to_iob(tags)
    if scheme is Scheme.IOB1:
        ends = {(mention.end, mention.label) for mention in mentions}
        for start, _, label in mentions:
            if (start, label) not in ends:
                tags[start] = "I-" + label
    return tags


@settings(max_examples=150, deadline=None)
@given(st.lists(annotations(), min_size=1, max_size=4), st.sampled_from([s for s in Scheme if s is not Scheme.IO]))
def test_written_in_a_scheme_is_detected_and_read_back(sentences, scheme):
    tagged = [write(length, mentions, scheme) for length, mentions in sentences]
    found = detect(tagged)
    if not any(mentions for _, mentions in sentences):
        assert found is Scheme.IOB2
    elif scheme is Scheme.IOB1 and not any(tag.startswith("B-") for tags in tagged for tag in tags):
        assert found is Scheme.IO
    else:
        assert found is scheme
    for tags, (_, mentions) in zip(tagged, sentences, strict=True):
        assert decode(tags, found) == Decoded(tuple(mentions), (), ())


@settings(max_examples=100, deadline=None)
@given(annotations())
def test_iob2_reads_as_spacy_reads_it(annotation):
    length, mentions = annotation
    tags = write(length, mentions, Scheme.IOB2)
    spans = biluo_tags_to_spans(Doc(VOCAB, words=["x"] * length), iob_to_biluo(tags))
    assert [tuple(m) for m in decode(tags, Scheme.IOB2).mentions] == [(s.start, s.end, s.label_) for s in spans]


def conlleval(tags):
    """conlleval's rule in its own terms: where a mention begins; it runs to the next beginning or the next O."""
    begins = []
    for before, tag in zip(["O", *tags], tags, strict=False):
        closed = before[0] in "OLUES-"
        begins.append(tag not in ("O", "-") and (tag[0] in "BUS" or closed or before[2:] != tag[2:]))
    mentions = []
    for i, tag in enumerate(tags):
        if begins[i]:
            mentions.append(Mention(i, i + 1, tag[2:]))
        elif tag not in ("O", "-"):
            mentions[-1] = mentions[-1]._replace(end=i + 1)
    return tuple(mentions)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(Scheme)), st.data())
def test_any_tags_read_as_conlleval_reads_them(scheme, data):
    known = ["O", "-", *(f"{prefix}-{label}" for prefix in PREFIXES[scheme] for label in LABELS[:2])]
    tags = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=10))
    decoded = decode(tags, scheme)
    assert decoded.mentions == conlleval(tags)
    assert decoded.missing == tuple(i for i, tag in enumerate(tags) if tag == "-")
    covered = [i for mention in decoded.mentions for i in range(mention.start, mention.end)]
    assert covered == [i for i, tag in enumerate(tags) if tag not in ("O", "-")], "no tagged token is dropped"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([Scheme.IOB2, Scheme.IOBES, Scheme.BILUO, Scheme.IOB1]), st.data())
def test_repairs_are_noted_exactly_where_rewriting_changes_the_tags(scheme, data):
    known = ["O", *(f"{prefix}-{label}" for prefix in PREFIXES[scheme] for label in LABELS[:2])]
    tags = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=8))
    decoded = decode(tags, scheme)
    assert bool(decoded.repairs) == (write(len(tags), decoded.mentions, scheme) != tags)


@pytest.mark.parametrize(
    "tags, scheme, repairs",
    [
        ("O I-A I-A", Scheme.IOB2, [(1, RepairKind.INSIDE_BEGINS)]),
        ("- I-A", Scheme.IOB2, [(1, RepairKind.INSIDE_BEGINS)]),
        ("B-A I-B", Scheme.IOB2, [(1, RepairKind.LABEL_CHANGES)]),
        ("I-A I-B", Scheme.IOB1, []),
        ("O B-A", Scheme.IOB1, [(1, RepairKind.NEEDLESS_BEGIN)]),
        ("B-A O", Scheme.BILUO, [(0, RepairKind.UNCLOSED)]),
        ("B-A I-A", Scheme.IOBES, [(1, RepairKind.UNCLOSED)]),
        ("B-A B-A E-A", Scheme.IOBES, [(0, RepairKind.UNCLOSED)]),
        ("O L-A", Scheme.BILUO, [(1, RepairKind.END_ALONE)]),
        ("S-A E-A", Scheme.IOBES, [(1, RepairKind.END_ALONE)]),
        ("B-A L-B", Scheme.BILUO, [(1, RepairKind.LABEL_CHANGES)]),
        ("O I-A L-A", Scheme.BILUO, [(1, RepairKind.INSIDE_BEGINS)]),
    ],
)
def test_kinds_of_repairs(tags, scheme, repairs):
    assert [tuple(repair) for repair in decode(tags.split(), scheme).repairs] == repairs


@pytest.mark.parametrize(
    "sentences, scheme",
    [
        (["O O", "O"], Scheme.IOB2),
        (["B-A O B-A"], Scheme.IOB2),
        (["I-A O", "I-A I-B"], Scheme.IO),
        (["I-A B-A", "O I-A"], Scheme.IOB1),
        (["B-A I-A O I-A", "B-B", "B-A"], Scheme.IOB2),  # mostly B-: noise of IOB2
        (["B-A", "I-A"], Scheme.IOB2),  # a tie
        (["U-A O"], Scheme.BILUO),
        (["B-A E-A"], Scheme.IOBES),
    ],
)
def test_detection(sentences, scheme):
    assert detect([tags.split() for tags in sentences]) is scheme


def test_iobes_and_biluo_in_one_corpus_is_refused():
    with pytest.raises(MixedSchemesError):
        detect([["S-A"], ["U-A"]])


@pytest.mark.parametrize("tag", ["X-Foo", "B-", "Disease", "", "b-A", "B", "o", "B_A", "--", "B- ", "_", "OO", "O#O"])
def test_not_a_tag(tag):
    assert split_tag(tag) is None
