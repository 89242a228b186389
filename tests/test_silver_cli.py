"""`spacy tlner silver`: what is written is what the CRF is certain of, and no sentence of a gold corpus is among it."""

import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus
from typer.testing import CliRunner, Result

from corpus import blank_tagger, held_out_texts, initialize, make_examples, train, trained
from spacy_tlner.cli import tlner
from spacy_tlner.corpora.docbin import write_docs
from spacy_tlner.corpora.draw import Draw
from spacy_tlner.corpora.leaks import LeakGuard, Reason, sentences_of, words_of
from spacy_tlner.gold import allowed_tags
from spacy_tlner.tags import Mention

# names and contexts that the tagger never saw, so that it is in doubt
DOUBTFUL = [
    "Zoltan Quux Inc met Brontosaurus near Foobar .",
    "Growth of Mumbai Lovelace Systems was praised by New Hopper .",
    "ACME and tyrell and cairo said nothing . Who hired Bohr of Lima Group ? Nothing happened on Friday .",
    "Cape Noether Imports would leave Umbrella for Rio Planck .",
]
TEXTS = [*held_out_texts(48), *DOUBTFUL, " ".join(held_out_texts(53)[48:])]
NLP = spacy.blank("xx")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model"
    nlp = trained()
    nlp.tokenizer.rules = {}  # most of the time that loading takes
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("texts") / "texts.txt", TEXTS)


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def run(*args: Any) -> Result:
    return CliRunner().invoke(tlner, ["silver", *(str(arg) for arg in args)], env={"COLUMNS": "300"})


def silver(*args: Any) -> list[Doc]:
    """The documents that a run wrote; its third argument is the output."""
    result = run(*args)
    assert result.exit_code == 0, result.output
    return read(args[2])


def read(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(NLP.vocab))


def tags(doc: Doc) -> list[tuple[str, str]]:
    return [(token.ent_iob_, token.ent_type_) for token in doc]


def cut(texts: list[str]) -> list[str]:
    return [sent.text for text in texts for sent in Sentencizer()(NLP.make_doc(text)).sents]


def certain(nlp: Language, docs: list[Doc], least: float) -> list[list[tuple[str, str]]]:
    """What should be annotated, by asking for every mention that there could be."""
    chains = nlp.get_pipe("tl_ner").chains(docs)
    asked = [
        [Mention(i, j, label) for i, j in combinations(range(len(doc) + 1), 2) for label in ("LOC", "ORG", "PER")]
        for doc in docs
    ]
    expected = []
    for mentions, scores, nodes in zip(asked, chains.mention_probabilities(asked), chains.marginals()):
        # nothing that rounding decides
        assert (abs(scores - least) > 1e-4).all() and (abs(nodes[:, 0] - least) > 1e-4).all()
        row = [("O", "") if p >= least else ("", "") for p in nodes[:, 0]]
        for (start, end, label), p in zip(mentions, scores):
            if p >= least:
                row[start:end] = [("B" if i == start else "I", label) for i in range(start, end)]
        expected.append(row)
    return expected


# --- what is written ---


@pytest.mark.parametrize("least", [0.9, 0.51, 0.97])
def test_annotation_is_what_the_crf_is_certain_of(model: Path, texts: Path, tmp_path: Path, least: float) -> None:
    docs = silver(
        model, texts, tmp_path / "s.spacy", "--least-probability", least, "--empty-share", 1, "--json", tmp_path / "j"
    )
    nlp = spacy.load(model)
    sentences = [nlp.make_doc(text) for text in cut(TEXTS)]
    rows = certain(nlp, sentences, least)
    expected = [(doc.text, row) for doc, row in zip(sentences, rows) if set(row) != {("", "")}]
    # in the order of the texts, one sentence a document
    assert [(doc.text, tags(doc)) for doc in docs] == expected
    assert all(len(list(doc.sents)) == 1 and doc.has_annotation("SENT_START") for doc in docs)
    missing = sum(row.count(("", "")) for _, row in expected)
    known = sum(len(row) for _, row in expected) - missing
    assert missing > 5 and known > 400
    report = json.loads((tmp_path / "j").read_text())
    assert report["written"]["missing"] == missing and report["written"]["tokens"] == missing + known
    assert report["sentences"] == len(cut(TEXTS)) and report["texts"] == len(TEXTS)
    assert report["uncertain"] == len(cut(TEXTS)) - len(docs) and report["not_drawn"] == 0
    assert sum(report["written"]["mentions"].values()) == sum(len(doc.ents) for doc in docs)


