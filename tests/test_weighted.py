"""Weights by nearness. Judges: finite differences, closed forms, corpora whose density ratio is known because they were
drawn with it, weights put on by hand, and what spaCy's own reader makes of the file that is written."""

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import fix_random_seed, load_config_from_str, registry, resolve_dot_names
from thinc.api import Config
from typer.testing import CliRunner, Result

from corpus import annotated, blank_tagger, initialize, make_examples, tagger, write_corpus
from spacy_tlner.cli import tlner
from spacy_tlner.corpora.docbin import read_docs, write_docs
from spacy_tlner.corpora.faults import CorpusError
from spacy_tlner.corpora.logistic import LogisticLoss, Rows
from spacy_tlner.corpora.nearness import Nearness, WeightSettings, effective_size, fit_nearness
from spacy_tlner.corpora.weighted import WeightedCorpus
from spacy_tlner.stamps import corpus_of, stamp_weight, weight_of

NLP = spacy.blank("en")


# --- logistic regression ---


def random_loss(seed: int, penalty: float) -> LogisticLoss:
    """Of 12 rows of at most 5 columns, the last row empty."""
    rng = numpy.random.default_rng(seed)
    dense = rng.normal(size=(12, 5)) * (rng.random((12, 5)) < 0.5)
    dense[-1] = 0
    row, column = numpy.nonzero(dense)
    return LogisticLoss(Rows(row, column, dense[row, column], dense.shape), rng.random(12), rng.random(12), penalty)


def value_at(loss: LogisticLoss, params: numpy.ndarray) -> float:
    return loss.value(params, loss.logits(params))


def gradient_at(loss: LogisticLoss, params: numpy.ndarray) -> numpy.ndarray:
    return loss.gradient(params, loss.logits(params))


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_gradient_and_curvature_are_finite_differences(penalty: float) -> None:
    loss = random_loss(1, penalty)
    rng = numpy.random.default_rng(2)
    params, direction, step = rng.normal(size=6), rng.normal(size=6), 1e-5
    axes = numpy.eye(6) * step
    slopes = [(value_at(loss, params + axis) - value_at(loss, params - axis)) / (2 * step) for axis in axes]
    numpy.testing.assert_allclose(gradient_at(loss, params), slopes, rtol=1e-6, atol=1e-9)
    ahead, behind = (gradient_at(loss, params + sign * step * direction) for sign in (1, -1))
    curvature = loss.hessian_times(loss.logits(params), direction)
    numpy.testing.assert_allclose(curvature, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)


def test_value_is_the_formula_summed_row_by_row() -> None:
    loss = random_loss(3, 0.7)
    params = numpy.random.default_rng(4).normal(size=6)
    dense = numpy.zeros((12, 5))
    dense[loss.rows.row, loss.rows.column] = loss.rows.value
    probabilities = 1 / (1 + numpy.exp(-(dense @ params[:5] + params[5])))
    rows = loss.targets * numpy.log(probabilities) + (1 - loss.targets) * numpy.log(1 - probabilities)
    expected = -loss.importance @ rows + 0.35 * (params[:5] ** 2).sum()
    assert value_at(loss, params) == pytest.approx(expected, rel=1e-12)


def test_the_minimum_is_that_of_the_closed_form() -> None:
    """Without a penalty the probability of a group that has a column of its own is its weighted mean target."""
    group = numpy.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    targets = numpy.array([1, 0, 0.3, 0.9, 0.8, 0, 0, 1, 0.25])
    importance = numpy.array([1, 2, 3, 0.5, 1, 1, 1, 1, 0.1])
    loss = LogisticLoss(Rows(numpy.arange(9), group, numpy.ones(9), (9, 3)), targets, importance, 0.0)
    expected = numpy.array([numpy.average(targets[group == g], weights=importance[group == g]) for g in range(3)])
    found = loss.logits(loss.minimum(1e-10))[[0, 3, 5]]
    numpy.testing.assert_allclose(found, numpy.log(expected / (1 - expected)), rtol=1e-6)


