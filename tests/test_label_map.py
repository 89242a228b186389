"""Which label becomes which: examples written out by hand, every possible map, and what must hold of any map."""

import json
from itertools import product

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from spacy.util import registry

from spacy_tlner.tags import Mention, TagScheme
from spacy_tlner.transfer.assignment import best_pairs
from spacy_tlner.transfer.estimate import estimate_label_map, read_table
from spacy_tlner.transfer.label_map import match_labels, read_label_map
from spacy_tlner.transfer.label_table import LabelTable, counted

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
    found = registry.resolve(config)["label_map"]
    assert found == written
    # what is read at first use is kept
    path.unlink()
    assert found == written and len(found) == 3 and "Ä" in found


@pytest.mark.parametrize("content", ['["A"]', '{"A": 1}', "{", '{"A": {"B": "C"}}', "", None])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "map.json"
    if content is not None:
        path.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match=r"TL105.*map\.json"):
        dict(read_label_map(path))


# --- labels that start from one that others may start from, too ---


@pytest.mark.parametrize(
    ("source", "target", "label_map", "seeds", "matched", "dropped", "fresh"),
    [
        ("AB", "ABC", {}, {"C": "A"}, {"A": "A", "B": "B"}, [], []),
        ("AB", "ABCDE", {}, {"C": "A", "D": "A"}, {"A": "A", "B": "B"}, [], ["E"]),
        ("AB", "BC", {}, {"C": "A"}, {"B": "B"}, [], []),  # a source label without a partner of its own
        ("AB", "AB", {}, {"B": "A"}, {"A": "A"}, ["B"], []),  # the seed wins over the name
        ("AB", "XC", {"A": "X"}, {"C": "A"}, {"X": "A"}, ["B"], []),
        ("AB", "AC", {"A": ""}, {"C": "A"}, {}, ["B"], ["A"]),  # not as a partner, but as a seed
    ],
)
def test_seeds_by_example(source, target, label_map, seeds, matched, dropped, fresh):
    found = match_labels(list(source), list(target), label_map, seeds)
    assert (found.matched, found.seeded, list(found.dropped), list(found.fresh)) == (matched, seeds, dropped, fresh)


@pytest.mark.parametrize(
    ("label_map", "seeds", "error"),
    [
        ({}, {"Z": "A"}, "TL113.*'Z'.*'A'.*A, B, C"),
        ({}, {"C": "Z"}, "TL114.*'C'.*'Z'.*A, B[.]"),
        ({}, {"C": ""}, "TL114.*'C'"),
        ({"A": "C"}, {"C": "B"}, "TL115.*'C'.*'A'.*'B'"),
        ({"A": "C"}, {"C": "A"}, "TL115.*'C'"),
    ],
)
def test_seeds_that_cannot_be_meant_are_refused(label_map, seeds, error):
    with pytest.raises(ValueError, match=error):
        match_labels(["A", "B"], ["A", "B", "C"], label_map, seeds)


# --- the assignment ---


def injective_maps(lefts, rights):
    """Every {left: right} that uses no right twice, the empty one too."""
    for chosen in product([None, *rights], repeat=len(lefts)):
        used = [right for right in chosen if right is not None]
        if len(used) == len(set(used)):
            yield {left: right for left, right in zip(lefts, chosen) if right is not None}


# small numbers, so that ties and near ties are many
WORTHS = st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("WXYZ")), st.integers(-2, 9), max_size=16)


@given(WORTHS)
def test_no_map_is_worth_more_than_the_best_pairs(worth):
    found = best_pairs(worth)
    assert all(worth.get(pair, 0) > 0 for pair in found.items())
    assert len(set(found.values())) == len(found)
    values = (sum(worth.get(pair, -1000) for pair in of.items()) for of in injective_maps("abcd", "WXYZ"))
    assert sum(worth[pair] for pair in found.items()) == max(values)


def test_the_best_pairs_of_many_labels():
    """A hundred labels, each most like its neighbour, and a long chain of second choices."""
    names = [f"{i:02}" for i in range(100)]
    worth = {(names[i], names[(i + 1) % 100]): 5 for i in range(100)} | {(name, name): 4 for name in names}
    assert best_pairs(worth) == {names[i]: names[(i + 1) % 100] for i in range(100)}
    # without the one that closes the circle, all together still do best by their second choice or their first
    del worth["99", "00"]
    found = best_pairs(worth)
    assert sum(worth[pair] for pair in found.items()) == 99 * 5


# --- the estimate ---


def table_of(target, source, counts):
    """Rows: mentions of a label as the source sees them, the last column none at all."""
    counts = numpy.asarray(counts, dtype="float64")
    mentions = numpy.rint(counts.sum(axis=1)).astype("int64")
    return LabelTable(tuple(target), tuple(source), mentions, counts, documents=9)