def test_missing_tokens_are_summed_over_in_training(model: Path, texts: Path, tmp_path: Path) -> None:
    silver(model, texts, tmp_path / "s.spacy", "--empty-share", 1)
    nlp = spacy.load(model)
    scheme = nlp.get_pipe("tl_ner").scheme
    seen = set()
    for example in Corpus(tmp_path / "s.spacy")(nlp):
        free = allowed_tags(example, scheme).sum(axis=1)
        for token, n in zip(example.reference, free, strict=True):
            assert n == (scheme.n_tags if token.ent_iob_ == "" else 1)
            seen.add(token.ent_iob_)
    assert seen == {"", "O", "B", "I"}


@pytest.mark.parametrize("factory", ["tl_ner", "ner"])
def test_trained_on_silver_alone_a_model_knows_what_the_source_knew(model: Path, tmp_path: Path, factory: str) -> None:
    lines = write_lines(tmp_path / "t.txt", [*held_out_texts(240)[40:], *DOUBTFUL])
    silver(model, lines, tmp_path / "s.spacy")
    student = blank_tagger(factory)
    examples = list(Corpus(tmp_path / "s.spacy")(student))
    assert any(token.ent_iob_ == "" for example in examples for token in example.reference)
    initialize(student, examples)
    train(student, examples, epochs=5)
    assert student.evaluate(make_examples(student, 40, skip=1000))["ents_f"] > 0.85


def test_whole_sentences_only(model: Path, texts: Path, tmp_path: Path) -> None:
    every = silver(model, texts, tmp_path / "a.spacy", "--empty-share", 1)
    whole = silver(model, texts, tmp_path / "b.spacy", "--empty-share", 1, "--whole", "--json", tmp_path / "j")
    complete = [doc for doc in every if all(token.ent_iob_ for token in doc)]
    assert 0 < len(complete) < len(every)
    assert [(doc.text, tags(doc)) for doc in whole] == [(doc.text, tags(doc)) for doc in complete]
    report = json.loads((tmp_path / "j").read_text())
    assert report["uncertain"] == len(cut(TEXTS)) - len(whole) and report["written"]["missing"] == 0


def test_sentences_that_the_pipeline_finds(tmp_path: Path) -> None:
    """It reads texts whole; judged by the CRF on the whole text, cut where the pipeline cut."""
    nlp = trained()
    nlp.add_pipe("sentencizer", first=True, config={"punct_chars": [".", ",", "?"]})
    nlp.to_disk(tmp_path / "model")
    lines = write_lines(tmp_path / "t.txt", TEXTS)
    docs = silver(tmp_path / "model", lines, tmp_path / "s.spacy", "--empty-share", 1)
    expected = []
    for text in TEXTS:
        doc = nlp.get_pipe("sentencizer")(nlp.make_doc(text))
        (row,) = certain(nlp, [doc], 0.9)
        expected += [(sent.text, row[sent.start : sent.end]) for sent in doc.sents]
    assert [(doc.text, tags(doc)) for doc in docs] == [pair for pair in expected if set(pair[1]) != {("", "")}]
    assert len(docs) > len(cut(TEXTS))
    # and of these, what the guard takes away
    gold = gold_file(tmp_path / "gold.spacy", "and nobody complained")
    lines = write_lines(
        tmp_path / "t.txt", ["The weather was fine, Plato moved to Oslo last year, and nobody complained."]
    )
    args = ["--exclude", gold, "--empty-share", 1, "--least-probability", 0.51]
    docs = silver(tmp_path / "model", lines, tmp_path / "s.spacy", *args)
    assert [doc.text for doc in docs] == ["The weather was fine,", "Plato moved to Oslo last year,"]


