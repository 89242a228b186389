"""Confidence against correctness: its measures, the temperature that is fitted, and `spacy tlner calibrate`."""

import json
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from typer.testing import CliRunner, Result

from command_line import run_spacy
from corpus import HASH_EMBED_CNN, LISTENER, blank_tagger, make_doc, make_examples, tagger, train, write_corpus
from spacy_tlner.chains import Chains
from spacy_tlner.cli import tlner
from spacy_tlner.component import TransferNER
from spacy_tlner.crf.chain import Chain
from spacy_tlner.measure.calibration import (
    BOUNDS,
    Calibration,
    Judged,
    UnfittedError,
    fit_temperature,
    judge,
    least_by_temperature,
    verdicts,
)
from spacy_tlner.measure.reliability import Reliability, auroc, brier, ece, ece_by_chance, equal_mass_bins, log_loss
from spacy_tlner.measure.thresholds import best_expected_f1
from spacy_tlner.mentions import best_first
from spacy_tlner.tags import Mention, TagScheme

SCHEME = TagScheme(("A", "B"))
few_levels = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=1, max_size=40)


# --- measures ---


def test_ece_by_hand() -> None:
    # sorted: 0.1 wrong, 0.3 right | 0.6 right, 0.9 right
    confidence, correct = [0.9, 0.1, 0.6, 0.3], [True, False, True, True]
    assert equal_mass_bins(confidence, correct, 2) == [
        (2, pytest.approx(0.2), 0.5),
        (2, pytest.approx(0.75), 1.0),
    ]
    assert ece(confidence, correct, 2) == pytest.approx((0.3 + 0.25) / 2)
    assert ece(confidence, correct, 1) == pytest.approx(0.75 - 0.475)
    # more bins than predictions: one each
    assert ece(confidence, correct, 15) == pytest.approx((0.1 + 0.7 + 0.4 + 0.1) / 4)


def test_bins_differ_by_one_at_most() -> None:
    bins = equal_mass_bins(numpy.linspace(0, 1, 100), numpy.ones(100))
    assert len(bins) == 15
    assert sum(each.n for each in bins) == 100
    assert {each.n for each in bins} == {6, 7}


def test_equal_confidences_share_what_is_right() -> None:
    # three of one confidence, one of them right, cut 2 to 1: each bin gets thirds
    first, second = equal_mass_bins([0.5, 0.5, 0.5, 0.8], [True, False, False, True], 2)
    assert first == (2, 0.5, pytest.approx(1 / 3))
    assert second == (2, pytest.approx(0.65), pytest.approx((1 / 3 + 1) / 2))


@given(few_levels, st.randoms())
def test_the_order_of_predictions_changes_nothing(predictions: list[tuple[float, bool]], random: Any) -> None:
    before = Reliability.of(*zip(*predictions))
    random.shuffle(predictions)
    after = Reliability.of(*zip(*predictions))
    assert_allclose(
        [before.ece, before.brier, before.log_loss, before.ece_by_chance],
        [after.ece, after.brier, after.log_loss, after.ece_by_chance],
    )


def test_ece_of_exact_confidences_is_what_chance_makes_it() -> None:
    rng = numpy.random.default_rng(0)
    confidence = rng.beta(4, 1, size=600)
    drawn = [ece(confidence, rng.random(600) < confidence) for _ in range(300)]
    assert numpy.mean(drawn) == pytest.approx(ece_by_chance(confidence), rel=0.05)
    assert ece_by_chance([0.0, 1.0, 1.0]) == 0


def test_brier_and_log_loss_by_hand() -> None:
    assert brier([0.8, 0.4], [True, False]) == pytest.approx((0.04 + 0.16) / 2)
    assert log_loss([0.8, 0.4], [True, False]) == pytest.approx(-(numpy.log(0.8) + numpy.log(0.6)) / 2)
    # a certain mistake costs much, but not everything
    assert log_loss([1.0], [False]) == pytest.approx(-numpy.log(1e-6))


@given(few_levels)
def test_auroc_counts_pairs(predictions: list[tuple[float, bool]]) -> None:
    right = [p for p, is_right in predictions if is_right]
    wrong = [p for p, is_right in predictions if not is_right]
    found = auroc(*zip(*predictions))
    if not right or not wrong:
        assert found is None
        return
    pairs = [1.0 if r > w else 0.5 if r == w else 0.0 for r in right for w in wrong]
    assert found == pytest.approx(sum(pairs) / len(pairs))


