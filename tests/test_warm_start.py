"""Warm start from a trained source: what is copied, what is left fresh, what is refused, and what is told of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.training import Example
from spacy.util import fix_random_seed

from corpus import (
    HASH_EMBED_CNN,
    LABELS,
    LISTENER,
    LOOKUP_ENCODER,
    TINY_ENCODER,
    blank_tagger,
    entities,
    initialize,
    make_examples,
    optimizer,
    tagger,
    train,
    trained,
    weights,
)
from spacy_tlner.transfer.groups import GROUPS, layer_groups
from warm_starts import ESTIMATE, TEXTS, assert_rows, from_config, head_of, ids, pipe, report, started

# --- labels ---


@pytest.mark.parametrize("labels", [["PER", "LOC", "ORG"], ["ORG", "PER", "LOC"], ["PER", "ORG", "LOC"]])
def test_permuted_labels_predict_the_same(source: Path, labels: list[str]) -> None:
    nlp, old = started({"source": source, "labels": labels}), spacy.load(source)
    assert pipe(nlp).labels == tuple(labels)
    expected = [entities(doc) for doc in old.pipe(TEXTS)]
    # words of the target become known, and words that were unknown to the source are other words then
    for node in pipe(nlp).model.walk():
        if node.name == "words":
            node.attrs["seen"] = layer_groups(pipe(old).model)["words"][0].attrs["seen"]
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    scores = [numpy.concatenate(pipe(n).model.predict([n.make_doc(text) for text in TEXTS])) for n in (old, nlp)]
    order = ids(labels, list(LABELS))
    assert (scores[1] == scores[0][:, order]).all()
    assert_rows(nlp, {label: label for label in labels}, labels)


def test_permuted_labels_predict_the_same_end_to_end(tmp_path: Path) -> None:
    """As above with nothing touched: the target's words are the source's, so that no word changes its standing."""
    old = trained()
    old.to_disk(tmp_path / "source")
    nlp = blank_tagger()
    nlp.config["initialize"]["components"]["tl_ner"] = {
        "source": str(tmp_path / "source"),
        "labels": ["PER", "LOC", "ORG"],
    }
    nlp.initialize(lambda: make_examples(nlp, 200))
    expected = [entities(doc) for doc in old.pipe(TEXTS)]
    assert sum(map(len, expected)) >= 100
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected


def test_inserted_labels(source: Path) -> None:
    labels = ["DAY", "LOC", "GADGET", "ORG", "PER"]
    nlp = started({"source": source, "labels": labels})
    assert_rows(nlp, {label: label for label in LABELS}, labels)
    assert report(nlp)["labels_fresh"] == ["DAY", "GADGET"]
    assert report(nlp)["resized"] == {"head": "13 -> 21", "transitions": "13 -> 21"}


def test_removed_labels(source: Path) -> None:
    nlp = started({"source": source}, rename={"ORG": ""})
    assert pipe(nlp).labels == ("LOC", "PER")
    assert_rows(nlp, {"LOC": "LOC", "PER": "PER"}, ["LOC", "PER"])
    assert report(nlp)["labels_dropped"] == ["ORG"]
    found = {label for doc in nlp.pipe(TEXTS) for label, _, _ in entities(doc)}
    assert found == {"LOC", "PER"}


def test_renamed_labels_predict_the_same(source: Path) -> None:
    rename = {"PER": "person", "ORG": "organisation"}
    nlp = started({"source": source, "label_map": rename}, rename=rename)
    labels = ["LOC", "organisation", "person"]
    assert pipe(nlp).labels == tuple(labels)
    assert_rows(nlp, {"LOC": "LOC", "organisation": "ORG", "person": "PER"}, labels)
    assert report(nlp)["labels"] == {"person": "PER", "organisation": "ORG", "LOC": "LOC"}


def test_swapped_and_dropped_labels(source: Path) -> None:
    nlp = started({"source": source, "label_map": {"PER": "ORG", "ORG": "PER", "LOC": ""}})
    assert_rows(nlp, {"ORG": "PER", "PER": "ORG"}, list(LABELS))
    assert report(nlp)["labels_dropped"] == ["LOC"] and report(nlp)["labels_fresh"] == ["LOC"]


def test_a_mapped_label_is_not_also_taken_by_name(source: Path) -> None:
    """PER of the source goes to ORG; then our PER is fresh, and the source's ORG goes nowhere."""
    nlp = started({"source": source, "label_map": {"PER": "ORG"}})
    assert_rows(nlp, {"ORG": "PER", "LOC": "LOC"}, list(LABELS))