def test_entities_that_were_set_before(tmp_path: Path) -> None:
    """Those of a label of ours are certain; what is below another's is unknown, for the tagger was told it is O."""
    nlp = trained()
    ruler: Any = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "DATE", "pattern": "last year"}, {"label": "ORG", "pattern": "weather was"}])
    nlp.to_disk(tmp_path / "model")
    lines = write_lines(
        tmp_path / "t.txt", ["The weather was fine and nobody complained . Ada Lovelace moved to Oslo last year ."]
    )
    first, second = silver(tmp_path / "model", lines, tmp_path / "s.spacy")
    assert [(ent.text, ent.label_) for ent in first.ents] == [("weather was", "ORG")]
    assert [(ent.text, ent.label_) for ent in second.ents] == [("Ada Lovelace", "PER"), ("Oslo", "LOC")]
    assert [token.text for token in second if token.ent_iob_ == ""] == ["last", "year"]


def test_an_entity_that_was_set_across_sentences(tmp_path: Path) -> None:
    nlp = trained()
    nlp.add_pipe("sentencizer", first=True)
    ruler: Any = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "ORG", "pattern": "year . Shares"}])
    nlp.to_disk(tmp_path / "model")
    text = "Ada Lovelace moved to Oslo last year . Shares of Stark Industries fell in Oslo ."
    docs = silver(tmp_path / "model", write_lines(tmp_path / "t.txt", [text]), tmp_path / "s.spacy")
    assert [[ent.text for ent in doc.ents] for doc in docs] == [["Ada Lovelace", "Oslo"], ["Stark Industries", "Oslo"]]
    assert [[token.text for token in doc if token.ent_iob_ == ""] for doc in docs] == [["year", "."], ["Shares"]]


def test_every_kind_of_text_gives_the_same(model: Path, texts: Path, tmp_path: Path) -> None:
    write_docs([NLP.make_doc(text) for text in TEXTS], tmp_path / "t.spacy")
    write_lines(tmp_path / "t.txt", [f"   {text} \n\n \t" for text in TEXTS])
    (tmp_path / "folder").mkdir()
    write_lines(tmp_path / "folder" / "a.txt", TEXTS[:20])
    write_lines(tmp_path / "folder" / "b.jsonl", [json.dumps({"text": text}) for text in TEXTS[20:]])
    silver(model, texts, tmp_path / "expected.spacy")
    for name in ("t.spacy", "t.txt", "folder"):
        silver(model, tmp_path / name, tmp_path / "found.spacy")
        assert (tmp_path / "found.spacy").read_bytes() == (tmp_path / "expected.spacy").read_bytes(), name


# --- how many are written ---


def test_empty_sentences_are_drawn_by_the_seed(model: Path, texts: Path, tmp_path: Path) -> None:
    every = silver(model, texts, tmp_path / "all.spacy", "--empty-share", 1)
    full = [doc.text for doc in every if doc.ents]
    drawn = {
        seed: [doc.text for doc in silver(model, texts, tmp_path / "s.spacy", "--empty-share", 0.1, "--seed", seed)]
        for seed in range(3)
    }
    for texts_of in drawn.values():
        # a tenth is empty: a ninth of those that are not, all of which are there
        assert len(texts_of) == len(full) + len(full) // 9
        assert [text for text in texts_of if text in full] == full
    assert len({tuple(texts_of) for texts_of in drawn.values()}) > 1
    before = (tmp_path / "s.spacy").read_bytes()
    silver(model, texts, tmp_path / "s.spacy", "--empty-share", 0.1, "--seed", 2)
    assert (tmp_path / "s.spacy").read_bytes() == before
    assert [doc.text for doc in silver(model, texts, tmp_path / "n.spacy", "--empty-share", 0)] == full


@pytest.mark.parametrize(("share", "full", "expected"), [(1, 50, 50), (0.9, 50, 50), (0.5, 80, 80), (0.2, 50, 80)])
def test_fewer_are_drawn_as_chance_would_draw_them(share: float, full: int, expected: int) -> None:
    """Of 100 documents, 10 times over, a tenth; unless too many of them would have no entity."""
    draw = Draw(share, 100)
    for i in range(1000):
        doc = Doc(NLP.vocab, words=["a"])
        doc.set_ents([Span(doc, 0, 1, "X")] if i % 100 < full else [], default="outside")
        draw.add(doc)
    chosen = draw.chosen(0)
    assert len(chosen) == 100 and sum(i % 100 < full for i in chosen) == expected


