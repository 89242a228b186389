"""The pipe `tl_ner` through a pipe's life. Where spaCy's `ner` does the same thing, it is asked the same question."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from corpus import (
    HASH_EMBED_CNN,
    LABELS,
    LISTENER,
    blank_tagger,
    entities,
    held_out_texts,
    initialize,
    make_doc,
    make_examples,
    optimizer,
    tagger,
    train,
    trained,
    weights,
)
from spacy_tlner.component import TransferNER
from spacy_tlner.gold import allowed_tags
from spacy_tlner.tags import TagScheme

BOTH = pytest.mark.parametrize("factory", ["tl_ner", "ner"])
# words whose mentions both trained pipelines know: PER (0, 2), LOC (4, 5)
WORDS = ["Marie", "Curie", "moved", "to", "Paris", "last", "year", "."]
KNOWN = [("PER", 0, 2), ("LOC", 4, 5)]


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def parse(nlp: Language, doc: Doc) -> Doc:
    for _, component in nlp.pipeline:
        doc = component(doc)
    return doc


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
def test_scores_that_are_no_numbers_end_the_training(bad: float) -> None:
    nlp = blank_tagger()
    examples = make_examples(nlp, 8)
    initialize(nlp, examples)
    emission = pipe(nlp).model.get_ref("heads").layers[0].get_ref("emission")
    emission.set_param("W", emission.get_param("W") * bad)
    before = weights(pipe(nlp).model)
    with pytest.raises(ValueError, match=r"TL006.*'tl_ner'"):
        nlp.update(examples, sgd=optimizer())
    assert all(
        numpy.array_equal(old, new, equal_nan=True)
        for old, new in zip(before.values(), weights(pipe(nlp).model).values())
    )


# --- prediction and entities set before ---


@BOTH
def test_predicts_what_it_learned(factory: str) -> None:
    nlp = trained(factory)
    assert entities(parse(nlp, Doc(nlp.vocab, words=WORDS))) == KNOWN
    assert nlp.evaluate(make_examples(nlp, 100, skip=1000))["ents_f"] > 0.95


@BOTH
@pytest.mark.parametrize(
    "preset",
    [
        [("PER", 0, 2)],  # what it would say itself
        [("ORG", 0, 2)],  # another label
        [("ORG", 0, 1)],  # another extent
        [("LOC", 1, 3)],
        [("ORG", 0, 8)],  # everything
        [("PER", 4, 5), ("PER", 5, 6)],  # side by side
        [("GADGET", 4, 5)],  # a label it does not know
        [("GADGET", 1, 3)],
        [("GADGET", 0, 2), ("ORG", 2, 5)],
    ],
)
def test_entities_set_before_stay(factory: str, preset: list[Any]) -> None:
    nlp = trained(factory)
    doc = parse(nlp, make_doc(nlp, WORDS, preset, missing=True))
    assert set(preset) <= set(entities(doc))
    # what does not touch them is found as ever
    free = [m for m in KNOWN if all(m[2] <= start or end <= m[1] for _, start, end in preset)]
    assert set(free) <= set(entities(doc))
    assert all(token.ent_iob_ for token in doc)


@BOTH
def test_preset_links_are_kept(factory: str) -> None:
    nlp = trained(factory)
    doc = Doc(nlp.vocab, words=WORDS)
    doc.set_ents([Span(doc, 0, 2, label="ORG", kb_id="Q7186")], default="missing")
    ents = parse(nlp, doc).ents
    assert [(ent.label_, ent.kb_id_) for ent in ents] == [("ORG", "Q7186"), ("LOC", "")]


def test_preset_ids_are_kept() -> None:
    # spaCy's ner loses them
    nlp = trained()
    doc = Doc(nlp.vocab, words=WORDS)
    doc.set_ents([Span(doc, 0, 2, label="ORG", span_id="chemist")], default="missing")
    assert [ent.ent_id_ for ent in parse(nlp, doc).ents] == ["chemist", ""]


@BOTH
def test_blocked_tokens_stay_blocked(factory: str) -> None:
    nlp = trained(factory)
    doc = Doc(nlp.vocab, words=WORDS)
    doc.set_ents([], blocked=[doc[4:6]], default="missing")
    parse(nlp, doc)
    assert entities(doc) == [("PER", 0, 2)]
    assert [(token.ent_iob, token.ent_type) for token in doc[4:6]] == [(3, 0), (3, 0)]
    assert [token.ent_iob_ for token in doc[2:4]] == ["O", "O"]


@BOTH
def test_outside_may_be_overwritten(factory: str) -> None:
    nlp = trained(factory)
    doc = make_doc(nlp, WORDS, [])
    assert [token.ent_iob_ for token in doc] == ["O"] * 8
    assert entities(parse(nlp, doc)) == KNOWN


@BOTH
def test_a_second_run_changes_nothing(factory: str) -> None:
    nlp = trained(factory)
    doc = parse(nlp, Doc(nlp.vocab, words=WORDS))
    assert entities(parse(nlp, doc)) == KNOWN


@BOTH
def test_entity_ruler_before(factory: str) -> None:
    nlp = trained(factory)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "CITY", "pattern": "Paris", "id": "fr"}])
    assert entities(nlp(" ".join(WORDS))) == [("PER", 0, 2), ("CITY", 4, 5)]


@BOTH
def test_mentions_stay_within_sentences_and_off_whitespace(factory: str) -> None:
    nlp = trained(factory)
    rng = numpy.random.default_rng(0)
    words = [word for text in held_out_texts(10) for word in text.split()]
    for _ in range(20):
        picked = [words[i] for i in rng.integers(len(words), size=40)]
        picked = [word if rng.random() > 0.2 else "\n\n" for word in picked]
        starts = [bool(i == 0 or rng.random() < 0.2) for i in range(len(picked))]
        doc = parse(nlp, Doc(nlp.vocab, words=picked, sent_starts=starts))
        for ent in doc.ents:
            assert not ent[0].is_space
            assert factory == "ner" or not ent[-1].is_space  # ner lets a mention end with whitespace
            assert not any(token.is_sent_start for token in ent[1:])


@BOTH
def test_empty_docs(factory: str) -> None:
    nlp = trained(factory)
    assert [len(doc) for doc in nlp.pipe(["", "Paris .", ""])] == [0, 2, 0]
    assert [len(doc.ents) for doc in nlp.pipe(["", ""])] == [0, 0]
    assert len(nlp("")) == 0
    component = nlp.get_pipe(factory)
    assert len(list(component.pipe([nlp.make_doc(""), nlp.make_doc("Paris")]))) == 2
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    some = make_examples(nlp, 2)
    sgd = optimizer()
    assert nlp.update([empty, empty], sgd=sgd)[factory] == 0
    assert nlp.update([empty, *some, empty], sgd=sgd)[factory] > 0
    assert nlp.evaluate([empty, *some, empty])["ents_f"] > 0
    nlp.evaluate([empty])


def test_empty_docs_do_not_count_in_the_loss() -> None:
    nlp = trained()
    some = make_examples(nlp, 2)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    losses = []
    for examples in ([empty, *some, empty], some):
        fix_random_seed(0)  # the words layer draws which words count as unknown
        losses.append(nlp.update(examples, sgd=False)["tl_ner"])
    assert losses[0] == pytest.approx(losses[1])


@BOTH
def test_one_token_docs(factory: str) -> None:
    nlp = trained(factory)
    docs = [make_doc(nlp, [word], [("LOC", 0, 1)]) for word in ("Paris", "Oslo")]
    nlp.update([Example(Doc(nlp.vocab, words=[doc.text.strip()]), doc) for doc in docs], sgd=optimizer())
    assert [len(doc) for doc in nlp.pipe(["Paris", "."])] == [1, 1]


def test_long_docs_predict_and_train() -> None:
    nlp = trained()
    examples = make_examples(nlp, 2300, skip=1000)
    words = [token.text for eg in examples for token in eg.reference][:20_000]
    assert len(words) == 20_000
    mentions, offset = [], 0
    for eg in examples:
        mentions += [(label, start + offset, end + offset) for label, start, end in entities(eg.reference)]
        offset += len(eg.reference)
    gold = make_doc(nlp, words, [m for m in mentions if m[2] <= 20_000])
    doc = parse(nlp, Doc(nlp.vocab, words=words))
    assert len(set(entities(doc)) & set(entities(gold))) > 0.95 * len(gold.ents)
    loss = nlp.update([Example(Doc(nlp.vocab, words=words), gold)], sgd=optimizer())["tl_ner"]
    assert 0 < loss < 20_000


@BOTH
def test_not_initialized_says_so(factory: str) -> None:
    with pytest.raises(ValueError, match="E109"):
        blank_tagger(factory)("Paris")


# --- gold ---


@pytest.mark.parametrize("seed", range(30))
def test_gold_is_what_spacy_aligns(seed: int) -> None:
    """Against `Example.get_aligned_ner`, tokens alike or not, with missing, blocked and whitespace tokens."""
    rng = numpy.random.default_rng(seed)
    nlp = spacy.blank("xx")
    pieces = [str(rng.choice(["ab", "cd", "\n", "e-f", "g.h"])) for _ in range(12)]
    spaces = [piece != "\n" for piece in pieces]
    gold = Doc(nlp.vocab, words=pieces, spaces=spaces)
    cuts = sorted(rng.choice(13, size=6, replace=False).tolist())
    spans = [Span(gold, a, b, label=label) for a, b, label in zip(cuts[::2], cuts[1::2], "XYX")]
    blocked = [gold[cuts[1] : cuts[2]]] if cuts[1] < cuts[2] and seed % 3 == 0 else []
    gold.set_ents(spans, blocked=blocked, default="missing" if seed % 2 else "outside")
    doc = Doc(nlp.vocab, words=pieces, spaces=spaces) if seed % 5 else nlp.make_doc(gold.text)
    example = Example(doc, gold)
    scheme = TagScheme(("X", "Y"))
    allowed = allowed_tags(example, scheme)
    for row, name in zip(allowed, example.get_aligned_ner()):
        expected = scheme.names if name in (None, "-", "") else (name,)
        assert [scheme.names[i] for i in numpy.flatnonzero(row)] == list(expected)


def by_hand(component: TransferNER, emissions: numpy.ndarray, allowed: numpy.ndarray) -> float:
    """log Z - log Z(allowed) as sums over all legal paths, one by one."""
    crf = component.model.get_ref("heads").layers[0].get_ref("crf")
    start, end, transitions = (crf.get_param(name) for name in ("start", "end", "transitions"))
    scheme = component.scheme
    all_scores, gold_scores = [], []
    for path in product(range(scheme.n_tags), repeat=len(emissions)):
        if not (scheme.legal_start[path[0]] and scheme.legal_end[path[-1]]):
            continue
        if not all(scheme.legal[a, b] for a, b in zip(path, path[1:])):
            continue
        score = start[path[0]] + end[path[-1]] + sum(row[tag] for row, tag in zip(emissions, path))
        score += sum(transitions[a, b] for a, b in zip(path, path[1:]))
        all_scores.append(score)
        if all(row[tag] for row, tag in zip(allowed, path)):
            gold_scores.append(score)
    return float(numpy.logaddexp.reduce(all_scores) - numpy.logaddexp.reduce(gold_scores))


def test_missing_annotation_is_summed_over() -> None:
    nlp = trained()
    component = pipe(nlp)
    words = ["Marie", "Curie", "likes", "Paris"]
    reference = Doc(nlp.vocab, words=words, ents=["B-PER", "I-PER", "", "O"])
    reference.set_ents([Span(reference, 0, 2, label="PER")], missing=[reference[2:3]], default="outside")
    example = Example(Doc(nlp.vocab, words=words), reference)
    assert example.get_aligned_ner() == ["B-PER", "L-PER", None, "O"]
    allowed = numpy.zeros((4, component.scheme.n_tags), dtype=bool)
    allowed[0, component.scheme.ids["B-PER"]] = allowed[1, component.scheme.ids["L-PER"]] = allowed[3, 0] = True
    allowed[2] = True
    (emissions,) = component.model.predict([example.predicted])
    # weak emissions, so that many paths count
    loss, _ = component.get_loss([example], [emissions / 10])
    assert loss == pytest.approx(by_hand(component, emissions / 10, allowed), rel=1e-4)
    everything_missing = Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words))
    assert component.get_loss([everything_missing], [emissions])[0] == pytest.approx(0, abs=1e-5)


def test_learns_from_partial_annotation() -> None:
    """Mentions known and every other token unknown, but in one sentence in seven: these teach what O is."""
    fix_random_seed(0)
    nlp = blank_tagger()
    whole = make_examples(nlp, 150)
    partial = [
        eg
        if i % 7 == 0
        else Example(
            Doc(nlp.vocab, words=[t.text for t in eg.reference]),
            make_doc(nlp, [t.text for t in eg.reference], entities(eg.reference), missing=True),
        )
        for i, eg in enumerate(whole)
    ]
    nlp.initialize(lambda: partial)
    train(nlp, partial, epochs=5)
    assert nlp.evaluate(make_examples(nlp, 60, skip=1000))["ents_f"] > 0.9


@BOTH
def test_misaligned_tokens_train(factory: str) -> None:
    nlp = trained(factory)
    # gold cuts where the tokenizer does not, and the other way round
    gold = make_doc(nlp, ["New", "York-", "based", "Globex", "Corporation", "'s"], [("LOC", 0, 2), ("ORG", 3, 5)])
    examples = [Example(nlp.make_doc(gold.text), gold)]
    first = nlp.update(examples, sgd=False)[factory]
    history = train(nlp, examples, epochs=10)
    assert numpy.isfinite(first) and history[-1] <= first


@BOTH
def test_whitespace_tokens_train(factory: str) -> None:
    nlp = trained(factory)
    words = ["Marie", "Curie", "\n\n", "moved", " ", "to", "Paris"]
    gold = make_doc(nlp, words, [("PER", 0, 2), ("LOC", 6, 7)])
    history = train(nlp, [Example(Doc(nlp.vocab, words=words), gold)], epochs=10)
    assert history[-1] <= history[0]
    assert set(entities(parse(nlp, Doc(nlp.vocab, words=words)))) == {("PER", 0, 2), ("LOC", 6, 7)}


def test_whitespace_within_a_gold_mention_trains() -> None:
    nlp = trained()
    words = ["Marie", "\n", "Curie", "moved", "\n"]
    examples = [Example(Doc(nlp.vocab, words=words), make_doc(nlp, words, [("PER", 0, 3), ("LOC", 4, 5)]))]
    history = train(nlp, examples, epochs=20)
    # words that training never saw may count as unknown in any one step, hence not just the last
    assert min(history[-5:]) < history[0] / 10


@BOTH
@pytest.mark.parametrize("gold_ents", [["U-LOC", None, "O"], ["O", None, None], [None, "U-ORG", None]])
def test_predicted_entities_against_partial_gold(factory: str, gold_ents: list[Any]) -> None:
    """What stands on the predicted side, from an annotating component, may go against gold that is known in part."""
    nlp = trained(factory)
    words = ["Marie", "Curie", "."]
    reference = Doc(nlp.vocab, words=words)
    known = [Span(reference, i, i + 1, label=e[2:]) for i, e in enumerate(gold_ents) if e not in (None, "O")]
    outside = [reference[i : i + 1] for i, e in enumerate(gold_ents) if e == "O"]
    reference.set_ents(known, outside=outside, default="missing")
    example = Example(make_doc(nlp, words, [("PER", 0, 2)], missing=True), reference)
    losses = nlp.get_pipe(factory).update([example], sgd=False)
    assert numpy.isfinite(losses[factory])


def test_unknown_gold_label_is_refused() -> None:
    nlp = trained()
    before = pipe(nlp).to_bytes(exclude=["vocab"])
    with pytest.raises(ValueError, match=r"\[TL005\].*GADGET"):
        nlp.update(make_examples(nlp, 5, rename={"ORG": "GADGET"}), sgd=optimizer())
    assert pipe(nlp).to_bytes(exclude=["vocab"]) == before


# --- training ---


def test_overfits() -> None:
    fix_random_seed(0)
    nlp = blank_tagger()
    examples = make_examples(nlp, 12)
    nlp.initialize(lambda: examples)
    history = train(nlp, examples, epochs=40)
    assert history[-1] < 0.05 * history[0]
    assert nlp.evaluate(make_examples(nlp, 12))["ents_f"] == 1.0


def test_overfits_over_spacys_own_encoder() -> None:
    fix_random_seed(0)
    nlp = blank_tagger(model=tagger(HASH_EMBED_CNN))
    examples = make_examples(nlp, 12)
    nlp.initialize(lambda: examples)
    history = train(nlp, examples, epochs=40)
    assert history[-1] < 0.05 * history[0]
    assert nlp.evaluate(make_examples(nlp, 12))["ents_f"] == 1.0


def test_loss_and_its_gradient() -> None:
    """Finite differences of the loss that `get_loss` returns, at a few emissions."""
    nlp = trained()
    component = pipe(nlp)
    examples = make_examples(nlp, 3)
    emissions = [scores / 5 for scores in component.model.predict([eg.predicted for eg in examples])]
    loss, gradient = component.get_loss(examples, emissions)
    assert loss == pytest.approx(numpy.mean([component.get_loss([eg], [e])[0] for eg, e in zip(examples, emissions)]))
    assert [g.shape for g in gradient] == [(len(eg.predicted), 13) for eg in examples]
    for i, token, tag in ((0, 0, 9), (1, 3, 0), (2, 5, 4)):
        moved = [e.copy() for e in emissions]
        sides = []
        for step in (0.05, -0.05):
            moved[i][token, tag] = emissions[i][token, tag] + step
            sides.append(component.get_loss(examples, moved)[0])
        assert gradient[i][token, tag] == pytest.approx((sides[0] - sides[1]) / 0.1, abs=2e-4)


def test_update_without_optimizer_moves_nothing() -> None:
    nlp = trained()
    before = pipe(nlp).to_bytes(exclude=["vocab"])
    losses = nlp.update(make_examples(nlp, 4), sgd=False, losses={"tl_ner": 2.0})
    assert losses["tl_ner"] > 2.0
    assert pipe(nlp).to_bytes(exclude=["vocab"]) == before


def test_update_adds_up_gradients() -> None:
    """Two batches of one document with one step, as `accumulate_gradient` does: twice the mean's gradient."""
    results = []
    for batches in ([[0], [1]], [[0, 1]]):
        nlp = trained()
        for node in pipe(nlp).model.walk():
            if node.name == "words":
                node.attrs["unk_rate"] = 0.0  # no chance in it
        examples = make_examples(nlp, 2)
        for batch in batches:
            nlp.update([examples[i] for i in batch], sgd=False)
        crf = pipe(nlp).model.get_ref("heads").layers[0].get_ref("crf")
        results.append(crf.get_grad("transitions"))
    assert numpy.allclose(results[0], 2 * results[1], atol=1e-5)