def test_a_constant_confidence_does_not_pass() -> None:
    correct = numpy.arange(100) < 85
    constant = Reliability.of(numpy.full(100, 0.85), correct)
    assert constant.ece == pytest.approx(0, abs=1e-12)
    assert constant.auroc == 0.5


@pytest.mark.parametrize("of", [Reliability.of([], []), Reliability.of([0.2, 0.9], [True, True])])
def test_reliability_goes_through_json(of: Reliability) -> None:
    assert Reliability.from_dict(json.loads(json.dumps(of.to_dict()))) == of
    assert of.auroc is None


# --- verdicts ---


def test_verdicts_are_those_of_the_scorer() -> None:
    nlp = spacy.blank("xx")
    text = ["Ada", "Lovelace", "'s", "aunt", "in", "New", "York", "saw", "Acme", "Group", "and", "Oslo", "Paris/Rome"]
    reference = Doc(nlp.vocab, words=text)
    gold = [(0, 2, "PER"), (5, 7, "LOC"), (8, 10, "ORG"), (12, 13, "LOC")]
    reference.set_ents([Span(reference, *of) for of in gold], missing=[reference[11:12]], default="outside")
    # the pipeline cuts "New York" as one token, "Group" as two and "Paris/Rome" as three
    words = ["Ada", "Lovelace", "'s", "aunt", "in", "New York", "saw", "Acme", "Gro", "up", "and", "Oslo"]
    words += ["Paris", "/", "Rome"]
    spaces = [word not in ("Gro", "Paris", "/") for word in words]
    predicted = Doc(nlp.vocab, words=words, spaces=spaces)
    found = [
        Mention(0, 2, "PER"),  # right
        Mention(3, 4, "PER"),  # wrong
        Mention(5, 6, "LOC"),  # right, one token for two
        Mention(7, 9, "ORG"),  # aligned with "Acme Group", though it ends within
        Mention(9, 10, "ORG"),  # aligned with "Group" alone
        Mention(11, 12, "LOC"),  # gold is missing
        Mention(12, 13, "LOC"),  # right, the only token of gold
        Mention(14, 15, "LOC"),  # the same one, and that is taken
    ]
    example = Example(predicted, reference)
    given_ = [is_right for _, is_right in verdicts(example, found)]
    assert given_ == [True, False, True, True, False, None, True, False]
    predicted.set_ents([Span(predicted, *mention) for mention in found])
    scores = get_ner_prf([example])
    assert scores["ents_p"] == given_.count(True) / (given_.count(True) + given_.count(False))
    assert scores["ents_r"] == given_.count(True) / len(gold)


def test_gold_without_entity_annotation_judges_nothing() -> None:
    nlp = spacy.blank("xx")
    doc = Doc(nlp.vocab, words=["Oslo"])
    assert verdicts(Example(doc, doc.copy()), [Mention(0, 1, "LOC")]) == [(Mention(0, 1, "LOC"), None)]


# --- fitting ---


def random_chains(rng: numpy.random.Generator, n_docs: int = 800, length: int = 8) -> Chains:
    n = SCHEME.n_tags
    chain = Chain(
        transitions=rng.normal(0, 1, (n, n)).astype("float32"),
        start=rng.normal(0, 1, n).astype("float32"),
        end=rng.normal(0, 1, n).astype("float32"),
        legal=SCHEME.legal,
        legal_start=SCHEME.legal_start,
        legal_end=SCHEME.legal_end,
    )
    emissions = rng.normal(0, 2, (n_docs * length, n)).astype("float32")
    return Chains(emissions, chain, SCHEME, [length] * n_docs)


@pytest.mark.parametrize("true", [0.6, 1.0, 2.5])
def test_the_temperature_that_gold_was_drawn_at_is_found(true: float) -> None:
    rng = numpy.random.default_rng(1)
    chains = random_chains(rng)
    found = [SCHEME.decode(tags) for tags in chains.best()]
    gold = [set(SCHEME.decode(drawn[0])) for drawn in chains.at(true).sample(1, rng)]
    correct = numpy.asarray([mention in of for of, mentions in zip(gold, found) for mention in mentions])
    judged = Judged((chains,), (found,), correct)
    assert len(correct) > 1500
    fitted = fit_temperature(judged.confidence, correct)
    assert fitted == pytest.approx(true, rel=0.1)
    after = judged.reliability(fitted)
    assert after.ece is not None and after.ece_by_chance is not None
    assert after.ece < 1.5 * after.ece_by_chance
    if true != 1:
        before = judged.reliability(1)
        assert before.ece is not None and before.ece > 3 * after.ece


