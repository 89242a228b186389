"""Several heads over one encoder, and how much a document counts. Judges: sums of single updates, repeated documents,
what two separate corpora say, and a round trip."""

import copy
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Model

from corpus import blank_tagger, entities, initialize, make_examples, tagger, train, write_corpus
from spacy_tlner.component import TransferNER
from spacy_tlner.layers.heads import private_layers
from spacy_tlner.stamps import stamp, stamp_annotated, stamp_weight

# one corpus knows persons only, the other places and, under another name, organisations
PEOPLE, PLACES = {"ORG": "", "LOC": ""}, {"PER": "", "ORG": "COMPANY"}


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def stamped(nlp: Language, corpus: str, n: int, rename: dict[str, str], skip: int = 0) -> list[Example]:
    examples = make_examples(nlp, n, skip=skip, rename=rename)
    for eg in examples:
        stamp(eg.reference, corpus)
    return examples


def two_heads(**config: Any) -> tuple[Language, list[Example], list[Example]]:
    """An initialized pipeline whose head "places" belongs to the corpus "gazette", and examples of either corpus."""
    fix_random_seed(0)
    nlp = blank_tagger(heads={"gazette": "places"}, **config)
    people, places = stamped(nlp, "news", 60, PEOPLE), stamped(nlp, "gazette", 60, PLACES, skip=60)
    initialize(nlp, [*people, *places])
    for node in pipe(nlp).model.walk():
        if node.name == "words":
            node.attrs["unk_rate"] = 0.0  # no chance in it
    return nlp, people, places


def gradients(nlp: Language, examples: list[Example]) -> dict[str, numpy.ndarray]:
    """Of all parameters, after one update without a step."""
    model: Model = pipe(nlp).model
    for node in model.walk():
        for name in node.grad_names:
            node.set_grad(name, node.get_grad(name) * 0)
    nlp.update(examples, sgd=False)
    return {
        f"{i}.{node.name}.{name}": node.get_grad(name).copy() if node.has_grad(name) else node.get_param(name) * 0
        for i, node in enumerate(model.walk(order="dfs_pre"))
        for name in node.param_names
        if node.has_param(name)
    }


def assert_sum(found: dict[str, Any], parts: list[tuple[float, dict[str, Any]]]) -> None:
    assert sum(float(abs(gradient).sum()) > 0 for gradient in found.values()) > 3
    for name, gradient in found.items():
        expected = sum(factor * of[name] for factor, of in parts)
        numpy.testing.assert_allclose(gradient, expected, atol=2e-5, err_msg=name)


def test_each_document_teaches_its_own_head() -> None:
    nlp, people, places = two_heads()
    both = gradients(nlp, [people[0], places[0], people[1]])
    alone = [gradients(nlp, [eg]) for eg in (people[0], places[0], people[1])]
    assert_sum(both, [(1 / 3, of) for of in alone])
    # and no other: of the documents alone, one has no gradient where the other has
    of_head = [{name for name, gradient in of.items() if "crf" in name and abs(gradient).sum()} for of in alone[:2]]
    assert len(of_head[0]) == len(of_head[1]) == 3 and not of_head[0] & of_head[1]


def test_the_loss_is_the_mean_over_documents_of_both() -> None:
    nlp, people, places = two_heads()
    batches = [[people[0]], [places[0]], [people[0], places[0]]]
    found = [nlp.update(batch, sgd=False, losses={})["tl_ner"] for batch in batches]
    assert found[2] == pytest.approx((found[0] + found[1]) / 2, rel=1e-5)


def test_a_document_of_weight_two_is_that_document_twice() -> None:
    nlp, people, places = two_heads()
    batch = [people[0], places[0]]
    twice = gradients(nlp, [people[0], people[0], places[0]])
    loss = [nlp.update([*batch, people[0]], sgd=False, losses={})["tl_ner"]]
    stamp_weight(people[0].reference, 2.0)
    assert_sum(gradients(nlp, batch), [(3 / 2, twice)])
    loss.append(nlp.update(batch, sgd=False, losses={})["tl_ner"])
    assert loss[1] == pytest.approx(loss[0] * 3 / 2, rel=1e-5)