def test_update_wants_examples() -> None:
    nlp = trained()
    for method in (pipe(nlp).update, lambda docs: pipe(nlp).get_loss(docs, [])):
        with pytest.raises(TypeError, match="E978"):
            method([nlp.make_doc("Paris")])


def test_rehearsal_over_a_shared_encoder_is_refused() -> None:
    """`nlp.rehearse` runs no tok2vec, so the listener would hand on what it has of another batch, or nothing."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("tok2vec", config={"model": HASH_EMBED_CNN})
    nlp.add_pipe("tl_ner", config={"model": tagger(LISTENER)})
    examples = make_examples(nlp, 8)
    initialize(nlp, examples)
    nlp.resume_training(sgd=optimizer())
    with pytest.raises(ValueError, match="TL041"):
        nlp.rehearse(examples)


def test_a_component_that_is_sourced_under_another_name_goes_by_that() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tl_ner", name="second", source=trained())
    component = nlp.get_pipe("second")
    assert isinstance(component, TransferNER)
    component.head = "nobody"
    with pytest.raises(ValueError, match=r"TL018.*'second'"):
        nlp.update(make_examples(nlp, 2))


def test_rehearsal_is_refused() -> None:
    nlp = trained()
    with pytest.raises(ValueError, match=r"\[TL007\].*'tl_ner'"):
        pipe(nlp).rehearse(make_examples(nlp, 2))


def test_annotating_component_does_not_disturb_training() -> None:
    """A ruler's entities on the predicted side, in training: gold wins where they differ."""
    fix_random_seed(0)
    nlp = blank_tagger()
    nlp.add_pipe("entity_ruler", first=True)
    examples = make_examples(nlp, 24)
    nlp.initialize(lambda: examples)
    ruler: Any = nlp.get_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Paris"}, {"label": "PER", "pattern": "Plato"}])
    assert {ent.label_ for eg in examples for ent in ruler(eg.predicted).ents} == {"ORG", "PER"}
    history = train(nlp, examples, epochs=10)
    assert numpy.isfinite(history).all() and history[-1] < history[0] / 2


