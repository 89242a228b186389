"""`spacy tlner suggest`: what it scores, that it does not say the same twice, and files that annotation tools read."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.tokens import Doc, DocBin, Span
from spacy.training import offsets_to_biluo_tags
from thinc.api import Config
from typer.testing import CliRunner

from brute_force import all_paths
from corpus import held_out_texts, trained
from spacy_tlner.chains import Chains
from spacy_tlner.cli import tlner
from spacy_tlner.corpora.faults import CorpusError
from spacy_tlner.corpora.task_texts import distinct, read_texts
from spacy_tlner.crf.chain import Chain
from spacy_tlner.measure.suggest import mark, rank
from spacy_tlner.measure.uncertainty import Cosines, choose, doubt
from spacy_tlner.mentions import Scored
from spacy_tlner.tags import Mention, TagScheme

# emoji of one and of several code points, a right-to-left word, a composed letter, blanks of every kind
ODD = "😀 Ada  Lovelace\tmoved to\u00a0New York 👩‍💻 e\u0301toile שלום. Shares of Acme fell \u2028 in Rio de Janeiro!\n"


# --- scores ---


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.0, 0.05])
def test_doubt_is_what_all_taggings_say(seed, threshold):
    rng = numpy.random.default_rng(seed)
    scheme = TagScheme(("A", "B"))
    L = scheme.n_tags
    chain = Chain(
        transitions=rng.normal(size=(L, L)).astype("float32"),
        start=rng.normal(size=L).astype("float32"),
        end=rng.normal(size=L).astype("float32"),
        legal=scheme.legal,
        legal_start=scheme.legal_start,
        legal_end=scheme.legal_end,
    )
    emissions = rng.normal(size=(4, L)).astype("float32") * 2
    paths, probabilities = all_paths(emissions, chain)
    held: dict[Any, float] = {}
    for path, p in zip(paths, probabilities):
        for mention in scheme.decode(path):
            held[mention] = held.get(mention, 0.0) + p
    # no mention below 1e-3 is looked for
    expected = sum(p * (1 - p) for p in held.values() if p >= max(threshold, 1e-3))
    (found,) = Chains(emissions, chain, scheme, [4]).mentions_above(threshold)
    assert expected > 0.1
    assert_allclose(doubt(found), expected, rtol=1e-4)


def test_doubt_is_none_where_the_model_is_sure_and_most_at_a_coin_toss():
    assert doubt([scored(0.0), scored(1.0)]) == 0 and doubt([]) == 0
    assert doubt([scored(0.5)]) == 0.25 > doubt([scored(0.6)])


def scored(p: float) -> Scored:
    return Scored(Mention(0, 1, "A"), p)


# --- choosing ---


def bags(*texts: str) -> list[Any]:
    words = {word: i for i, word in enumerate(sorted({w for text in texts for w in text.split()}))}
    return [numpy.asarray([words[w] for w in text.split()], dtype="uint64") for text in texts]


def near_duplicates() -> tuple[list[str], list[float]]:
    """30 texts of one pattern, which the model doubts most, and 30 that have nothing to do with each other."""
    alike = [f"the patient was treated for disease number {i} in the clinic" for i in range(30)]
    rng = numpy.random.default_rng(0)
    others = [" ".join(f"w{k}" for k in rng.integers(0, 2000, size=9)) for _ in range(30)]
    return alike + others, [1.0 + i / 1000 for i in range(30)] + [0.8 + i / 1000 for i in range(30)]


def test_near_duplicates_fill_the_list_only_without_diversity():
    texts, scores = near_duplicates()
    plain = choose(scores, bags(*texts), 20, diversity=0)
    diverse = choose(scores, bags(*texts), 20, diversity=0.5)
    assert sum(choice.at < 30 for choice in plain) == 20
    assert sum(choice.at < 30 for choice in diverse) == 1
    assert diverse[0].at == 29 and len({choice.at for choice in diverse}) == 20
    # the list goes on when there is nothing else left
    assert sorted(c.at for c in choose(scores, bags(*texts), 99, diversity=0.5)) == list(range(60))


def test_what_is_annotated_already_counts_as_chosen():
    texts, scores = near_duplicates()
    known = bags(*texts, "the patient was treated for disease number 99 in the clinic")
    free = choose([*scores, 0.0], known, 10, diversity=0.5)
    held = choose([*scores, 0.0], known, 10, diversity=0.5, taken=[60])
    assert free[0].at == 29
    assert all(30 <= choice.at < 60 for choice in held)


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_every_choice_is_the_best_by_the_formula(diversity):
    rng = numpy.random.default_rng(1)
    texts = [rng.integers(0, 30, size=rng.integers(0, 12)).astype("uint64") for _ in range(40)]
    scores = rng.random(40)
    dense = all_cosines(texts)
    chosen: list[int] = []
    for choice in choose(scores, texts, 40, diversity=diversity):
        nearest = dense[:, chosen].max(axis=1) if chosen and diversity else numpy.zeros(40)
        value = scores * (1 - diversity * nearest)
        best = max(value[i] for i in range(40) if i not in chosen)
        assert choice.at not in chosen
        assert_allclose(value[choice.at], best, atol=1e-12)
        assert choice.score == scores[choice.at] and abs(choice.similarity - nearest[choice.at]) < 1e-9
        chosen.append(choice.at)
    assert len(chosen) == 40


def all_cosines(texts: list[Any]) -> Any:
    """All pairs, dense: sets of words weighing log(1 + n / df); shared weight over the geometric mean of both."""
    n = len(texts)
    has = numpy.zeros((n, 1 + max(int(w) for text in texts for w in text)))
    for row, text in zip(has, texts):
        row[text.astype("int64")] = 1
    weight = numpy.log1p(n / numpy.maximum(has.sum(axis=0), 1))
    total = has @ weight
    scale = numpy.sqrt(numpy.outer(total, total))
    return numpy.divide((has * weight) @ has.T, scale, out=numpy.zeros((n, n)), where=scale > 0)


def test_cosines_are_those_of_all_pairs():
    rng = numpy.random.default_rng(2)
    texts = [rng.integers(0, 20, size=rng.integers(0, 9)).astype("uint64") for _ in range(25)]
    found = Cosines(texts)
    assert_allclose([found.to(i) for i in range(25)], all_cosines(texts), atol=1e-9)


def test_of_equals_the_first_and_no_scale():
    texts = bags("a b", "c d", "e f", "a b")
    assert [c.at for c in choose([1, 1, 1, 1], texts, 4, diversity=1)] == [0, 1, 2, 3]
    scores = [0.5, 0.4, 0.1, 0.45]
    order = [c.at for c in choose(scores, texts, 4, diversity=0.7)]
    assert order == [c.at for c in choose([1000 * s for s in scores], texts, 4, diversity=0.7)] == [0, 1, 3, 2]
    assert choose([], [], 3, diversity=0.5) == []


def test_a_hundred_thousand_texts_need_no_matrix_of_pairs():
    """A matrix of all pairs would be 80 GB. The time is what the docstring promises, with much room."""
    rng = numpy.random.default_rng(0)
    texts = numpy.split(rng.zipf(1.4, 500_000).astype("uint64"), 100_000)
    assert len(choose(rng.random(100_000), texts, 20, diversity=0.5)) == 20


# --- with a pipeline ---


@pytest.fixture(scope="module")
def nlp():
    return trained()


def test_rank_goes_by_the_chains_and_runs_what_comes_before_alone(nlp):
    nlp = trained()
    nlp.add_pipe("sentencizer", first=True)
    nlp.add_pipe("entity_ruler", last=True).add_patterns([{"label": "X", "pattern": "the"}])
    texts = held_out_texts(300)
    choices = rank(nlp, "tl_ner", map(nlp.make_doc, texts), 12, diversity=0, threshold=0.05)
    possible = nlp.get_pipe("tl_ner").chains(list(map(nlp.make_doc, texts))).mentions_above(0.05)
    scores = numpy.asarray([doubt(of) for of in possible])
    assert [c.at for c in choices] == sorted(range(300), key=lambda i: -scores[i])[:12]
    assert_allclose([c.score for c in choices], sorted(scores)[::-1][:12])
    assert choices[0].score > choices[-1].score > 0
    (marked,) = mark(nlp, "tl_ner", [nlp.make_doc("the weather in Oslo .")], 0.05)
    assert {ent.label_ for ent in marked.doc.ents} <= {"LOC", "ORG", "PER"}
    assert marked.doc.has_annotation("SENT_START")
    assert nlp.pipe_names == ["sentencizer", "tl_ner", "entity_ruler"]


def test_mark_says_how_probable_the_entities_and_the_whole_are(nlp):
    texts = held_out_texts(20)
    tagger = nlp.get_pipe("tl_ner")
    marked = list(mark(nlp, "tl_ner", map(nlp.make_doc, texts), 0.01))
    chains = tagger.chains([nlp.make_doc(text) for text in texts])
    for found, ((_, p), *_), plain in zip(marked, chains.n_best(1), nlp.pipe(texts)):
        assert_allclose(found.confidence, p, rtol=1e-4)
        assert [(e.start, e.end, e.label_) for e in found.doc.ents] == [(e.start, e.end, e.label_) for e in plain.ents]
    asked = [[m.mention for m in found.possible] for found in marked]
    for found, expected in zip(marked, chains.mention_probabilities(asked)):
        assert_allclose([p for _, p in found.possible], expected, rtol=1e-4)
    assert any(0.01 < p < 0.99 for found in marked for _, p in found.possible)


# --- the command ---


@pytest.fixture(scope="module")
def model(tmp_path_factory, nlp):
    path = tmp_path_factory.mktemp("model") / "pipeline"
    nlp.to_disk(path)
    return path


def run(*args: Any) -> str:
    """What the command prints; it ends well."""
    done = CliRunner().invoke(tlner, ["suggest", *map(str, args)])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*args: Any) -> str:
    done = CliRunner().invoke(tlner, ["suggest", *map(str, args)])
    assert done.exit_code == 1, done.output
    return " ".join(done.output.split())


def write(path: Path, texts: list[str]) -> Path:
    """The same texts in the format that the name asks for."""
    if path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "meta": {"id": i}}) for i, text in enumerate(texts)]
        path.write_text("\n\n".join(lines), encoding="utf8")
    elif path.suffix == ".txt":
        path.write_text("\r\n\r\n   \r\n".join(texts), encoding="utf-8-sig", newline="")
    else:
        nlp = spacy.blank("xx")
        docs = [nlp.make_doc(text) for text in texts]
        for doc in docs:  # annotation that is not to be seen
            doc.set_ents([Span(doc, 0, 1, label="GOLD")])
        DocBin(docs=docs).to_disk(path)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".txt", ".spacy"])
@pytest.mark.parametrize("style", ["prodigy", "label-studio"])
def test_every_format_in_and_out(tmp_path, model, nlp, suffix, style):
    texts = [ODD.strip() if suffix == ".txt" else ODD, *held_out_texts(8)]
    source = write(tmp_path / f"in{suffix}", texts)
    output = tmp_path / "new" / ("out.jsonl" if style == "prodigy" else "out.json")
    said = run(model, source, "--top", 6, "--format", style, "--output", output)
    assert "6 of 9" in said
    content = output.read_bytes().decode("utf8")
    tasks = json.loads(content) if style == "label-studio" else [json.loads(line) for line in content.split("\n")[:-1]]
    assert len(tasks) == 6 and not list(output.parent.glob(".*"))
    found = 0
    for task in tasks:
        data = task["data"] if style == "label-studio" else task
        assert data["text"] in texts
        if suffix == ".jsonl":
            assert texts[data["meta"]["id"]] == data["text"]
        check = check_label_studio if style == "label-studio" else check_prodigy
        found += check(task, nlp)
    assert found > 6
    assert any((t.get("data") or t)["text"] == texts[0] for t in tasks), "the odd one is the least like the others"


def check_prodigy(task: dict[str, Any], nlp: Any) -> int:
    """As Prodigy's own files are: tokens that lie in the text, spans that name their first and last token."""
    text, tokens = task["text"], task["tokens"]
    assert set(task) == {"text", "meta", "tokens", "spans"}
    assert [token["id"] for token in tokens] == list(range(len(tokens)))
    assert all(text[token["start"] : token["end"]] == token["text"] for token in tokens)
    rebuilt = Doc(nlp.vocab, words=[t["text"] for t in tokens], spaces=[t["ws"] for t in tokens])
    assert rebuilt.text == text
    for span in task["spans"]:
        first, last = tokens[span["token_start"]], tokens[span["token_end"]]
        assert (first["start"], last["end"]) == (span["start"], span["end"])
        assert 0 <= span["score"] <= 1
    check_offsets(nlp, rebuilt, [(s["start"], s["end"], s["label"]) for s in task["spans"]])
    assert task["meta"]["score"] >= 0 and isinstance(task["meta"]["probabilities"], str)
    return len(task["spans"])