def test_label_map_from_a_file(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"PER": "#person: [1]"}), encoding="utf8")
    nlp = started(
        {"source": source, "label_map": {"@misc": "spacy_tlner.read_label_map.v1", "path": str(path)}},
        rename={"PER": "#person: [1]"},
    )
    assert report(nlp)["labels"]["#person: [1]"] == "PER"
    assert_rows(nlp, {"#person: [1]": "PER", "LOC": "LOC", "ORG": "ORG"}, list(pipe(nlp).labels))


# --- labels that share a start ---


def test_seeds_copy_the_rows_of_their_source_label(source: Path) -> None:
    """And all that goes between two labels that share a start is what goes from the source's label to itself."""
    labels = ["HERO", "LOC", "ORG", "PER", "POET", "DAY"]
    seeds = {"HERO": "PER", "POET": "PER", "LOC": "ORG"}
    nlp = started({"source": source, "labels": labels, "seed_labels": seeds})
    assert_rows(nlp, {"ORG": "ORG", "PER": "PER", **seeds}, labels)
    old, new = head_of(trained())["transitions"], head_of(nlp)["transitions"]
    hero, poet, per = ids(["HERO"], labels)[1:], ids(["POET"], labels)[1:], ids(["PER"], list(LABELS))[1:]
    last, first = 2, 0
    assert new[hero[last], poet[first]] == new[poet[last], hero[first]] == old[per[last], per[first]]
    kept = report(nlp)
    assert kept["labels"] == {"ORG": "ORG", "PER": "PER"} and kept["labels_seeded"] == seeds
    assert kept["labels_fresh"] == ["DAY"] and kept["labels_dropped"] == ["LOC"]
    assert kept["copied"]["head"] == 1 + 4 * 5


def test_labels_that_share_a_start_predict_as_their_source_label_and_are_told_apart(source: Path) -> None:
    """At first they find what it finds; where gold calls some persons heroes, they part without any noise."""
    nlp = blank_tagger()
    settings = {"source": str(source), "labels": [*LABELS, "HERO"], "seed_labels": {"HERO": "PER"}}
    nlp.config["initialize"]["components"]["tl_ner"] = settings
    nlp.initialize(lambda: make_examples(nlp, 200))
    expected = [entities(doc) for doc in spacy.load(source).pipe(TEXTS)]
    merged = {"HERO": "PER"}
    found = [[(merged.get(label, label), *at) for label, *at in entities(doc)] for doc in nlp.pipe(TEXTS)]
    assert found == expected

    def heroic(examples: list[Example]) -> list[Example]:
        for eg in examples:
            ents = [
                (e.start, e.end, "HERO" if e.label_ == "PER" and len(e) == 1 else e.label_) for e in eg.reference.ents
            ]
            eg.reference.set_ents([spacy.tokens.Span(eg.reference, *ent) for ent in ents])
        return examples

    train(nlp, heroic(make_examples(nlp, 200)), epochs=3)
    scores = nlp.evaluate(heroic(make_examples(nlp, 60, skip=1000)))["ents_per_type"]
    assert scores["HERO"]["f"] > 0.9 and scores["PER"]["f"] > 0.9


# --- layers ---


# of the default architecture, in their order
DEFAULT_GROUPS = [group for group in GROUPS if group in ("words", "characters", "encoder", "head", "transitions")]