@pytest.mark.parametrize("penalty", [1e-6, 1e-3, 10.0])
def test_nothing_near_the_minimum_is_lower(penalty: float) -> None:
    loss = random_loss(5, penalty)
    found = loss.minimum(1e-10)
    rng = numpy.random.default_rng(6)
    lowest = value_at(loss, found)
    assert lowest < value_at(loss, numpy.zeros(6))
    for size in (1e-3, 1e-1, 10.0):
        assert all(value_at(loss, found + size * rng.normal(size=6)) > lowest for _ in range(20))


# --- nearness ---


NEAR = [" ".join(words) for words, _ in islice(annotated(), 3000)]


def near_texts(n: int, seed: int = 0) -> list[str]:
    return random.Random(seed).choices(NEAR, k=n)


def far_texts(n: int, seed: int = 0) -> list[str]:
    """Of another domain, though with some of the words of `near_texts`."""
    rng = random.Random(seed)
    subjects = ("The receptor", "Each kinase", "The gene", "No enzyme", "This pathway", "The committee", "Growth")
    verbs = ("was activated by", "binds to", "regulates", "and", "in")
    objects = ("calcium", "mutant cells", "the promoter", "insulin", "tumour tissue", "the weather", "two samples")
    return [
        f"{rng.choice(subjects)} {rng.choice(verbs)} {rng.choice(objects)} {rng.choice(verbs)} {rng.choice(objects)} ."
        for _ in range(n)
    ]


def noise(n: int, seed: int, n_words: int = 400) -> list[str]:
    """Texts of random words: any two samples come from one distribution."""
    rng = random.Random(seed)
    words = ["".join(rng.choice("aeioukmnprst") for _ in range(6)) for _ in range(n_words)]
    return [" ".join(rng.choice(words) for _ in range(12)) for _ in range(n)]


def area_under_curve(above: numpy.ndarray, below: numpy.ndarray) -> float:
    pairs = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    return float(pairs.mean())


@pytest.fixture(scope="module")
def mixture() -> tuple[list[str], Nearness]:
    """A source half like the target and half alien, weighed by density ratios from 50 texts of the target."""
    source = [*near_texts(400, seed=1), *far_texts(400)]
    return source, fit_nearness(source, near_texts(50), WeightSettings(strength=1.0, least=0.0))


def test_a_planted_mixture_is_told_apart(mixture: tuple[list[str], Nearness]) -> None:
    """Half of the source is half as dense there as the target: a ratio of 2, and of 0 elsewhere; 50 texts say less."""
    source, nearness = mixture
    weights = nearness.weights(source)
    assert area_under_curve(weights[:400], weights[400:]) > 0.98
    assert 1.5 < weights[:400].mean() < 2.1 and weights[400:].mean() < 0.5
    # a text that no classifier saw is weighed by all of them
    unseen = nearness.weights([*near_texts(100, seed=2), *far_texts(100, seed=9)])
    assert area_under_curve(unseen[:100], unseen[100:]) > 0.98


def test_with_texts_of_one_kind_hardly_any_weighting_is_left() -> None:
    for seed in range(4):
        texts = near_texts(550, seed)
        summary = fit_nearness(texts[50:], texts[:50], WeightSettings()).summary
        assert summary.effective > 0.85 * 500 and 0.35 < summary.auc < 0.65


def test_nothing_is_weighed_where_unseen_texts_tell_the_wrong_way() -> None:
    """Texts that go round in a circle: a held-out text is of the kind that the others of its class have too few of."""
    source, target = NEAR[1000:1500], NEAR[:50]
    nearness = fit_nearness(source, target, WeightSettings())
    assert nearness.summary.auc < 0.4
    assert (nearness.weights(source) == 1).all() and nearness.summary.effective == 500


