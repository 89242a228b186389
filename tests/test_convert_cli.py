"""`spacy tlner convert`: what ends up in the .spacy file, judged by spaCy's own reader and converter."""

import json
import os
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus, biluo_to_iob
from spacy.training.converters import conll_ner_to_docs
from spacy.training.iob_utils import doc_to_biluo_tags
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_tlner.cli import tlner
from spacy_tlner.corpora.convert import convert_file
from spacy_tlner.corpora.docbin import write_docs
from spacy_tlner.corpora.faults import CorpusError
from spacy_tlner.corpora.labels import parse_label_map
from spacy_tlner.corpora.schemes import RepairKind, Scheme

DOCUMENTS = """-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
calls NNS I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

It PRP B-NP O
rained VBD B-VP O

-DOCSTART- -X- O O

BRUSSELS NNP B-NP B-LOC
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.conll"
    path.write_text(DOCUMENTS, encoding="utf8")
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out" / "train.spacy"


def load(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def ents(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def run(*arguments):
    return CliRunner().invoke(tlner, ["convert", *map(str, arguments)])


def test_one_doc_a_document_is_what_spacy_convert_makes(source, output):
    summary = convert_file(source, output, n_sents=0)
    ours, theirs = load(output), list(conll_ner_to_docs(DOCUMENTS, n_sents=0, no_print=True))
    assert [[t.text for t in doc] for doc in ours] == [[t.text for t in doc] for doc in theirs]
    assert [ents(doc) for doc in ours] == [ents(doc) for doc in theirs]
    assert [[t.is_sent_start for t in doc] for doc in ours] == [[t.is_sent_start for t in doc] for doc in theirs]
    assert [[t.ent_iob_ for t in doc] for doc in ours] == [[t.ent_iob_ for t in doc] for doc in theirs]
    assert all(doc.has_unknown_spaces for doc in ours + theirs)
    assert (summary.documents, summary.document_starts, summary.sentences, summary.tokens) == (2, 2, 4, 9)
    assert summary.mentions == {"ORG": 1, "MISC": 1, "PER": 1, "LOC": 1}


@pytest.mark.parametrize("n_sents, lengths", [(1, [4, 2, 2, 1]), (2, [6, 2, 1]), (3, [8, 1]), (9, [8, 1]), (0, [8, 1])])
def test_sentences_are_grouped_but_never_across_documents(source, output, n_sents, lengths):
    convert_file(source, output, n_sents=n_sents)
    docs = load(output)
    assert [len(doc) for doc in docs] == lengths
    assert sum(len(list(doc.sents)) for doc in docs) == 4


def test_tokens_are_o_or_missing_as_the_file_says(tmp_path, output):
    path = tmp_path / "partial.tsv"
    path.write_text("a\tB-X\nb\t-\nc\tI-X\nd\tO\n\ne\tO\nf\tO\n", encoding="utf8")
    summary = convert_file(path, output, n_sents=2)
    (doc,) = load(output)
    assert [token.ent_iob_ for token in doc] == ["B", "", "B", "O", "O", "O"]
    assert (summary.missing, summary.repairs) == (1, {RepairKind.INSIDE_BEGINS: 1})


def test_spacy_trains_on_these_very_tokens(tmp_path, output):
    path = tmp_path / "in.tsv"
    path.write_text("don't\tO\nNew York,\tB-LOC\n", encoding="utf8")
    convert_file(path, output)
    (example,) = Corpus(output)(spacy.blank("en"))
    assert [token.text for token in example.predicted] == ["don't", "New York,"]
    assert example.get_aligned_ner() == ["O", "U-LOC"]


@pytest.mark.parametrize("scheme", [Scheme.IOB2, Scheme.IOBES, Scheme.BILUO])
def test_every_scheme_gives_the_same_corpus(tmp_path, source, output, scheme):
    convert_file(source, output)
    docs = load(output)
    rewritten = tmp_path / "rewritten.tsv"
    lines = []
    for doc in docs:
        tags = doc_to_biluo_tags(doc)
        if scheme is Scheme.IOB2:
            tags = biluo_to_iob(tags)
        elif scheme is Scheme.IOBES:
            tags = [tag.replace("U-", "S-").replace("L-", "E-") for tag in tags]
        lines += [f"{token.text}\t{tag}" for token, tag in zip(doc, tags, strict=True)] + [""]
    rewritten.write_text("\n".join(lines), encoding="utf8")
    again = output.with_name("again.spacy")
    assert convert_file(rewritten, again).scheme is scheme
    assert again.read_bytes() == output.read_bytes()


def test_label_map_renames_drops_and_keeps(source, output, tmp_path):
    summary = convert_file(source, output, label_map={"ORG": "ENT", "LOC": "ENT", "MISC": ""})
    assert summary.mentions == {"ENT": 2, "PER": 1}
    assert summary.dropped == {"MISC": 1}
    first = load(output)[0]
    assert ents(first) == [(0, 1, "ENT")]
    assert first[2].ent_iob_ == "O"


def test_labels_that_another_corpus_lacks_are_dropped_behind_the_map(source, output):
    target, other = output.with_name("target.spacy"), output.with_name("other.spacy")
    convert_file(source, target, label_map={"ORG": "ENT", "LOC": "", "MISC": ""})
    # ORG is there under its new name, PER under its own
    summary = convert_file(source, other, label_map={"ORG": "ENT"}, labels_of=target)
    assert summary.mentions == {"ENT": 1, "PER": 1} and summary.dropped == {"LOC": 1, "MISC": 1}
    result = CliRunner().invoke(tlner, ["convert", str(source), str(output), "--labels-of", str(target)])
    assert result.exit_code == 0 and {ent.label_ for doc in load(output) for ent in doc.ents} == {"PER"}
    missing = target.with_name("no.spacy")
    result = CliRunner().invoke(tlner, ["convert", str(source), str(other), "--labels-of", str(missing)])
    assert result.exit_code == 1 and "TL214" in result.output and load(other)


def test_label_map_of_which_a_part_does_not_occur_warns_and_is_refused_if_strict(source, output):
    label_map = {"PER": "P", "LOK": "L"}
    with pytest.raises(CorpusError, match=r"TL207.*: LOK\. Labels that occur: LOC, MISC, ORG, PER"):
        convert_file(source, output, label_map=label_map, strict=True)
    assert not output.exists()
    # one map serves all parts of a corpus, and a rare label may be missing from the smallest
    summary = convert_file(source, output, label_map=label_map)
    assert summary.unmapped == ("LOK",) and "P" in summary.mentions


def test_neighbours_that_come_to_share_a_label_stay_two_mentions(tmp_path, output):
    path = tmp_path / "in.tsv"
    path.write_text("a\tB-X\nb\tB-Y\n", encoding="utf8")
    convert_file(path, output, label_map={"X": "Z", "Y": "Z"})
    assert ents(load(output)[0]) == [(0, 1, "Z"), (1, 2, "Z")]


def test_label_map_notation(tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"a,b=c": "D", "E": None}), encoding="utf8")
    assert parse_label_map(["A=B, C=D", "MISC=", str(path)]) == {"A": "B", "C": "D", "MISC": "", "a,b=c": "D", "E": ""}
    path.write_text("[1]", encoding="utf8")
    for bad in (["A"], ["=B"], ["A=B=C"], ["A=B,"], ["A=B", "A=C"], [str(path)], ["none.json"]):
        with pytest.raises(CorpusError, match="TL208"):
            parse_label_map(bad)


def test_strict_refuses_what_is_repaired_otherwise(tmp_path, output):
    path = tmp_path / "in.tsv"
    path.write_text("a\tO\nb\tI-X\n\nc\tB-X\nd\tI-Y\ne\tB-X\n", encoding="utf8")
    with pytest.raises(CorpusError, match="TL205") as caught:
        convert_file(path, output, strict=True)
    assert "2 illegal transition(s) under IOB2" in str(caught.value)
    assert r"line 2: 'b\tI-X'" in str(caught.value) and r"line 5: 'd\tI-Y'" in str(caught.value)
    assert not output.parent.exists()
    summary = convert_file(path, output)
    assert summary.repairs == {RepairKind.INSIDE_BEGINS: 1, RepairKind.LABEL_CHANGES: 1}
    assert ents(load(output)[1]) == [(0, 1, "X"), (1, 2, "Y"), (2, 3, "X")]


def test_a_scheme_that_is_given_is_used_and_must_fit(source, output):
    assert not convert_file(source, output, scheme=Scheme.IOBES).detected
    with pytest.raises(CorpusError, match=r"line 3: 'EU\\tB-ORG': IO has no prefix B-"):
        convert_file(source, output, scheme=Scheme.IO)


@pytest.mark.parametrize(
    "content, options, number",
    [
        ("a O\nb S-X\nc U-X\n", {}, "TL204"),
        ("a - -\nb - -\n", {}, "TL203"),
        ("a O\n", {"n_sents": 0}, "TL206"),
        ("a O\n", {"n_sents": -1}, "TL216"),
        ("a O\n", {"lang": "klingon"}, "TL212"),
    ],
)
def test_refusals(tmp_path, output, content, options, number):
    path = tmp_path / "in.txt"
    path.write_text(content, encoding="utf8")
    with pytest.raises(CorpusError, match=number):
        convert_file(path, output, **options)
    assert not output.exists()


def test_a_failure_leaves_the_output_as_it_was(tmp_path, source, output):
    bad = tmp_path / "bad.conll"
    bad.write_text(DOCUMENTS + "\nlonely\n", encoding="utf8")
    assert run(bad, output).exit_code == 1
    assert not output.parent.exists()
    convert_file(source, output)
    before = output.read_bytes()
    assert run(bad, output).exit_code == 1
    assert output.read_bytes() == before
    assert os.listdir(output.parent) == [output.name]


def test_a_failure_while_writing_leaves_the_output_as_it_was(monkeypatch, source, output):
    convert_file(source, output)
    before = output.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(CorpusError, match=r"TL210.*No space left"):
        convert_file(source, output, n_sents=0)
    assert output.read_bytes() == before
    assert os.listdir(output.parent) == [output.name]


def test_output_that_spacy_would_not_read_or_cannot_be_made(source, tmp_path):
    with pytest.raises(CorpusError, match="TL209"):
        write_docs([], tmp_path / "train.docbin")
    (tmp_path / "file").write_text("", encoding="utf8")
    with pytest.raises(CorpusError, match="TL210"):
        convert_file(source, tmp_path / "file" / "train.spacy")


def test_options_of_the_command(source, output, tmp_path):
    result = run(
        source, output, "--scheme", "iob2", "--token-column", 0, "--tag-column", 3, "-n", 0, "--lang", "xx",
        "--label-map", "ORG=ENT,LOC=ENT", "--label-map", "MISC=", "--strict",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for part in ("IOB2 (given)", "2 (2 marked in the file)", "ENT", "1 mention(s) of MISC dropped"):
        assert part in result.output
    assert [ents(doc) for doc in load(output)] == [[(0, 1, "ENT"), (4, 6, "PER")], [(0, 1, "ENT")]]


def test_errors_of_the_command_are_messages(tmp_path, source, output):
    for arguments in ([tmp_path / "none", output], [source, output, "--label-map", "X"], [source, output, "-n", "-1"]):
        result = run(*arguments)
        assert result.exit_code != 0
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output


def test_the_real_command_line(source, output, tmp_path):
    bad = tmp_path / "bad.tsv"
    bad.write_text("a\tO\nb\n", encoding="utf8")
    command = [sys.executable, "-m", "spacy", "tlner", "convert"]
    good = subprocess.run([*command, source, output], check=False, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "IOB2 (detected)" in good.stdout
    assert len(load(output)) == 4
    failed = subprocess.run([*command, bad, output.with_name("bad.spacy")], check=False, capture_output=True, text=True)
    assert failed.returncode == 1
    # a fault has a line of its own
    assert "[TL201]" in failed.stdout and any(line.startswith("  line 2: 'b'") for line in failed.stdout.splitlines())
    assert "Traceback" not in failed.stderr
    assert os.listdir(output.parent) == [output.name]


def test_the_entry_point_imports_nothing_heavy():
    # spaCy imports it at every command, so the list is kept closed
    code = (
        "import spacy.cli, sys; before = set(sys.modules); import spacy_tlner.cli; "
        "print(*sorted(set(sys.modules) - before))"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = [name for name in imported if name.startswith("spacy_tlner")]
    light = {"spacy_tlner", "spacy_tlner.about", "spacy_tlner.corpora", "spacy_tlner.corpora.schemes"}
    assert [name for name in ours if name not in light and not name.startswith("spacy_tlner.cli")] == []
    assert set(imported) - set(ours) == set(), "another package comes in"


WORDS_OF_CHINESE = """# text = 居里住在New York。
1\t居里\tB-PER
2\t住在\t-
3\tNew York\tB-LOC
4\t。\tO

1\t北京\tB-LOC
2\t大学\tI-LOC
"""


def test_characters(tmp_path, output):
    """Words become the tokens that spaCy's own Chinese tokenizer makes of the text, for training as for prediction."""
    path = tmp_path / "words.iob2"
    path.write_text(WORDS_OF_CHINESE, encoding="utf8")
    args = ["convert", str(path), str(output), "--lang", "zh", "--token-column", "1", "--characters", "-n", "2"]
    result = CliRunner().invoke(tlner, args)
    assert result.exit_code == 0 and "16" in result.output, result.output
    (doc,) = load(output)
    assert doc.text == "居里住在NewYork。北京大学" and not doc.has_unknown_spaces
    nlp = spacy.blank("zh")
    assert [token.text for token in doc] == [token.text for token in nlp(doc.text)]
    (example,) = Corpus(output)(nlp)
    expected = [("居里", "PER"), ("NewYork", "LOC"), ("北京大学", "LOC")]
    assert [(ent.text, ent.label_) for ent in example.reference.ents] == expected
    assert [token.i for token in doc if not token.ent_iob] == [2, 3]
    assert [sent.text for sent in doc.sents] == ["居里住在NewYork。", "北京大学"]