def test_averages_predict_and_go_again() -> None:
    nlp = trained()
    sgd = spacy.registry.optimizers.get("Adam.v1")(0.01, use_averages=True)
    train(nlp, make_examples(nlp, 32), epochs=1, sgd=sgd)
    texts = held_out_texts(10)
    list(nlp.pipe(texts))  # the type cache knows the words with the weights as they are
    component = pipe(nlp)
    docs = [nlp.make_doc(text) for text in texts]
    before = component.model.predict(docs)
    with nlp.use_params(sgd.averages):
        averaged = component.model.predict(docs)
        stored = nlp.to_bytes()
    after = component.model.predict(docs)
    assert all((x == y).all() for x, y in zip(before, after))
    assert any((x != y).any() for x, y in zip(before, averaged))
    loaded = blank_tagger().from_bytes(stored)
    again = pipe(loaded).model.predict([loaded.make_doc(text) for text in texts])
    assert all(numpy.allclose(x, y, atol=1e-6) for x, y in zip(averaged, again))


# --- labels ---


@BOTH
def test_labels_inferred_sorted(factory: str) -> None:
    nlp = blank_tagger(factory)
    nlp.initialize(lambda: make_examples(nlp, 12))
    assert nlp.get_pipe(factory).labels == LABELS
    assert nlp.pipe_labels[factory] == list(LABELS)