@pytest.mark.parametrize(
    ("confidence", "correct", "reason"),
    [
        ([], [], "no mention"),
        ([0.5, 0.9], [True, True], "all 2 mentions found are right"),
        ([0.5, 0.9], [False, False], "all 2 mentions found are wrong"),
        # told apart completely, so colder is better without end
        ([0.2, 0.8], [False, True], "beyond 0.05 to 20"),
    ],
)
def test_what_tells_no_temperature_is_refused(confidence: list[float], correct: list[bool], reason: str) -> None:
    odds = numpy.log(numpy.asarray(confidence) / (1 - numpy.asarray(confidence)))
    with pytest.raises(UnfittedError, match=rf"TL502.*{reason}"):
        fit_temperature(lambda t: 1 / (1 + numpy.exp(-odds / t)), numpy.asarray(correct, dtype=bool))


def test_the_least_of_a_known_function() -> None:
    assert least_by_temperature(lambda t: (numpy.log(t) - numpy.log(3)) ** 2) == pytest.approx(3, abs=2e-3)
    # the deeper of two valleys
    two = {"shallow": 0.2, "deep": 6.0}
    depth = {"shallow": 0.5, "deep": 1.0}

    def valleys(t: float) -> float:
        return -sum(depth[k] * numpy.exp(-(numpy.log(t / at) ** 2) / 0.3) for k, at in two.items())

    assert least_by_temperature(valleys) == pytest.approx(6, rel=1e-2)
    assert least_by_temperature(lambda t: t) is None
    assert least_by_temperature(lambda t: -t) is None
    assert BOUNDS == (0.05, 20.0)


def test_no_threshold_promises_more_than_half_the_best_f1() -> None:
    chains = random_chains(numpy.random.default_rng(2), n_docs=50)
    n_gold = 90
    p = [score for of in chains.mentions_above(0.001) for _, score in of]

    def expected(threshold: float) -> float:
        taken = [x for x in p if x >= threshold]
        return 2 * sum(taken) / (len(taken) + n_gold)

    promise = best_expected_f1([chains], n_gold)
    assert promise.f1 == pytest.approx(max(expected(x) for x in p))
    assert expected(promise.threshold) == pytest.approx(promise.f1)
    assert promise.threshold == pytest.approx(promise.f1 / 2)
    # in two batches as in one
    halves = (random_chains(numpy.random.default_rng(2), n_docs=50) for _ in range(2))
    assert best_expected_f1(halves, 2 * n_gold).f1 == pytest.approx(promise.f1)
    assert best_expected_f1([], 5) == (0, 0)


# --- pipelines ---


@cache
def _wavering() -> bytes:
    fix_random_seed(0)
    nlp = blank_tagger()
    examples = make_examples(nlp, 24)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=12)
    return nlp.to_bytes()


def wavering() -> Language:
    """A pipeline trained on little: some of its mentions of other sentences are wrong."""
    return blank_tagger().from_bytes(_wavering())


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "dev.spacy", 60, skip=300)


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def likely(nlp: Language, words: list[str]) -> tuple[list[tuple[int, int, str]], numpy.ndarray]:
    """Entities, and their probabilities as a user reads them."""
    pipe(nlp).cfg["candidates"] = 0.5
    doc = nlp(Doc(nlp.vocab, words=words))
    return [(e.start, e.end, e.label_) for e in doc.ents], numpy.asarray([e._.tl_prob for e in doc.ents])


@pytest.mark.parametrize("way", ["bytes", "disk"])
def test_temperature_is_stored_and_changes_probabilities_alone(tmp_path: Path, way: str) -> None:
    nlp = wavering()
    words = [token.text for eg in make_examples(nlp, 5, skip=300) for token in eg.reference]
    ents, before = likely(nlp, words)
    pipe(nlp).temperature = 2.5
    if way == "bytes":
        other = blank_tagger().from_bytes(nlp.to_bytes())
    else:
        nlp.to_disk(tmp_path / "model")
        other = spacy.load(tmp_path / "model")
    assert pipe(other).temperature == 2.5
    same, after = likely(other, words)
    assert len(ents) > 0
    assert same == ents
    assert (after < before).all()
    assert_allclose(after, likely(nlp, words)[1], rtol=1e-6)