def test_the_order_of_neighbours_tells() -> None:
    rng = random.Random(0)
    pairs = [(f"first{i}", f"second{i}") for i in range(8)]

    def drawn(n: int, step: int) -> list[str]:
        return [f"{' '.join(rng.choice(pairs)[::step])} item{rng.getrandbits(40)}" for _ in range(n)]

    source, target = [*drawn(200, 1), *drawn(200, -1)], drawn(60, 1)
    weights = fit_nearness(source, target, WeightSettings()).weights(source)
    assert area_under_curve(weights[:200], weights[200:]) > 0.95


def test_classifiers_do_not_score_what_they_learned_by_heart() -> None:
    """Random words: nothing tells the classes apart, and a copy of a target text in the source is as any other."""
    for seed in range(3):
        texts = noise(460, seed)
        source, target = texts[:400], texts[400:]
        for given in (source, [*source, *target]):
            nearness = fit_nearness(given, target, WeightSettings(strength=1.0))
            assert 0.4 < nearness.summary.auc < 0.6
            logits = by_seeing_classifiers(nearness, source), by_seeing_classifiers(nearness, target)
            assert area_under_curve(logits[1], logits[0]) > 0.99  # who saw them knows them
        copies, others = (nearness.log_ratios(part) for part in (target, source))
        assert abs(copies.mean() - others.mean()) < 0.5 * others.std() + 0.01


def by_seeing_classifiers(nearness: Nearness, texts: list[str]) -> numpy.ndarray:
    """Log ratios by the mean of all classifiers, of which all but one saw each text."""
    unknown = numpy.zeros(0, dtype="uint64")
    return replace(nearness, known=unknown, slope=1.0, intercept=0.0).log_ratios(texts)


def test_auc_and_effective_size_are_those_of_their_definitions(mixture: tuple[list[str], Nearness]) -> None:
    source, nearness = mixture
    ratios = [nearness.log_ratios(texts) for texts in (near_texts(50), source)]
    assert nearness.summary.auc == pytest.approx(area_under_curve(*ratios), abs=1e-12)
    weights = [float(w) for w in nearness.weights(source)]
    assert nearness.summary.effective == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights))
    assert effective_size(numpy.ones(7)) == 7 and effective_size(numpy.array([3.0, 0, 0])) == 1
    assert nearness.summary.quartiles == pytest.approx(numpy.quantile(weights, (0.25, 0.5, 0.75)))


def test_strength_zero_is_no_weighting() -> None:
    source = [*near_texts(100, seed=1), *far_texts(100)]
    for normalise in (True, False):
        settings = WeightSettings(strength=0.0, normalise=normalise)
        assert (fit_nearness(source, near_texts(50), settings).weights(source) == 1).all()


def test_strength_is_an_exponent() -> None:
    source = [*near_texts(100, seed=1), *far_texts(100)]
    found = {
        strength: fit_nearness(
            source, near_texts(50), WeightSettings(strength=strength, least=0, most=1e9, normalise=False)
        )
        for strength in (0.3, 1.0)
    }
    numpy.testing.assert_allclose(found[0.3].weights(source), found[1.0].weights(source) ** 0.3, rtol=1e-9)
    numpy.testing.assert_allclose(numpy.log(found[1.0].weights(source)), found[1.0].log_ratios(source), rtol=1e-9)


@pytest.mark.parametrize(("least", "most"), [(0.1, 10.0), (0.5, 1.5), (0.0, 1.2), (1.0, 1.0), (0.0, 1e6), (0.9, 50.0)])
@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_the_mean_is_one_within_the_bounds(least: float, most: float, strength: float) -> None:
    source = [*near_texts(60, seed=1), *far_texts(140)]
    settings = WeightSettings(strength=strength, least=least, most=most)
    weights = fit_nearness(source, near_texts(50), settings).weights(source)
    assert weights.mean() == pytest.approx(1, abs=1e-9)
    assert least <= weights.min() and weights.max() <= most