def test_labels_from_a_list_or_heads() -> None:
    given = ["PER", "LOC", "ORG", "GADGET"]
    for labels in (given, {"main": given}, {"main": given, "other": ["X", "Y"]}):
        nlp = blank_tagger()
        nlp.config["initialize"]["components"]["tl_ner"] = {"labels": labels}
        initialize(nlp, make_examples(nlp, 12))
        component = pipe(nlp)
        assert component.labels == tuple(given)
        assert component.label_data == (labels if isinstance(labels, dict) and len(labels) > 1 else given)
        assert component.model.get_ref("heads").layers[0].get_ref("emission").get_dim("nO") == 17
        train(nlp, make_examples(nlp, 12), epochs=1)
        copy = blank_tagger().from_bytes(nlp.to_bytes())
        assert copy.to_bytes() == nlp.to_bytes() and pipe(copy).label_data == component.label_data


@pytest.mark.parametrize(
    ("labels", "number"),
    [([], "TL008"), ({"main": []}, "TL008"), ({"other": ["X"]}, "TL009"), (["X", ""], "TL001"), (["X", "X"], "TL001")],
)
def test_labels_that_cannot_be(labels: Any, number: str) -> None:
    nlp = blank_tagger()
    with pytest.raises(ValueError, match=number):
        pipe(nlp).initialize(lambda: make_examples(nlp, 12), nlp=nlp, labels=labels)


