"""Transfer terms in training: their definitions, finite differences, enumeration of all taggings, what they do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed, registry

from brute_force import all_paths
from corpus import LABELS, blank_tagger, entities, initialize, make_examples, optimizer, tagger, train, trained
from spacy_tlner.component import TransferNER
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.divergence import restrict
from spacy_tlner.learning import learn
from spacy_tlner.stamps import stamp
from spacy_tlner.tags import TagScheme
from spacy_tlner.transfer.callbacks import blank_source
from spacy_tlner.transfer.frozen import FrozenSource
from spacy_tlner.transfer.mmd import PUBLISHED, median_variances, mmd

READ_LABEL_MAP = "spacy_tlner.read_label_map.v1"


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


# --- terms in an update ---

TERMS: dict[str, dict[str, Any]] = {
    "mmd": {"@misc": "spacy_tlner.LabelAwareMMD.v1", "weight": 2.0, "kernels": "published"},
    "distance": {"@misc": "spacy_tlner.HeadDistance.v1", "weight": 0.3},
}


def filled(block: dict[str, Any], **config: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"source_head": "source", "target_head": "main", "label_map": {"LOC": "PLACE"}}
    if "MMD" in block["@misc"]:
        defaults |= {"kernels": "median", "outside": True, "max_tokens": 256}
    return {**defaults, **block, **config}


def mapped(term: str, source: Path, label_map: dict[str, Any]) -> dict[str, Any]:
    """The block of a term with that label map."""
    return (
        distillation(source, label_map=label_map)
        if term == "distillation"
        else filled(TERMS[term], label_map=label_map)
    )


def two_heads(terms: dict[str, Any]) -> tuple[Language, list[Example]]:
    """A source head with the labels of the tiny corpus, a target head that calls LOC another name and lacks ORG."""
    fix_random_seed(0)
    nlp = blank_tagger(heads={"source": "source"}, terms=terms)
    source, target = make_examples(nlp, 6), make_examples(nlp, 6, skip=6, rename={"LOC": "PLACE", "ORG": ""})
    for name, examples in (("source", source), ("target", target)):
        for eg in examples:
            stamp(eg.reference, name)
    initialize(nlp, [*source, *target])
    for node in pipe(nlp).model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0  # no chance in it
        if node.name in ("emission", "crf"):  # far from 0, where slopes show
            for name in node.param_names:
                node.set_param(name, numpy.random.default_rng(1).normal(0, 0.5, node.get_param(name).shape).astype("f"))
    return nlp, [*source, *target]


@pytest.mark.parametrize("term", list(TERMS))
def test_gradient_of_a_term_by_finite_differences(term: str) -> None:
    """Of the whole update with the term against without it, at weights of heads and encoder."""
    nlp, examples = two_heads({"it": filled(TERMS[term])})
    model = pipe(nlp).model
    losses = nlp.update(examples, sgd=False, losses={})
    assert losses["tl_ner_it"] > 0.01

    def value() -> float:
        return nlp.update(examples, sgd=False, losses={})["tl_ner_it"]

    checked = 0
    plain, _ = two_heads({})
    plain.update(examples, sgd=False)
    pairs = list(zip(model.walk(order="dfs_pre"), pipe(plain).model.walk(order="dfs_pre")))
    gradients = {
        (node.id, name): node.get_grad(name) - other.get_grad(name)
        for node, other in pairs
        for name in node.param_names
        if node.has_grad(name) and other.has_grad(name)
    }
    # value() adds to gradients, so they were read before
    for node, _ in pairs:
        for name in node.param_names:
            gradient = gradients.get((node.id, name))
            if gradient is None or not numpy.abs(gradient).max() > 1e-3:
                continue
            at = numpy.unravel_index(numpy.abs(gradient).argmax(), gradient.shape)
            sides = []
            for step in (0.01, -0.01):
                kept = node.get_param(name).copy()
                moved = kept.copy()
                moved[at] += step
                node.set_param(name, moved)
                sides.append(value())
                node.set_param(name, kept)
            assert gradient[at] == pytest.approx((sides[0] - sides[1]) / 0.02, rel=0.05, abs=2e-3), (node.name, name)
            checked += 1
    assert checked >= 4


def test_mmd_draws_states_of_one_label_together() -> None:
    found = []
    for weight in (0.0, 5.0):
        nlp, examples = two_heads({"it": filled(TERMS["mmd"], weight=weight, kernels="median")})
        sgd = optimizer()
        for _ in range(30):
            nlp.update(examples, sgd=sgd)
        component = pipe(nlp)
        states = component.model.get_ref("tok2vec").predict([eg.predicted for eg in examples])
        places = [
            numpy.concatenate(
                [s[ent.start : ent.end] for eg, s in zip(part, of) for ent in eg.reference.ents if ent.label_ == label]
            )
            for part, of, label in ((examples[:6], states[:6], "PER"), (examples[6:], states[6:], "PER"))
        ]
        found.append(mmd(*places, median_variances(*places))[0])
    assert found[1] < 0.7 * found[0]


def test_distance_holds_matched_rows_together_and_leaves_others() -> None:
    nlp, examples = two_heads({"it": filled(TERMS["distance"], weight=100.0)})
    sgd = optimizer()
    for _ in range(60):
        nlp.update(examples, sgd=sgd)
    main, source = pipe(nlp).model.get_ref("heads").layers
    schemes = pipe(nlp).schemes
    assert schemes["main"].labels == ("PER", "PLACE") and schemes["source"].labels == ("LOC", "ORG", "PER")
    ours = [0, *schemes["main"].tags_of("PER"), *schemes["main"].tags_of("PLACE")]
    theirs = [0, *schemes["source"].tags_of("PER"), *schemes["source"].tags_of("LOC")]
    for name in ("W", "b"):
        rows = [head.get_ref("emission").get_param(name) for head in (main, source)]
        assert numpy.abs(rows[0][ours] - rows[1][theirs]).mean() < 0.2
    assert numpy.abs(rows[1][schemes["source"].tags_of("ORG")]).mean() > 0.2


def states_by_label(nlp: Language, examples: list[Example], rename: dict[str, str]) -> dict[str, Any]:
    """Of each label, and of O, the encoder's states of its tokens, read off spaCy's own annotation."""
    states = pipe(nlp).model.get_ref("tok2vec").predict([eg.predicted for eg in examples])
    found: dict[str, list[Any]] = {}
    for eg, of in zip(examples, states):
        for token, state in zip(eg.reference, of):
            label = token.ent_type_ or "O"
            found.setdefault(rename.get(label, label), []).append(state)
    return {label: numpy.stack(of) for label, of in found.items()}


@pytest.mark.parametrize("outside", [True, False])
def test_mmd_is_summed_over_the_labels_that_both_sides_have(outside: bool) -> None:
    """Against the definition, written out with the states of each label; one token of a label is too few."""
    nlp, examples = two_heads({"it": filled(TERMS["mmd"], outside=outside, max_tokens=10_000)})
    for i, eg in enumerate(examples[6:]):
        lone = [Span(eg.reference, 0, 1, label="PER")] if i == 0 else []
        places = [ent for ent in eg.reference.ents if ent.label_ == "PLACE" and ent.start]
        eg.reference.set_ents([*lone, *places], default="outside")
    found = nlp.update(examples, sgd=False, losses={})["tl_ner_it"]
    sides = [states_by_label(nlp, part, {"LOC": "PLACE"}) for part in (examples[:6], examples[6:])]
    assert len(sides[1]["PER"]) == 1 and "PER" in sides[0] and "ORG" not in sides[1]

    def by_hand(x: Any, y: Any) -> float:
        def mean(a: Any, b: Any) -> float:
            squared = ((a[:, None].astype("d") - b[None]) ** 2).sum(axis=-1)
            return float(sum(numpy.exp(-squared / (2 * s)) for s in PUBLISHED).mean())

        return mean(x, x) + mean(y, y) - 2 * mean(x, y)

    labels = ["PLACE", *(["O"] if outside else [])]
    expected = sum(by_hand(sides[0][label], sides[1][label]) for label in labels)
    assert found == pytest.approx(2.0 * expected, rel=1e-3)


def test_mmd_draws_some_of_many_tokens() -> None:
    """Beyond `max_tokens` of a label and side: that many states of each have a gradient, and the seed says which."""
    values = []
    for seed in (0, 0, 1):
        nlp, examples = two_heads({"it": filled(TERMS["mmd"], max_tokens=4)})
        component = pipe(nlp)
        # a loss of nothing but the term
        curriculum = replace(component.curriculum, corpus_weights={"source": 0.0, "target": 0.0})
        states = component.model.get_ref("tok2vec").predict([eg.predicted for eg in examples])
        numpy.random.seed(seed)
        gradients, _, losses = learn(component.model.get_ref("heads"), component.schemes, curriculum, examples, states)
        pulled = {"source": 0, "target": 0}
        for i, (eg, gradient) in enumerate(zip(examples, gradients)):
            for token, of in zip(eg.reference, gradient):
                if abs(of).max() > 0:
                    assert token.ent_type_ != "ORG"  # which the target lacks
                    pulled["source" if i < 6 else "target"] += 1
        # of PER, LOC and O
        assert pulled == {"source": 12, "target": 12}
        values.append(losses["it"])
    assert values[0] == values[1] != values[2] and min(values) > 0


def test_distance_by_hand() -> None:
    """Half the squared differences of what belongs to O and the two labels that match."""
    nlp, examples = two_heads({"it": filled(TERMS["distance"])})
    main, source = pipe(nlp).model.get_ref("heads").layers
    schemes = pipe(nlp).schemes
    ours = [0, *schemes["main"].tags_of("PER"), *schemes["main"].tags_of("PLACE")]
    theirs = [0, *schemes["source"].tags_of("PER"), *schemes["source"].tags_of("LOC")]
    squares = 0.0
    for node, name, ids in (
        ("emission", "W", (ours, theirs)),
        ("emission", "b", (ours, theirs)),
        ("crf", "transitions", (numpy.ix_(ours, ours), numpy.ix_(theirs, theirs))),
        ("crf", "start", (ours, theirs)),
        ("crf", "end", (ours, theirs)),
    ):
        first, second = (head.get_ref(node).get_param(name)[at] for head, at in zip((main, source), ids))
        squares += float(((first - second) ** 2).sum())
    assert nlp.update(examples, sgd=False, losses={})["tl_ner_it"] == pytest.approx(0.3 / 2 * squares, rel=1e-5)


def test_batches_of_one_corpus_pass() -> None:
    nlp, examples = two_heads({"it": filled(TERMS["mmd"])})
    assert nlp.update(examples[:6], sgd=False, losses={})["tl_ner_it"] == 0


@pytest.mark.parametrize(
    ("term", "settings", "number"),
    [
        ("mmd", {"weight": -1.0}, "TL120"),
        ("mmd", {"max_tokens": 1}, "TL120"),
        ("distance", {"weight": -1.0}, "TL120"),
        ("mmd", {"source_head": "news"}, r"TL121.*'news'.*main, source"),
        ("distance", {"target_head": "news"}, "TL121"),
        ("mmd", {"label_map": {"PER": "", "LOC": ""}}, "TL122"),
        ("mmd", {"label_map": {"LOC": "CITY"}}, "TL103"),
    ],
)
def test_terms_that_cannot_work(term: str, settings: dict[str, Any], number: str) -> None:
    with pytest.raises(ValueError, match=number):
        two_heads({"it": filled(TERMS[term], **settings)})


# --- distillation ---


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "model"
    trained().to_disk(path)
    return path


def distillation(source: Any, **config: Any) -> dict[str, Any]:
    block = {"@misc": "spacy_tlner.Distillation.v1", "source": None if source is None else str(source)}
    return {**block, "weight": 1.0, "head": None, "corpora": None, "label_map": {}, "component": None, **config}


def started(source: Path, terms: dict[str, Any], rename: dict[str, str] | None = None, n: int = 40) -> Any:
    """A tagger that starts from the source and learns a corpus of other labels."""
    fix_random_seed(0)
    nlp = blank_tagger(terms=terms)
    examples = make_examples(nlp, n, skip=2000, rename=rename)
    nlp.config["initialize"]["components"]["tl_ner"] = {"source": str(source), "labels": ["LOC", "ORG", "PER", "NEW"]}
    nlp.initialize(lambda: examples)
    return nlp, examples


def test_a_copy_of_the_source_has_nothing_to_learn_from_it(source: Path) -> None:
    nlp, examples = started(source, {"keep": distillation(source)})
    losses = nlp.update(examples[:8], sgd=False, losses={})
    # the words that only the target has seen are known now, and were not to the source
    assert 0 <= losses["tl_ner_keep"] < 0.05


def test_distillation_against_enumeration(source: Path) -> None:
    """Of a fresh tagger: KL over all taggings of a short text, of the labels that both have."""
    fix_random_seed(0)
    nlp = blank_tagger(terms={"keep": distillation(source, weight=0.5, label_map={"ORG": "FIRM"})})
    pipe(nlp).initialize(lambda: make_examples(nlp, 20), nlp=nlp, labels=["FIRM", "EVENT"])
    doc = Doc(nlp.vocab, words=["Acme", "fell", "."])
    losses = nlp.update([Example(doc, doc.copy())], sgd=False, losses={})
    scheme, theirs, ours = TagScheme(("ORG",)), pipe(trained()), pipe(nlp)
    sides = []
    for component, label in ((theirs, "ORG"), (ours, "FIRM")):
        chains = component.chains([doc])
        tags = numpy.array([0, *component.scheme.tags_of(label)])
        emissions, chain = restrict(chains.emissions, chains.chain, tags)
        legality = (scheme.legal, scheme.legal_start, scheme.legal_end)
        sides.append(all_paths(emissions, Chain(chain.transitions, chain.start, chain.end, *legality))[1])
    expected = (sides[0] * (numpy.log(sides[0]) - numpy.log(sides[1]))).sum()
    assert expected > 0.1 and losses["tl_ner_keep"] == pytest.approx(0.5 * expected, rel=1e-3)


def test_distillation_keeps_what_the_source_knew(source: Path) -> None:
    """Trained on a corpus in which persons are not annotated, a tagger forgets them unless the source reminds it."""
    rename = {"PER": "", "ORG": "NEW", "LOC": ""}
    scores = []
    for terms in ({}, {"keep": distillation(source, weight=5.0)}):
        nlp, examples = started(source, terms, rename)
        train(nlp, examples, epochs=6)
        found = nlp.evaluate(make_examples(nlp, 60, skip=1000))
        scores.append(found["ents_per_type"]["PER"]["f"])
    assert scores[0] < 0.5 < 0.8 < scores[1]


def test_the_source_is_asked_on_documents_of_its_own(source: Path) -> None:
    """Entities that stand on a document, or its gold, change nothing; nor does asking again."""
    nlp, examples = started(source, {"keep": distillation(source)}, {"PER": "NEW"})
    train(nlp, examples, epochs=1)
    for node in pipe(nlp).model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0  # no chance in it
    values = []
    for _ in range(2):
        values.append(nlp.update(examples[:4], sgd=False, losses={})["tl_ner_keep"])
    for eg in examples[:4]:
        eg.predicted.set_ents([], default="outside")
    values.append(nlp.update(examples[:4], sgd=False, losses={})["tl_ner_keep"])
    assert values[0] > 0.01 and values[1:] == pytest.approx(values[:1] * 2, rel=1e-4)


def test_only_the_corpora_that_are_named(source: Path) -> None:
    nlp, examples = started(source, {"keep": distillation(source, corpora=["replay"])}, {"PER": "NEW"})
    train(nlp, examples, epochs=1)
    assert nlp.update(examples[:4], sgd=False, losses={})["tl_ner_keep"] == 0
    stamp(examples[1].reference, "replay")
    assert nlp.update(examples[:4], sgd=False, losses={})["tl_ner_keep"] > 0


def test_a_saved_pipeline_needs_the_source_for_training_only(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nlp, examples = started(source, {"keep": distillation(source)})
    blank_source()(nlp).to_disk(tmp_path / "model")
    assert str(source) not in (tmp_path / "model" / "config.cfg").read_text()
    loaded = spacy.load(tmp_path / "model")
    text = examples[0].reference.text
    assert entities(loaded(text)) == entities(nlp(text))
    # trained further, it goes without, and says so once
    with caplog.at_level("WARNING", logger="spacy_tlner"):
        for _ in range(2):
            losses = loaded.update(make_examples(loaded, 2), losses={})
    assert losses["tl_ner_keep"] == 0 < losses["tl_ner"] and caplog.text.count("TL124") == 1
    # from the start, it is asked for
    with pytest.raises(ValueError, match=r"TL123.*drop the term"):
        loaded.initialize(lambda: make_examples(loaded, 8))


@pytest.mark.parametrize("term", ["distillation", *TERMS])
def test_a_saved_pipeline_needs_no_file_of_a_label_map(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("map.json").write_text('{"LOC": "PLACE"}', encoding="utf8")
    nlp, examples = two_heads({"it": mapped(term, source, {"@misc": READ_LABEL_MAP, "path": "map.json"})})
    given, _ = two_heads({"it": mapped(term, source, {"LOC": "PLACE"})})
    found, expected = (of.update(examples, sgd=False, losses={})["tl_ner_it"] for of in (nlp, given))
    assert found == pytest.approx(expected, rel=1e-5) and found > 0.01
    nlp.to_disk("model")
    Path("map.json").unlink()
    text = examples[0].reference.text
    assert entities(spacy.load("model")(text)) == entities(nlp(text))


@pytest.mark.parametrize("term", ["distillation", *TERMS])
def test_an_estimate_is_no_label_map_of_a_term(source: Path, term: str) -> None:
    with pytest.raises(ValueError, match=r"TL130.*label_map"):
        blank_tagger(terms={"it": mapped(term, source, {"@misc": "spacy_tlner.estimate_label_map.v1"})})


def test_a_head_is_taught_by_the_one_that_it_would_start_from(tmp_path: Path) -> None:
    """The source's head of its name: copies of the source's heads have nothing to learn from it."""
    donor, examples = two_heads({})
    donor.to_disk(tmp_path / "source")
    for head in ("main", "source"):
        nlp = blank_tagger(heads={"source": "source"}, terms={"keep": distillation(tmp_path / "source", head=head)})
        pipe(nlp).initialize(lambda: examples, nlp=nlp, source=str(tmp_path / "source"))
        for node in pipe(nlp).model.walk():
            if node.name == "words":
                node.attrs["unk_rate"] = 0.0  # no chance in it
        assert nlp.update(examples, sgd=False, losses={})["tl_ner_keep"] == pytest.approx(0, abs=1e-3)


def test_a_tagger_that_was_saved_as_disabled_is_asked(source: Path, tmp_path: Path) -> None:
    nlp = spacy.load(source)
    nlp.add_pipe("sentencizer", first=True)
    nlp.disable_pipe("tl_ner")
    nlp.to_disk(tmp_path / "disabled")
    doc = nlp.make_doc("Ada Lovelace moved to Oslo .")
    found, expected = (FrozenSource(path).chains([doc], "main").emissions for path in (tmp_path / "disabled", source))
    assert (found == expected).all()


@pytest.mark.parametrize(
    ("settings", "number"),
    [({"weight": -0.1}, "TL120"), ({"head": "other"}, "TL121"), ({"component": "ner"}, "TL131.*`component`")],
)
def test_distillation_that_cannot_work(source: Path, settings: dict[str, Any], number: str) -> None:
    with pytest.raises(ValueError, match=number):
        started(source, {"keep": distillation(source, **settings)})


def test_distillation_without_a_common_label(source: Path) -> None:
    nlp = blank_tagger(terms={"keep": distillation(source)})
    with pytest.raises(ValueError, match=r"TL122.*LOC, ORG, PER.*FIRM"):
        initialize(nlp, make_examples(nlp, 10, rename={"ORG": "FIRM", "PER": "", "LOC": ""}))


def test_distillation_is_of_the_head_that_is_active_now(source: Path) -> None:
    term = registry.resolve({"term": distillation(source)})["term"]
    for head in ("main", "other"):
        term.check({head: LABELS}, head, "tl_ner")


# --- rehearsal ---


def test_rehearsal_keeps_what_was_known() -> None:
    """As spaCy's documentation has it: updates on new data, and between them the old model's opinion of raw text."""
    scores = []
    for rehearse in (False, True):
        nlp = trained()
        sgd = nlp.resume_training(sgd=optimizer())
        examples = make_examples(nlp, 40, skip=2000, rename={"PER": "", "ORG": "", "LOC": "LOC"})
        texts = [eg.reference.text for eg in make_examples(nlp, 40, skip=500)]
        raw = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]
        for i in range(0, 40, 8):
            for _ in range(3):
                nlp.update(examples[i : i + 8], sgd=sgd)
                if rehearse:
                    losses = nlp.rehearse(raw[i : i + 8], sgd=sgd, losses={})
                    assert losses["tl_ner"] >= 0
        scores.append(nlp.evaluate(make_examples(nlp, 60, skip=1000))["ents_per_type"]["PER"]["f"])
    assert scores[0] < 0.5 < 0.8 < scores[1]


def test_rehearsal_reads_a_generator_and_forgets_the_temperature() -> None:
    nlp = trained()
    nlp.resume_training(sgd=optimizer())
    train(nlp, make_examples(nlp, 16, rename={"PER": "", "ORG": "", "LOC": "LOC"}), epochs=3)
    pipe(nlp).temperature = 2.0
    assert pipe(nlp).rehearse(eg for eg in make_examples(nlp, 8))["tl_ner"] > 0.01
    assert pipe(nlp).temperature == 1


def test_rehearsal_is_of_the_head_that_is_active_and_ends_with_new_weights() -> None:
    nlp, examples = two_heads({})
    nlp.resume_training(sgd=optimizer())
    train(nlp, examples, epochs=3)
    first = pipe(nlp).rehearse(examples)["tl_ner"]
    pipe(nlp).head = "source"
    assert first > 0.1 < pipe(nlp).rehearse(examples)["tl_ner"]
    initialize(nlp, examples)
    with pytest.raises(ValueError, match="TL007"):
        pipe(nlp).rehearse(examples)


@Language.component("tlner_tests_nothing")
def nothing(doc: Doc) -> Doc:
    return doc


def test_a_source_with_a_function_among_its_pipes(tmp_path: Path) -> None:
    teacher = trained()
    teacher.add_pipe("tlner_tests_nothing", first=True)
    teacher.to_disk(tmp_path / "source")
    nlp, examples = started(tmp_path / "source", {"keep": distillation(tmp_path / "source")}, {"PER": "NEW"})
    train(nlp, examples, epochs=1)
    assert nlp.update(examples[:4], sgd=False, losses={})["tl_ner_keep"] > 0


def test_heads_of_unlike_width_have_no_distance() -> None:
    fix_random_seed(0)
    terms = {"it": filled(TERMS["distance"], label_map={})}
    nlp = blank_tagger(model={**tagger(), "reads": {"main": "source"}}, heads={"source": "source"}, terms=terms)
    examples = make_examples(nlp, 8)
    for eg in examples[:4]:
        stamp(eg.reference, "source")
    initialize(nlp, examples)
    with pytest.raises(ValueError, match=r"TL125.*'source' and 'main'"):
        nlp.update(examples)


def test_rehearsal_leaves_new_labels_alone() -> None:
    """A model that only got a label more still says of the old ones what it said."""
    nlp = trained()
    for node in pipe(nlp).model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0  # no chance in it
    nlp.resume_training(sgd=optimizer())
    pipe(nlp).add_label("NEW")
    assert pipe(nlp).rehearse(make_examples(nlp, 4), sgd=None)["tl_ner"] == pytest.approx(0, abs=1e-4)


def test_terms_are_registered() -> None:
    found = registry.resolve({name: filled(block) for name, block in TERMS.items()})
    assert [type(term).__name__ for term in found.values()] == ["LabelAwareMMD", "HeadDistance"]