def check_label_studio(task: dict[str, Any], nlp: Any) -> int:
    """As label-studio-sdk's LabelInterface.validate_prediction demands for its NER template."""
    (prediction,) = task["predictions"]
    assert set(prediction) == {"model_version", "score", "result"} and 0 <= prediction["score"] <= 1
    results, text = prediction["result"], task["data"]["text"]
    assert len({result["id"] for result in results}) == len(results)
    for result in results:
        assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "labels")
        value = result["value"]
        assert text[value["start"] : value["end"]] == value["text"] and 0 <= result["score"] <= 1
    mentions = [(r["value"]["start"], r["value"]["end"], *r["value"]["labels"]) for r in results]
    check_offsets(nlp, nlp.make_doc(text), mentions)
    return len(results)


def check_offsets(nlp: Any, doc: Doc, mentions: list[tuple[int, int, str]]) -> None:
    """spaCy reads the same entities from the offsets as the pipeline sets, none of them cut by a token."""
    assert "-" not in offsets_to_biluo_tags(doc, mentions)
    spans = [doc.char_span(start, end, label=label) for start, end, label in mentions]
    expected = nlp(Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])).ents
    assert [(s.start, s.end, s.label_) for s in spans] == [(s.start, s.end, s.label_) for s in expected]


def test_the_screen_has_the_tasks_alone_and_the_same_twice(tmp_path, model):
    source = write(tmp_path / "in.txt", held_out_texts(30))
    first = run(model, source, "--top", 10)
    assert first == run(model, source, "--top", 10, "--output", "-")
    scores = [json.loads(line)["meta"]["score"] for line in first.splitlines()]
    assert len(scores) == 10
    by_score = [json.loads(x)["meta"]["score"] for x in run(model, source, "--top", 10, "--diversity", 0).splitlines()]
    assert by_score == sorted(by_score, reverse=True) and sum(by_score) >= sum(scores)
    assert len(json.loads(run(model, source, "--top", 3, "--format", "label-studio"))) == 3