@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 0.9, 1])
def test_as_many_as_there_may_be(share: float) -> None:
    """Against trying every number of documents with and without an entity."""
    for full in range(6):
        for empty in range(0, 60, 7):
            for most in (None, 1, 4, 10, 50):
                draw = Draw(share, most)
                for i in range(full + empty):
                    doc = Doc(NLP.vocab, words=["a"])
                    doc.set_ents([Span(doc, 0, 1, "X")] if i < full else [], default="outside")
                    draw.add(doc)
                chosen = draw.chosen(0)
                n_full = sum(i < full for i in chosen)
                n_empty = len(chosen) - n_full
                possible = [
                    f + e
                    for f in range(full + 1)
                    for e in range(empty + 1)
                    if e <= share * (f + e) + 1e-9 and (most is None or f + e <= most)
                ]
                assert n_empty <= share * len(chosen) + 1e-9 and len(chosen) == max(possible)
                assert draw.enough == (len(chosen) == most)


def test_reading_ends_when_there_are_enough(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    good = "\n".join(held_out_texts(300)).encode()
    path.write_bytes(good + b"\n\xff\xfe\n")
    docs = silver(model, path, tmp_path / "s.spacy", "--max-sentences", 50, "--json", tmp_path / "j")
    report = json.loads((tmp_path / "j").read_text())
    assert len(docs) == 50 and report["texts"] < 300
    counts = sum(report["removed"]["sentences"].values()) + report["uncertain"] + report["not_drawn"]
    assert report["sentences"] == counts + 50
    result = run(model, path, tmp_path / "t.spacy", "--max-sentences", 5000)
    assert result.exit_code == 1 and "TL222" in result.output and not (tmp_path / "t.spacy").exists()


# --- the leak guard ---

GOLD = [
    "Mutations in the ATM gene cause ataxia-telangiectasia (A-T), which is rare and recessive in most families.",
    "Patients who carried both alleles were followed for ten years at two hospitals in the north.",
    "Short gold sentence.",
    "The effect on survival was, however, small.",
]
CLEAN = ["Nothing in here was ever said by anyone who wrote a test corpus before.", "PER moved to Oslo last year."]


def gold_file(path: Path, *sentences: str, ents: list[tuple[int, int, int, str]] | None = None) -> Path:
    docs = []
    for i, sentence in enumerate(sentences):
        doc = NLP.make_doc(sentence)
        doc.set_ents([Span(doc, start, end, label) for at, start, end, label in ents or [] if at == i])
        docs.append(doc)
    write_docs(docs, path)
    return path


def test_planted_copies_are_removed_and_counted(model: Path, tmp_path: Path) -> None:
    copies = {
        "same": [
            # another tokenizer's blanks, another case, other quotes and dashes, another form of the letters
            "mutations in the ATM gene cause ataxia - telangiectasia ( A - T ) , which is rare and recessive in most "
            "families .",
            "Short GOLD sentence !",
            "Patients who carried both \uff41lleles were followed for ten years at two hospitals in the north",
        ],
        "contained": [
            "We knew that patients who carried both alleles were followed for ten years at two hospitals in the north.",
            "Cause ataxia-telangiectasia (A - T); which is rare and recessive in most.",
        ],
        "near": [
            "Patients who carried both mutations were followed for ten years at two hospitals in the north.",
            "Patients who carried both alleles were followed for ten years at two hospitals there and well treated.",
        ],
    }
    # a whole text: a gold sentence among others; and one in which a third is nearly gold
    document = ["Is it known that nobody here has ever been in gold?", GOLD[0], "Nor was this one in it."]
    nearly = [copies["near"][0], "Another sentence of the document that is found in no corpus.", "Yes, this as well."]
    # one short sentence in common makes no document, alone or in a longer one, nor does one of many that is nearly gold
    harmless = ["Short gold sentence.", "Reported results: the effect on survival was, however, small.", *CLEAN]
    others = [f"This one about subject number {word} is long enough to count as one." for word in "abcd"]
    rarely = [copies["near"][1], *others]
    lines = [
        *(sentence for of in copies.values() for sentence in of),
        " ".join(document),
        " ".join(nearly),
        " ".join(harmless),
        " ".join(rarely),
        *CLEAN,
    ]
    test, dev = gold_file(tmp_path / "test.spacy", *GOLD[:2]), gold_file(tmp_path / "dev.spacy", *GOLD[2:])
    path = write_lines(tmp_path / "t.txt", lines)
    args = ["--exclude", test, "--exclude", dev, "--empty-share", 1, "--least-probability", 0.51]
    result = run(model, path, tmp_path / "s.spacy", *args, "--json", tmp_path / "j")
    assert result.exit_code == 0, result.output
    assert [doc.text for doc in read(tmp_path / "s.spacy")] == [*CLEAN, *others, *CLEAN]
    report = json.loads((tmp_path / "j").read_text())
    assert report["removed"]["sentences"] == {"same": 5, "contained": 3, "near": 4, "document": 4, "string": 0}
    assert report["removed"]["texts"] == 2 and report["removed"]["gold_sentences"] == 4
    assert report["sentences"] == len(cut(lines)) == 16 + len(CLEAN) * 2 + len(others)
    for reason, sentences in copies.items():
        found = [example["sentence"] for example in report["removed"]["examples"][reason]]
        assert found[: len(sentences)] == sentences
    assert report["removed"]["examples"]["contained"][0]["gold"] == GOLD[1]
    assert report["removed"]["examples"]["document"][0] == {"sentence": document[0], "gold": GOLD[0]}
    # and in the terminal
    for text in ("Near duplicates of gold", "Texts removed as a whole", copies["near"][0][:90]):
        assert text in " ".join(result.output.split())


def test_strings_of_gold_that_train_does_not_have(model: Path, tmp_path: Path) -> None:
    gold = gold_file(
        tmp_path / "g.spacy",
        "New York has IL-2 and Paris.",
        "A in Rio.",
        ents=[(0, 0, 2, "LOC"), (0, 3, 4, "GENE"), (0, 5, 6, "LOC"), (1, 0, 1, "GENE")],
    )
    train_ = gold_file(tmp_path / "train.spacy", "In paris.", ents=[(0, 1, 2, "LOC")])
    kept = ["He went to a new Yorkshire town.", "New rules for York came.", "Rio is not annotated.", "IL has 21 parts."]
    removed = ["He went to new\tyork.", "Levels of il 2 rose.", "The (IL-2) receptor.", "NEW YORK!"]
    paris = ["I saw Paris twice."]
    path = write_lines(tmp_path / "t.txt", [*kept, *removed, *paris])
    args = [model, path, tmp_path / "s.spacy", "--exclude", gold, "--empty-share", 1, "--least-probability", 0.51]
    assert len(silver(*args)) == 9
    without = [doc.text for doc in silver(*args, "--exclude-strings", "--json", tmp_path / "j")]
    assert without == kept
    report = json.loads((tmp_path / "j").read_text())["removed"]
    assert report["sentences"]["string"] == 5 and report["gold_strings"] == 3
    assert [example["gold"] for example in report["examples"]["string"]] == [
        "New York",
        "IL-2",
        "IL-2",
        "New York",
        "Paris",
    ]
    assert [doc.text for doc in silver(*args, "--exclude-strings", "--known", train_)] == [*kept, *paris]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.8, 1.0])