@pytest.mark.parametrize("n", range(len(DEFAULT_GROUPS) + 1))
def test_ladder_copies_only_what_it_names(source: Path, n: int) -> None:
    layers = DEFAULT_GROUPS[:n]
    nlp = started({"source": source, "layers": layers})
    fresh, old = started({}), trained()
    groups = [layer_groups(pipe(which).model) for which in (nlp, fresh, old)]
    for group in DEFAULT_GROUPS:
        for found, random, theirs in zip(*(of[group] for of in groups)):
            for name in found.param_names:
                expected = theirs if group in layers else random
                assert (found.get_param(name) == expected.get_param(name)).all(), (group, name)
    assert list(report(nlp)["copied"]) == layers
    assert report(nlp)["fresh"] == DEFAULT_GROUPS[n:]
    learned = layer_groups(pipe(nlp).model)["words"][0].attrs["seen"]
    own = layer_groups(pipe(fresh).model)["words"][0].attrs["seen"]
    theirs = layer_groups(pipe(old).model)["words"][0].attrs["seen"]
    assert set(learned) == (set(own) | set(theirs) if n else set(own))


def test_the_ladder_is_a_sweep_over_one_setting(source: Path, tmp_path: Path) -> None:
    """One config, and one override a rung: what is copied grows by a group; labels are estimated where they matter."""
    for n in (DEFAULT_GROUPS.index("head"), DEFAULT_GROUPS.index("head") + 1):
        nlp = from_config(
            tmp_path,
            {"tl_ner": {"factory": "tl_ner", "model": tagger()}},
            {"tl_ner": {"source": str(source), "label_map": {"@misc": ESTIMATE}, "layers": None}},
            rename={"PER": "a person"},
            overrides={"initialize.components.tl_ner.layers": DEFAULT_GROUPS[:n]},
        )
        assert list(report(nlp)["copied"]) == DEFAULT_GROUPS[:n] and report(nlp)["fresh"] == DEFAULT_GROUPS[n:]
        of_head = {"a person": "PER", "LOC": "LOC", "ORG": "ORG"} if "head" in DEFAULT_GROUPS[:n] else {}
        assert report(nlp)["labels"] == of_head


def test_head_alone_over_another_encoder_of_the_same_width(source: Path) -> None:
    nlp = started({"source": source, "layers": ["head", "transitions"]}, tok2vec=HASH_EMBED_CNN)
    assert (head_of(nlp)["W"] == head_of(trained())["W"]).all()


def test_word_sets_unite(source: Path) -> None:
    nlp = started({"source": source})
    words = report(nlp)["words_known"]
    known = set(layer_groups(pipe(nlp).model)["words"][0].attrs["seen"].tolist())
    lower = {token.lower for eg in make_examples(nlp, 40, skip=2000) for token in eg.reference}
    lower |= {token.lower for eg in make_examples(nlp, 200) for token in eg.reference}
    assert known == lower and words["together"] == len(lower)


def test_looked_up_words_come_with_their_vectors(tmp_path: Path) -> None:
    """Of the source's words each has the vector it had there; a new one starts as the source's unknown word."""
    old = blank_tagger(model=tagger(LOOKUP_ENCODER))
    examples = make_examples(old, 10)
    train(initialize(old, examples), examples, epochs=2)
    old.to_disk(tmp_path / "source")
    nlp = started({"source": tmp_path / "source"}, tok2vec=LOOKUP_ENCODER)
    mine, theirs = (layer_groups(pipe(p).model)["words"][0] for p in (nlp, old))
    own = {token.lower for eg in make_examples(nlp, 40, skip=2000) for token in eg.reference}
    rows = dict(zip(mine.attrs["seen"].tolist(), mine.get_param("table")))
    known = dict(zip(theirs.attrs["seen"].tolist(), theirs.get_param("table")))
    assert rows.keys() == own | known.keys() and own - known.keys()
    for key, row in rows.items():
        assert (row == known.get(key, theirs.get_param("unknown"))).all()
    assert report(nlp)["copied"]["words"] == theirs.get_param("table").size + theirs.get_param("unknown").size


def test_looked_up_words_start_anew() -> None:
    """Initialized again, the table has another shape: no gradient, moment or average of the old one may meet it."""
    nlp = blank_tagger(model=tagger(LOOKUP_ENCODER))
    sgd = optimizer()
    for n in (5, 60, 20):
        examples = make_examples(nlp, n)
        train(initialize(nlp, examples), examples, epochs=1, sgd=sgd)
        words = layer_groups(pipe(nlp).model)["words"][0]
        known = {token.lower for eg in examples for token in eg.reference}
        assert len(words.get_param("table")) == len(words.attrs["seen"]) == len(known)
        with nlp.use_params(sgd.averages):
            assert len(words.get_param("table")) == len(known)
            list(nlp.pipe(TEXTS[:5]))