def test_label_studio_lines_where_the_name_asks_for_them(tmp_path, model):
    source = write(tmp_path / "in.txt", held_out_texts(5))
    said = run(model, source, "--format", "label-studio", "--output", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf8").splitlines()
    assert len(lines) == 5 and all("predictions" in json.loads(line) for line in lines)
    assert '<Label value="LOC"/>' in said and 'value="$text"' in "".join(said.split("\n"))


def test_the_same_text_once_and_what_is_annotated_not_at_all(tmp_path, model):
    texts = held_out_texts(6)
    source = write(tmp_path / "in.txt", [*texts, texts[0].upper(), texts[1].replace(" ", "   ")])
    assert len(run(model, source).splitlines()) == 6
    # a .spacy file without blanks between its words is the same text still
    docs = [Doc(spacy.blank("xx").vocab, words=text.split(), spaces=[False] * len(text.split())) for text in texts[:2]]
    DocBin(docs=docs).to_disk(tmp_path / "known.spacy")
    known = write(tmp_path / "known.jsonl", texts[2:3])
    options = ("--annotated", tmp_path / "known.spacy", "--annotated", known)
    left = {json.loads(line)["text"] for line in run(model, source, *options).splitlines()}
    assert left == set(texts[3:])
    assert "TL520" in refused(model, source, "--annotated", source)


def test_what_went_to_label_studio_is_not_suggested_again(tmp_path, model):
    source = write(tmp_path / "in.txt", held_out_texts(6))
    tasks = tmp_path / "tasks.json"
    run(model, source, "--top", 4, "--format", "label-studio", "--output", tasks)
    sent = {task["data"]["text"] for task in json.loads(tasks.read_text(encoding="utf8"))}
    left = {json.loads(line)["text"] for line in run(model, source, "--annotated", tasks).splitlines()}
    assert len(sent) == 4 and left == set(held_out_texts(6)) - sent
    # the same as lines, and as its smaller export has them, with the text at the top
    lines = tmp_path / "tasks.jsonl"
    run(model, source, "--top", 4, "--format", "label-studio", "--output", lines)
    (tmp_path / "min.json").write_text(json.dumps([{"id": 1, "text": text, "label": []} for text in sent]))
    for known in (lines, tmp_path / "min.json"):
        assert {json.loads(line)["text"] for line in run(model, source, "--annotated", known).splitlines()} == left


def test_sentences(tmp_path, model):
    text = "  Ada Lovelace moved to Oslo . \n\n Shares of Acme fell .  "
    source = write(tmp_path / "in.jsonl", [text])
    whole = [json.loads(line) for line in run(model, source).splitlines()]
    assert [task["text"] for task in whole] == [text]
    tasks = [json.loads(line) for line in run(model, source, "--sentences").splitlines()]
    assert {task["text"] for task in tasks} == {"Ada Lovelace moved to Oslo .", "Shares of Acme fell ."}
    assert all(task["meta"]["id"] == 0 for task in tasks)
    # boundaries that a .spacy file has are kept, whatever the sentencizer would say
    doc = Doc(spacy.blank("xx").vocab, words=["Oslo", ".", "is", "cold"], sent_starts=[True, False, False, True])
    DocBin(docs=[doc]).to_disk(tmp_path / "in.spacy")
    tasks = [json.loads(line) for line in run(model, tmp_path / "in.spacy", "--sentences").splitlines()]
    assert {task["text"] for task in tasks} == {"Oslo . is", "cold"}


def test_an_entity_of_an_earlier_rule_has_no_probability_of_ours(tmp_path):
    nlp = trained()
    nlp.add_pipe("entity_ruler", before="tl_ner").add_patterns([{"label": "WEATHER", "pattern": "weather"}])
    nlp.to_disk(tmp_path / "model")
    source = write(tmp_path / "in.txt", ["The weather in Oslo was fine ."])
    (task,) = map(json.loads, run(tmp_path / "model", source).splitlines())
    assert [(s["label"], "score" in s) for s in task["spans"] if s["label"] == "WEATHER"] == [("WEATHER", False)]


def test_read_texts_keeps_a_text_as_it_is(tmp_path, nlp):
    (tmp_path / "in.jsonl").write_text(
        '\ufeff{"text": "a\\n b\u2028c"}\n \n{"text": "  "}\r\n{"text": "d", "meta": null, "tokens": []}',
        encoding="utf8",
    )
    assert [text.text for text in read_texts(tmp_path / "in.jsonl", nlp)] == ["a\n b\u2028c", "d"]
    texts = list(read_texts(tmp_path / "in.jsonl", nlp))
    assert distinct(texts, without=texts[:1]) == texts[1:]


# --- errors ---


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("in.csv", b"a", ["TL523", "in.csv", ".jsonl"]),
        ("in.txt", b" \n\n", ["TL520", "empty or blank"]),
        ("in.jsonl", b'{"text": "a"}\n{"text": 1}\n\n[]\n{"tex', ["TL522", "3 line(s)", "line 2", "line 4", "line 5"]),
        ("in.jsonl", b'{"text": "a", "meta": 3}', ["TL522", "line 1", "meta"]),
        ("in.jsonl", b'{"text": "\\ud83d"}', ["TL522", "line 1", "surrogate"]),
        ("in.txt", b"fine\n\xff\xfe\n", ["TL522", "line 2", "utf-8"]),
        ("in.json", b'[{"text": "a"}, {"data": {"no": 1}}]', ["TL521", "object 2", '"text"']),
        ("in.json", b'{"text": "a"}', ["TL521", "no JSON list"]),
        ("in.json", b"[", ["TL521", "in.json"]),
        ("in.spacy", b"nothing of the kind", ["TL521", "in.spacy"]),
        ("in.jsonl", None, ["TL521", "No such file"]),
        ("in.spacy", None, ["TL521", "No such file"]),
    ],
)
def test_texts_that_cannot_be_used(tmp_path, model, name, content, expected):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    output = tmp_path / "out.jsonl"
    output.write_text("before")
    message = refused(model, tmp_path / name, "--output", output)
    assert all(part in message for part in expected), message
    assert output.read_text() == "before"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--top", 0), ("TL525", "--top is 0")),
        (("--diversity", 1.5), ("TL525", "--diversity is 1.5")),
        (("--diversity", "nan"), ("TL525", "--diversity")),
        (("--threshold", -0.1), ("TL525", "--threshold is -0.1")),
        (("--output", "out.json"), ("TL524", "out.json", ".jsonl")),
        (("--output", "out.txt", "--format", "label-studio"), ("TL524", ".json or .jsonl")),
        (("--component", "other"), ("TL503", "other", "tl_ner")),
    ],
)
def test_options_that_cannot_be_used(tmp_path, model, options, expected):
    source = write(tmp_path / "in.txt", ["Ada"])
    message = refused(model, source, *options)
    assert all(part in message for part in expected), message


