"""Which label becomes which: examples written out by hand, and what must hold of any map."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from spacy.util import registry

from spacy_tlner.transfer.label_map import match_labels, read_label_map

LABEL_LISTS = st.lists(st.sampled_from("ABCDE"), unique=True, max_size=5)


@pytest.mark.parametrize(
    ("source", "target", "label_map", "matched", "dropped", "fresh"),
    [
        ("AB", "AB", {}, {"A": "A", "B": "B"}, [], []),
        ("AB", "BA", {}, {"A": "A", "B": "B"}, [], []),
        ("AB", "BC", {}, {"B": "B"}, ["A"], ["C"]),
        ("AB", "XB", {"A": "X"}, {"X": "A", "B": "B"}, [], []),
        ("AB", "AB", {"A": "B", "B": "A"}, {"A": "B", "B": "A"}, [], []),
        ("AB", "AB", {"A": "B"}, {"B": "A"}, ["B"], ["A"]),  # the map wins over the name, for both labels
        ("AB", "AB", {"A": ""}, {"B": "B"}, ["A"], ["A"]),
        ("A", "B", None, {}, ["A"], ["B"]),
    ],
)
def test_by_example(source, target, label_map, matched, dropped, fresh):
    found = match_labels(list(source), list(target), label_map)
    assert (found.matched, list(found.dropped), list(found.fresh)) == (matched, dropped, fresh)


@given(LABEL_LISTS, LABEL_LISTS, st.data())
def test_every_label_is_accounted_for_once(source, target, data):
    assume(source)
    sources = st.lists(st.sampled_from(source), unique=True)
    targets = st.lists(st.sampled_from(["", *target]), min_size=5, max_size=5)
    label_map = dict(zip(data.draw(sources), data.draw(targets)))
    used = [label for label in label_map.values() if label]
    assume(len(used) == len(set(used)))
    found = match_labels(source, target, label_map)
    # no source label gives its weights twice, and none is forgotten
    assert sorted([*found.matched.values(), *found.dropped]) == sorted(source)
    assert sorted([*found.matched, *found.fresh]) == sorted(target)
    for label, goes_to in label_map.items():
        assert found.matched.get(goes_to) == label if goes_to else label in found.dropped
    for label in set(source) & set(target):
        assert found.matched.get(label) == label or label in label_map or label in label_map.values()


@pytest.mark.parametrize(
    ("label_map", "error"),
    [({"Z": "A"}, "TL102.*'Z'"), ({"A": "Z"}, "TL103.*'Z'"), ({"A": "B", "B": "B"}, "TL104.*'A' and 'B'")],
)
def test_a_map_that_cannot_be_meant_is_refused(label_map, error):
    with pytest.raises(ValueError, match=error):
        match_labels(["A", "B"], ["A", "B"], label_map)


def test_reads_what_a_config_cannot_spell(tmp_path):
    written = {"#x": "A", "a:b = c": "[B]", "Ä": ""}
    path = tmp_path / "map.json"
    path.write_text(json.dumps(written), encoding="utf8")
    assert read_label_map(path) == written
    config = {"label_map": {"@misc": "spacy_tlner.read_label_map.v1", "path": str(path)}}
    assert registry.resolve(config)["label_map"] == written


@pytest.mark.parametrize("content", ['["A"]', '{"A": 1}', "{", '{"A": {"B": "C"}}', "", None])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "map.json"
    if content is not None:
        path.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match=r"TL105.*map\.json"):
        read_label_map(path)