def test_copies_are_copies(source: Path) -> None:
    """Training goes on from the source's weights, and a second start finds the source as it was."""
    nlp = started({"source": source})
    scratch = started({})
    examples = make_examples(nlp, 40, skip=2000)
    assert train(nlp, examples, epochs=1)[0] < 0.5 * train(scratch, make_examples(scratch, 40, skip=2000), epochs=1)[0]
    assert_rows(started({"source": source}), {label: label for label in LABELS}, list(LABELS))


# --- refusals ---


def refused(settings: dict[str, Any], match: str, **kwargs: Any) -> None:
    """The error, and that nothing was copied before it."""
    nlp = blank_tagger(model=tagger(kwargs.get("tok2vec")))
    nlp.config["initialize"]["components"]["tl_ner"] = {
        key: str(value) if isinstance(value, Path) else value for key, value in settings.items()
    }
    fix_random_seed(1)
    with pytest.raises(ValueError, match=match):
        nlp.initialize(lambda: make_examples(nlp, 40, skip=2000))
    if pipe(nlp).labels:
        found = weights(pipe(nlp).model)
        fresh = weights(pipe(started({}, tok2vec=kwargs.get("tok2vec"))).model)
        assert found and all((value == fresh[key]).all() for key, value in found.items())
    assert "warm_start" not in nlp.meta.get("spacy_tlner", {}).get("tl_ner", {})


@pytest.mark.parametrize(
    "settings",
    [
        {"label_map": {"A": "B"}},
        {"label_map": {"@misc": "spacy_tlner.estimate_label_map.v1"}},
        {"seed_labels": {"A": "B"}},
        {"layers": ["head"]},
        {"source_component": "x"},
    ],
)
def test_settings_without_a_source(settings: dict[str, Any]) -> None:
    refused(settings, rf"(?s)\[TL101\].*'tl_ner'.*{next(iter(settings))}")


def test_a_source_that_is_left_empty_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    component = {"tl_ner": {"factory": "tl_ner", "model": tagger()}}
    from_config(tmp_path, component, {})
    assert "TL118" not in caplog.text
    from_config(tmp_path, component, {"tl_ner": {"source": None}})
    assert "TL118" in caplog.text and "--paths.source" in caplog.text


@pytest.mark.parametrize(
    ("label_map", "match"),
    [
        ({"PERSON": "PER"}, r"\[TL102\].*'PERSON'.*LOC, ORG, PER"),
        ({"PERSON": ""}, r"\[TL102\].*'PERSON'"),
        ({"PER": "PERSON"}, r"\[TL103\].*'PER' maps to 'PERSON'.*LOC, ORG, PER"),
        ({"PER": "LOC", "ORG": "LOC"}, r"\[TL104\].*'PER'.*'ORG'.*'LOC'"),
    ],
)
def test_label_maps_that_cannot_be(source: Path, label_map: dict[str, str], match: str) -> None:
    refused({"source": source, "label_map": label_map}, match)


@pytest.mark.parametrize(
    ("seeds", "match"),
    [
        ({"HERO": "PER"}, r"\[TL113\].*'HERO'.*LOC, ORG, PER"),
        ({"PER": "HERO"}, r"\[TL114\].*'HERO'.*LOC, ORG, PER"),
    ],
)
@pytest.mark.parametrize("label_map", [{}, {"@misc": "spacy_tlner.estimate_label_map.v1"}])
def test_seeds_that_cannot_be(source: Path, seeds: dict[str, str], match: str, label_map: dict[str, str]) -> None:
    refused({"source": source, "label_map": label_map, "seed_labels": seeds}, match)


def test_a_label_that_is_mapped_and_seeded(source: Path) -> None:
    settings = {"source": source, "label_map": {"PER": "ORG"}, "seed_labels": {"ORG": "LOC"}}
    refused(settings, r"\[TL115\].*'ORG'.*'PER'.*'LOC'")