def test_confidence_is_that_of_the_prediction_whatever_the_temperature() -> None:
    nlp = wavering()
    examples = make_examples(nlp, 60, skip=300)
    pipe(nlp).cfg["candidates"] = 0.0
    docs = [nlp(eg.predicted.copy()) for eg in examples]
    read = numpy.asarray([ent._.tl_prob for doc in docs for ent in doc.ents])
    predicted = [Example(doc, eg.reference) for doc, eg in zip(docs, examples)]
    for temperature in (1.0, 3.0):
        pipe(nlp).temperature = temperature
        nlp.batch_size = 7
        judged = judge(nlp, "tl_ner", examples)
        assert_allclose(judged.confidence(1.0), read, rtol=1e-4)
        assert judged.correct.mean() == pytest.approx(get_ner_prf(predicted)["ents_p"])
    assert not any(eg.predicted.ents for eg in examples)


def test_pipes_before_the_tagger_run() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER), "candidates": 0.0})
    nlp.add_pipe("doc_cleaner")
    examples = make_examples(nlp, 30)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=3)
    read = [ent._.tl_prob for eg in examples for ent in nlp(eg.predicted.copy()).ents]
    assert len(set(read)) > 10
    assert_allclose(judge(nlp, "tl_ner", examples).confidence(1.0), read, rtol=1e-4)
    assert nlp.pipe_names == ["tok2vec", "tl_ner", "doc_cleaner"]


def test_entities_of_others_are_no_predictions() -> None:
    nlp = wavering()
    examples = make_examples(nlp, 20, skip=300)
    alone = len(judge(nlp, "tl_ner", examples).correct)
    ruler = nlp.add_pipe("entity_ruler", before="tl_ner")
    # label and tokens that the tagger would give as well
    ruler.add_patterns([{"label": "LOC", "pattern": [{"ORTH": "Oslo"}]}, {"label": "LOC", "pattern": "Lima"}])
    given_ = sum(len(nlp.get_pipe("entity_ruler")(eg.predicted.copy()).ents) for eg in examples)
    assert given_ > 0
    judged = judge(nlp, "tl_ner", examples)
    assert not any(eg.predicted.ents for eg in examples)
    assert len(judged.correct) == alone - given_
    assert judged.confidence(1.0).max() <= 1


# --- the command ---


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(tlner, ["calibrate", *map(str, arguments)])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "model"
    wavering().to_disk(path)
    return path


