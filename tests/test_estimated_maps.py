"""Label maps that are estimated: what the source sees in the target's mentions, and what becomes of that."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.schemas import ConfigValidationError
from spacy.training import Example
from spacy.util import fix_random_seed

from corpus import (
    LABELS,
    LISTENER,
    blank_tagger,
    initialize,
    make_examples,
    tagger,
    train,
    weights,
)
from spacy_tlner.stamps import stamp
from spacy_tlner.tags import OUTSIDE
from spacy_tlner.transfer.callbacks import blank_source
from spacy_tlner.transfer.estimate import estimate_label_map
from warm_starts import ESTIMATE, assert_rows, from_config, pipe, report, started

# filled in where a config is loaded, as of every registered function
ESTIMATE_DEFAULTS = {"least_share": 0.3, "least_count": 3.0, "seed": False, "limit": 1000}


def estimated(source: Path, examples: Any, *, beside: dict[str, Any] | None = None, **settings: Any) -> Language:
    """A fresh pipeline over `examples(nlp)` whose label map is estimated. beside: settings of the warm start."""
    fix_random_seed(1)
    nlp = blank_tagger()
    block = {"source": str(source), "label_map": {"@misc": ESTIMATE, **settings}, **(beside or {})}
    nlp.config["initialize"]["components"]["tl_ner"] = block
    nlp.initialize(lambda: examples(nlp))
    return nlp


def corpus(rename: dict[str, str], n: int = 50) -> Any:
    return lambda nlp: make_examples(nlp, n, skip=2000, rename=rename)


def split(nlp: Language) -> list[Example]:
    """Persons are poets in the first 35 sentences and painters in 15 more."""
    return [
        *make_examples(nlp, 35, skip=2000, rename={"PER": "POET"}),
        *make_examples(nlp, 15, skip=2050, rename={"PER": "PAINTER"}),
    ]


def with_days(nlp: Language) -> list[Example]:
    """A label of which the source knows nothing, under the name of one that it has."""
    examples = make_examples(nlp, 50, skip=2000, rename={"ORG": "FIRM"})
    for eg in examples:
        days = [
            spacy.tokens.Span(eg.reference, t.i, t.i + 1, "ORG") for t in eg.reference if t.text in ("Monday", "year")
        ]
        eg.reference.set_ents([*eg.reference.ents, *days])
    return examples


CASES: dict[str, tuple[Any, dict[str, str], dict[str, str], list[str], list[str]]] = {
    # examples; then, with seeds: matched {ours: theirs}, seeded, fresh, dropped
    "equal names": (corpus({}), {"LOC": "LOC", "ORG": "ORG", "PER": "PER"}, {}, [], []),
    "renamed": (
        corpus({"PER": "a person", "ORG": "a firm", "LOC": "a place"}),
        {"a person": "PER", "a firm": "ORG", "a place": "LOC"},
        {},
        [],
        [],
    ),
    "misleading names": (
        corpus({"PER": "ORG", "ORG": "LOC", "LOC": "PER"}),
        {"ORG": "PER", "LOC": "ORG", "PER": "LOC"},
        {},
        [],
        [],
    ),
    "one of them misleading": (corpus({"PER": "ORG", "ORG": ""}), {"ORG": "PER", "LOC": "LOC"}, {}, [], ["ORG"]),
    "merged": (corpus({"PER": "NAME", "ORG": "NAME"}), {"NAME": "PER", "LOC": "LOC"}, {}, [], ["ORG"]),
    "split": (split, {"POET": "PER", "ORG": "ORG", "LOC": "LOC"}, {"PAINTER": "PER"}, [], []),
    "new": (with_days, {"FIRM": "ORG", "PER": "PER", "LOC": "LOC"}, {}, ["ORG"], []),
    "too little data": (
        corpus({"PER": "ORG", "ORG": "LOC", "LOC": "firm"}, n=3),
        {"LOC": "LOC", "ORG": "ORG"},
        {},
        ["firm"],
        ["PER"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_labels_are_found_by_what_the_source_sees(source: Path, case: str) -> None:
    examples, matched, seeded, fresh, dropped = CASES[case]
    nlp = estimated(source, examples, seed=True)
    kept = report(nlp)
    assert (kept["labels"], kept["labels_seeded"]) == (matched, seeded)
    assert (kept["labels_fresh"], kept["labels_dropped"]) == (fresh, dropped)
    assert_rows(nlp, matched | seeded, list(pipe(nlp).labels))
    mentions = [ent.label_ for eg in examples(nlp) for ent in eg.reference.ents]
    assert kept["label_table"]["mentions"] == {label: mentions.count(label) for label in pipe(nlp).labels}


def test_an_estimated_map_starts_as_the_same_map_given(source: Path) -> None:
    """Weight by weight: that the source read our documents has left no trace."""
    rename = {"PER": "a person", "ORG": "PER"}
    nlp = estimated(source, corpus(rename, n=40))
    given = started({"source": source, "label_map": rename}, rename=rename)
    found, expected = weights(pipe(nlp).model), weights(pipe(given).model)
    assert found.keys() == expected.keys()
    assert all((value == expected[key]).all() for key, value in found.items())


def test_entities_of_the_sources_other_pipes_are_not_the_taggers(source: Path, tmp_path: Path) -> None:
    """A ruler before the tagger leaves it nothing to say where the ruler has spoken; it is the tagger that is asked."""
    nlp = spacy.load(source)
    patterns = [{"label": "RULED", "pattern": ent.text} for eg in split(nlp) for ent in eg.reference.ents]
    nlp.add_pipe("entity_ruler", before="tl_ner").add_patterns(patterns)
    nlp.to_disk(tmp_path / "ruled")
    rename = {"PER": "a person", "ORG": "PER"}
    tables = [report(estimated(path, corpus(rename)))["label_table"] for path in (source, tmp_path / "ruled")]
    assert tables[0] == tables[1]


def test_the_table_holds_what_the_source_says_token_by_token(source: Path) -> None:
    kept = report(estimated(source, corpus({"PER": "ORG", "ORG": "PER"}, n=9)))["label_table"]
    old = spacy.load(source)
    expected = {label: numpy.zeros(4) for label in LABELS}
    found = {label: numpy.zeros(4) for label in LABELS}
    examples = make_examples(old, 9, skip=2000, rename={"PER": "ORG", "ORG": "PER"})
    for eg in examples:
        doc = old.make_doc(eg.reference.text)
        assert [t.text for t in doc] == [t.text for t in eg.reference]
        (marginals,) = pipe(old).chains([doc]).marginals()
        names = pipe(old).scheme.names
        predicted = old(doc)
        for ent in eg.reference.ents:
            for token in ent:
                # a mean over tokens, tag by tag, and beside it the best tagging, of a source that is sure of itself
                for name, p in zip(names, marginals[token.i]):
                    column = 3 if name == "O" else LABELS.index(name[2:])
                    expected[ent.label_][column] += p / len(ent)
                label = predicted[token.i].ent_type_
                found[ent.label_][LABELS.index(label) if label else 3] += 1 / len(ent)
    assert kept["documents"] == sum(bool(eg.reference.ents) for eg in examples)
    assert kept["source_labels"] == list(LABELS)
    for label in LABELS:
        numpy.testing.assert_allclose(kept["counts"][label], expected[label], atol=2e-3)
        numpy.testing.assert_allclose(kept["counts"][label], found[label], atol=0.5)
        assert sum(kept["counts"][label]) == pytest.approx(kept["mentions"][label], abs=2e-3)


def test_the_table_is_shown(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="spacy_tlner"):
        nlp = estimated(source, corpus({"PER": "a person"}))
    kept = report(nlp)["label_table"]
    (line,) = [record.message for record in caplog.records if record.message.startswith("  a person ")]
    n = kept["mentions"]["a person"]
    assert line.split()[2:] == [str(n), *(f"{count / n:.2f}" for count in kept["counts"]["a person"])]
    assert "  labels mapped: PER -> a person" in [record.message for record in caplog.records]


def test_a_limit_reads_documents_from_all_over_the_corpus(source: Path) -> None:
    """Sorted by what persons are called, so that the first ones alone would tell of poets only."""
    kept = report(estimated(source, split, limit=10, least_count=0.5, seed=True))
    assert kept["label_table"]["documents"] == 10
    assert kept["labels"]["POET"] == "PER" and kept["labels_seeded"] == {"PAINTER": "PER"}


def test_settings_of_the_estimate(source: Path) -> None:
    """By default, half of the mentions are enough and nothing is seeded."""
    assert "NAME" not in report(estimated(source, corpus({"PER": "NAME", "ORG": "NAME"}), least_share=0.7))["labels"]
    assert "NAME" not in report(estimated(source, corpus({"PER": "NAME"}), least_count=1000))["labels"]
    assert report(estimated(source, split))["labels_seeded"] == {}


def test_a_seed_of_the_user_goes_before_the_estimate(source: Path) -> None:
    kept = report(estimated(source, split, seed=True, beside={"seed_labels": {"POET": "ORG"}}))
    assert kept["labels"] == {"PAINTER": "PER", "LOC": "LOC", "ORG": "ORG"}
    assert kept["labels_seeded"] == {"POET": "ORG"}


def test_nothing_is_estimated_for_a_head_that_is_not_copied(source: Path) -> None:
    kept = report(estimated(source, corpus({}), beside={"layers": ["words", "encoder"]}))
    assert kept["label_table"] is None and kept["labels"] == {}


def test_the_estimate_is_of_the_active_head_and_its_documents(tmp_path: Path) -> None:
    """The source has a head of our head's name beside the one that it predicts with, and another corpus misleads."""
    fix_random_seed(0)
    old = blank_tagger(heads={"gazette": "places"})
    people, places = make_examples(old, 60, rename={"ORG": "", "LOC": ""}), make_examples(old, 60, rename={"PER": ""})
    for eg in places:
        stamp(eg.reference, "gazette")
    examples = [eg for pair in zip(people, places) for eg in pair]
    train(initialize(old, examples), examples, epochs=12)
    old.to_disk(tmp_path / "source")

    nlp = blank_tagger(heads={"news": "main"}, head="places")
    ours = make_examples(nlp, 40, skip=2000, rename={"PER": "", "LOC": "ORG", "ORG": "LOC"})
    others = make_examples(nlp, 40, skip=2100, rename={"PER": "PER"})
    for eg in others:
        stamp(eg.reference, "news")
    block = {"source": str(tmp_path / "source"), "label_map": {"@misc": ESTIMATE}}
    nlp.config["initialize"]["components"]["tl_ner"] = block
    nlp.initialize(lambda: [*others, *ours])
    kept = report(nlp)
    assert kept["labels"] == {"ORG": "LOC", "LOC": "ORG"} and kept["labels_dropped"] == []
    assert kept["other_heads"] == {"main": "1 of 3 labels"}
    assert sum(kept["label_table"]["mentions"].values()) == sum(len(eg.reference.ents) for eg in ours)