def test_no_labels_in_the_examples() -> None:
    nlp = blank_tagger()
    with pytest.raises(ValueError, match=r"\[TL008\].*'tl_ner'"):
        nlp.initialize(lambda: make_examples(nlp, 12, rename={"PER": "", "ORG": "", "LOC": ""}))


@BOTH
def test_initialize_wants_a_function(factory: str) -> None:
    nlp = blank_tagger(factory)
    with pytest.raises((TypeError, ValueError), match="E930"):
        nlp.get_pipe(factory).initialize(make_examples(nlp, 3))


@BOTH
def test_initialize_without_examples(factory: str) -> None:
    nlp = blank_tagger(factory)
    nlp.get_pipe(factory).add_label("PER")
    nlp.initialize()
    assert nlp.get_pipe(factory).labels == ("PER",)
    assert len(nlp("Marie Curie moved to Paris .")) == 6


def test_thresholds_are_held_against_the_labels_before_training() -> None:
    """Not at the first evaluation, when an hour may have passed."""
    nlp = blank_tagger(threshold=0.5, label_thresholds={"GADGET": 0.4})
    with pytest.raises(ValueError, match=r"TL012.*GADGET.*LOC, ORG, PER"):
        initialize(nlp, make_examples(nlp, 8))


def test_update_needs_weights() -> None:
    nlp = blank_tagger()
    examples = make_examples(nlp, 4)
    for _ in range(2):
        with pytest.raises(KeyError, match=r"TL014.*nlp\.initialize\(\)"):
            nlp.update(examples, sgd=optimizer())
        pipe(nlp).add_label("PER")
    initialize(nlp, examples)
    assert nlp.update(examples, sgd=optimizer())["tl_ner"] > 0