def test_what_is_found_is_what_all_pairs_say(seed: int, overlap: float) -> None:
    """Few words, so that sentences share n-grams by chance, and some that are edits of a gold one."""
    rng = random.Random(seed)
    words = [chr(97 + i) * 2 for i in range(3)]
    gold = [" ".join(rng.choices(words, k=rng.randint(1, 16))) for _ in range(40)]
    asked = [" ".join(rng.choices(words, k=rng.randint(1, 16))) for _ in range(120)]
    for sentence in gold:
        edited = sentence.split()
        edited[rng.randrange(len(edited))] = "zz"
        asked += [" ".join(edited), f"yy yy {sentence} xx xx", " ".join(sentence.split()[:9])]
    guard = LeakGuard(gold, overlap=overlap, n=4, least_words=6)
    found = [guard.judge([sentence]).leaks[0] for sentence in asked]
    for sentence, leak in zip(asked, found):
        shares = {text: share_of(sentence, text) for text in gold}
        if sentence in gold:
            assert leak == (Reason.same, sentence)
        elif max(shares.values()) < overlap:
            # a gold sentence too short to be near another one is found where it stands whole
            within = {text for text in gold if 4 <= len(text.split()) < 6 and f" {text} " in f" {sentence} "}
            assert leak is None if not within else leak.reason == Reason.contained and leak.gold in within
        else:
            assert leak is not None and shares[leak.gold] >= overlap
            # by letters, as copies are cut into words in other ways
            squeezed = sentence.replace(" ", "")
            near = [text.replace(" ", "") for text, share in shares.items() if share >= overlap]
            contained = any(squeezed in text or text in squeezed for text in near)
            assert leak.reason == (Reason.contained if contained else Reason.near)
    assert {leak.reason for leak in found if leak} >= {Reason.same, Reason.contained}
    assert None in found


