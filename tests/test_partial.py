"""Partial annotation: mentions known to be none, and corpora in which some labels were never annotated.

The algebra is judged by all paths, finite differences and inclusion-exclusion; gold by the costs that spaCy's own `ner`
gives to its moves; training by what comes out of it.
"""

from functools import cache
from itertools import combinations, product
from typing import Any

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from brute_force import Truth, by_sequence
from corpus import blank_tagger, entities, make_examples, optimizer, train
from spacy_tlner.component import TransferNER
from spacy_tlner.corpora.readers import MultiCorpus
from spacy_tlner.crf import forbidden as forbidden_module
from spacy_tlner.crf.chain import Chain
from spacy_tlner.crf.forbidden import Run, forward_backward_without
from spacy_tlner.crf.inference import forward_backward
from spacy_tlner.crf.loss import chain_loss
from spacy_tlner.crf.packing import Packing
from spacy_tlner.crf.paths import viterbi
from spacy_tlner.gold import training_sets
from spacy_tlner.tags import Mention, TagScheme
from strategies import Batch, batches, random_chain

KEY = "wrong"

# --- the algebra: every path ---


@st.composite
def runs_of(draw: st.DrawFn, batch: Batch, max_runs: int = 4) -> list[list[Run]]:
    """Some runs of two tokens or more for each sequence of a batch, in any order, the same one twice now and then."""
    n_labels = (batch.emissions.shape[1] - 1) // 4
    runs: list[list[Run]] = []
    for length in batch.lengths:
        spans = [(start, end) for start, end in combinations(range(length + 1), 2) if end - start > 1]
        runs.append([])
        for start, end in draw(st.lists(st.sampled_from(spans), max_size=max_runs)) if spans else ():
            first = 1 + 4 * draw(st.integers(0, n_labels - 1))
            runs[-1].append(Run(start, end, first, first + 1, first + 2))
    return runs