def test_weights_of_corpora_and_of_documents_multiply() -> None:
    nlp, people, places = two_heads(corpus_weights={"gazette": 0.5})
    alone = [gradients(nlp, [eg]) for eg in (people[0], places[0])]
    stamp_weight(places[0].reference, 3.0)
    assert_sum(gradients(nlp, [people[0], places[0]]), [(0.5, alone[0]), (0.5 * 3.0, alone[1])])


def test_a_corpus_of_weight_zero_teaches_nothing() -> None:
    nlp, people, places = two_heads(corpus_weights={"gazette": 0.0})
    assert_sum(gradients(nlp, [people[0], places[0]]), [(0.5, gradients(nlp, [people[0]]))])
    assert not any(gradient.any() for gradient in gradients(nlp, places[:4]).values())


def test_two_heads_learn_two_corpora_that_contradict_each_other(tmp_path: Path) -> None:
    nlp, people, places = two_heads()
    mixed = [eg for pair in zip(people, places) for eg in pair]
    train(nlp, mixed, epochs=30)
    path = tmp_path / "model"
    nlp.to_disk(path)
    for head, rename in (("main", PEOPLE), ("places", PLACES)):
        loaded = spacy.load(path, config={"components.tl_ner.head": head})
        assert loaded.evaluate(make_examples(loaded, 40, skip=1000, rename=rename))["ents_f"] > 0.9
        loaded_again = spacy.blank("xx").from_config(loaded.config).from_bytes(loaded.to_bytes())
        texts = [" ".join(eg.reference.text for eg in people[:3])]
        assert [entities(doc) for doc in loaded_again.pipe(texts)] == [entities(doc) for doc in loaded.pipe(texts)]


def test_other_heads_find_spans_beside_the_entities(tmp_path: Path) -> None:
    """As the same model finds entities when that head is the one that predicts; entities on the document or not."""
    nlp, people, places = two_heads()
    train(nlp, [eg for pair in zip(people, places) for eg in pair], epochs=12)
    nlp.to_disk(tmp_path / "model")
    both = spacy.load(tmp_path / "model", config={"components.tl_ner.span_heads": ["places"]})
    alone = spacy.load(tmp_path / "model", config={"components.tl_ner.head": "places"})
    texts = [eg.reference.text for eg in make_examples(nlp, 20, skip=1000)]
    n = 0
    for doc, plain, other in zip(both.pipe(texts), nlp.pipe(texts), alone.pipe(texts)):
        assert entities(doc) == entities(plain)
        assert [(span.label_, span.start, span.end) for span in doc.spans["tl_ner_places"]] == entities(other)
        n += len(other.ents)
    assert n > 5
    assert list(both("").spans["tl_ner_places"]) == []
    again = spacy.blank("xx").from_config(both.config).from_bytes(both.to_bytes())
    assert pipe(again).span_heads == ["places"]


def test_a_span_head_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"\[TL018\].*'people'.*main, places"):
        two_heads(span_heads=["people"])
    nlp, _, _ = two_heads()
    pipe(nlp).span_heads = ["people"]
    with pytest.raises(ValueError, match=r"\[TL018\].*'people'.*main, places"):
        nlp("Paris")


@pytest.mark.parametrize("model", [{}, {"private_width": 4}])
def test_a_head_that_is_new_beside_trained_ones_can_be_learned(model: dict[str, Any], tmp_path: Path) -> None:
    nlp = blank_tagger(model=tagger() | model)
    initialize(nlp, stamped(nlp, "news", 60, PEOPLE))
    before = entities(nlp("Ada Lovelace moved to Oslo ."))
    pipe(nlp).head = "places"
    for label in ("LOC", "COMPANY"):
        assert pipe(nlp).add_label(label) == 1
    assert pipe(nlp).label_data.keys() == {"main", "places"}
    places = stamped(nlp, "gazette", 60, PLACES, skip=60)
    train(nlp, places, epochs=8)
    assert nlp.evaluate(places)["ents_f"] > 0.8
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    pipe(again).head = "places"
    assert again.evaluate(places)["ents_f"] > 0.8
    pipe(nlp).head = "main"
    assert {label for label, _, _ in [*before, *entities(nlp("Ada Lovelace moved to Oslo ."))]} <= {"PER"}