@BOTH
def test_initialize_twice_starts_afresh(factory: str) -> None:
    nlp = trained(factory)
    examples = make_examples(nlp, 30, skip=1000)
    assert nlp.evaluate(make_examples(nlp, 30, skip=1000))["ents_f"] > 0.9
    nlp.initialize(lambda: examples)
    assert nlp.get_pipe(factory).labels == LABELS
    assert nlp.evaluate(make_examples(nlp, 30, skip=1000))["ents_f"] < 0.5
    train(nlp, examples, epochs=1)


@BOTH
def test_add_label_before_initialize(factory: str) -> None:
    nlp = blank_tagger(factory)
    component: Any = nlp.get_pipe(factory)
    assert component.add_label("ORG") == 1
    assert not component.add_label("ORG")
    nlp.initialize(lambda: make_examples(nlp, 12))
    assert set(component.labels) == set(LABELS)
    train(nlp, make_examples(nlp, 12), epochs=1)


@BOTH
def test_labels_given_stand_beside_those_added_before(factory: str) -> None:
    nlp = blank_tagger(factory)
    labels = trained(factory).get_pipe(factory).label_data
    nlp.get_pipe(factory).add_label("GENE")
    nlp.get_pipe(factory).initialize(lambda: make_examples(nlp, 12), nlp=nlp, labels=labels)
    assert set(nlp.get_pipe(factory).labels) == {*LABELS, "GENE"}