def share_of(first: str, second: str) -> float:
    grams = [
        {tuple(of[i : i + 4]) for i in range(len(of) - 3)} for of in (first.split(), second.split()) if len(of) > 5
    ]
    return len(grams[0] & grams[1]) / min(map(len, grams)) if len(grams) == 2 else 0.0


def test_boilerplate_does_not_cost_all_pairs() -> None:
    """Gold sentences that differ in one word only: looked up are the few that have a rare n-gram, not all."""
    gold = [f"patient {i} was seen in the clinic on monday and went home on the same day" for i in range(2000)]
    guard = LeakGuard(gold, overlap=0.9)
    compared = 0

    class Counting(frozenset):
        def __rand__(self, other: Any) -> Any:
            nonlocal compared
            compared += 1
            return frozenset(self).intersection(other)

    guard._grams = [Counting(grams) for grams in guard._grams]
    for i in range(3000, 3100):
        assert guard.judge([f"patient {i} was seen in the clinic on sunday and went home on the same day"]).leaks == [
            None
        ]
    assert compared == 0
    assert guard.judge(["so patient 7 was seen in the clinic on monday and went home on the same day"]).leaks[0]
    assert 0 < compared < 20


def test_words_are_those_of_any_tokenizer() -> None:
    assert words_of("IL-2Rα , (anti) Cannot! \u2460 ﬁx_ed") == ("il", "2", "rα", "anti", "cannot", "1", "fix", "ed")
    assert words_of("在北京 ABC在12。ひら") == ("在", "北", "京", "abc", "在", "12", "ひ", "ら")
    assert words_of(" .,- \n") == ()
    assert LeakGuard(["...", " "]).judge(["!", ""]).leaks == [None, None]


def test_gold_with_and_without_sentences() -> None:
    text = "Dr . Who came . He left ."
    marked = Doc(NLP.vocab, words=text.split(), sent_starts=[True, *[False] * 4, True, False, False])
    assert [sentence.strip() for sentence in sentences_of([marked])] == ["Dr . Who came .", "He left ."]
    plain = Doc(NLP.vocab, words=text.split())
    found = [sentence.strip() for sentence in sentences_of([plain])]
    assert found == [text, "Dr .", "Who came .", "He left ."]
    assert not plain.has_annotation("SENT_START")


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("content", "args", "number"),
    [
        ("Plato left .", ["--least-probability", "0.5"], "TL525"),
        ("Plato left .", ["--least-probability", "nan"], "TL525"),
        ("Plato left .", ["--empty-share", "1.1"], "TL525"),
        ("Plato left .", ["--overlap", "0"], "TL525"),
        ("Plato left .", ["--exclude-strings"], "TL622"),
        ("Plato left .", ["--exclude", "GOLD", "--known", "GOLD"], "TL622"),
        ("Plato left .", ["--exclude", "GOLD", "--exclude-strings"], "TL623"),
        ("Plato left .", ["--exclude", "OUT"], "TL620"),
        ("Plato left .", ["--exclude", "DIR"], "TL620"),
        ("Plato left .", ["--json", "TEXT"], "TL620"),
        ("Plato left .", ["--json", "OUT"], "TL620"),
        ("Plato left .", ["--json", "TEXT/inside"], "TL210"),
        ("Plato left .", ["--json", "DIR"], "TL210"),
        ("Plato left .", ["--exclude", "TEXT"], "TL214"),
        ("Plato left .", ["--component", "none"], "TL503"),
        ("Nothing happened on Monday .", [], "TL621"),
        (" \n\n", [], "TL621"),
        ("Plato left .", ["--exclude", "GOLD"], "TL621"),
    ],
)
def test_errors_leave_nothing(model: Path, tmp_path: Path, content: str, args: list[str], number: str) -> None:
    text = write_lines(tmp_path / "t.txt", [content])
    gold = gold_file(tmp_path / "gold.spacy", "Plato left.")
    out = tmp_path / "out.spacy"
    names = {"GOLD": gold, "OUT": out, "DIR": tmp_path, "TEXT": text}
    named = [str(names.get(arg, tmp_path / "t.txt" / "inside" if arg == "TEXT/inside" else arg)) for arg in args]
    result = run(model, text, out, *named)
    assert result.exit_code == 1 and number in result.output
    assert sorted(tmp_path.iterdir()) == [gold, text] and text.read_text() == content