def test_labels_of_each_head_come_from_its_own_corpora() -> None:
    nlp, _, _ = two_heads()
    assert pipe(nlp).label_data == {"main": ["PER"], "places": ["COMPANY", "LOC"]}
    assert pipe(nlp).labels == ("PER",)


def test_labels_given_as_a_list_are_those_of_the_active_head() -> None:
    nlp = blank_tagger(heads={"gazette": "places"})
    examples = [*stamped(nlp, "news", 20, PEOPLE), *stamped(nlp, "gazette", 20, PLACES)]
    pipe(nlp).initialize(lambda: examples, nlp=nlp, labels=["PER", "EVENT"])
    assert pipe(nlp).label_data == {"main": ["PER", "EVENT"], "places": ["COMPANY", "LOC"]}


def test_a_head_without_labels_is_refused() -> None:
    nlp = blank_tagger(heads={"gazette": "places"})
    with pytest.raises(ValueError, match=r"\[TL008\].*'places'"):
        initialize(nlp, stamped(nlp, "news", 20, PEOPLE))


def test_a_head_that_came_without_weights_is_refused() -> None:
    """A pipeline of one head, trained on with a second one named in its config only."""
    _, people, places = two_heads()
    single = blank_tagger()
    initialize(single, people)
    other = blank_tagger(heads={"gazette": "places"})
    other.from_bytes(single.to_bytes(exclude=["tokenizer"]), exclude=["tokenizer"])
    with pytest.raises(ValueError, match=r"\[TL018\].*'places'.*main"):
        pipe(other).update([people[0], places[0]])


def test_weights_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"\[TL019\].*corpus_weights.news is -1.0"):
        blank_tagger(corpus_weights={"news": -1.0})


def test_documents_without_tokens_count_for_no_head() -> None:
    nlp, people, places = two_heads()
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    with_empty = gradients(nlp, [people[0], empty, places[0]])
    assert_sum(with_empty, [(1.0, gradients(nlp, [people[0], places[0]]))])


# --- warm start ---


def test_every_head_starts_from_the_source(tmp_path: Path) -> None:
    """From a source of one head: the active head by the label map, the other by equal names."""
    nlp = blank_tagger()
    initialize(nlp, make_examples(nlp, 60))
    train(nlp, make_examples(nlp, 60), epochs=1)
    nlp.to_disk(tmp_path / "source")
    target = blank_tagger(heads={"source": "source"})
    renamed = {"PER": "PERSON", "ORG": "", "LOC": ""}
    examples = [*stamped(target, "source", 20, {}), *stamped(target, "target", 20, renamed)]
    pipe(target).initialize(lambda: examples, nlp=target, source=str(tmp_path / "source"), label_map={"PER": "PERSON"})
    theirs, (main, copied) = pipe(nlp).model.get_ref("heads").layers[0], pipe(target).model.get_ref("heads").layers
    for name in ("W", "b"):
        old = theirs.get_ref("emission").get_param(name)
        assert (copied.get_ref("emission").get_param(name) == old).all()
        # O and PER, the third label by the alphabet
        assert (main.get_ref("emission").get_param(name) == old[[0, 9, 10, 11, 12]]).all()
    report = target.meta["spacy_tlner"]["tl_ner"]["warm_start"]
    assert report["labels"] == {"PERSON": "PER"} and report["other_heads"] == {"source": "3 of 3 labels"}


