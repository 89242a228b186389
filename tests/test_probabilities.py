"""Probabilities on the Doc: candidates, their scores, thresholds; through spaCy's own storage, pipes and commands."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.pipeline.functions import merge_entities
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.util import fix_random_seed

from command_line import run_spacy
from corpus import blank_tagger, entities, initialize, make_doc, make_examples, tagger, train, trained, write_corpus
from spacy_tlner.component import TransferNER
from spacy_tlner.tags import Mention

KEY = "tl_ner_candidates"
WORDS = ["Marie", "Curie", "moved", "to", "Paris", "last", "year", "."]
# words that it has seen in no name, so that it wavers
DOUBTFUL = [
    "Then",
    "Wanda",
    "Landowska",
    "of",
    "Pleyel",
    "wrote",
    "to",
    "Paul",
    "from",
    "Saint",
    "Leu",
    "and",
    "Acme",
    "Pleyel",
    "fell",
    ".",
]


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def tagger_with(**settings: Any) -> Language:
    nlp = trained()
    pipe(nlp).cfg.update(settings)
    return nlp


def parse(nlp: Language, words: list[str] = DOUBTFUL) -> Doc:
    return pipe(nlp)(Doc(nlp.vocab, words=words))


def candidates(doc: Doc, key: str = KEY) -> dict[tuple[int, int, str], float]:
    group = doc.spans[key]
    return {(s.start, s.end, s.label_): float(p) for s, p in zip(group, group.attrs["scores"], strict=True)}


# --- candidates ---


def test_off_by_default() -> None:
    nlp = trained()
    doc = parse(nlp)
    assert not doc.spans and not doc.user_data
    assert nlp.get_pipe_config("tl_ner")["candidates"] is None and nlp.get_pipe_config("tl_ner")["threshold"] is None
    assert all(ent._.tl_prob is None for ent in doc.ents)
    # what others leave in the attributes of a span group is theirs
    doc.spans["x"] = SpanGroup(doc, spans=list(doc.ents), attrs={"component": "x", "scores": [0.5] * len(doc.ents)})
    assert all(ent._.tl_prob is None for ent in doc.ents)


def test_candidates_are_every_mention_above_the_threshold() -> None:
    nlp = tagger_with(candidates=0.01)
    doc = parse(nlp)
    chains = pipe(nlp).chains([Doc(nlp.vocab, words=DOUBTFUL)])
    labels = pipe(nlp).labels
    spans = [(s, e, label) for s in range(len(doc)) for e in range(s + 1, len(doc) + 1) for label in labels]
    (probabilities,) = chains.mention_probabilities([[Mention(*span) for span in spans]])
    expected = {span: p for span, p in zip(spans, probabilities.tolist()) if p >= 0.01}
    found = candidates(doc)
    assert found.keys() == expected.keys() and len(found) > len(doc.ents) > 0
    assert_allclose(list(found.values()), [expected[span] for span in found], rtol=1e-5)
    # overlapping alternatives are there
    assert any(a[1] > b[0] for a, b in pairwise(sorted(found)))
    assert list(found) == sorted(found)


def test_the_best_tagging_is_always_among_the_candidates() -> None:
    nlp = tagger_with(candidates=1.0)
    doc = parse(nlp)
    assert doc.ents and set(candidates(doc)) >= {(e.start, e.end, e.label_) for e in doc.ents}
    assert [entities(parse(trained()))] == [entities(doc)]
    assert all(ent._.tl_prob < 1 for ent in doc.ents)


def test_probability_of_a_span() -> None:
    doc = parse(tagger_with(candidates=0.001))
    found = candidates(doc)
    for (start, end, label), p in found.items():
        assert Span(doc, start, end, label=label)._.tl_prob == pytest.approx(p)
    for ent in doc.ents:
        assert ent._.tl_prob == pytest.approx(found[ent.start, ent.end, ent.label_])
        # the same tokens with another label are another event
        other = Span(doc, ent.start, ent.end, label="NONE")
        assert other._.tl_prob is None


def test_two_taggers_leave_a_group_each() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    for name in ("people", "places"):
        nlp.add_pipe("tl_ner", name=name, config={"model": tagger(), "candidates": 0.1})
    examples = make_examples(nlp, 60)
    initialize(nlp, examples)
    train(nlp, examples, epochs=6)
    doc = nlp(" ".join(WORDS))
    assert set(doc.spans) == {"people_candidates", "places_candidates"}
    assert all(ent._.tl_prob > 0.1 for ent in doc.ents) and doc.ents


def test_entities_set_before_are_given_and_nobodys_finding() -> None:
    nlp = tagger_with(candidates=0.05)
    preset = make_doc(nlp, WORDS, [("ORG", 0, 1)], missing=True)
    ((certain,),) = pipe(nlp).chains([preset]).mention_probabilities([[Mention(0, 1, "ORG")]])
    assert certain == pytest.approx(1)
    doc = pipe(nlp)(preset)
    assert entities(doc)[0] == ("ORG", 0, 1) and doc.ents[0]._.tl_prob is None
    assert not any(start < 1 for start, _, _ in candidates(doc))


def test_chains_of_a_document_that_was_run() -> None:
    nlp = tagger_with(candidates=0.001)
    fresh = pipe(nlp).chains([Doc(nlp.vocab, words=DOUBTFUL)])
    doc = parse(nlp)
    given, asked = pipe(nlp).chains([doc]), pipe(nlp).chains([doc], ents_given=False)
    assert_allclose(asked.entropies(), fresh.entropies(), rtol=1e-5)
    assert given.entropies()[0] < 0.5 * fresh.entropies()[0]
    # what was blocked stays so
    blocked = Doc(nlp.vocab, words=WORDS)
    blocked.set_ents([], blocked=[blocked[4:6]], default="missing")
    pipe(nlp)(blocked)
    assert not any(
        m.end > 4 and m.start < 6 for m, _ in pipe(nlp).chains([blocked], ents_given=False).mentions_above(0)[0]
    )


def test_probabilities_after_retokenizing() -> None:
    """spaCy leaves the tokens of span groups as they were; `merge_entities` is a pipe that many use."""
    nlp = tagger_with(candidates=0.001)
    for words in (DOUBTFUL, ["Then", "Marie", "Curie", "and", "Paul", "Dirac", "met", "Lise", "Meitner"]):
        doc = parse(nlp, words)
        before = [(ent.text, ent._.tl_prob) for ent in doc.ents]
        merged = merge_entities(doc)
        assert [(ent.text, ent._.tl_prob) for ent in merged.ents] == before
    assert len(merged) < len(words)


def test_empty_documents_and_batches() -> None:
    nlp = tagger_with(candidates=0.05, threshold=0.3)
    alone = candidates(parse(nlp))
    docs = list(nlp.pipe([Doc(nlp.vocab, words=words) for words in ([], DOUBTFUL, WORDS, [])]))
    assert [len(doc.spans[KEY]) == 0 for doc in docs] == [True, False, False, True]
    together = candidates(docs[1])
    assert together.keys() == alone.keys()
    assert_allclose(list(together.values()), list(alone.values()), rtol=1e-4)
    assert [len(doc.spans[KEY]) for doc in nlp.pipe([Doc(nlp.vocab)])] == [0]


# --- what keeps the scores ---


@pytest.mark.parametrize("form", ["docbin", "bytes", "disk", "copy"])
def test_forms_that_keep_scores(form: str, tmp_path: Path) -> None:
    nlp = tagger_with(candidates=0.01)
    doc = parse(nlp)
    if form == "docbin":
        again = next(DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(nlp.vocab))
    elif form == "bytes":
        again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    elif form == "disk":
        doc.to_disk(tmp_path / "doc")
        again = Doc(nlp.vocab).from_disk(tmp_path / "doc")
    else:
        again = doc.copy()
    assert candidates(again) == candidates(doc)
    assert [ent._.tl_prob for ent in again.ents] == [ent._.tl_prob for ent in doc.ents]


def test_forms_that_lose_scores() -> None:
    """As the docstring of `set_candidates` says. If spaCy learns to keep them, it is to be told to users."""
    nlp = tagger_with(candidates=0.01)
    doc = parse(nlp)
    lost = [Doc(nlp.vocab).from_json(doc.to_json()), Doc.from_docs([doc, doc]), doc[:].as_doc()]
    for again in lost:
        assert all("scores" not in group.attrs for group in again.spans.values())
        assert all(ent._.tl_prob is None for ent in again.ents)


def test_workers_send_scores_back() -> None:
    nlp = tagger_with(candidates=0.01)
    texts = [" ".join(DOUBTFUL), " ".join(WORDS)] * 4
    for doc, alone in zip(nlp.pipe(texts, n_process=2, batch_size=2), map(nlp, texts), strict=True):
        assert candidates(doc) == pytest.approx(candidates(alone), rel=1e-4)


# --- thresholds ---


def test_a_threshold_gives_the_likely_mentions_best_first() -> None:
    every = candidates(parse(tagger_with(candidates=0.001)))
    for threshold in (0.9, 0.5, 0.2, 0.05, 0.0):
        ents = [(start, end, label) for label, start, end in entities(parse(tagger_with(threshold=threshold)))]
        taken: list[tuple[int, int, str]] = []
        for span, p in sorted(every.items(), key=lambda item: -item[1]):
            if p >= threshold and all(span[1] <= other[0] or other[1] <= span[0] for other in taken):
                taken.append(span)
        assert ents == sorted(taken)


def test_a_lower_threshold_adds_entities() -> None:
    found = [set(entities(parse(tagger_with(threshold=t)))) for t in (0.95, 0.5, 0.2, 0.05, 0.0)]
    assert all(fewer <= more for fewer, more in pairwise(found)) and len(found[0]) < len(found[-1])


def test_a_threshold_a_label() -> None:
    low = set(entities(parse(tagger_with(threshold=0.01))))
    high = set(entities(parse(tagger_with(threshold=0.99))))
    mixed = set(entities(parse(tagger_with(threshold=0.99, label_thresholds={"PER": 0.01}))))
    assert high < mixed and {label for label, _, _ in mixed - high} == {"PER"}
    assert {m for m in low if m[0] == "PER"} <= mixed


def test_thresholds_live_in_the_config(tmp_path: Path) -> None:
    nlp = trained()
    nlp.to_disk(tmp_path)
    doubtful = " ".join(DOUBTFUL)
    before = spacy.load(tmp_path)(doubtful)
    settings = {"components": {"tl_ner": {"threshold": 0.999999, "candidates": 0.02}}}
    strict = spacy.load(tmp_path, config=settings)
    assert len(strict(doubtful).ents) < len(before.ents) and KEY in strict(doubtful).spans
    # and are kept by it, not by the weights' folder
    strict.to_disk(tmp_path / "strict")
    assert entities(spacy.load(tmp_path / "strict")(doubtful)) == entities(strict(doubtful))
    undone = spacy.load(tmp_path / "strict", config={"components": {"tl_ner": {"threshold": None, "candidates": None}}})
    assert entities(undone(doubtful)) == entities(before) and not undone(doubtful).spans


@pytest.mark.parametrize("key", ["threshold", "label_thresholds.PER"])
def test_find_threshold(key: str, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    settings = {"model": tagger(), "threshold": 0.5, "label_thresholds": {"PER": 0.5}}
    nlp.add_pipe("tl_ner", config=settings)
    examples = make_examples(nlp, 100)
    initialize(nlp, examples)
    train(nlp, examples, epochs=2)
    nlp.to_disk(tmp_path / "model")
    dev = write_corpus(tmp_path / "dev.spacy", 40, skip=500)
    command = ["find-threshold", tmp_path / "model", dev, "tl_ner", key, "ents_f", "--n_trials", "5"]
    done = run_spacy(*command)
    assert done.returncode == 0, done.output
    rows = [line.split() for line in done.output.splitlines() if line[:1].isdigit()]
    table = {float(threshold): float(score) for threshold, score in rows}
    assert len(table) == 5 and len(set(table.values())) > 1
    for threshold in table:
        value: Any = threshold if key == "threshold" else {"PER": threshold}
        config = {"components": {"tl_ner": {key.split(".")[0]: value}}}
        scores = spacy.load(tmp_path / "model", config=config).evaluate(make_examples(nlp, 40, skip=500))
        assert scores["ents_f"] == pytest.approx(table[threshold], abs=6e-4)


# --- temperature ---


def test_temperature_is_stored_and_moves_probabilities_only(tmp_path: Path) -> None:
    nlp = tagger_with(candidates=0.001)
    before = parse(nlp)
    pipe(nlp).temperature = 3.0
    nlp.to_disk(tmp_path)
    config = {"components": {"tl_ner": {"candidates": 0.001}}}
    for warm in (
        spacy.load(tmp_path, config=config),
        blank_tagger(candidates=0.001).from_bytes(nlp.to_bytes()),
    ):
        after = parse(warm)
        assert pipe(warm).temperature == 3.0
        assert entities(after) == entities(before)
        assert all(a._.tl_prob < b._.tl_prob for a, b in zip(after.ents, before.ents))
    # a new model needs a new temperature
    initialize(warm, make_examples(warm, 20))
    assert pipe(warm).temperature == 1.0


def test_stored_settings_are_what_the_weights_depend_on(tmp_path: Path) -> None:
    nlp = tagger_with(candidates=0.1, threshold=0.2)
    nlp.to_disk(tmp_path)
    assert set(srsly.read_json(tmp_path / "tl_ner" / "cfg")) == {"labels", "temperatures"}


# --- settings that cannot be used ---


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"threshold": 1.5}, "TL011"),
        ({"threshold": -0.1}, "TL011"),
        ({"threshold": float("nan")}, "TL011"),
        ({"threshold": True}, "TL011"),
        ({"threshold": "0.5"}, "TL011"),
        ({"threshold": [0.5]}, "TL011"),
        ({"candidates": 7}, "TL011"),
        ({"threshold": 0.5, "label_thresholds": {"PER": -1}}, "TL011.*label_thresholds.PER"),
        ({"threshold": 0.5, "label_thresholds": {"GADGET": 0.5}}, "TL012.*GADGET.*LOC, ORG, PER"),
        ({"label_thresholds": {"PER": 0.5}}, "TL013"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], code: str) -> None:
    nlp = tagger_with(**settings)
    with pytest.raises(ValueError, match=code):
        parse(nlp)


@pytest.mark.parametrize("label", ["GENE:protein", "A=B", "#x", "[y]"])
def test_labels_that_a_config_cannot_spell(label: str) -> None:
    with pytest.raises(ValueError, match=r"TL017.*label_thresholds"):
        blank_tagger(threshold=0.5, label_thresholds={label: 0.25})
    for setting, value in (("heads", "other"), ("corpus_weights", 0.5)):
        with pytest.raises(ValueError, match=f"TL017.*{setting}"):
            blank_tagger(**{setting: {label: value}})


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True])
def test_temperatures_that_cannot_be(value: float) -> None:
    with pytest.raises(ValueError, match="TL015"):
        pipe(trained()).temperature = value


def test_training_on_takes_the_temperature_back() -> None:
    nlp = trained()
    pipe(nlp).temperature = 3.0
    train(nlp, make_examples(nlp, 16), epochs=1)
    assert pipe(nlp).temperature == 1.0


def test_candidates_need_weights() -> None:
    nlp = blank_tagger(candidates=0.1)
    with pytest.raises(ValueError, match="E109"):
        nlp("Ada Lovelace")
    with pytest.raises(KeyError, match="TL014"):
        pipe(nlp).chains([nlp.make_doc("Ada Lovelace")])
    pipe(nlp).add_label("PER")
    with pytest.raises(KeyError, match="TL014"):
        pipe(nlp).chains([nlp.make_doc("Ada Lovelace")])


def test_chains_of_a_batch() -> None:
    nlp = trained()
    docs = [Doc(nlp.vocab, words=words) for words in (DOUBTFUL, [], WORDS)]
    chains = pipe(nlp).chains(docs)
    assert [pipe(nlp).scheme.decode(tags) for tags in chains.best()] == [
        [Mention(s, e, label) for label, s, e in entities(pipe(nlp)(doc))] for doc in docs
    ]
    doubtful, empty, sure = chains.entropies()
    assert doubtful > sure >= 0 and empty == 0
    for ranked in chains.n_best(5):
        assert 0 < sum(p for _, p in ranked) <= 1 + 1e-5
    assert numpy.isfinite(chains.log_z()).all()