@BOTH
def test_labels_before_initialize_are_stored(factory: str) -> None:
    nlp = blank_tagger(factory)
    component: Any = nlp.get_pipe(factory)
    component.add_label("ORG")
    other = blank_tagger(factory).from_bytes(nlp.to_bytes())
    assert tuple(other.get_pipe(factory).labels) == ("ORG",)


def test_labels_given_as_a_text_are_refused() -> None:
    nlp = blank_tagger()
    with pytest.raises(ValueError, match=r"TL010.*'PER'"):
        pipe(nlp).initialize(lambda: make_examples(nlp, 2), nlp=nlp, labels="PER")


def test_a_corpus_may_begin_with_empty_documents() -> None:
    nlp = blank_tagger()
    empty = [Example(nlp.make_doc(""), nlp.make_doc("")) for _ in range(12)]
    nlp.initialize(lambda: [*empty, *make_examples(nlp, 4)])
    assert nlp("Marie Curie").has_annotation("ENT_IOB")


def test_add_label_keeps_weights_and_can_be_learned() -> None:
    nlp = trained()
    component = pipe(nlp)
    sgd = optimizer()
    examples = make_examples(nlp, 100, skip=300)
    train(nlp, examples, epochs=1, sgd=sgd)
    texts = held_out_texts(10)
    old_head = component.model.get_ref("heads").layers[0]
    old = weights(old_head)
    old_scores = component.model.predict([nlp.make_doc(text) for text in texts])
    assert component.add_label("DAY") == 1
    assert component.add_label("DAY") == 0
    assert component.labels == (*LABELS, "DAY")
    new_head = component.model.get_ref("heads").layers[0]
    for name, value in weights(new_head).items():
        part = value[:13, :13] if name.endswith("transitions") else value[:13]
        assert value.shape[0] == 17 and (part == old[name]).all()
    new_scores = component.model.predict([nlp.make_doc(text) for text in texts])
    assert all(numpy.allclose(a, b[:, :13], atol=1e-6) for a, b in zip(old_scores, new_scores))
    with_days = make_examples(nlp, 100, skip=300)
    for eg in with_days:
        named = [token.i for token in eg.reference if token.text in ("Monday", "Yesterday")]
        days = [Span(eg.reference, i, i + 1, label="DAY") for i in named]
        eg.reference.set_ents([*eg.reference.ents, *days])
    train(nlp, with_days, epochs=4, sgd=sgd)
    assert nlp("Nothing happened on Monday .").ents[0].label_ == "DAY"
    assert nlp.evaluate(make_examples(nlp, 60, skip=1000))["ents_per_type"]["PER"]["f"] > 0.9
    # and the resized component is stored as any other
    assert entities(blank_tagger().from_bytes(nlp.to_bytes())("Nothing happened on Monday .")) == [("DAY", 3, 4)]