def test_a_head_starts_from_the_head_of_its_name(tmp_path: Path) -> None:
    nlp, people, places = two_heads()
    nlp.to_disk(tmp_path / "source")
    target = blank_tagger(heads={"news": "other"}, head="places")
    pipe(target).initialize(lambda: [*places, *people], nlp=target, source=str(tmp_path / "source"))
    heads = [pipe(each).model.get_ref("heads") for each in (target, nlp)]
    ours, theirs = (dict(zip(each.attrs["names"], each.layers)) for each in heads)
    assert list(ours) == ["places", "other"]
    for mine, other in (("places", "places"), ("other", "main")):
        found, expected = (head.get_ref("emission").get_param("W") for head in (ours[mine], theirs[other]))
        assert (found == expected).all()


def test_through_the_command_line_with_two_corpora(tmp_path: Path) -> None:
    """MultiCorpus stamps; `spacy init labels` and `spacy train` make of it a model of two heads."""
    from spacy.cli.train import train as spacy_train
    from spacy.training.initialize import init_nlp
    from thinc.api import Config

    paths = {
        "news": write_corpus(tmp_path / "news.spacy", 60, rename=PEOPLE),
        "gazette": write_corpus(tmp_path / "gazette.spacy", 60, skip=60, rename=PLACES),
        "dev": write_corpus(tmp_path / "dev.spacy", 30, skip=500, rename=PEOPLE),
    }
    config = Config().from_disk(Path(__file__).parent.parent / "configs" / "ner_bilstm_crf.cfg")
    config["components"]["tl_ner"]["model"] = tagger()
    config["components"]["tl_ner"]["heads"] = {"gazette": "places"}
    config["corpora"]["train"] = {
        "@readers": "spacy_tlner.MultiCorpus.v1",
        "corpora": {name: {**config["corpora"]["dev"], "path": str(paths[name])} for name in ("news", "gazette")},
    }
    config["corpora"]["dev"]["path"] = str(paths["dev"])
    config["training"] |= {"max_steps": 80, "eval_frequency": 40, "dropout": 0.2}
    config["training"]["optimizer"]["learn_rate"] = 0.01
    config.to_disk(tmp_path / "config.cfg")
    assert init_nlp(config).get_pipe("tl_ner").label_data == {"main": ["PER"], "places": ["COMPANY", "LOC"]}
    spacy_train(tmp_path / "config.cfg", tmp_path / "out")
    nlp = spacy.load(tmp_path / "out" / "model-best", config={"components.tl_ner.head": "places"})
    assert pipe(nlp).labels == ("COMPANY", "LOC")
    assert nlp.evaluate(make_examples(nlp, 40, skip=1000, rename=PLACES))["ents_f"] > 0.5


# --- what a head reads beside the shared states ---


def reading(**model: Any) -> tuple[Language, list[Example], list[Example]]:
    return two_heads(model={**tagger(), **model})


@pytest.mark.parametrize(
    "settings",
    [{"private_width": 8}, {"reads": {"main": "places"}}, {"private_width": 8, "reads": {"main": "places"}}],
    ids=["private", "reads", "both"],
)
def test_gradients_through_what_a_head_reads_by_finite_differences(settings: dict[str, Any]) -> None:
    nlp, people, places = reading(**settings)
    batch = [*people[:3], *places[:3]]
    found = gradients(nlp, batch)
    checked = set()
    for i, node in enumerate(pipe(nlp).model.walk(order="dfs_pre")):
        for name in node.param_names:
            gradient = found.get(f"{i}.{node.name}.{name}")
            if gradient is None or node.name not in ("private", "emission", "bilstm"):
                continue
            at = numpy.unravel_index(numpy.abs(gradient).argmax(), gradient.shape)
            kept, sides = node.get_param(name).copy(), []
            for step in (0.02, -0.02):
                moved = kept.copy()
                moved[at] += step
                node.set_param(name, moved)
                sides.append(nlp.update(batch, sgd=False, losses={})["tl_ner"])
            node.set_param(name, kept)
            assert gradient[at] == pytest.approx((sides[0] - sides[1]) / 0.04, rel=0.05, abs=2e-3), (node.name, name)
            checked.add(node.name)
    assert "emission" in checked and ("private" in checked) == ("private_width" in settings)