def test_a_pipeline_without_the_tagger_and_one_with_two(tmp_path, model):
    source = write(tmp_path / "in.txt", held_out_texts(3))
    spacy.blank("xx").to_disk(tmp_path / "blank")
    assert "TL503" in refused(tmp_path / "blank", source)
    assert "TL408" in refused(tmp_path / "nowhere", source)
    two = trained()
    two.add_pipe("tl_ner", name="second", source=trained())
    two.to_disk(tmp_path / "two")
    assert "TL503" in refused(tmp_path / "two", source)
    assert len(run(tmp_path / "two", source, "--component", "second").splitlines()) == 3


def test_a_tagger_that_cannot_predict(tmp_path, model):
    source = write(tmp_path / "in.txt", held_out_texts(3))
    blank = spacy.blank("xx")
    blank.add_pipe("tl_ner")
    blank.to_disk(tmp_path / "blank")
    assert "TL014" in refused(tmp_path / "blank", source)
    config = Config().from_disk(model / "config.cfg")
    shutil.copytree(model, tmp_path / "wrong")
    config["components"]["tl_ner"]["threshold"] = 1.5
    config.to_disk(tmp_path / "wrong" / "config.cfg")
    assert "TL011" in refused(tmp_path / "wrong", source)


def test_what_is_read_is_not_written_over(tmp_path, model):
    source, done = (
        write(tmp_path / "in.jsonl", held_out_texts(3)),
        write(tmp_path / "done.jsonl", held_out_texts(5)[3:]),
    )
    before = source.read_bytes(), done.read_bytes()
    assert "TL527" in refused(model, source, "--output", source)
    assert "TL527" in refused(model, source, "--annotated", done, "--output", tmp_path / "." / "done.jsonl")
    assert (source.read_bytes(), done.read_bytes()) == before


def test_a_text_too_long_for_the_pipeline_is_told(tmp_path, model):
    assert "E088" in refused(model, write(tmp_path / "in.txt", ["word " * 210_000]))


def test_nothing_half_written(tmp_path, model, monkeypatch):
    source = write(tmp_path / "in.txt", held_out_texts(3))
    output = tmp_path / "out.jsonl"
    output.write_text("before")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert "TL526" in refused(model, source, "--output", output)
    assert output.read_text() == "before" and sorted(p.name for p in tmp_path.iterdir()) == ["in.txt", "out.jsonl"]
    monkeypatch.undo()
    assert "TL526" in refused(model, source, "--output", source / "out.jsonl")


def test_errors_are_of_one_kind(tmp_path, nlp):
    with pytest.raises(CorpusError, match="TL523"):
        next(read_texts(tmp_path / "in.csv", nlp))
