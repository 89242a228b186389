"""The pipe `tl_ner`: a CRF over any spaCy encoder, trained, moved and stored like spaCy's own components."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.pipeline.ner import make_ner_scorer
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import from_bytes, from_disk, to_bytes, to_disk
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from .annotate import set_candidates, set_ents, set_spans
from .chains import Chains
from .corpus_warnings import warn_of_corpora
from .errors import Errors
from .head_set import Labels, build_heads, check_labels, resolve_labels
from .layers.heads import copy_tags, get_head, has_weights, link_heads, replace_head, set_head
from .layers.types import clear_caches
from .learning import Curriculum, head_loss, learn
from .prediction import Prediction, chains_of, find
from .processes import keep_forks_alive
from .settings import candidates_of, check_spelling, thresholds_of
from .tags import Mention, TagScheme
from .transfer.distillation import Beliefs, teach
from .transfer.groups import listeners
from .transfer.label_map import LabelEstimator
from .transfer.pretrained import is_pretrained_by_spacy, load_pretrained
from .transfer.term import Term
from .transfer.vocabulary import knows_words, learn_vocabularies
from .transfer.warm_start import warm_start

default_model_config = """
[model]
@architectures = "spacy_tlner.TransferTagger.v1"

[model.tok2vec]
@architectures = "spacy_tlner.BiLSTMEncoder.v1"
width = 256
depth = 1

[model.tok2vec.embed]
@architectures = "spacy_tlner.WordCharEmbed.v1"
cache_size = 20000

[model.tok2vec.embed.words]
@architectures = "spacy_tlner.HashWords.v1"
width = 96
rows = 5000
attr = "LOWER"
unk_rate = 0.5

[model.tok2vec.embed.characters]
@architectures = "spacy_tlner.CharCNN.v1"
filters = 64
char_width = 32
window = 3
rows = 1024
max_chars = 48
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]

logger = logging.getLogger("spacy_tlner")

# what of `cfg` is stored with the weights; thresholds live in the pipeline's config
_STORED = ("labels", "temperatures")

keep_forks_alive()