def test_a_head_reads_the_other_heads_tag_probabilities() -> None:
    nlp, people, _ = reading(reads={"main": "places"})
    component = pipe(nlp)
    docs = [eg.predicted for eg in people[:2]]
    states = component.model.get_ref("tok2vec").predict(docs)
    main, places = (head.get_ref("emission") for head in component.model.get_ref("heads").layers)
    for rows, found in zip(states, component.model.predict(docs)):
        scores = rows @ places.get_param("W").T + places.get_param("b")
        shares = numpy.exp(scores) / numpy.exp(scores).sum(axis=1, keepdims=True)
        expected = numpy.hstack([rows, shares]) @ main.get_param("W").T + main.get_param("b")
        numpy.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"private_width": 8}, {"reads": {"main": "places"}}, {"private_width": 8, "reads": {"main": "places"}}],
    ids=["private", "reads", "both"],
)
def test_what_heads_read_is_stored_copied_and_grows(settings: dict[str, Any], tmp_path: Path) -> None:
    nlp, people, places = reading(**settings)
    train(nlp, [eg for pair in zip(people, places) for eg in pair], epochs=8)
    texts = [eg.reference.text for eg in make_examples(nlp, 20, skip=1000)]
    before = [entities(doc) for doc in nlp.pipe(texts)]
    assert sum(map(len, before)) > 5
    nlp.to_disk(tmp_path / "model")
    for other in (spacy.load(tmp_path / "model"), copy.deepcopy(nlp)):
        assert [entities(doc) for doc in other.pipe(texts)] == before
        train(other, people[:16], epochs=1)  # and learns on
    docs = [eg.predicted for eg in people[:4]]
    emissions = pipe(nlp).model.predict(docs)
    pipe(nlp).add_label("EVENT")
    for rows, grown in zip(emissions, pipe(nlp).model.predict(docs)):
        numpy.testing.assert_allclose(grown[:, : rows.shape[1]], rows, atol=1e-5)
    train(nlp, people[:16], epochs=1)
    assert [entities(doc) for doc in spacy.load(tmp_path / "model").pipe(texts)] == before
    target, _, _ = reading(**settings)
    pipe(target).initialize(lambda: [*people, *places], nlp=target, source=str(tmp_path / "model"))
    assert [entities(doc) for doc in target.pipe(texts)] == before


@pytest.mark.parametrize(
    "settings", [{"private_width": 8}, {"reads": {"main": "places"}}, {"private_width": 8, "reads": {"main": "places"}}]
)
def test_a_warm_start_copies_what_heads_read_by_head_and_label(settings: dict[str, Any], tmp_path: Path) -> None:
    nlp, people, places = reading(**settings)
    train(nlp, [eg for pair in zip(people, places) for eg in pair], epochs=8)
    emission = pipe(nlp).model.get_ref("heads").layers[0].get_ref("emission")
    weights = emission.get_param("W").copy()
    weights[:, 32:] *= 30  # what is read matters
    emission.set_param("W", weights)
    nlp.to_disk(tmp_path / "model")
    docs = [eg.predicted for eg in make_examples(nlp, 20, skip=1000)]
    expected = numpy.concatenate(pipe(nlp).chains(docs).marginals())
    target, _, _ = reading(**settings)
    # the other head comes first, and its labels in another order
    labels = {"places": ["LOC", "COMPANY"], "main": ["PER"]}
    pipe(target).initialize(lambda: [*people, *places], nlp=target, labels=labels, source=str(tmp_path / "model"))
    found = numpy.concatenate(pipe(target).chains(docs).marginals())
    numpy.testing.assert_allclose(found, expected, atol=1e-5)