def test_outputs_that_cannot_be(model: Path, tmp_path: Path) -> None:
    text = write_lines(tmp_path / "t.txt", ["Plato left ."])
    for out, number in ((tmp_path / "t.json", "TL209"), (tmp_path / "t.txt" / "s.spacy", "TL210")):
        result = run(model, text, out)
        assert result.exit_code == 1 and number in result.output
    result = run(tmp_path / "no_model", text, tmp_path / "s.spacy")
    assert result.exit_code == 1 and "TL408" in result.output
    assert list(tmp_path.iterdir()) == [text]


def test_beside_its_texts(model: Path, tmp_path: Path) -> None:
    """In a folder of texts only a name of a text is refused."""
    write_lines(tmp_path / "t.txt", [TEXTS[0]])
    for _ in range(2):
        assert silver(model, tmp_path, tmp_path / "s.spacy", "--json", tmp_path / "s.json")
    result = run(model, tmp_path, tmp_path / "s.spacy", "--json", tmp_path / "s.jsonl")
    assert result.exit_code == 1 and "TL620" in result.output


def test_an_interrupt_leaves_what_stood_there(tmp_path: Path) -> None:
    seen = 0

    @Language.component("silver_test_interrupt")
    def interrupt(doc: Doc) -> Doc:
        nonlocal seen
        seen += 1
        if seen == 100:
            raise KeyboardInterrupt
        return doc

    nlp = trained()
    nlp.add_pipe("silver_test_interrupt", first=True)
    nlp.to_disk(tmp_path / "model")
    text = write_lines(tmp_path / "t.txt", held_out_texts(200))
    out = tmp_path / "out" / "s.spacy"
    for before in ([], ["s.spacy"]):
        seen = 0
        result = run(tmp_path / "model", text, out, "--json", tmp_path / "out" / "j")
        assert result.exit_code != 0 and seen == 100
        assert [path.name for path in tmp_path.glob("out/*")] == before
        out.parent.mkdir(exist_ok=True)
        out.write_bytes(b"what stood there")
    assert out.read_bytes() == b"what stood there"


def test_a_warning_without_gold(model: Path, texts: Path, tmp_path: Path) -> None:
    result = run(model, texts, tmp_path / "deep" / "s.spacy")
    assert result.exit_code == 0 and "Without --exclude" in result.output
    result = run(model, texts, tmp_path / "s.spacy", "--exclude", gold_file(tmp_path / "g.spacy", GOLD[0]))
    assert result.exit_code == 0 and "Without --exclude" not in result.output and "No sentence had" in result.output


@pytest.mark.parametrize(
    ("strings", "sentence", "leaks"),
    [
        (["WHO"], "Nobody knew who fell ill.", False),
        (["WHO"], "The WHO warned of it.", True),
        (["WHO", "who"], "Nobody knew who fell ill.", True),
        (["Plato"], "They read PLATO twice.", True),
        (["TNF alpha"], "It is tnf-alpha again.", True),
    ],
)
def test_capitals_are_looked_for_in_capitals(strings: list[str], sentence: str, leaks: bool) -> None:
    verdict = LeakGuard(["One gold sentence."], strings=strings).judge([sentence])
    assert (verdict.leaks[0] is not None) == leaks


def test_names_in_ideographs_are_short() -> None:
    """Two make a name, where two letters make a word of any sentence; a single one is passed over."""
    guard = LeakGuard([], ["東京", "川"])
    assert guard.n_strings == 1
    found = guard.judge(["東京で会う", "川で会う", "京で会う"]).leaks
    assert [leak and (leak.reason, leak.gold) for leak in found] == [(Reason.string, "東京"), None, None]