@pytest.mark.parametrize(
    ("target", "source", "counts", "label_map", "seeds"),
    [
        # other names, another order
        ("XY", "AB", [[1, 8, 1], [9, 0, 1]], {"B": "X", "A": "Y"}, {}),
        # two source labels in one of ours: the one that explains more
        ("X", "AB", [[12, 16, 2]], {"B": "X"}, {}),
        # one source label in two of ours: to the more frequent one, and the other is seeded, if asked for
        ("XY", "A", [[18, 2], [6, 0]], {"A": "X"}, {"Y": "A"}),
        # together more is explained if X, which loves A, takes B
        ("XY", "AB", [[10, 8, 0], [9, 1, 0]], {"A": "Y", "B": "X"}, {}),
        # a new label: the source sees nothing in particular there
        ("XN", "A", [[9, 1], [2, 8]], {"A": "X"}, {}),
        # too few mentions
        ("XY", "AB", [[2, 0, 0], [0, 3, 0]], {"B": "Y"}, {}),
        # enough mentions, but a small part of them
        ("X", "A", [[14, 36]], {}, {}),
        # names that say the opposite of what the data say
        ("AB", "AB", [[1, 9, 0], [9, 1, 0]], {"B": "A", "A": "B"}, {}),
        # the same with too little data to believe it
        ("AB", "AB", [[0, 2, 0], [2, 0, 0]], {"A": "A", "B": "B"}, {}),
        # a name against a near tie, and against a clear majority
        ("A", "AB", [[8, 10, 2]], {"A": "A"}, {}),
        ("A", "AB", [[6, 12, 2]], {"B": "A"}, {}),
        # data take a label from its name; what had the name starts anew, or from the same label
        ("AX", "A", [[0, 9], [9, 0]], {"A": "X"}, {}),
        ("AX", "A", [[4, 5], [9, 0]], {"A": "X"}, {"A": "A"}),
        # no data at all for a label, or a source that sees nothing: the name
        ("AX", "AB", [[0, 0, 0], [0, 9, 0]], {"A": "A", "B": "X"}, {}),
        ("A", "AB", [[0, 0, 50]], {"A": "A"}, {}),
    ],
)
def test_maps_read_off_tables(target, source, counts, label_map, seeds):
    table = table_of(target, source, counts)
    plain = read_table(table, 0.3, 3)
    assert (plain.label_map, plain.seeds) == (label_map, {})
    seeding = read_table(table, 0.3, 3, seed=True)
    assert (seeding.label_map, seeding.seeds) == (label_map, seeds)
    # a map that can be used, and that equal names add nothing to
    assert match_labels(list(source), list(target), label_map, seeds).matched == {t: s for s, t in label_map.items()}


def test_labels_that_the_user_seeded_take_no_part():
    table = table_of("XY", "AB", [[9, 1, 0], [5, 4, 1]])
    assert read_table(table, 0.3, 3).label_map == {"A": "X", "B": "Y"}
    found = read_table(table, 0.3, 3, seed=True, seeded={"X": "B"})
    assert (found.label_map, found.seeds) == ({"A": "Y"}, {})


SMALL_TABLES = st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=3, max_size=3)


@given(SMALL_TABLES, st.sampled_from([0.0, 0.3, 0.6]), st.sampled_from([0, 3]))
def test_no_map_explains_more_than_the_estimated_one(counts, least_share, least_count):
    """By trying all maps between {A, B, X} and {A, B, C}, with what the docstring says of pairs and names."""
    target, source = "ABX", "ABC"

    def explained(label_map):
        total = 0
        for theirs, ours in label_map.items():
            row = counts[target.index(ours)]
            count = row[source.index(theirs)]
            if theirs == ours:
                total += count + least_count
            elif count >= least_count and count >= least_share * sum(row):
                total += count
            else:
                return -1
        return total

    found = read_table(table_of(target, source, counts), least_share, least_count).label_map
    assert explained(found) == max(explained(of) for of in injective_maps(source, target))


def test_counts_of_a_document_by_hand():
    """Tags O, B I L U of A, B I L U of B; a mention of two tokens, one of one, and a token beside them."""
    marginals = numpy.array(
        [
            [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.1, 0.0, 0.1, 0.4, 0.0, 0.3, 0.0, 0.0, 0.1],
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.2, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.7],
        ]
    )
    mentions = [Mention(0, 2, "X"), Mention(3, 4, "Y"), Mention(3, 4, "X")]
    found = counted(mentions, marginals, ["Y", "Z", "X"], TagScheme(("A", "B")))
    expected = [[0.1, 0.7, 0.2], [0.0, 0.0, 0.0], [0.5 + 0.1, 0.2 + 0.7, 0.3 + 0.2]]
    numpy.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_table_for_people():
    table = table_of(["Cell line", "X"], ["A", "LONGER"], [[3, 1, 4], [0, 0, 0]])
    cells = [line.replace("Cell line", "Cell_line").split() for line in table.lines()]
    assert cells == [
        ["label", "mentions", "A", "LONGER", "none"],
        ["Cell_line", "8", "0.38", "0.12", "0.50"],
        ["X", "0", "-", "-", "-"],
    ]
    assert json.loads(json.dumps(table.to_dict())) == {
        "documents": 9,
        "source_labels": ["A", "LONGER"],
        "mentions": {"Cell line": 8, "X": 0},
        "counts": {"Cell line": [3.0, 1.0, 4.0], "X": [0.0, 0.0, 0.0]},
    }


@pytest.mark.parametrize(
    "settings",
    [{"least_share": -0.1}, {"least_share": 1.1}, {"least_share": float("nan")}, {"least_count": -1}, {"limit": 0}],
)
def test_estimates_that_cannot_be_made(settings):
    with pytest.raises(ValueError, match=r"TL116.*" + next(iter(settings))):
        estimate_label_map(**settings)
