"""`spacy tlner check`: the counts are those of spaCy's own `debug data`; leaks are found through spacing and case."""

import pytest
import spacy
from spacy.cli.debug_data import _compile_gold, _get_examples_without_label
from spacy.tokens import Doc, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_tlner.cli import tlner
from spacy_tlner.corpora.check import Overlap, corpus_stats, find_leaks, mention_overlap, read_examples
from spacy_tlner.corpora.docbin import write_docs
from spacy_tlner.corpora.faults import CorpusError

NLP = spacy.blank("en")


def make_doc(text, *ents, sentences=False, missing=()):
    """A doc of blank-separated words; `ents` as (start, end, label). Sentences end at full stops."""
    words = text.split(" ")
    starts = [i == 0 or words[i - 1] == "." for i in range(len(words))] if sentences else None
    doc = Doc(NLP.vocab, words=words, sent_starts=starts)
    doc.set_ents([Span(doc, *ent) for ent in ents], missing=[doc[i : i + 1] for i in missing])
    return doc


def examples_of(*docs):
    """As spaCy's Corpus pairs them: on gold tokens where spaces are unknown, else on those of the tokenizer."""
    return [
        Example(Doc(NLP.vocab, words=[t.text for t in doc]) if doc.has_unknown_spaces else NLP.make_doc(doc.text), doc)
        for doc in docs
    ]


def tricky_docs():
    spaced = Doc(NLP.vocab, words=["In", "\n", "New", "York-bas", "ed"], spaces=[True, False, True, False, False])
    spaced.set_ents([Span(spaced, 1, 3, "LOC"), Span(spaced, 3, 4, "ORG")])
    return [
        make_doc("A B . C D", (1, 4, "LOC"), (4, 5, "ORG"), sentences=True),
        make_doc("A B C", (0, 1, "LOC"), missing=[1, 2]),
        make_doc("A b", (0, 2, "PER")),
        spaced,
    ]


def test_counts_are_those_of_debug_data():
    examples = examples_of(*tricky_docs())
    stats = corpus_stats(examples)
    gold = _compile_gold(examples, ["ner"], NLP, make_proj=False)
    assert stats.mentions == dict(gold["ner"])
    assert (stats.words, stats.unique_words) == (gold["n_words"], len(gold["words"]))
    assert stats.misaligned_words == gold["n_misaligned_words"] > 0
    assert stats.whitespace_mentions == gold["ws_ents"] == 1
    assert stats.crossing_mentions == gold["boundary_cross_ents"] == 1
    for label in stats.mentions:
        assert stats.docs_without[label] == _get_examples_without_label(examples, label, "ner")


def test_whitespace_that_is_cut_otherwise_is_not_misaligned():
    doc = Doc(NLP.vocab, words=["a", "\n", "\n", "b"], spaces=[False] * 4)
    examples = examples_of(doc)
    assert [token.text for token in examples[0].predicted] == ["a", "\n\n", "b"]
    gold = _compile_gold(examples, ["ner"], NLP, make_proj=False)
    assert corpus_stats(examples).misaligned_words == gold["n_misaligned_words"] == 0


def test_counts_that_debug_data_does_not_have():
    stats = corpus_stats(examples_of(*tricky_docs()))
    assert (stats.docs, stats.sentences) == (4, 2)
    # the tokenizer makes York, -, based of York-bas and ed, so that the mention has no tokens of its own
    assert stats.lost_mentions == 1
    assert stats.missing == 2 + 3
    assert corpus_stats(examples_of(make_doc("a b"), make_doc("c"))).sentences is None


def test_leaks_through_case_spacing_and_tokens():
    train = [make_doc("The cat sat . It slept .", sentences=True), make_doc("Whole document")]
    test = [
        make_doc("THE c at sat . New text .", sentences=True),
        make_doc("the cat sat . it slept .", sentences=True),
        make_doc("whole document . Nothing else .", sentences=True),
    ]
    leaks = find_leaks(train, test)
    assert (leaks.documents, leaks.sentences) == (1, 3)
    assert leaks.examples == ("the cat sat . it slept .", "THE c at sat .", "it slept .")


def test_leaks_of_docs_without_sentences():
    train = [make_doc("One . Two words .", sentences=True)]
    leaks = find_leaks(train, [make_doc("two words ."), make_doc("three")])
    assert (leaks.documents, leaks.sentences) == (1, None)
    assert find_leaks(train, [make_doc("else")]) == find_leaks([], train[:0])


def test_leak_examples_are_few_and_long():
    docs = [make_doc(f"{'word ' * n}end") for n in range(8)]
    assert [len(text.split()) for text in find_leaks(docs, docs).examples] == [8, 7, 6, 5, 4]


def test_mention_overlap_counts_distinct_surfaces_of_the_same_label():
    train = [make_doc("Paris Bonn Rome", (0, 1, "LOC"), (1, 2, "LOC"), (2, 3, "ORG"))]
    test = [make_doc("paris PARIS Rome Oslo", (0, 1, "LOC"), (1, 2, "LOC"), (2, 3, "LOC"), (3, 4, "PER"))]
    assert mention_overlap(train, test) == {"LOC": Overlap(2, 1), "PER": Overlap(1, 0)}


@pytest.fixture
def corpora(tmp_path):
    train, test = tmp_path / "train.spacy", tmp_path / "test.spacy"
    write_docs(tricky_docs(), train)
    write_docs([make_doc("a b . Fresh .", (0, 1, "LOC"), sentences=True), make_doc("A b c")], test)
    return train, test


def run(*arguments):
    return CliRunner().invoke(tlner, ["check", *map(str, arguments)])


def test_reading_goes_through_spacys_reader(corpora, tmp_path):
    assert len(read_examples(corpora[0], NLP)) == 4
    assert len(read_examples(tmp_path, NLP)) == 6


def test_command(corpora):
    alone = run(corpora[0])
    assert alone.exit_code == 0, alone.output
    for part in ("4 doc(s), 2 sentence(s)", "Low number of examples for label 'PER' (1)", "crossing a sentence"):
        assert part in alone.output
    both = run(*corpora)
    assert both.exit_code == 0, both.output
    words = " ".join(both.output.split())
    assert "1 document(s) and 1 sentence(s)" in words
    assert "A b c" in both.output
    # labels are those of training, or are none of it
    assert "does not have these labels" not in words
    words = " ".join(run(*reversed(corpora)).output.split())
    assert "does not have these labels" in words and "cannot find them: ORG, PER" in words


def test_unreadable_input_ends_with_one_and_a_message(tmp_path, corpora):
    broken, empty, other = tmp_path / "broken.spacy", tmp_path / "empty.spacy", tmp_path / "corpus.tsv"
    broken.write_bytes(corpora[0].read_bytes()[:-20])
    write_docs([], empty)
    other.write_text("a\tO\n", encoding="utf8")
    for path, number in ((broken, "TL214"), (empty, "TL215"), (other, "TL214"), (tmp_path / "none.spacy", "TL214")):
        with pytest.raises(CorpusError, match=number):
            read_examples(path, NLP)
        result = run(corpora[0], path)
        assert result.exit_code == 1
        assert number in result.output and "Traceback" not in result.output
    assert run(corpora[0], "--lang", "klingon").exit_code == 1