def test_add_label_that_cannot_be() -> None:
    nlp = trained()
    before = pipe(nlp).to_bytes(exclude=["vocab"])
    for label in ("", 5):
        with pytest.raises(ValueError, match="TL001"):
            pipe(nlp).add_label(label)
    assert pipe(nlp).labels == LABELS and pipe(nlp).to_bytes(exclude=["vocab"]) == before


def test_labels_are_strings_of_the_vocabulary() -> None:
    nlp = blank_tagger()
    pipe(nlp).add_label("SOMETHING_NEW")
    assert "SOMETHING_NEW" in nlp.vocab.strings


# --- score ---


@BOTH
def test_scores(factory: str) -> None:
    nlp = trained(factory)
    examples = make_examples(nlp, 20, skip=1000)
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] > 0.9 and set(scores["ents_per_type"]) == set(LABELS)
    assert nlp.get_pipe_meta(factory).default_score_weights["ents_f"] == 1.0
    predicted = [Example(nlp(eg.reference.text), eg.reference) for eg in make_examples(nlp, 5, skip=1000)]
    assert nlp.get_pipe(factory).score(predicted)["ents_f"] > 0.9


@BOTH
def test_scorer_may_be_none(factory: str) -> None:
    nlp = blank_tagger(factory, scorer=None)
    nlp.initialize(lambda: make_examples(nlp, 12))
    assert "ents_f" not in nlp.evaluate(make_examples(nlp, 3))


# --- in a pipeline ---


@BOTH
def test_disabled_renamed_and_removed(factory: str) -> None:
    nlp = trained(factory)
    text = " ".join(WORDS)
    with nlp.select_pipes(disable=[factory]):
        assert not nlp(text).ents
    assert entities(nlp(text)) == KNOWN
    nlp.rename_pipe(factory, "people")
    assert nlp.get_pipe("people").name == "people"
    assert entities(nlp(text)) == KNOWN
    assert set(nlp.update(make_examples(nlp, 2), sgd=optimizer())) == {"people"}
    copy = spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert entities(copy(text)) == entities(nlp(text))
    nlp.remove_pipe("people")
    assert not nlp(text).ents


@BOTH
def test_sourced_from_another_pipeline(factory: str) -> None:
    other = trained(factory)
    nlp = spacy.blank("xx", vocab=other.vocab)
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(factory, source=other)
    assert entities(nlp(" ".join(WORDS))) == KNOWN
    sgd = nlp.resume_training()
    history = train(nlp, make_examples(nlp, 48, skip=500), epochs=2, sgd=sgd)
    assert numpy.isfinite(history).all()
    assert nlp.evaluate(make_examples(nlp, 60, skip=1000))["ents_f"] > 0.9
    with nlp.select_pipes(disable=[factory]):  # as spaCy does with sourced components
        nlp.initialize()
    assert entities(nlp(" ".join(WORDS))) == KNOWN


def test_config_round_trip(tmp_path: Path) -> None:
    nlp = trained()
    config = nlp.config
    assert config["components"]["tl_ner"]["head"] == "main"
    assert spacy.util.load_model_from_config(config).config.to_str() == config.to_str()


def test_default_config_is_the_default_model() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tl_ner")
    examples = make_examples(nlp, 4)
    nlp.initialize(lambda: examples)
    assert nlp.update(examples, sgd=optimizer())["tl_ner"] > 0
    assert "doc.ents" in nlp.analyze_pipes()["summary"]["tl_ner"]["assigns"]


def test_labels_from_a_file(tmp_path: Path) -> None:
    """What `init labels` writes is read by `spacy.read_labels.v1` (the command itself: test_spacy_cli.py)."""
    import srsly

    nlp = trained()
    srsly.write_json(tmp_path / "labels.json", ["PER", "LOC", "ORG"])
    fresh = blank_tagger()
    fresh.config["initialize"]["components"]["tl_ner"] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json")}
    }
    fresh.initialize(lambda: make_examples(nlp, 12))
    assert pipe(fresh).labels == ("PER", "LOC", "ORG")