def test_bounds_are_reached_where_ratios_are_beyond() -> None:
    source = [*near_texts(100, seed=1), *far_texts(100)]
    raw = WeightSettings(strength=1.0, least=0.4, most=1.3, normalise=False)
    weights = fit_nearness(source, near_texts(50), raw).weights(source)
    assert weights.min() == 0.4 and weights.max() == 1.3
    # what is neither is as without bounds
    free = fit_nearness(source, near_texts(50), WeightSettings(1.0, 0.0, 1e9, False)).weights(source)
    numpy.testing.assert_allclose(weights, free.clip(0.4, 1.3), rtol=1e-12)


def test_raw_ratios_let_nearer_sources_count_more() -> None:
    settings = WeightSettings(normalise=False)
    means = [
        fit_nearness([*near_texts(n, seed=1), *far_texts(200 - n)], near_texts(50), settings).summary.mean
        for n in (190, 100, 10)
    ]
    assert means[0] > means[1] > means[2]


def test_the_same_again_and_in_any_order(mixture: tuple[list[str], Nearness]) -> None:
    source, nearness = mixture
    settings = nearness.settings
    again = fit_nearness(iter(source), iter(near_texts(50)), settings)
    assert (again.weights(source) == nearness.weights(source)).all()
    shuffled, target = list(source), near_texts(50)
    random.Random(3).shuffle(shuffled)
    random.Random(4).shuffle(target)
    other = fit_nearness(shuffled, target, settings)
    numpy.testing.assert_allclose(other.weights(source), nearness.weights(source), rtol=1e-4, atol=1e-6)
    # other folds are another estimate
    seeded = fit_nearness(source, near_texts(50), WeightSettings(strength=1.0, least=0.0, seed=1))
    assert (seeded.weights(source) != nearness.weights(source)).any()


def test_a_weight_belongs_to_the_text_alone(mixture: tuple[list[str], Nearness]) -> None:
    source, nearness = mixture
    together = nearness.weights(source)
    assert [float(nearness.weights([text])[0]) for text in source[380:420]] == list(together[380:420])


def test_tokenization_tells_nothing(mixture: tuple[list[str], Nearness]) -> None:
    _, nearness = mixture
    first, second = nearness.weights(["Shares of (non-Acme) fell.", "Shares of ( non - Acme ) fell ."])
    assert first == second
    chinese = ["他在北京工作", "我们去上海", "他喜欢北京", "她在上海学习", "我们工作"]
    found = fit_nearness(chinese, [text[::-1] for text in chinese], WeightSettings())
    assert (found.weights(chinese) == found.weights([" ".join(text) for text in chinese])).all()


def test_texts_without_words_are_weighed_too(mixture: tuple[list[str], Nearness]) -> None:
    _, nearness = mixture
    assert numpy.isfinite(nearness.weights(["", " \n", "\u200b"])).all() and not len(nearness.weights([]))