def test_examples_stay_as_they_are(source: Path) -> None:
    examples = make_examples(blank_tagger(), 20, skip=2000)
    estimated(source, lambda nlp: examples)
    assert not any(eg.predicted.has_annotation("ENT_IOB") for eg in examples)


def test_a_source_in_doubt_is_heard(source: Path) -> None:
    """Made so unsure of itself that its best taggings miss most mentions, it still leans the right way."""
    old = spacy.load(source)
    pipe(old).model.get_ref("heads").layers[0].get_ref("emission").get_param("b")[OUTSIDE] += 6
    rename = {"PER": "a person", "LOC": "a place", "ORG": "a firm"}
    examples = make_examples(old, 50, skip=2000, rename=rename)
    found = sum(len(old(eg.reference.text).ents) for eg in examples)
    assert found < 0.5 * sum(len(eg.reference.ents) for eg in examples)
    estimate = estimate_label_map(least_share=0.1)(old, "tl_ner", examples, sorted(rename.values()), ())
    assert estimate.label_map == rename


def test_estimates_without_anything_to_read(source: Path) -> None:
    nlp = blank_tagger()
    settings = {"source": str(source), "labels": list(LABELS), "label_map": {"@misc": ESTIMATE}}
    nlp.config["initialize"]["components"]["tl_ner"] = settings
    with pytest.raises(ValueError, match=r"\[TL117\].*none of the 12 .*LOC, ORG, PER"):
        nlp.initialize(lambda: make_examples(nlp, 12, rename=dict.fromkeys(LABELS, "")))


