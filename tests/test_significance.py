"""The paired bootstrap of F1: judged by all resamples of a few documents, and by spaCy's scorer."""

from itertools import product

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from corpus import make_doc, make_examples, trained
from spacy_tlner.measure.significance import paired_bootstrap
from spacy_tlner.report.examples import mark, outcomes


def f1(counts: numpy.ndarray) -> float:
    right, wrong, missed = counts.sum(axis=0)
    return 2 * right / (2 * right + wrong + missed) if right else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_interval_is_that_of_all_resamples(seed: int) -> None:
    """Of 5 documents there are 3,125 draws, all equally likely."""
    first, second = numpy.random.default_rng(seed).integers(0, 4, (2, 5, 3))
    every = [f1(first[list(draw)]) - f1(second[list(draw)]) for draw in product(range(5), repeat=5)]
    found = paired_bootstrap(first, second, n=20_000)
    assert found.points == pytest.approx(f1(first) - f1(second))
    # a percentile lies on a step of the distribution: between those a little below and above it
    for value, level in ((found.low, 2.5), (found.high, 97.5)):
        low, high = numpy.percentile(every, [max(level - 0.6, 0), min(level + 0.6, 100)])
        assert low - 1e-9 <= value <= high + 1e-9


def test_verdicts() -> None:
    good, bad = numpy.tile([[3, 0, 1]], (50, 1)), numpy.tile([[1, 2, 3]], (50, 1))
    assert [paired_bootstrap(*pair).verdict for pair in ((good, bad), (bad, good), (good, good))] == [
        "better",
        "worse",
        "undecided",
    ]
    assert paired_bootstrap(good[:0], bad[:0]) == (0.0, 0.0, 0.0)
    mixed = numpy.array([[3, 0, 1], [0, 3, 4]] * 3)
    assert paired_bootstrap(mixed, mixed[::-1]).verdict == "undecided"


def test_outcomes_are_those_of_spacys_scorer() -> None:
    """Also where tokens are not annotated, and where they are cut otherwise."""
    nlp = trained()
    examples = make_examples(nlp, 20, skip=1000)
    examples += [Example(Doc(nlp.vocab, words=["Paris", "fell"]), make_doc(nlp, ["Paris", "fell"], [], missing=True))]
    partial = make_doc(nlp, ["Marie", "Curie", "left", "Paris"], [("LOC", 3, 4)], missing=True)
    examples += [Example(Doc(nlp.vocab, words=["Marie", "Curie", "left", "Paris"]), partial)]
    docs = mark(examples, {"it": nlp})["it"]
    counts = outcomes(examples, docs).sum(axis=0)
    expected = get_ner_prf([Example(doc, eg.reference) for doc, eg in zip(docs, examples)])
    right, wrong, missed = counts
    assert right > 5
    assert_allclose([right / (right + wrong), right / (right + missed)], [expected["ents_p"], expected["ents_r"]])


def test_the_report_tells_negative_transfer(tmp_path) -> None:
    """Through the command line: a model that finds nothing beside one that finds everything."""
    import json

    from typer.testing import CliRunner

    from corpus import blank_tagger, initialize, write_corpus
    from spacy_tlner.cli import tlner

    nlp, test = trained(), write_corpus(tmp_path / "test.spacy", 60, skip=1000)
    empty = blank_tagger()
    initialize(empty, make_examples(empty, 20))
    empty.get_pipe("tl_ner").cfg["threshold"] = 1.0
    args = ["report", str(test), str(tmp_path / "report" / "it")]
    for name, pipeline in (("scratch", nlp), ("transfer", empty)):
        pipeline.to_disk(tmp_path / name)
        scores = spacy.load(tmp_path / name).evaluate(make_examples(pipeline, 60, skip=1000))
        (tmp_path / f"{name}.json").write_text(json.dumps(scores))
        args += ["--run", f"{name}={tmp_path / name}.json", "--model", f"{name}={tmp_path / name}"]
    result = CliRunner().invoke(tlner, args, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "transfer - scratch" in result.output and "worse" in result.output
    assert (
        "Negative transfer: transfer is worse than scratch" in (tmp_path / "report" / "it" / "index.html").read_text()
    )