def test_nothing_in_common() -> None:
    """Of no feature that two texts share there is nothing to learn."""
    source, target = [chr(0x4E00 + i) for i in range(8)], [chr(0x5E00 + i) for i in range(6)]
    weights = fit_nearness(source, target, WeightSettings()).weights(source)
    assert weights == pytest.approx(numpy.ones(8), abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"least": -0.1}, r"TL260.*least -0.1"),
        ({"least": 1.1}, "TL260"),
        ({"most": 0.9}, r"TL260.*most 0.9"),
        ({"most": float("inf")}, "TL260"),
        ({"least": float("nan")}, "TL260"),
        ({"strength": -1.0}, r"TL261.*strength -1.0"),
        ({"strength": float("nan")}, "TL261"),
        ({"folds": 1}, r"TL261.*folds 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        WeightedCorpus(lambda nlp: iter(()), lambda nlp: iter(()), **settings)


def test_a_penalty_of_zero_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"TL261.*penalty 0"):
        WeightSettings(penalty=0.0)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([], ["a", "b"], r"TL263.*source has 0 different"),
        (["a", "b"], [], r"TL263.*target has 0 different"),
        (["a", "b", "c"], ["d", "D ", " ", ""], r"TL263.*target has 1 different.* 2 folds"),
    ],
)
def test_too_few_texts(source: list[str], target: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        fit_nearness(source, target, WeightSettings(folds=2))


# --- the reader ---

CONFIG = """
[corpora]

[corpora.train]
@readers = "spacy_tlner.MultiCorpus.v1"

[corpora.train.corpora]

[corpora.train.corpora.source]
@readers = "spacy_tlner.WeightedCorpus.v1"
{settings}

[corpora.train.corpora.source.corpus]
@readers = "spacy.Corpus.v1"
path = {source}
gold_preproc = false
{augmenter}

[corpora.train.corpora.source.near]
@readers = "spacy.Corpus.v1"
path = {target}
gold_preproc = false

[corpora.train.corpora.target]
@readers = "spacy.Corpus.v1"
path = {target}
gold_preproc = false
"""
AUGMENTER = """
[corpora.train.corpora.source.corpus.augmenter]
@augmenters = "spacy.lower_case.v1"
level = {level}
"""

Reader = Callable[[Language], Iterator[Example]]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source that is half like the target; the target without annotation."""
    folder = tmp_path_factory.mktemp("corpora")
    like = random.Random(1).sample([eg.reference for eg in make_examples(NLP, 400)], 40)
    write_docs([*like, *(NLP.make_doc(text) for text in far_texts(40))], folder / "source.spacy")
    write_docs([NLP.make_doc(text) for text in near_texts(30)], folder / "target.spacy")
    return {name: folder / f"{name}.spacy" for name in ("source", "target")}


def resolve(paths: dict[str, Path], settings: str = "", augmenter: str = "") -> Reader:
    quoted = {name: f'"{path}"' for name, path in paths.items()}
    config = load_config_from_str(CONFIG.format(**quoted, settings=settings, augmenter=augmenter))
    (reader,) = resolve_dot_names(config, ["corpora.train"])
    return reader


def expected_weights(path: Path, settings: WeightSettings) -> dict[str, float]:
    texts = [doc.text for doc in read_docs(path)]
    return dict(zip(texts, fit_nearness(texts, near_texts(30), settings).weights(texts)))


def test_reads_from_a_config_and_stamps_both_docs(paths: dict[str, Path]) -> None:
    reader = resolve(paths, "strength = 0.8\nleast = 0.2\nmost = 3\nfolds = 4\nseed = 5")
    expected = expected_weights(paths["source"], WeightSettings(0.8, 0.2, 3.0, True, 4, 5))
    for _ in range(2):  # a second pass finds the same
        examples = list(reader(NLP))
        plain = [eg.reference.text for name in ("source", "target") for eg in Corpus(paths[name])(NLP)]
        assert [eg.reference.text for eg in examples] == plain
        source, target = examples[:80], examples[80:]
        assert {corpus_of(eg.reference) for eg in source} == {"source"} and len(target) == 30
        assert [weight_of(eg.reference) for eg in source] == [expected[eg.reference.text] for eg in source]
        assert [weight_of(eg.predicted) for eg in source] == [weight_of(eg.reference) for eg in source]
        assert {weight_of(eg.reference) for eg in target} == {1.0}
        assert len({weight_of(eg.reference) for eg in source}) > 20
        assert numpy.mean([weight_of(eg.reference) for eg in source]) == pytest.approx(1)
        assert source[0].reference.ents  # the annotation is as it was


def test_a_weight_is_a_float_that_a_file_can_hold(paths: dict[str, Path]) -> None:
    example = next(resolve(paths)(NLP))
    assert type(weight_of(example.reference)) is float


def test_augmented_texts_are_weighed_as_they_are(paths: dict[str, Path]) -> None:
    """A part of the texts changes at random in each pass, so some were not there when the classifiers learned."""
    fix_random_seed(0)
    reader = resolve(paths, augmenter=AUGMENTER.format(level=0.5))
    seen: dict[str, set[float]] = {}
    for _ in range(3):
        examples = list(reader(NLP))[:80]
        for eg in examples:
            assert weight_of(eg.reference) == weight_of(eg.predicted)
            seen.setdefault(eg.reference.text, set()).add(weight_of(eg.reference))
        near, far = ([weight_of(eg.reference) for eg in part] for part in (examples[:40], examples[40:]))
        assert numpy.mean(near) > 1.1 * numpy.mean(far)
    assert len(seen) > 120 and all(len(weights) == 1 for weights in seen.values())


def test_lazy_and_read_no_more_often_than_said(caplog: pytest.LogCaptureFixture) -> None:
    passes = {"corpus": 0, "near": 0}

    def counted(name: str, examples: list[Example]) -> Reader:
        def read(nlp: Language) -> Iterator[Example]:
            passes[name] += 1
            yield from examples

        return read

    source, target = (
        [Example(NLP.make_doc(text), NLP.make_doc(text)) for text in texts]
        for texts in ([*near_texts(20, seed=1), *far_texts(20)], near_texts(20))
    )
    with caplog.at_level(logging.INFO, logger="spacy_tlner"):
        reader = WeightedCorpus(counted("corpus", source), counted("near", target))
        started = reader(NLP)
        assert passes == {"corpus": 0, "near": 0}
        assert weight_of(next(started).reference) != 1
        assert passes == {"corpus": 2, "near": 1}
        assert len(list(reader(NLP))) == 40
        assert passes == {"corpus": 3, "near": 1}
    (record,) = [each for each in caplog.records if each.name == "spacy_tlner"]
    line = record.getMessage()
    assert "40 text(s)" in line and "20 target text(s)" in line and "\n" not in line
    weights = numpy.array([weight_of(eg.reference) for eg in source])
    assert f"as much as {weights.sum() ** 2 / (weights**2).sum():,.0f} of" in line
    assert "quartiles {:.2f}, {:.2f}, {:.2f}".format(*numpy.quantile(weights, (0.25, 0.5, 0.75))) in line


def test_files_are_read_when_a_pass_begins(tmp_path: Path) -> None:
    missing = {name: tmp_path / f"{name}.spacy" for name in ("source", "target")}
    started = resolve(missing)(NLP)
    with pytest.raises(FileNotFoundError):
        next(started)


def test_an_empty_target_is_an_error(paths: dict[str, Path]) -> None:
    def nothing(nlp: Language) -> Iterator[Example]:
        yield from ()

    corpus: Any = Corpus(paths["source"])
    for reader, what in ((WeightedCorpus(corpus, nothing), "target"), (WeightedCorpus(nothing, corpus), "source")):
        with pytest.raises(CorpusError, match=rf"TL263.*the {what} has 0"):
            next(reader(NLP))


@pytest.mark.parametrize("block", ["corpus", "near"])
def test_a_block_without_a_reader_is_an_error(paths: dict[str, Path], block: str) -> None:
    text = CONFIG.format(**{k: f'"{v}"' for k, v in paths.items()}, settings="", augmenter="")
    start = f'[corpora.train.corpora.source.{block}]\n@readers = "spacy.Corpus.v1"\n'
    assert start in text
    config = load_config_from_str(text.replace(start, start.split("@")[0]))
    with pytest.raises(CorpusError, match=rf"TL262.*`{block}`.* is a dict"):
        resolve_dot_names(config, ["corpora.train"])


def test_registered_under_its_name() -> None:
    assert registry.readers.get("spacy_tlner.WeightedCorpus.v1") is WeightedCorpus


# --- the stamp reaches the loss ---


def gradients(nlp: Language, examples: list[Example]) -> dict[str, numpy.ndarray]:
    """Of all parameters, after one update without a step."""
    component: Any = nlp.get_pipe("tl_ner")
    nodes = list(component.model.walk(order="dfs_pre"))
    for node in nodes:
        for name in node.grad_names:
            node.set_grad(name, node.get_grad(name) * 0)
    nlp.update(examples, sgd=False)
    return {
        f"{i}.{node.name}.{name}": node.get_grad(name).copy()
        for i, node in enumerate(nodes)
        for name in node.grad_names
        if node.has_grad(name)
    }


def test_an_update_is_the_sum_of_single_ones_times_their_weights(paths: dict[str, Path]) -> None:
    fix_random_seed(0)
    nlp = blank_tagger()
    initialize(nlp, make_examples(nlp, 40))
    component: Any = nlp.get_pipe("tl_ner")
    for node in component.model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0  # no chance in it
    batch = [eg for i, eg in enumerate(resolve(paths)(nlp)) if i in (0, 1, 50, 79)]
    weights = expected_weights(paths["source"], WeightSettings())
    by_hand = [weights[eg.reference.text] for eg in batch]
    assert max(by_hand) > 1.1 and min(by_hand) < 0.7
    found = gradients(nlp, batch)
    for eg in batch:
        stamp_weight(eg.reference, 1.0)
    singles = [gradients(nlp, [eg]) for eg in batch]
    assert sum(bool(abs(gradient).sum() > 1e-3) for gradient in found.values()) > 3
    for name, gradient in found.items():
        expected = sum(weight * single.get(name, 0 * gradient) for weight, single in zip(by_hand, singles)) / 4
        numpy.testing.assert_allclose(gradient, expected, atol=2e-5, err_msg=name)


def test_through_spacy_train(tmp_path: Path, paths: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    from spacy.cli.train import train as spacy_train

    config = Config().from_disk(Path(__file__).parent.parent / "configs" / "ner_bilstm_crf.cfg")
    config["components"]["tl_ner"]["model"] = tagger()
    dev = config["corpora"]["dev"]
    source = {**dev, "path": str(paths["source"])}
    config["corpora"]["train"] = {
        "@readers": "spacy_tlner.WeightedCorpus.v1",
        "corpus": source,
        "near": {**dev, "path": str(paths["target"])},
    }
    dev["path"] = str(write_corpus(tmp_path / "dev.spacy", 10, skip=500))
    config["training"] |= {"max_steps": 4, "eval_frequency": 2}
    config.to_disk(tmp_path / "config.cfg")
    with caplog.at_level(logging.INFO, logger="spacy_tlner"):
        spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    assert spacy.load(tmp_path / "out" / "model-last").pipe_names == ["tl_ner"]
    assert any("80 text(s) count as much as" in record.getMessage() for record in caplog.records)


# --- the command ---


def run(*args: Any) -> Result:
    return CliRunner().invoke(tlner, ["weigh", *(str(arg) for arg in args)], env={"COLUMNS": "300"})


def test_shows_the_nearest_and_the_farthest(paths: dict[str, Path]) -> None:
    result = run(paths["source"], paths["target"], "--n", 5, "--strength", 1)
    assert result.exit_code == 0, result.output
    assert "80 text(s) count as much as" in " ".join(result.output.split())
    near, far = (part.splitlines()[1:6] for part in result.output.split("Nearest")[1].split("Farthest"))
    texts = [doc.text.strip() for doc in read_docs(paths["source"])]
    expected = {k.strip(): v for k, v in expected_weights(paths["source"], WeightSettings(strength=1.0)).items()}
    for lines, like in ((near, texts[:40]), (far, texts[40:])):
        for line in lines:
            weight, text = line.split(maxsplit=1)
            assert text in like and float(weight) == pytest.approx(expected[text], abs=0.006)
    assert "Nearest" not in run(paths["source"], paths["target"], "--n", 0).output


def tricky_docs() -> list[Doc]:
    """Documents with all that a corpus may hold; a few more for folds."""
    doc = Doc(NLP.vocab, words=["Ada", "met", "Ann", "."], spaces=[True, True, False, False], sent_starts=[1, 0, 1, 0])
    doc.set_ents([Span(doc, 0, 1, label="PER", kb_id="Q7259")], missing=[Span(doc, 3, 4)])
    doc.spans["sc"] = [Span(doc, 0, 3, label="EVENT")]
    doc.cats = {"news": 1.0}
    doc.user_data["note"] = "kept"
    unspaced = Doc(NLP.vocab, words=["Plato", "slept"])
    assert unspaced.has_unknown_spaces
    return [doc, unspaced, *(NLP.make_doc(text) for text in far_texts(10))]


def test_writes_a_corpus_that_spacys_own_reader_weighs_by(tmp_path: Path, paths: dict[str, Path]) -> None:
    docs = tricky_docs()
    write_docs(docs, tmp_path / "docs.spacy", user_data=True)
    result = run(tmp_path / "docs.spacy", paths["target"], tmp_path / "new" / "out.spacy", "-n", 0)
    assert result.exit_code == 0 and "12 doc(s) with their weights" in result.output, result.output
    texts = [doc.text for doc in docs]
    expected = fit_nearness(texts, near_texts(30), WeightSettings()).weights(texts)
    examples = list(Corpus(tmp_path / "new" / "out.spacy")(NLP))
    assert [weight_of(eg.reference) for eg in examples] == list(expected)
    assert len(set(expected)) > 5
    # and all else is as it was
    written = DocBin().from_disk(tmp_path / "new" / "out.spacy")
    for old, new in zip(docs, written.get_docs(NLP.vocab), strict=True):
        assert new.to_json() == old.to_json()
        assert (new.to_array(["ENT_IOB", "ENT_KB_ID"]) == old.to_array(["ENT_IOB", "ENT_KB_ID"])).all()
        assert new.has_unknown_spaces == old.has_unknown_spaces
        assert [(span.start, span.end, span.label_) for span in new.spans.get("sc", [])] == [
            (span.start, span.end, span.label_) for span in old.spans.get("sc", [])
        ]
    assert examples[0].reference.user_data["note"] == "kept"


def test_the_target_may_be_plain_text(tmp_path: Path, paths: dict[str, Path]) -> None:
    (tmp_path / "target.txt").write_text("\n".join(near_texts(30)), encoding="utf8")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.spacy").write_bytes(paths["target"].read_bytes())
    outputs = [run(paths["source"], each).output for each in (paths["target"], tmp_path / "target.txt", folder)]
    assert "30 target text(s)" in outputs[0] and outputs[0] == outputs[1] == outputs[2]


def test_what_the_command_refuses(tmp_path: Path, paths: dict[str, Path]) -> None:
    source, target = paths["source"], paths["target"]
    before = source.read_bytes()
    few, empty = tmp_path / "few.txt", tmp_path / "empty.txt"
    few.write_text("one\ntwo\n", encoding="utf8")
    empty.write_text("\n", encoding="utf8")
    (tmp_path / "broken.spacy").write_bytes(b"no DocBin")
    for args, code in (
        ((source, target, source), "TL264"),
        ((source, target, target), "TL264"),
        ((source.parent, target, source.parent / "out.spacy"), "TL264"),
        ((source, target, tmp_path / "out.txt"), "TL209"),
        ((source, target, "--strength", -1), "TL261"),
        ((source, target, "--folds", 1), "TL261"),
        ((source, target, "--least", 2), "TL260"),
        ((source, few, tmp_path / "out.spacy"), "TL263"),
        ((source, empty), "TL263"),
        ((source, tmp_path / "missing.spacy"), "TL214"),
        ((tmp_path / "missing.spacy", target), "TL214"),
        ((tmp_path / "broken.spacy", target), "TL214"),
        ((few, target), "TL214"),
        ((source, tmp_path / "picture.png"), "TL221"),
    ):
        result = run(*args)
        assert result.exit_code == 1 and code in result.output, (args, result.output)
    assert source.read_bytes() == before and not (tmp_path / "out.spacy").exists()
    assert not (source.parent / "out.spacy").exists()