@pytest.mark.parametrize("content", [None, "[]", '{"A": 1}', '{"A": null}', "{", "\udcff"])
def test_label_map_files_that_cannot_be(source: Path, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "map.json"
    if content is not None:
        path.write_bytes(content.encode("utf8", "surrogateescape"))
    label_map = {"@misc": "spacy_tlner.read_label_map.v1", "path": str(path)}
    refused({"source": source, "label_map": label_map}, r"\[TL105\].*map\.json")


def test_sources_without_a_tagger(source: Path, tmp_path: Path) -> None:
    spacy.blank("xx").to_disk(tmp_path / "blank")
    refused({"source": tmp_path / "blank"}, r"\[TL106\].*blank.*exactly one.*none")
    refused({"source": source, "source_component": "other"}, r"\[TL106\].*'other'.*tl_ner")
    two = trained()
    two.add_pipe("tl_ner", name="second", config={"model": tagger()})
    pipe(two, "second").initialize(lambda: make_examples(two, 12), nlp=two)
    two.to_disk(tmp_path / "two")
    refused({"source": tmp_path / "two"}, r"\[TL106\].*exactly one.*tl_ner, second")
    assert_rows(
        started({"source": tmp_path / "two", "source_component": "tl_ner"}), {x: x for x in LABELS}, list(LABELS)
    )


def test_body_is_all_below_the_heads(source: Path) -> None:
    for layers in (["body"], ["words", "body", "body"]):
        copied = report(started({"source": source, "layers": layers}))
        assert list(copied["copied"]) == ["words", "characters", "encoder"]
        assert copied["fresh"] == ["head", "transitions"]
    copied = report(started({"source": source, "layers": ["head", "body"]}))
    assert copied["fresh"] == ["transitions"]


def test_a_label_map_beside_layers_without_a_head_is_told(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, Any] = {"source": source, "layers": ["body"], "label_map": {"PER": "PER"}}
    started({**settings, "layers": ["body", "head"]})
    assert "TL133" not in caplog.text
    started(settings)
    assert "TL133" in caplog.text and "label_map" in caplog.text and "seed_labels" not in caplog.text


@pytest.mark.parametrize("group", ["everything", "encoder2", ""])
def test_unknown_layer_groups(source: Path, group: str) -> None:
    refused({"source": source, "layers": ["words", group]}, rf"\[TL107\].*'{group}'.*words, characters")


def test_layer_groups_that_only_one_side_has(source: Path) -> None:
    refused({"source": source, "layers": ["words"]}, r"\[TL107\].*'words'", tok2vec=HASH_EMBED_CNN)


def changed(**settings: Any) -> dict[str, Any]:
    """The small encoder with other settings, named by path: embed__words__width=8."""
    encoder: dict[str, Any] = json.loads(json.dumps(TINY_ENCODER))
    for path, value in settings.items():
        block = encoder
        *blocks, last = path.split("__")
        for name in blocks:
            block = block[name]
        block[last] = value
    return encoder


@pytest.mark.parametrize(
    ("settings", "group"),
    [
        ({"width": 48}, "encoder"),
        ({"depth": 2}, "encoder"),
        ({"embed__words__width": 8}, "words"),
        ({"embed__words__rows": 400}, "words"),
        ({"embed__words__attr": "ORTH"}, "words"),
        ({"embed__words": LOOKUP_ENCODER["embed"]["words"]}, "words"),
        ({"embed__characters__filters": 8}, "characters"),
        ({"embed__characters__window": 5}, "characters"),
    ],
)
def test_widths_that_differ(source: Path, settings: dict[str, Any], group: str) -> None:
    refused({"source": source}, rf"(?s)\[TL108\].*'{group}'", tok2vec=changed(**settings))


def test_layers_that_join_otherwise(tmp_path: Path) -> None:
    """A residual connection has no weights whose shapes could tell; highway has."""
    deep = changed(depth=2)
    started({}, tok2vec=deep).to_disk(tmp_path / "source")
    settings = {"source": tmp_path / "source"}
    assert "encoder" in report(started(settings, tok2vec=deep))["copied"]
    with pytest.raises(ValueError, match=r"TL108.*'encoder'.*\[0, 0, 0\] in the source and \[0, 0, 1\]"):
        started(settings, tok2vec=changed(depth=2, connection="residual"))
    with pytest.raises(ValueError, match=r"TL108.*'encoder'"):
        started(settings, tok2vec=changed(depth=2, connection="highway"))


def test_parts_of_an_encoder_stand_in_one_order(tmp_path: Path) -> None:
    """That of their names, whatever these are: an encoder with the same shapes may read characters where words were."""

    def encoder(words: str, characters: str) -> dict[str, Any]:
        parts = {words: TINY_ENCODER["embed"]["words"], characters: TINY_ENCODER["embed"]["characters"]}
        return {**TINY_ENCODER, "embed": {"@architectures": "spacy_tlner.TypeEmbed.v1", "parts": parts}}

    started({}, tok2vec=encoder("words", "characters")).to_disk(tmp_path / "source")
    settings = {"source": tmp_path / "source"}
    assert "encoder" in report(started(settings, tok2vec=encoder("z", "a")))["copied"]
    other = encoder("lexical", "spelling")
    with pytest.raises(ValueError, match=r"TL108.*'encoder'.*\['characters', 'words'\] in the source and \['words', "):
        started(settings, tok2vec=other)
    # what stands below the encoder means the same in any order
    copied = report(started({**settings, "layers": ["words", "characters"]}, tok2vec=other))["copied"]
    assert copied.keys() == {"words", "characters"}


def test_a_head_of_another_width(source: Path) -> None:
    refused({"source": source, "layers": ["words", "head"]}, r"\[TL108\].*'head'.*32.*48", tok2vec=changed(width=48))


def test_what_fits_is_copied_though_the_rest_would_not(source: Path) -> None:
    nlp = started({"source": source, "layers": ["words", "characters", "transitions"]}, tok2vec=changed(width=48))
    assert report(nlp)["fresh"] == ["encoder", "head"]


# --- shared encoders ---


def test_shared_encoder_from_the_same_source(shared: Path, tmp_path: Path) -> None:
    nlp = from_config(
        tmp_path,
        {"tok2vec": {"source": str(shared)}, "tl_ner": {"factory": "tl_ner", "model": tagger(LISTENER)}},
        {"tl_ner": {"source": str(shared), "labels": ["PER", "ORG", "LOC"]}},
    )
    old = spacy.load(shared)
    expected = [entities(doc) for doc in old.pipe(TEXTS)]
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    assert list(report(nlp)["copied"]) == ["head", "transitions"]
    train(nlp, make_examples(nlp, 32), epochs=1)


def test_shared_encoder_frozen(shared: Path, tmp_path: Path) -> None:
    nlp = from_config(
        tmp_path,
        {"tok2vec": {"source": str(shared)}, "tl_ner": {"factory": "tl_ner", "model": tagger(LISTENER)}},
        {"tl_ner": {"source": str(shared)}},
        frozen_components=["tok2vec"],
        annotating_components=["tok2vec"],
    )
    expected = [entities(doc) for doc in spacy.load(shared).pipe(TEXTS)]
    assert [entities(doc) for doc in nlp.pipe(TEXTS)] == expected


def test_shared_encoder_of_another_origin(shared: Path, source: Path, tmp_path: Path) -> None:
    listening = {"factory": "tl_ner", "model": tagger(LISTENER)}
    fresh_encoder = {"factory": "tok2vec", "model": TINY_ENCODER}
    for components, start, number in (
        ({"tok2vec": fresh_encoder, "tl_ner": listening}, shared, "TL109"),  # same shape, fresh weights
        ({"tok2vec": {**fresh_encoder, "model": HASH_EMBED_CNN}, "tl_ner": listening}, shared, "TL109"),
        ({"tl_ner": {"factory": "tl_ner", "model": tagger()}}, shared, "TL128"),  # an encoder of its own here
        ({"tok2vec": {"source": str(shared)}, "tl_ner": listening}, source, "TL129"),  # an encoder of its own there
    ):
        with pytest.raises(ValueError, match=rf"\[{number}\].*'tl_ner'.*source"):
            from_config(tmp_path, components, {"tl_ner": {"source": str(start)}})


def test_an_encoder_that_reads_something_else_is_refused(tmp_path: Path) -> None:
    """Tables of one shape for other attributes, which spaCy's encoder keeps in a node without weights."""

    def reading(*attrs: str) -> dict[str, Any]:
        embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 32, "rows": [200] * len(attrs)}
        encode = {"window_size": 1, "maxout_pieces": 2, "width": 32, "depth": 1}
        return {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": {**embed, "attrs": list(attrs), "include_static_vectors": False},
            "encode": {"@architectures": "spacy.MaxoutWindowEncoder.v2", **encode},
        }

    started({}, tok2vec=reading("NORM", "SHAPE", "SUFFIX")).to_disk(tmp_path / "source")
    settings = {"source": tmp_path / "source"}
    assert "encoder" in report(started(settings, tok2vec=reading("NORM", "SHAPE", "SUFFIX")))["copied"]
    for attrs in (("SHAPE", "SUFFIX", "NORM"), ("PREFIX", "ORTH", "SHAPE")):
        with pytest.raises(ValueError, match=r"TL108.*reads of tokens.*NORM, SHAPE, SUFFIX"):
            started(settings, tok2vec=reading(*attrs))
    # what an encoder is pretrained with as well
    weights_file = tmp_path / "encoder.bin"
    weights_file.write_bytes(pipe(spacy.load(tmp_path / "source")).model.get_ref("tok2vec").to_bytes())
    with pytest.raises(ValueError, match="TL112"):
        started({"pretrained": weights_file}, tok2vec=reading("SHAPE", "SUFFIX", "NORM"))
    known = started({"pretrained": weights_file}, tok2vec=reading("NORM", "SHAPE", "SUFFIX"))
    assert known.meta["spacy_tlner"]["tl_ner"]["pretrained"]["fresh"] == []