@Language.factory(
    "tl_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans", "span._.tl_prob"],
    default_config={
        "model": DEFAULT_MODEL,
        "head": "main",
        "threshold": None,
        "label_thresholds": {},
        "candidates": None,
        "incorrect_spans_key": None,
        "heads": {},
        "corpus_weights": {},
        "terms": {},
        "span_heads": [],
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_tl_ner(
    nlp: Language,
    name: str,
    model: Model,
    head: str,
    threshold: float | None,
    label_thresholds: dict[str, float],
    candidates: float | None,
    incorrect_spans_key: str | None,
    heads: dict[str, str],
    corpus_weights: dict[str, float],
    terms: dict[str, Any],
    span_heads: list[str],
    scorer: Callable | None,
) -> "TransferNER":
    """Make the component. See `TransferNER`."""
    return TransferNER(
        nlp.vocab,
        model,
        name,
        head=head,
        threshold=threshold,
        label_thresholds=label_thresholds,
        candidates=candidates,
        incorrect_spans_key=incorrect_spans_key,
        heads=heads,
        corpus_weights=corpus_weights,
        terms=terms,
        span_heads=span_heads,
        scorer=scorer,
    )


class TransferNER(TrainablePipe):
    """Named entity recognition with an exact linear-chain CRF, one chain a document.

    model: `Model[List[Doc], List[Floats2d]]` with refs `tok2vec` and `heads` (`spacy_tlner.TransferTagger.v1`).
    head: the head that predicts, and learns unless `heads` says otherwise. scorer: as in spaCy; None leaves scores
    empty.
    threshold: None: entities are the best tagging. A probability: entities are the mentions of at least this
    probability, best first where they overlap, so a lower one adds entities. label_thresholds: {label: its own
    threshold}, beside `threshold`; lowering one may put a mention in the place of another label's.
    candidates: None: nothing. A probability: every mention of at least this probability, and every entity found,
    goes to `doc.spans["{name}_candidates"]`, its own in `attrs["scores"]` and `span._.tl_prob`. Mentions below 0.001
    are never looked for. These three are stored in the pipeline's config only: what is set in `cfg` holds until the
    next load.
    Raises TL017 on a key of `label_thresholds`, `heads` or `corpus_weights` that a config cannot spell.
    incorrect_spans_key: for training, as in spaCy's `ner`: the spans `reference.spans[key]` are known to be no
    entities of their label, or of any if they have none. They count where tokens are not annotated otherwise.
    heads: {corpus: head} which head learns from documents that a reader (`MultiCorpus.v1`) stamped with that corpus;
    all others teach `head`. Every head has labels of its own; they share the encoder.
    corpus_weights: {corpus: how much its documents count in the loss}, 1 for others. terms: losses beside the CRF's
    (`transfer.term`), each under a name. Raises TL019 on a negative weight.
    span_heads: heads that find mentions as well, into `doc.spans["{name}_{head}"]`, whatever entities a document has.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "tl_ner",
        *,
        head: str = "main",
        threshold: float | None = None,
        label_thresholds: dict[str, float] | None = None,
        candidates: float | None = None,
        incorrect_spans_key: str | None = None,
        heads: dict[str, str] | None = None,
        corpus_weights: dict[str, float] | None = None,
        terms: dict[str, Term] | None = None,
        span_heads: Sequence[str] = (),
        scorer: Callable | None = make_ner_scorer(),
    ):
        self.vocab = vocab
        self.model = model
        self.name = name
        for setting, keys in (
            ("label_thresholds", label_thresholds),
            ("heads", heads),
            ("corpus_weights", corpus_weights),
        ):
            check_spelling(setting, keys or (), name)
        for corpus, weight in (corpus_weights or {}).items():
            if isinstance(weight, bool) or not weight >= 0:
                raise ValueError(Errors.TL019.format(name=name, corpus=corpus, weight=weight))
        self.scorer = scorer
        # labels: {head: [labels]}, in the order of their tags; temperatures: {head: of its probabilities}. The rest
        # mirrors the config, where it is stored; here because `spacy find-threshold` sets it here
        self.cfg: dict[str, Any] = {
            "labels": {},
            "temperatures": {},
            "threshold": threshold,
            "label_thresholds": dict(label_thresholds or {}),
            "candidates": candidates,
        }
        for key, term in (terms or {}).items():
            if not (hasattr(term, "check") and hasattr(term, "add")):
                raise ValueError(Errors.TL027.format(name=name, term=key, found=repr(term)))
        if "candidates" in span_heads:
            raise ValueError(Errors.TL029.format(name=name))
        self._curriculum = Curriculum(
            name, head, dict(heads or {}), dict(corpus_weights or {}), dict(terms or {}), incorrect_spans_key
        )
        self.span_heads = list(span_heads)
        self._schemes: dict[str, TagScheme] = {}
        self._at_resume: tuple[Model, dict[str, TagScheme]] | None = None

    @property
    def head(self) -> str:
        """The active head, which predicts, and learns from corpora that `heads` does not name. Settable; a loaded
        pipeline has that of the config."""
        return self.curriculum.active

    @head.setter
    def head(self, name: str) -> None:
        self._curriculum = replace(self._curriculum, active=name)
        self._activate()

    @property
    def curriculum(self) -> Curriculum:
        """What is learned from whom. By the name of now: spaCy renames a component that is sourced under another."""
        return replace(self._curriculum, name=self.name)

    @property
    def incorrect_spans_key(self) -> str | None:
        """The span group of a reference that holds what is known to be no entity."""
        return self.curriculum.incorrect_spans_key

    @property
    def _rehearsal_model(self) -> Model | None:
        """A copy of the model that `nlp.resume_training` puts here, for `rehearse`."""
        return None if self._at_resume is None else self._at_resume[0]

    @_rehearsal_model.setter
    def _rehearsal_model(self, model: Model) -> None:
        # the labels of that time belong to it: more may be added
        self._at_resume = model, self.schemes

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the active head, in the order of their tags."""
        return tuple(self.cfg["labels"].get(self.head, ()))

    @property
    def label_data(self) -> list[str] | dict[str, list[str]]:
        """What `spacy init labels` writes and `initialize(labels=)` reads: a list, or {head: list} of several heads."""
        labels = {head: list(names) for head, names in self.cfg["labels"].items()}
        return labels.get(self.head, []) if len(labels) <= 1 else labels

    @property
    def scheme(self) -> TagScheme:
        """The tags of the active head."""
        return self.schemes.get(self.head) or TagScheme(())

    @property
    def schemes(self) -> dict[str, TagScheme]:
        """The tags of every head."""
        for head, labels in self.cfg["labels"].items():
            if head not in self._schemes or self._schemes[head].labels != tuple(labels):
                self._schemes[head] = TagScheme(tuple(labels))
        return {head: self._schemes[head] for head in self.cfg["labels"]}

    # --- prediction ---

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """The entities of each document and, if `candidates` is set, every mention likely enough.

        With `span_heads`, what each of those heads finds as well. Raises TL011 to TL014 and TL018 on settings that
        cannot be used.
        """
        docs = list(docs)
        thresholds, least = self.thresholds, self.candidates
        if not any(len(doc) for doc in docs):
            return [Prediction([], None if least is None else [], {head: [] for head in self.span_heads}) for _ in docs]
        self._require_weights()
        states = self.model.get_ref("tok2vec").predict(docs)
        chains = chains_of(self._head(), self.scheme, docs, states).at(self.temperature)
        others = {
            head: chains_of(self._head(head), self.schemes[head], docs, states, ents_given=False)
            for head in self.span_heads
        }
        return find(chains, thresholds, least, others)

    def set_annotations(self, docs: Iterable[Doc], predictions: list[Prediction]) -> None:
        """Write `doc.ents`, and span groups: `{name}_candidates` if asked for, `{name}_{head}` of each span head.

        See `annotate.py`.
        """
        for doc, prediction in zip(docs, predictions):
            # what others said is certain to the chain, but none of its findings
            given = {Mention(ent.start, ent.end, ent.label_) for ent in doc.ents}
            set_ents(doc, prediction.mentions)
            if prediction.candidates is not None:
                set_candidates(doc, self.name, [found for found in prediction.candidates if found.mention not in given])
            for head, mentions in prediction.others.items():
                set_spans(doc, f"{self.name}_{head}", mentions)

    def chains(self, docs: Iterable[Doc], *, ents_given: bool = True, head: str | None = None) -> Chains:
        """What the model says of a batch: taggings, marginals, probabilities of mentions, entropy, samples.

        docs: with what pipes before this one leave on them, such as a shared tok2vec's tensors. ents_given: entities on
        the documents are taken as given, as when the pipeline runs; False asks of documents that were run already.
        head: by default the active one. Raises KeyError where there is none of that name, and TL014 (likewise) on a
        component without weights.
        """
        self._require_weights()
        docs = list(docs)
        states = self.model.get_ref("tok2vec").predict(docs) if any(len(doc) for doc in docs) else []
        head = self.head if head is None else head
        found = chains_of(self._head(head), self.schemes[head], docs, states, ents_given=ents_given)
        return found.at(self._temperature_of(head))

    def _head(self, name: str | None = None) -> Model:
        """The head of that name, by default the active one."""
        return get_head(self.model.get_ref("heads"), self.head if name is None else name)

    @property
    def temperature(self) -> float:
        """What scores are divided by to become probabilities, of the active head; it moves no best tagging.

        Belongs to the weights: `initialize`, `update` and `rehearse` set it back to 1. Raises TL015 unless above 0.
        """
        return self._temperature_of(self.head)

    @temperature.setter
    def temperature(self, value: float) -> None:
        if isinstance(value, bool) or not 0 < value < float("inf"):
            raise ValueError(Errors.TL015.format(name=self.name, value=value))
        self.cfg["temperatures"][self.head] = float(value)

    def _temperature_of(self, head: str) -> float:
        return float(self.cfg["temperatures"].get(head, 1.0))

    @property
    def candidates(self) -> float | None:
        """The least probability of a candidate; None if no candidates are written. Raises TL011."""
        return candidates_of(self.cfg, self.name)

    @property
    def thresholds(self) -> dict[str, float]:
        """Of each label, the least probability of an entity; empty: the best tagging decides. Raises TL011 to TL013."""
        return thresholds_of(self.cfg, self.labels, self.name)

    def check_ready(self) -> None:
        """Raise what a prediction would raise for this component's state: TL011 to TL013, and TL014 (as KeyError)."""
        _ = self.thresholds, self.candidates
        self._require_weights()

    def _require_weights(self) -> None:
        heads = self.model.get_ref("heads")
        for head in (self.head, *self.span_heads) if self.cfg["labels"] else ():
            if head not in self.cfg["labels"]:
                names = ", ".join(self.cfg["labels"])
                raise ValueError(Errors.TL018.format(name=self.name, head=head, heads=names))
        if self.head not in heads.attrs["names"] or not has_weights(get_head(heads, self.head)):
            # a KeyError is what spaCy turns into its own "forgot to initialize" (E109) where the pipeline is run
            raise KeyError(Errors.TL014.format(name=self.name))

    # --- training ---

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch. The loss is the weighted mean over its documents of log Z - log Z(allowed), plus terms.

        See `learning`. Without `sgd` the gradients of batches add up, each as much as another, however many documents
        it has (`accumulate_gradient`). A term's share is also kept in `losses` under "{name}_{term}". Raises TL005 on a
        label that the head does not have, TL006 when scores are no longer finite, TL014 (as KeyError) on a component
        without weights, TL018 on a head that is not there, TL020 to TL022 on a partial annotation that contradicts
        itself, and what terms raise.
        """
        examples = list(examples)
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, "TransferNER.update")
        self._require_weights()
        docs = [eg.predicted for eg in examples]
        if not any(len(doc) for doc in docs):
            return losses
        self.cfg["temperatures"].clear()
        set_dropout_rate(self.model, drop)
        states, backprop_encoder = self.model.get_ref("tok2vec").begin_update(docs)
        d_states, loss, of_terms = learn(self.model.get_ref("heads"), self.schemes, self.curriculum, examples, states)
        # always called, also when gold says nothing: a shared encoder waits for its last listener's gradient
        backprop_encoder(d_states)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss + sum(of_terms.values())
        for term, value in of_terms.items():
            losses[f"{self.name}_{term}"] = losses.get(f"{self.name}_{term}", 0.0) + value
        return losses

    def get_loss(self, examples: Iterable[Example], scores: list[Floats2d]) -> tuple[float, list[Floats2d]]:
        """The loss of a batch of the active head's documents and its gradient by the emissions; no terms."""
        examples = list(examples)
        validate_examples(examples, "TransferNER.get_loss")
        filled = [(eg, of) for eg, of in zip(examples, scores) if len(eg.predicted)]
        if not filled:
            return 0.0, scores
        theirs, emissions = zip(*filled)
        value, loss, _ = head_loss(self._head(), self.scheme, self.curriculum, theirs, emissions, len(filled))
        lengths = self.model.ops.asarray1i([len(eg.predicted) for eg in examples])
        return value, self.model.ops.unflatten(loss.d_emissions, lengths)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Keep to what the model said of a batch when `nlp.resume_training` was called; annotation is not read.

        The loss is the mean over documents of KL(then || now) over taggings of the active head, as in
        `Distillation.v1`. Labels added since are left to `update`. `nlp.rehearse` makes a step for one pipe a call
        only, drawn by chance, and leaves the others' gradients standing: with several, call each pipe's `rehearse` with
        the optimizer. Raises TL007 if that was not called, TL014, and
        TL041 over a shared encoder: `nlp.rehearse` does not run it, and no copy was kept of what it was.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        if self._at_resume is None or self.head not in self._at_resume[1]:
            raise ValueError(Errors.TL007.format(name=self.name))
        if listeners(self.model):
            raise ValueError(Errors.TL041.format(name=self.name))
        examples = list(examples)
        validate_examples(examples, "TransferNER.rehearse")
        self._require_weights()
        docs = [eg.predicted for eg in examples if len(eg.predicted)]
        if not docs:
            return losses
        self.cfg["temperatures"].clear()
        model, schemes = self._at_resume
        scheme = schemes[self.head]
        before = model.get_ref("tok2vec").predict(docs)
        then = chains_of(get_head(model.get_ref("heads"), self.head), scheme, docs, before, ents_given=False)
        set_dropout_rate(self.model, drop)
        states, backprop_encoder = self.model.get_ref("tok2vec").begin_update(docs)
        beliefs = Beliefs(then.emissions, then.chain, then.scheme, then.possible)
        value, d_states = teach(self._head(), self.scheme, states, beliefs, {})
        backprop_encoder(d_states)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += value
        return losses

    # --- labels and weights ---

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Labels | None = None,
        source: str | Path | None = None,
        pretrained: str | Path | None = None,
        label_map: dict[str, str] | LabelEstimator | None = None,
        seed_labels: dict[str, str] | None = None,
        layers: list[str] | None = None,
        source_component: str | None = None,
    ) -> None:
        """Set labels and weights.

        labels: a list, or {head: list}, as `spacy init labels` writes it; by default those in the examples, sorted.
        source: a trained pipeline, path or package, whose weights this one starts from (`transfer.warm_start`).
        pretrained: weights of the encoder from `spacy tlner pretrain` (`transfer.pretrained`). TL110 if two of source,
        pretrained and `init_tok2vec` would set them.
        label_map: {source label: our label}, beside labels of equal name; an empty right side leaves one out. Or a
        block that estimates it (`spacy_tlner.estimate_label_map.v1`). seed_labels: {our label: source label}: a label
        without a partner starts from that one, whatever else does.
        layers: the layer groups to copy, "body" for all below the heads; by default all. source_component: the tagger's
        name there, by default the only `tl_ner` of the source. Raises TL008 without labels, TL1xx from the warm start,
        TL011 to TL013 and TL018 on thresholds and span heads that do not fit the labels.
        """
        validate_get_examples(get_examples, "TransferNER.initialize")
        # what is meant for a source and for nothing else
        told: dict[str, Any] = {
            "label_map": label_map,
            "seed_labels": seed_labels,
            "layers": layers,
            "source_component": source_component,
        }
        self._check_start(nlp, source, pretrained, [key for key, value in told.items() if value])
        examples = list(get_examples())
        resolved = resolve_labels(labels, self.cfg["labels"], self.curriculum, examples)
        self._add_strings(label for names in resolved.values() for label in names)
        for term in self.curriculum.terms.values():
            term.check(resolved, self.head, self.name)
        self._check_settings(resolved)
        warn_of_corpora(self.curriculum, examples)
        self.cfg["labels"], self.cfg["temperatures"], self._at_resume = resolved, {}, None
        self._build_heads()
        sample = [eg.predicted for eg in examples if len(eg.predicted)][:10]
        self.model.initialize(X=sample or None)
        learn_vocabularies(self.model, [eg.predicted for eg in examples], nlp)
        clear_caches(self.model)
        if nlp is not None:
            # what an earlier initialization copied is gone
            nlp.meta.get("spacy_tlner", {}).pop(self.name, None)
            if nlp.config.interpolate()["initialize"].get("init_tok2vec") and knows_words(self.model, nlp):
                logger.warning(Errors.TL126.format(name=self.name))
        if pretrained:
            load_pretrained(self, pretrained, nlp=nlp)
        elif source:
            warm_start(self, source, nlp=nlp, examples=examples, **told)

    def _check_start(
        self, nlp: Language | None, source: str | Path | None, pretrained: str | Path | None, told: list[str]
    ) -> None:
        """Raise TL110 where two would set the weights, TL101 on settings of a warm start without a source."""
        if pretrained and source:
            raise ValueError(Errors.TL110.format(name=self.name, setting="pretrained", other="`source`"))
        if source and nlp is not None and is_pretrained_by_spacy(self, nlp):
            raise ValueError(Errors.TL110.format(name=self.name, setting="source", other="[initialize] init_tok2vec"))
        if source:
            return
        if told:
            raise ValueError(Errors.TL101.format(name=self.name, given=told))
        settings = nlp.config["initialize"].get("components", {}).get(self.name, {}) if nlp is not None else {}
        if "source" in settings and not pretrained:
            # no error: a saved pipeline's config has forgotten its source and can be trained again
            logger.warning(Errors.TL118.format(name=self.name))

    def _check_settings(self, labels: dict[str, list[str]]) -> None:
        """Raise TL018 on a span head, TL011 to TL013 on thresholds, that no prediction could use."""
        for head in self.span_heads:
            if head not in labels:
                raise ValueError(Errors.TL018.format(name=self.name, head=head, heads=", ".join(labels)))
        thresholds_of(self.cfg, labels[self.head], self.name)

    def add_label(self, label: str) -> int:
        """Add a label to the active head; 0 if it has it already, else 1. A head with weights keeps them.

        A head that is new beside trained ones, under a name that `head` was set to, begins at random.
        """
        if label in self.labels:
            return 0
        heads = self.model.get_ref("heads")
        for reader, other in heads.attrs["reads"].items():
            if other == self.head:
                raise ValueError(Errors.TL023.format(name=self.name, head=self.head, reader=reader))
        old_labels = self.labels
        check_labels([*old_labels, label], self.head, self.name)
        self._add_strings([label])
        self.cfg["labels"][self.head] = [*old_labels, label]
        if self.head in heads.attrs["names"] and has_weights(get_head(heads, self.head)):
            old, new = replace_head(heads, self.head, self.scheme.n_tags)
            copy_tags(old, new, [(i, i) for i in range(TagScheme(old_labels).n_tags)])
            self._set_width()
        else:
            # where no head has weights yet, only the tree that from_bytes builds from the labels
            is_trained = any(map(has_weights, heads.layers))
            new = set_head(heads, self.head, self.scheme.n_tags)
            width = self.model.get_ref("tok2vec").maybe_get_dim("nO")
            if is_trained and width is not None:
                link_heads(heads)
                new.initialize(X=[self.model.ops.alloc2f(1, width)])
                self._activate()
        return 1

    def _add_strings(self, labels: Iterable[str]) -> None:
        for label in labels:
            self.vocab.strings.add(label)

    def _build_heads(self) -> None:
        build_heads(self.model.get_ref("heads"), self.cfg["labels"], self.name)
        self._activate()

    def _activate(self) -> None:
        """Let the model predict with the active head, which need not be the one it was stored with."""
        names = self.model.get_ref("heads").attrs["names"]
        self.model.get_ref("heads").attrs["active"] = names.index(self.head) if self.head in names else 0
        self._set_width()

    def _set_width(self) -> None:
        """Tell the model's outermost layer how many tags there are now: it took the number over when it had none."""
        if self.model.has_dim("nO"):
            self.model.set_dim("nO", self.scheme.n_tags, force=True)

    # --- storage ---

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize. exclude: any of cfg, vocab, model."""
        writers: dict[str, Any] = {
            "cfg": lambda: srsly.json_dumps(self._stored_cfg()),
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": self.model.to_bytes,
        }
        return to_bytes(writers, exclude)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write to a folder. exclude: any of cfg, vocab, model."""
        writers: dict[str, Any] = {
            "cfg": lambda p: srsly.write_json(p, self._stored_cfg()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            "model": lambda p: self.model.to_disk(p),
        }
        to_disk(path, writers, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "TransferNER":
        """Load from `to_bytes`. exclude: any of cfg, vocab, model."""
        from_bytes(
            bytes_data,
            {
                "cfg": lambda b: self._set_cfg(srsly.json_loads(b)),
                "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
                "model": self.model.from_bytes,
            },
            exclude,
        )
        self._activate()
        return self

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "TransferNER":
        """Load from the folder that `to_disk` wrote. exclude: any of cfg, vocab, model."""
        readers: dict[str, Any] = {
            "cfg": lambda p: self._set_cfg(srsly.read_json(p)),
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
            "model": lambda p: self.model.from_bytes(Path(p).read_bytes()),
        }
        from_disk(path, readers, exclude)
        self._activate()
        return self

    def _stored_cfg(self) -> dict[str, Any]:
        return {key: self.cfg[key] for key in _STORED}

    def _set_cfg(self, cfg: dict[str, Any]) -> None:
        self.cfg.update({key: cfg[key] for key in _STORED if key in cfg})
        # the shapes of what comes next depend on the labels; heads that fit keep their weights, for without
        # the model (`exclude`) nothing else brings them
        heads = self.model.get_ref("heads")
        built = {name: get_head(heads, name).get_ref("emission").get_dim("nO") for name in heads.attrs["names"]}
        if list(built.items()) != [(name, TagScheme(tuple(of)).n_tags) for name, of in self.cfg["labels"].items()]:
            self._build_heads()