@pytest.mark.parametrize("given", ["estimate", ["PER"], {"PER": 1}])
def test_label_maps_of_another_kind(source: Path, given: Any) -> None:
    with pytest.raises(ConfigValidationError, match="label_map"):
        started({"source": source, "label_map": given})


def test_estimate_over_a_shared_encoder(shared: Path, tmp_path: Path) -> None:
    """The source's tok2vec runs before its tagger."""
    nlp = from_config(
        tmp_path,
        {"tok2vec": {"source": str(shared)}, "tl_ner": {"factory": "tl_ner", "model": tagger(LISTENER)}},
        {"tl_ner": {"source": str(shared), "label_map": {"@misc": ESTIMATE, "least_share": 0.8}}},
        rename={"PER": "LOC", "LOC": "place"},
    )
    assert report(nlp)["labels"] == {"LOC": "PER", "place": "LOC", "ORG": "ORG"}


def test_estimate_through_a_config_and_what_is_saved_of_it(source: Path, tmp_path: Path) -> None:
    """As `spacy train` does: a config file with overrides, a saved pipeline that forgets, one that does not."""
    rename = {"PER": "a person", "ORG": "LOC", "LOC": "ORG"}
    nlp = from_config(
        tmp_path,
        {"tl_ner": {"factory": "tl_ner", "model": tagger()}},
        {"tl_ner": {"source": str(source), "label_map": {}}},
        rename=rename,
        overrides={
            "initialize.components.tl_ner.label_map.@misc": ESTIMATE,
            "initialize.components.tl_ner.label_map.least_share": 0.5,
        },
    )
    kept = report(nlp)
    assert kept["labels"] == {"a person": "PER", "LOC": "ORG", "ORG": "LOC"}
    nlp.to_disk(tmp_path / "all")
    loaded = spacy.load(tmp_path / "all")
    block = loaded.config["initialize"]["components"]["tl_ner"]
    assert block["label_map"] == {"@misc": ESTIMATE, **ESTIMATE_DEFAULTS, "least_share": 0.5}
    # JSON may move the last digit of a count
    found, stored = ({**of, "label_table": dict(of["label_table"])} for of in (report(loaded), kept))
    for label, counts in stored["label_table"].pop("counts").items():
        assert found["label_table"]["counts"].pop(label) == pytest.approx(counts)
    assert found["label_table"].pop("counts") == {} and found == stored
    loaded.initialize(lambda: make_examples(loaded, 40, skip=2000, rename=rename))
    assert report(loaded)["labels"] == kept["labels"]

    block["seed_labels"] = {"X": "Y"}
    blank_source()(loaded).to_disk(tmp_path / "blank")
    again = spacy.load(tmp_path / "blank")
    assert report(again)["labels"] == kept["labels"]
    block = again.config["initialize"]["components"]["tl_ner"]
    assert {key for key, value in block.items() if value is None} == {"source", "label_map", "seed_labels"}
    again.initialize(lambda: make_examples(again, 12))
    assert "tl_ner" not in again.meta["spacy_tlner"]
