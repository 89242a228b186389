"""Token-per-line files: layouts as they occur in published corpora, and every way a line can be bad."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_tlner.corpora.conll import read_sentences
from spacy_tlner.corpora.faults import CorpusError


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, **columns):
        path = tmp_path / "corpus.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
        return read_sentences(path, **columns)

    return write_and_read


def pairs(sentences):
    return [list(zip(s.words, s.tags, strict=True)) for s in sentences]


def test_conll2003_with_documents(read):
    text = "-DOCSTART- -X- -X- O\n\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP B-PER\n\n"
    text += "-DOCSTART- -X- -X- O\n\nBRUSSELS NNP I-NP B-LOC\n"
    sentences = read(text)
    assert pairs(sentences) == [[("EU", "B-ORG"), ("rejects", "O")], [("Peter", "B-PER")], [("BRUSSELS", "B-LOC")]]
    assert [s.new_document for s in sentences] == [True, False, True]
    assert [s.lines for s in sentences] == [(3, 4), (6,), (10,)]


@pytest.mark.parametrize("marker", ["-DOCSTART-", "-DOCSTART-\tO", "-DOCSTART- -X- O O", "###MEDLINE:20452467"])
def test_document_markers_end_sentences_and_are_no_tokens(read, marker):
    sentences = read(f"a\tO\n{marker}\nb\tO\n")
    assert pairs(sentences) == [[("a", "O")], [("b", "O")]]
    assert [s.new_document for s in sentences] == [False, True]


def test_tab_separated_tokens_keep_blanks_and_hashes(read):
    sentences = read("a b\tO\n#\tB-X\n#tag\tO\n# c\tO\n\t\n \nd\tO\n")
    assert pairs(sentences) == [[("a b", "O"), ("#", "B-X"), ("#tag", "O"), ("# c", "O")], [("d", "O")]]


def test_whitespace_separated(read):
    sentences = read("New  B-LOC\nYork \t I-LOC \n\xa0x O\n# O\n\n\nIs O\n")
    assert pairs(sentences) == [[("New", "B-LOC"), ("York", "I-LOC"), ("\xa0x", "O"), ("#", "O")], [("Is", "O")]]


def test_conllu_like_comments(read):
    text = "# newdoc id = d1\n# sent_id = 1\n# text = Vitamin O\n1\tVitamin\tB-X\t-\tme\n2\t#\tO\t-\tme\n\n"
    text += "# sent_id = 2\n1\tx\tO\t-\tme\n"
    sentences = read(text, token_column=1, tag_column=2)
    assert pairs(sentences) == [[("Vitamin", "B-X"), ("#", "O")], [("x", "O")]]
    assert [s.comments for s in sentences] == [
        ("# newdoc id = d1", "# sent_id = 1", "# text = Vitamin O"),
        ("# sent_id = 2",),
    ]
    assert [s.new_document for s in sentences] == [True, False]


def test_germeval_comment_with_tabs_in_a_file_with_an_index(read):
    text = "#\thttp://x.org/1\t[2010-07-04]\t\n1\tBerlin\tB-LOC\tO\n2\t#\tO\tO\n"
    (sentence,) = read(text, token_column=1, tag_column=2)
    assert sentence.words == ("Berlin", "#")
    assert len(sentence.comments) == 1


def test_a_line_with_a_tag_is_a_token_whatever_it_looks_like(read):
    assert read("#\t#\tB-X\na\ta\tO\n", token_column=1)[0].words == ("#", "a")
    assert read("# a= B-X\nb b O\n")[0].words == ("#", "b")


def test_comment_in_a_whitespace_separated_file(read):
    (sentence,) = read("# id 5e5d-11 domain=en\nfoo _ _ O\nbar _ _ B-X\n")
    assert sentence.words == ("foo", "bar")


def test_bom_crlf_and_separators_of_unicode_inside_tokens(read):
    sentences = read(b"\xef\xbb\xbf" + "A\tO\r\nb\u2028c\x85\tO\r\n\r\nd\tO".encode())
    assert pairs(sentences) == [[("A", "O"), ("b\u2028c\x85", "O")], [("d", "O")]]


def test_line_ends_of_old_and_blanks_beside_tabs(read):
    expected = [[("Ann", "B-PER"), ("met", "O")], [("New York", "B-LOC")]]
    for end in ("\n", "\r\n", "\r"):
        lines = ["Ann \t B-PER", " met\tO", "", "New York\tB-LOC", ""]
        assert pairs(read(end.join(lines).encode())) == expected


def test_columns_from_either_end(read):
    text = "B-X a NN O\nI-X b NN O\n"
    assert read(text, token_column=1, tag_column=0)[0].tags == ("B-X", "I-X")
    assert read(text, token_column=-3, tag_column=-1)[0].words == ("a", "b")


@pytest.mark.parametrize(
    "line, reason",
    [
        ("lonely", "1 column(s), expected 2"),
        ("#hashtag", "1 column(s), expected 2"),
        ("a\tNN\tB-NP", "3 column(s), expected 2"),
        ("\tO", "the token is empty or blank"),
        (" \tO", "the token is empty or blank"),
        ("a\t", "the tag is empty"),
        ("a\tX-Foo", "'X-Foo' is not a tag"),
        ("a\tB-", "'B-' is not a tag"),
        ("a\tDisease", "'Disease' is not a tag"),
        ("#\t[2010]", "'[2010]' is not a tag"),
    ],
)
def test_bad_lines_are_named(read, line, reason):
    with pytest.raises(CorpusError) as caught:
        read(f"a\tO\nb\tB-X\n\nc\tO\n{line}\nd\tO\n")
    message = str(caught.value)
    assert "TL201" in message and "corpus.txt: 1 line(s)" in message
    assert f"line 5: {line!r}: {reason}" in message


def test_a_line_short_of_columns_is_bad_though_its_last_column_is_a_tag(read):
    with pytest.raises(CorpusError, match=r"line 2: 'b I-NP': 2 column\(s\), expected 3"):
        read("a I-NP O\nb I-NP\nc I-NP O\n")
    # with both columns counted from the front, more columns than needed are nobody's business
    assert read("a O\nb O x\nc O\n", tag_column=1)[0].words == ("a", "b", "c")


def test_ten_bad_lines_are_shown_and_the_others_counted(read):
    with pytest.raises(CorpusError) as caught:
        read("a O\n" * 20 + "a NN\n" * 13)
    message = str(caught.value)
    assert "13 line(s)" in message and "line 30:" in message and "line 31:" not in message and "and 3 more" in message


def test_bytes_that_are_not_utf8_are_named(read):
    with pytest.raises(CorpusError, match=r"line 2: .*not UTF-8 \(byte 0xe4 at position 1\)"):
        read(b"a O\nB\xe4r O\n")


@pytest.mark.parametrize("content", ["", "\n\n \t\n", "-DOCSTART- -X- O O\n\n", "# a comment = 1\n# text = x\n"])
def test_no_sentence(read, content):
    with pytest.raises(CorpusError, match="TL202"):
        read(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tasks.jsonl", '{"text": "Acme fell", "spans": []}\n{"text": "x"}\n'),
        ("export.json", '[\n  {"id": 1}\n]\n'),
        ("tasks.txt", '\n{"text": "Acme"}\n'),
    ],
)
def test_json_is_told_where_to_go(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf8")
    with pytest.raises(CorpusError, match=r"TL223.*data-to-spacy"):
        read_sentences(tmp_path / name)


def test_a_brace_is_a_token(tmp_path: Path) -> None:
    (tmp_path / "text.conll").write_text("{ O\nAcme B-ORG\n} O\n", encoding="utf8")
    (sentence,) = read_sentences(tmp_path / "text.conll")
    assert sentence.words == ("{", "Acme", "}")


@pytest.mark.parametrize("columns", [(0, 0), (0, -2), (0, 2), (-3, 1), (5, -1)])
def test_columns_that_are_not_there(read, columns):
    with pytest.raises(CorpusError, match=r"TL211.* has 2 column"):
        read("a O\nb O\n", token_column=columns[0], tag_column=columns[1])


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(CorpusError, match="TL200"):
            read_sentences(path)


# what a token may not be in a file of tabs: cut by tab or newline, blank, or (first in line) a marker
TOKENS = st.text(st.characters(blacklist_characters="\t\n\r", blacklist_categories=("Cs",)), min_size=1).filter(
    lambda word: word.strip() and not word.startswith(("-DOCSTART-", "###MEDLINE:", "\ufeff"))
)
TAGS = st.sampled_from(["O", "-", "B-A", "I-A", "S-b c", "U-\u00e4"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(TOKENS, TAGS), min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_tokens_come_back_from_a_tab_separated_file(tmp_path_factory, sentences):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    lines = ["".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences]
    path.write_bytes("\n".join(lines).encode("utf8"))
    bare = [[(word.strip(" "), tag) for word, tag in sentence] for sentence in sentences]
    assert pairs(read_sentences(path)) == bare