@pytest.fixture
def model(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "model"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_command_fits_and_stores_in_place(model: Path, dev: Path, tmp_path: Path) -> None:
    before = contents(model)
    figures = tmp_path / "metrics" / "calibration.json"
    done = run_spacy("tlner", "calibrate", model, dev, "--test", dev, "--json", figures)
    assert done.returncode == 0, done.output
    after = contents(model)
    assert [path for path in before if before[path] != after[path]] == ["tl_ner/cfg"]
    assert set(after) == set(before)
    found = Calibration.from_dict(srsly.read_json(figures))
    nlp = spacy.load(model)
    assert (found.before, found.after) == (1.0, pipe(nlp).temperature)
    assert found.after != 1.0
    assert found.fitted
    change = found.corpora["dev"]
    assert change == found.corpora["test"]
    assert change.after.log_loss < change.before.log_loss  # type: ignore[operator]
    assert change.after.n == change.before.n > 20
    for figure in (f"{found.after:.2f}", f"{change.before.ece:.4f}", f"{change.after.ece:.4f}", "dev, before"):
        assert figure in done.output
    assert "TL508" not in done.output
    # what the JSON says is what the model now does
    examples = list(spacy.training.Corpus(dev)(nlp))
    judged = judge(nlp, "tl_ner", examples)
    assert_allclose(judged.reliability(pipe(nlp).temperature).bins, change.after.bins, atol=1e-5)
    threshold = found.promise.threshold
    marked = pipe(nlp).chains([eg.predicted for eg in examples]).mentions_above(threshold)
    right = sum(bool(ok) for eg, of in zip(examples, marked) for _, ok in verdicts(eg, best_first(of)))
    n = sum(len(best_first(of)) for of in marked) + sum(len(eg.reference.ents) for eg in examples)
    assert 2 * right / n == pytest.approx(found.promise.f1, abs=0.1)
    # again: the same temperature, now also before
    assert invoke(model, dev, "--json", figures).exit_code == 0
    again = Calibration.from_dict(srsly.read_json(figures))
    assert again.before == found.after
    assert again.after == pytest.approx(found.after, rel=1e-3)


def test_output_leaves_the_model_alone_and_replaces_a_pipeline(model: Path, dev: Path, tmp_path: Path) -> None:
    before = contents(model)
    (model / "LICENSE").write_text("to be kept")
    output = tmp_path / "new" / "calibrated"
    for _ in range(2):
        result = invoke(model, dev, "--output", output)
        assert result.exit_code == 0, result.output
        assert {**contents(model), **before} == contents(model)
        assert pipe(spacy.load(output)).temperature != 1
        assert (output / "LICENSE").is_file()
    assert [path.name for path in output.parent.iterdir()] == ["calibrated"]


def test_a_threshold_is_warned_of(model: Path, dev: Path) -> None:
    nlp = spacy.load(model, config={"components": {"tl_ner": {"threshold": 0.4}}})
    nlp.to_disk(model)
    result = invoke(model, dev)
    assert result.exit_code == 0
    assert "TL508" in result.output
    assert "threshold = 0.4," in " ".join(result.output.split())


def test_output_of_another_time_is_replaced_whole(model: Path, dev: Path, tmp_path: Path) -> None:
    output = tmp_path / "calibrated"
    assert invoke(model, dev, "--output", output).exit_code == 0
    (output / "stale").write_text("of the last time")
    assert invoke(model, dev, "--output", output).exit_code == 0
    assert not (output / "stale").exists()


@pytest.mark.parametrize("in_place", [True, False])
def test_a_failure_leaves_everything_as_it_was(
    model: Path, dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    output = tmp_path / "calibrated"
    assert invoke(model, dev, "--output", output).exit_code == 0
    before = contents(tmp_path)
    to_disk = TransferNER.to_disk

    def full(self: TransferNER, path: str | Path, **options: Any) -> None:
        to_disk(self, path, **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TransferNER, "to_disk", full)
    result = invoke(model, dev, *([] if in_place else ["--output", output]))
    assert result.exit_code == 1
    assert "TL505" in result.output
    assert "No space left" in " ".join(result.output.split())
    assert contents(tmp_path) == before


def test_a_failure_at_the_last_step_brings_the_old_pipeline_back(
    model: Path, dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "calibrated"
    assert invoke(model, dev, "--output", output).exit_code == 0
    before = contents(tmp_path)
    replace = os.replace

    def blocked(source: Path, target: Path) -> None:
        if Path(source).name.endswith(".part"):
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", blocked)
    result = invoke(model, dev, "--output", output)
    assert result.exit_code == 1
    assert "TL505" in result.output
    assert contents(tmp_path) == before


def test_what_tells_no_temperature_is_a_warning(model: Path, tmp_path: Path) -> None:
    nlp = spacy.load(model)
    # sentences in which it is right, by its own word
    docs = [nlp(Doc(nlp.vocab, words=eg.reference.text.split())) for eg in make_examples(nlp, 10, skip=300)]
    DocBin(docs=[doc for doc in docs if doc.ents]).to_disk(tmp_path / "right.spacy")
    figures = tmp_path / "figures.json"
    result = invoke(model, tmp_path / "right.spacy", "--output", tmp_path / "out", "--json", figures)
    assert result.exit_code == 0, result.output
    assert "TL502" in result.output
    assert "are right" in " ".join(result.output.split())
    assert pipe(spacy.load(tmp_path / "out")).temperature == 1
    found = Calibration.from_dict(srsly.read_json(figures))
    assert not found.fitted
    assert found.corpora["dev"].after.auroc is None


def test_a_label_that_gold_never_has_is_warned_of(model: Path, dev: Path, tmp_path: Path) -> None:
    nlp = spacy.load(model)
    docs = list(DocBin().from_disk(dev).get_docs(nlp.vocab))
    for doc in docs:
        doc.set_ents([ent for ent in doc.ents if ent.label_ != "LOC"], default="outside")
    DocBin(docs=docs).to_disk(tmp_path / "without.spacy")
    result = invoke(model, tmp_path / "without.spacy", "--output", tmp_path / "out")
    assert result.exit_code == 0 and "TL509" in result.output and "'LOC'" in result.output
    assert "TL509" not in invoke(model, dev, "--output", tmp_path / "out").output


def no_weights(folder: Path, model: Path, dev: Path) -> list[Any]:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tl_ner")
    nlp.to_disk(folder / "blank")
    return [folder / "blank", dev]


def write(path: Path, *docs: Doc) -> Path:
    DocBin(docs=docs).to_disk(path)
    return path


def empty_dev(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, write(folder / "empty.spacy", Doc(spacy.blank("xx").vocab))]


def no_gold(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, write(folder / "plain.spacy", make_doc(spacy.blank("xx"), ["Nothing", "here"], []))]


def no_gold_in_test(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, dev, "--test", no_gold(folder, model, dev)[1]]


def not_annotated(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, write(folder / "raw.spacy", Doc(spacy.blank("xx").vocab, words=["Oslo"]))]


def no_such_dev(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, folder / "gone.spacy"]


def broken_dev(folder: Path, model: Path, dev: Path) -> list[Any]:
    (folder / "broken.spacy").write_bytes(b"no corpus")
    return [model, folder / "broken.spacy"]


def no_such_model(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [folder / "gone", dev]


def no_tagger(folder: Path, model: Path, dev: Path) -> list[Any]:
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(folder / "other")
    return [folder / "other", dev]


def two_taggers(folder: Path, model: Path, dev: Path) -> list[Any]:
    nlp = spacy.load(model)
    nlp.add_pipe("tl_ner", name="second", source=spacy.load(model))
    nlp.to_disk(folder / "two")
    return [folder / "two", dev]


def wrong_name(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, dev, "--component", "ner"]


def output_is_no_pipeline(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, dev, "--output", dev.parent]


def output_is_another_model(folder: Path, model: Path, dev: Path) -> list[Any]:
    shutil.copytree(model, folder / "other")
    return [model, dev, "--output", folder / "other"]


def json_below_a_file(folder: Path, model: Path, dev: Path) -> list[Any]:
    return [model, dev, "--json", dev / "figures.json"]


@pytest.mark.parametrize(
    ("make", "number", "told"),
    [
        (empty_dev, "TL215", "no document with a token"),
        (no_gold, "TL501", "plain.spacy holds no gold mention"),
        (no_gold_in_test, "TL501", "plain.spacy holds no gold mention"),
        (not_annotated, "TL501", "raw.spacy holds no gold mention"),
        (no_such_dev, "TL214", "gone.spacy"),
        (broken_dev, "TL214", "broken.spacy"),
        (no_such_model, "TL408", "gone"),
        (no_tagger, "TL503", "found: none"),
        (no_weights, "TL014", "no weights yet"),
        (two_taggers, "TL503", "found: tl_ner, second"),
        (wrong_name, "TL503", "wanted the 'ner' 'tl_ner' component, found: tl_ner"),
        (output_is_no_pipeline, "TL506", "is not replaced"),
        (output_is_another_model, "TL506", "is not replaced"),
        (json_below_a_file, "TL505", "figures.json"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_wrong_input_is_named_and_changes_nothing(
    make: Callable[[Path, Path, Path], list[Any]], number: str, told: str, model: Path, dev: Path, tmp_path: Path
) -> None:
    arguments = make(tmp_path, model, dev)
    before = {**contents(tmp_path), **contents(dev.parent)}
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert number in result.output
    assert told in " ".join(result.output.split())
    assert {**contents(tmp_path), **contents(dev.parent)} == before


def test_several_taggers_take_a_name(model: Path, dev: Path, tmp_path: Path) -> None:
    path = two_taggers(tmp_path, model, dev)[0]
    assert invoke(path, dev, "--component", "tl_ner").exit_code == 0
    nlp = spacy.load(path)
    assert [nlp.get_pipe(name).temperature == 1 for name in ("tl_ner", "second")] == [False, True]
    # the second is left nothing to find
    assert "TL502" in invoke(path, dev, "--component", "second").output


def test_an_installed_package_is_not_changed(model: Path, dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, before = spacy.load(model), contents(model)
    monkeypatch.setattr("spacy_tlner.loading.load_model", lambda name: installed)
    result = invoke("en_tiny", dev)
    assert result.exit_code == 1
    assert "TL504" in result.output
    assert contents(model) == before
    assert invoke("en_tiny", dev, "--output", model.parent / "out").exit_code == 0
    assert contents(model) == before