def test_heads_that_are_new_start_from_the_private_layer_of_the_one_that_predicts(tmp_path: Path) -> None:
    fix_random_seed(0)
    source = blank_tagger(model={**tagger(), "private_width": 8})
    initialize(source, make_examples(source, 20)).to_disk(tmp_path / "model")
    target, people, places = reading(private_width=8)
    pipe(target).initialize(lambda: [*people, *places], nlp=target, source=str(tmp_path / "model"))
    (theirs,) = private_layers(pipe(source).model.get_ref("heads").layers[0])
    for head in pipe(target).model.get_ref("heads").layers:
        (ours,) = private_layers(head)
        for name in ours.param_names:
            numpy.testing.assert_array_equal(ours.get_param(name), theirs.get_param(name))


def test_a_head_that_reads_starts_from_one_that_does_not(tmp_path: Path) -> None:
    source, people, places = reading()
    source.to_disk(tmp_path / "model")
    target, _, _ = reading(reads={"main": "places"})
    fresh = pipe(target).model.get_ref("heads").layers[0].get_ref("emission").get_param("W").copy()
    pipe(target).initialize(lambda: [*people, *places], nlp=target, source=str(tmp_path / "model"))
    old, new = (
        pipe(nlp).model.get_ref("heads").layers[0].get_ref("emission").get_param("W") for nlp in (source, target)
    )
    numpy.testing.assert_array_equal(new[:, : old.shape[1]], old)
    assert new.shape == fresh.shape and not (new[:, : old.shape[1]] == fresh[:, : old.shape[1]]).all()


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ({"private_width": 7}, "TL024"),
        ({"reads": {"main": "places", "places": "main"}}, "TL024"),
        ({"reads": {"main": "nobody"}}, r"TL025.*'nobody'.*main, places"),
    ],
)
def test_what_a_head_cannot_read(settings: dict[str, Any], number: str) -> None:
    with pytest.raises(ValueError, match=number):
        reading(**settings)


def test_a_head_that_is_read_keeps_its_labels() -> None:
    nlp, _, _ = reading(reads={"places": "main"})
    with pytest.raises(ValueError, match=r"TL023.*'places' reads"):
        pipe(nlp).add_label("EVENT")


def test_weights_and_settings_that_are_refused() -> None:
    nlp = blank_tagger()
    with pytest.raises(ValueError, match=r"TL026.*-1"):
        stamp_weight(nlp.make_doc("Paris"), -1)
    with pytest.raises(ValueError, match="TL029"):
        blank_tagger(span_heads=["candidates"])
    with pytest.raises(ValueError, match=r"TL027.*terms.it is 3"):
        blank_tagger(terms={"it": 3})


def test_a_head_that_is_not_there_is_named(tmp_path: Path) -> None:
    nlp, _, _ = two_heads()
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model", config={"components.tl_ner.head": "place"})
    with pytest.raises(ValueError, match=r"TL018.*'place'.*main, places"):
        loaded("Paris")


def test_labels_that_only_one_corpus_of_a_head_has_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Not where a corpus says what it annotates, nor of a head of its own."""

    def warnings(heads: dict[str, str], says: str = "") -> list[str]:
        nlp = blank_tagger(heads=heads)
        news, gazette = stamped(nlp, "news", 20, PEOPLE), stamped(nlp, "gazette", 20, PLACES)
        for eg in news if says else ():
            stamp_annotated(eg.reference, [says])
        caplog.clear()
        with caplog.at_level("WARNING", logger="spacy_tlner"):
            initialize(nlp, [*news, *gazette])
        return [record.getMessage() for record in caplog.records if "TL042" in record.getMessage()]

    first, second = warnings({})
    assert "'main'" in first and "news has no mention of COMPANY, LOC" in first and 'news = "found"' in first
    assert "gazette has no mention of PER" in second
    assert warnings({}, says="PER") == [second]
    assert warnings({"gazette": "places"}) == []


def test_names_of_corpora_that_are_not_there_are_told(caplog: pytest.LogCaptureFixture) -> None:
    nlp = blank_tagger(corpus_weights={"gazete": 0.5})
    with caplog.at_level("WARNING", logger="spacy_tlner"):
        initialize(nlp, stamped(nlp, "gazette", 20, PLACES))
    assert "TL028" in caplog.text and "'gazete'" in caplog.text and "There are: gazette" in caplog.text