def enumerate_without(emissions: Any, chain: Chain, allowed: Any | None, runs: list[Run]) -> Truth:
    """All paths of one sequence but those that spell a run: these are tried against each path, tag by tag."""
    n, n_tags = emissions.shape
    paths = numpy.array(list(product(range(n_tags), repeat=n)))  # (P, n)
    kept = chain.legal_start[paths[:, 0]] & chain.legal_end[paths[:, -1]]
    kept &= chain.legal[paths[:, :-1], paths[:, 1:]].all(axis=1)
    if allowed is not None:
        kept &= allowed[numpy.arange(n), paths].all(axis=1)
    for start, end, first, inner, last in runs:
        tags = [first, *[inner] * (end - start - 2), last]
        kept &= ~(paths[:, start:end] == tags).all(axis=1)
    paths = paths[kept]
    nodes, edges = numpy.zeros((n, n_tags)), numpy.zeros((n_tags, n_tags))
    if not len(paths):
        return Truth(-numpy.inf, nodes, edges, -numpy.inf, [])
    scores = emissions.astype("float64")[numpy.arange(n), paths].sum(axis=1)
    scores += chain.transitions.astype("float64")[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    scores += chain.start.astype("float64")[paths[:, 0]] + chain.end.astype("float64")[paths[:, -1]]
    best = scores.max()
    log_z = best + numpy.log(numpy.exp(scores - best).sum())
    for path, probability in zip(paths, numpy.exp(scores - log_z)):
        nodes[numpy.arange(n), path] += probability
        numpy.add.at(edges, (path[:-1], path[1:]), probability)
    return Truth(float(log_z), nodes, edges, float(best), [])


def judge(batch: Batch, runs: list[list[Run]], scale: float = 1) -> None:
    allowed = numpy.ones(batch.emissions.shape, dtype=bool) if batch.allowed is None else batch.allowed
    found = forward_backward_without(batch.emissions, batch.packing, batch.chain, allowed, runs, batch.weights)
    parts = zip(*(by_sequence(batch.lengths, rows) for rows in (batch.emissions, allowed)))
    truths = [enumerate_without(rows, batch.chain, sets, of) for (rows, sets), of in zip(parts, runs)]
    assert_allclose(found.log_z, [truth.log_z for truth in truths], rtol=2e-6, atol=1e-5 * scale)
    assert_allclose(found.nodes, numpy.concatenate([truth.nodes for truth in truths]), atol=2e-5 * scale)
    expected = sum(float(weight) * truth.edges for weight, truth in zip(batch.weights, truths))
    assert_allclose(found.edges, expected, atol=5e-5 * scale)


@given(st.data(), batches(max_sequences=3))
@settings(max_examples=150)
def test_sum_over_all_other_paths(data, batch):
    """BILUO, any moves, or random ones; runs that overlap, abut, share starts or ends; sequences with none."""
    judge(batch, data.draw(runs_of(batch)))


@given(st.data(), batches(max_length=4, max_sequences=2))
@settings(max_examples=100)
def test_sum_over_all_other_paths_of_two_labels(data, batch):
    judge(batch, data.draw(runs_of(batch, max_runs=6)))


@given(
    st.data(),
    batches(max_sequences=2, emission_sds=(50, 1000), transition_sds=(1, 20), dtypes=("float32",), with_sets=False),
)
@settings(max_examples=100)
def test_extreme_scores(data, batch):
    """Also where the run ruled out was all but certain. Scores of thousands leave float32 three digits."""
    runs = data.draw(runs_of(batch))
    best = viterbi(batch.emissions, batch.packing, batch.chain)
    scheme = TagScheme(tuple(f"{i}" for i in range((batch.emissions.shape[1] - 1) // 4)))
    if batch.chain.legal is scheme.legal or (batch.chain.legal == scheme.legal).all():
        for of_sequence, tags in zip(runs, by_sequence(batch.lengths, best)):
            for start, end, label in scheme.decode(tags):
                first = int(scheme.tags_of(label)[0])
                if end - start > 1:
                    of_sequence.append(Run(start, end, first, first + 1, first + 2))
    judge(batch, runs, scale=10)


@pytest.mark.parametrize("seed", range(6))
def test_gradient_by_finite_differences(seed):
    """Along random directions, all scores at once, in float64: known gold, sets and runs in one batch, with weights."""
    rng = numpy.random.default_rng(seed)
    scheme = TagScheme(("X", "Y"))
    lengths = [6, 1, 5, 3, 4]
    chain, packing = random_chain(rng, scheme, dtype="float64"), Packing.of(lengths)
    emissions, weights = rng.normal(size=(sum(lengths), 9)), rng.random(len(lengths))
    path = viterbi(rng.normal(size=emissions.shape), packing, chain)[:, None] == numpy.arange(9)
    open_rows = numpy.repeat([True, True, False, True, True], lengths)
    allowed = path | (open_rows[:, None] & (rng.random(emissions.shape) < 0.8))
    allowed[:, 0] |= open_rows
    runs = [[Run(1, 3, 1, 2, 3), Run(1, 5, 1, 2, 3), Run(4, 6, 5, 6, 7)], [], [], [Run(0, 3, 1, 2, 3)], []]
    for start, end, *tags in (*runs[0], Run(12, 15, 1, 2, 3)):  # the fourth sequence begins at token 12
        allowed[start:end, tags] = True
    possible = allowed | (rng.random(emissions.shape) < 0.5)
    parts = [emissions, chain.transitions, chain.start, chain.end]

    def loss(parts: list[Any]) -> Any:
        moved = Chain(*parts[1:], chain.legal, chain.legal_start, chain.legal_end)
        return chain_loss(parts[0], packing, moved, allowed, possible=possible, forbidden=runs, weights=weights)

    found = loss(parts)
    without = chain_loss(emissions, packing, chain, allowed, possible=possible, weights=weights)
    assert (found.losses[[0, 3]] > without.losses[[0, 3]]).all()  # the runs were possible, and now are not
    assert_allclose(found.losses[[1, 2, 4]], without.losses[[1, 2, 4]], rtol=1e-12)
    gradients = [found.d_emissions, found.d_transitions, found.d_start, found.d_end]
    for _ in range(6):
        way = [rng.normal(size=part.shape) for part in parts]
        ahead, behind = (
            float(loss([part + step * along for part, along in zip(parts, way)]).losses @ weights)
            for step in (1e-5, -1e-5)
        )
        slope = sum(float((gradient * along).sum()) for gradient, along in zip(gradients, way))
        assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-7)


def test_long_document_by_inclusion_and_exclusion():
    """Z without three runs far apart is an alternating sum over Zs with some of them fixed; 2,000 tokens."""
    rng = numpy.random.default_rng(0)
    scheme = TagScheme(("X", "Y"))
    chain, packing = random_chain(rng, scheme, dtype="float64"), Packing.of([2000])
    emissions = rng.normal(0, 1, (2000, 9))
    runs = [Run(3, 5, 1, 2, 3), Run(900, 903, 5, 6, 7), Run(1998, 2000, 1, 2, 3)]
    for start, end, first, inner, last in runs:  # likely mentions, so that leaving them out shows
        emissions[numpy.arange(start, end), [first, *[inner] * (end - start - 2), last]] += 4
    everything = numpy.ones(emissions.shape, dtype=bool)
    shares = 0.0
    free = forward_backward(emissions, packing, chain).log_z[0]
    for chosen in (subset for n in range(4) for subset in combinations(runs, n)):
        allowed = everything.copy()
        for start, end, first, inner, last in chosen:
            allowed[start:end] = numpy.arange(9) == numpy.array([first, *[inner] * (end - start - 2), last])[:, None]
        with_chosen = forward_backward(emissions, packing, chain, allowed=allowed).log_z[0]
        shares += (-1) ** len(chosen) * numpy.exp(with_chosen - free)
    found = forward_backward_without(emissions, packing, chain, everything, [runs])
    assert free - found.log_z[0] > 1
    assert_allclose(found.log_z[0], free + numpy.log(shares), rtol=1e-9)
    assert_allclose(found.nodes.sum(axis=1), 1)


def test_copies_are_used_again(monkeypatch):
    """The chain grows with the runs that overlap, not with how many there are."""
    widths = []

    def noting(emissions: Any, *args: Any, **kwargs: Any) -> Any:
        widths.append(emissions.shape[1])
        return forward_backward(emissions, *args, **kwargs)

    monkeypatch.setattr(forbidden_module, "forward_backward", noting)
    chain = random_chain(numpy.random.default_rng(0), TagScheme(("X",)))
    everything, packing = numpy.ones((200, 5), dtype=bool), Packing.of([150, 50])
    emissions = numpy.zeros((200, 5), dtype="float32")
    apart = [Run(i, i + 3, 1, 2, 3) for i in range(0, 147, 3)]
    nested = [Run(10, 15, 1, 2, 3), Run(10, 12, 1, 2, 3), Run(11, 13, 1, 2, 3)]
    in_turn = [Run(i, i + 3, 1, 2, 3) for i in range(0, 148, 2)]  # each begins where the one before ends
    for runs in ([apart, []], [apart, nested], [in_turn, []]):
        forward_backward_without(emissions, packing, chain, everything, runs)
    assert widths == [5 + 4, 5 + 4 * 2, 5 + 4]


def test_nothing_left_costs_infinity_and_harms_nobody():
    chain = random_chain(numpy.random.default_rng(0), TagScheme(("X",)))
    allowed = numpy.array([[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [1, 1, 1, 1, 1]], dtype=bool)
    loss = chain_loss(
        numpy.zeros((3, 5), dtype="float32"), Packing.of([2, 1]), chain, allowed, forbidden=[[Run(0, 2, 1, 2, 3)], []]
    )
    assert loss.losses[0] == numpy.inf and numpy.isfinite(loss.losses[1])
    assert numpy.isfinite(loss.d_emissions).all() and numpy.isfinite(loss.d_transitions).all()


# --- gold: as in spaCy's `ner` ---

NLP = spacy.blank("en")
SCHEME = TagScheme(("X", "Y"))
NER = NLP.add_pipe("ner", config={"incorrect_spans_key": KEY})
for name in SCHEME.labels:
    NER.add_label(name)
NER.moves.add_action(5, "")  # O
LEGAL_ONLY = Chain(*(numpy.zeros(size) for size in ((9, 9), 9, 9)), SCHEME.legal, SCHEME.legal_start, SCHEME.legal_end)


def example_of(words: list[str], wrong: list[tuple[int, int, str]], **settings: Any) -> Example:
    """A reference without annotation, unless `settings` give it ents, and spans that are no mentions."""
    gold = Doc(NLP.vocab, words=words, **settings)
    gold.spans[KEY] = [Span(gold, start, end, label=label) for start, end, label in wrong]
    return Example(Doc(NLP.vocab, words=words), gold)


def paths_left(example: Example) -> set[tuple[str, ...]]:
    """Every legal path that our gold leaves, spelt out."""
    allowed, _, runs = training_sets(example, SCHEME, KEY)
    paths = set()
    for path in product(*(numpy.flatnonzero(row).tolist() for row in allowed)):
        tags = numpy.array(path)
        legal = SCHEME.legal_start[tags[0]] and SCHEME.legal_end[tags[-1]] and SCHEME.legal[tags[:-1], tags[1:]].all()
        if legal and not any(
            path[start:end] == (first, *[inner] * (end - start - 2), last) for start, end, first, inner, last in runs
        ):
            paths.add(tuple(SCHEME.names[tag] for tag in path))
    return paths


def paths_without_cost(example: Example) -> set[tuple[str, ...]]:
    """Every sequence of moves that costs spaCy's `ner` nothing against this gold."""
    moves = NER.moves
    indices = {moves.get_class_name(i): i for i in range(moves.n_moves)}
    complete, growing = set(), [()]
    while growing:
        path = growing.pop()
        state = moves.init_batch([example.predicted])[0]
        for name in path:
            moves.apply_transition(state, name)
        if len(path) == len(example.predicted):
            complete.add(path)
            continue
        gold = moves.init_gold(state, example)
        growing += [
            (*path, name)
            for name in SCHEME.names
            if moves.is_valid(state, name) and moves.get_cost(state, gold, indices[name]) <= 0
        ]
    return complete


@given(st.data(), st.integers(1, 4))
@settings(max_examples=100)
def test_incorrect_spans_rule_out_what_they_rule_out_for_spacy(data, n):
    spans = st.sampled_from([(*span, label) for span in combinations(range(n + 1), 2) for label in SCHEME.labels])
    # spaCy takes B for certain to end in the next token where that is the last one, whatever the span's end: a span
    # of the last token but one alone costs it the mention of both
    wrong = data.draw(st.lists(spans.filter(lambda span: span[:2] != (n - 2, n - 1)), max_size=5))
    example = example_of(["a", "b", "c", "d"][:n], wrong)
    assert paths_left(example) == paths_without_cost(example)


def mentions_left(example: Example) -> set[Mention]:
    return {mention for path in paths_left(example) for mention in SCHEME.decode([SCHEME.ids[t] for t in path])}  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_exactly_this_mention_is_ruled_out(length):
    words = ["a", "b", "c", "d"]
    every = mentions_left(example_of(words, []))
    assert len(every) == 2 * 10
    assert every - mentions_left(example_of(words, [(1, 1 + length, "X")])) == {Mention(1, 1 + length, "X")}
    # without a label: no mention of any label
    both = {Mention(1, 1 + length, label) for label in SCHEME.labels}
    assert every - mentions_left(example_of(words, [(1, 1 + length, "")])) == both
    # what this component does not look for, it need not be told not to find
    assert every == mentions_left(example_of(words, [(1, 1 + length, "Z")]))


def test_spans_are_aligned_as_in_spacy():
    gold = Doc(NLP.vocab, words=["ab", "c", "d"], spaces=[False] * 3)
    gold.spans[KEY] = [Span(gold, 0, 2, label="X"), Span(gold, 1, 3, label="Y")]
    example = Example(Doc(NLP.vocab, words=["a", "b", "cd"], spaces=[False] * 3), gold)
    _, _, runs = training_sets(example, SCHEME, KEY)
    assert runs == []  # "abc" ends within "cd"; "cd" is one token
    tokens = example_of(["a", "b", "cd"], [(2, 3, "Y")])
    assert paths_left(example) == paths_left(tokens) == paths_without_cost(example)


def test_gold_that_is_known_stays_as_it_is():
    """A span that gold does not have changes nothing; one that it has is a contradiction, as in spaCy."""
    ents = ["O", "B-X", "I-X", "O"]
    words = ["a", "b", "c", "d"]
    known = example_of(words, [(0, 1, "X"), (1, 4, "X"), (1, 3, "Y"), (1, 2, "X")], ents=ents)
    assert paths_left(known) == {("O", "B-X", "L-X", "O")}
    assert training_sets(known, SCHEME, KEY).forbidden == []  # and it costs nothing
    for label in ("X", ""):
        wrong = example_of(words, [(1, 3, label)], ents=ents)
        with pytest.raises(ValueError, match=r"TL022.*'b c' is annotated as X and, in spans\['wrong'\]"):
            training_sets(wrong, SCHEME, KEY)
    with pytest.raises(ValueError, match="E868"):
        NER.moves.init_gold(NER.moves.init_batch([wrong.predicted])[0], example_of(words, [(1, 3, "X")], ents=ents))


def test_gold_is_right_where_an_entity_set_before_is_wrong():
    example = example_of(["a", "b", "c"], [(0, 2, "X")])
    doc = example.predicted
    doc.set_ents([Span(doc, 0, 2, label="X")], default="missing")
    gold = training_sets(example, SCHEME, KEY)
    assert gold.possible is None and gold.allowed.all() and gold.forbidden == [Run(0, 2, 1, 2, 3)]
    doc.set_ents([Span(doc, 0, 2, label="Y")], default="missing")
    gold = training_sets(example, SCHEME, KEY)
    assert gold.possible is not None and gold.forbidden == []


def test_no_key_no_spans():
    example = example_of(["a", "b"], [(0, 1, "X"), (0, 2, "X")])
    for key in (None, "other"):
        allowed, _, runs = training_sets(example, SCHEME, key)
        assert allowed.all() and runs == []


# --- corpora that annotate some labels only ---

DROP = {"people": {"LOC": "", "ORG": ""}, "places": {"PER": "", "ORG": ""}}
ANNOTATES = {"people": ["PER"], "places": ["LOC"]}
N = 60  # sentences a corpus
LEFT_OUT = {"ORG": ""}


def halves(nlp: Language, annotates: dict[str, list[str]] | None) -> list[Example]:
    """A corpus of people only and one of places only, of different sentences, read as one, mixed."""
    readers = {
        name: lambda nlp, skip=skip, rename=DROP[name]: iter(make_examples(nlp, N, skip=skip, rename=rename))
        for name, skip in (("people", 0), ("places", N))
    }
    examples = list(MultiCorpus(readers, annotates)(nlp))
    return [examples[i] for pair in zip(range(N), range(N, 2 * N)) for i in pair]


@cache
def trained_on(partial: bool) -> Language:
    fix_random_seed(0)
    nlp = blank_tagger()
    examples = halves(nlp, ANNOTATES if partial else None)
    nlp.initialize(lambda: examples)
    train(nlp, examples, epochs=5)
    return nlp


def pipe(nlp: Language) -> TransferNER:
    component = nlp.get_pipe("tl_ner")
    assert isinstance(component, TransferNER)
    return component


def test_one_model_from_two_corpora_finds_both_labels():
    """Judged by sentences that have both annotated; reading O as O everywhere is clearly worse."""
    partial, naive = (
        nlp.evaluate(make_examples(nlp, 100, skip=1000, rename=LEFT_OUT)) for nlp in map(trained_on, (True, False))
    )
    assert pipe(trained_on(True)).labels == ("LOC", "PER")
    for label in ("PER", "LOC"):
        assert partial["ents_per_type"][label]["f"] > 0.85
    assert naive["ents_f"] < partial["ents_f"] - 0.1


def test_what_annotates_says_wrongly_is_refused():
    nlp = blank_tagger()
    examples = halves(nlp, {"people": ["PER", "Place"]})
    nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match=r"TL020.*'people'.*'Place'.*LOC, PER"):
        nlp.update(examples)
    examples = halves(nlp, {"people": ["LOC"], "places": ["LOC"]})
    with pytest.raises(ValueError, match=r"TL021.*'people'.*LOC alone.*'PER'"):
        nlp.update(examples)
    pipe(nlp).add_label("Place")  # a label that occurs nowhere may be said to be annotated, if it exists
    nlp.update(halves(nlp, {"people": ["PER", "Place"]}))


# --- mentions known to be none, in training ---

WORDS = ["Marie", "Curie", "moved", "to", "Paris", "last", "year", "."]


def knowing_key() -> Language:
    """The model of people and places, told the key."""
    return blank_tagger(incorrect_spans_key=KEY).from_bytes(trained_on(True).to_bytes())


def unknown_but_wrong(nlp: Language, *wrong: tuple[int, int, str]) -> Example:
    gold = Doc(nlp.vocab, words=WORDS)
    gold.spans[KEY] = [Span(gold, start, end, label=label) for start, end, label in wrong]
    return Example(Doc(nlp.vocab, words=WORDS), gold)


@pytest.mark.parametrize("wrong", [(0, 2, "PER"), (4, 5, "LOC"), (4, 6, "LOC")])
def test_loss_is_minus_log_of_all_but_the_mention(wrong):
    """Where nothing else is known: -log(1 - P(the mention)), P from the marginals of prediction."""
    nlp = knowing_key()
    example = unknown_but_wrong(nlp, wrong)
    start, end, label = wrong
    (asked,) = pipe(nlp).chains([example.predicted]).mention_probabilities([[Mention(start, end, label)]])
    # not update: in training, words go unknown
    loss, _ = pipe(nlp).get_loss([example], pipe(nlp).model.predict([example.predicted]))
    assert asked[0] > (0.9 if wrong != (4, 6, "LOC") else 0)
    assert_allclose(loss, -numpy.log1p(-asked[0]), rtol=2e-2, atol=1e-6)


def test_unlearns_the_mention():
    nlp = knowing_key()
    sgd = optimizer()
    found = []
    for _ in range(20):
        found.append(entities(nlp(Doc(nlp.vocab, words=WORDS))))
        nlp.update([unknown_but_wrong(nlp, (0, 2, ""))], sgd=sgd)
    assert found[0] == [("PER", 0, 2), ("LOC", 4, 5)]
    assert ("PER", 0, 2) not in found[-1] and ("LOC", 0, 2) not in found[-1]
    # when it goes, nothing else goes with it
    gone = next(ents for ents in found if ("PER", 0, 2) not in ents)
    assert ("LOC", 4, 5) in gone


def test_the_key_is_a_setting_that_is_stored(tmp_path):
    assert pipe(blank_tagger()).incorrect_spans_key is None
    nlp = blank_tagger(incorrect_spans_key=KEY)
    assert nlp.config["components"]["tl_ner"]["incorrect_spans_key"] == KEY
    pipe(nlp).add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path)
    assert pipe(spacy.load(tmp_path)).incorrect_spans_key == KEY