def test_a_source_that_is_not_there_or_lies_deeper(source: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    shutil.copytree(source, tmp_path / "run" / "model-best")
    with pytest.raises(ValueError, match=r"TL127.*/run cannot be loaded.*pipeline in .*run/model-best: name that"):
        started({"source": tmp_path / "run"})
    with pytest.raises(ValueError, match=r"TL127.*no_such cannot be loaded: OSError.*E050"):
        started({"source": tmp_path / "no_such"})


def test_under_a_fresh_head_all_labels_are_fresh(source: Path) -> None:
    kept = report(started({"source": source, "layers": ["words", "encoder"]}))
    assert kept["labels_fresh"] == kept["labels_dropped"] == sorted(LABELS) and kept["labels"] == {}


def test_listener_finds_its_upstream_among_several(shared: Path, tmp_path: Path) -> None:
    """Another tok2vec stands first in the pipeline; the tagger names the second."""
    nlp = from_config(
        tmp_path,
        {
            "other": {"factory": "tok2vec", "model": HASH_EMBED_CNN},
            "tok2vec": {"source": str(shared)},
            "tl_ner": {"factory": "tl_ner", "model": tagger({**LISTENER, "upstream": "tok2vec"})},
        },
        {"tl_ner": {"source": str(shared)}},
    )
    assert list(report(nlp)["copied"]) == ["head", "transitions"]


# --- what is told ---


def test_report_survives_storage(source: Path, tmp_path: Path) -> None:
    nlp = started({"source": source, "label_map": {"PER": "ORG", "ORG": ""}})
    kept = report(nlp)
    assert kept["source"] == str(source) and kept["component"] == "tl_ner"
    nlp.to_disk(tmp_path / "nlp")
    assert report(spacy.load(tmp_path / "nlp")) == kept
    assert report(blank_tagger().from_bytes(nlp.to_bytes())) == kept


def test_report_goes_with_the_weights(source: Path) -> None:
    """Initialized again without a source, the pipeline claims no source."""
    nlp = started({"source": source})
    assert report(nlp)
    nlp.config["initialize"]["components"]["tl_ner"] = {}
    nlp.initialize(lambda: make_examples(nlp, 40))
    assert "tl_ner" not in nlp.meta["spacy_tlner"]
