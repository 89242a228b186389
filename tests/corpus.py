"""A tiny corpus for tests, and taggers trained on it: hand-written names in hand-written sentences. No assets."""

import copy
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, Model, Optimizer

Mention = tuple[str, int, int]  # label, start token, end token

NAMES = {
    "PER": ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Emmy Noether", "Niels Bohr", "Marie Curie", "Plato",
            "Rosalind Elsie Franklin", "Lise Meitner", "Max Planck", "Hypatia", "Sophie Germain", "Paul Dirac"),
    "ORG": ("Acme", "Globex Corporation", "Initech", "Umbrella Group", "Stark Industries", "Wayne Enterprises",
            "Tyrell", "Cyberdyne Systems", "Soylent", "Hooli", "Vandelay Imports"),
    "LOC": ("Paris", "Berlin", "New York", "Oslo", "Rio de Janeiro", "Lima", "Cairo", "Tokyo", "Cape Town", "Quito",
            "Kyoto", "Den Haag"),
}  # fmt: skip
SENTENCES = (
    "PER moved to LOC last year .",
    "Shares of ORG fell in LOC .",
    "PER , who founded ORG , lives in LOC .",
    "The weather was fine and nobody complained .",
    "ORG hired PER as its new director .",
    "In LOC , PER met PER .",
    "Analysts at ORG expect growth .",
    "He wrote to PER from LOC and LOC .",
    "Yesterday the committee of ORG praised PER .",
    "Nothing happened on Monday .",
    "A train from LOC to LOC was late .",
    "PER said that ORG would leave LOC .",
)
LABELS = ("LOC", "ORG", "PER")  # sorted, as they are inferred

# The default architecture, small.
TINY_ENCODER: dict[str, Any] = {
    "@architectures": "spacy_tlner.BiLSTMEncoder.v1",
    "width": 32,
    "depth": 1,
    "dropout": "standard",
    "connection": "none",
    "precision": "float32",
    "embed": {
        "@architectures": "spacy_tlner.WordCharEmbed.v1",
        "cache_size": 1000,
        "words": {
            "@architectures": "spacy_tlner.HashWords.v1",
            "width": 16,
            "rows": 500,
            "attr": "LOWER",
            "unk_rate": 0.5,
        },
        "characters": {
            "@architectures": "spacy_tlner.CharCNN.v1",
            "filters": 16,
            "char_width": 8,
            "window": 3,
            "rows": 256,
            "max_chars": 24,
            "type_width": 0,
        },
    },
}
LOOKUP_ENCODER: dict[str, Any] = {
    **TINY_ENCODER,
    "embed": {
        **TINY_ENCODER["embed"],
        "words": {"@architectures": "spacy_tlner.LookupWords.v1", "width": 16, "attr": "LOWER", "unk_rate": 0.5},
    },
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"}
HASH_EMBED_CNN = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
# What behaviour is held against.
SPACY_NER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 32,
    "maxout_pieces": 2,
    "use_upper": True,
    "tok2vec": HASH_EMBED_CNN,
}


def tagger(tok2vec: dict[str, Any] | None = None) -> dict[str, Any]:
    """The component's `model` block over an encoder."""
    head = {"private_width": 0, "reads": None}
    return {"@architectures": "spacy_tlner.TransferTagger.v1", "tok2vec": tok2vec or TINY_ENCODER, **head}


def annotated(skip: int = 0) -> Iterator[tuple[list[str], list[Mention]]]:
    """Words and mentions, without end: each label's names go round at a pace of their own. skip: sentences left out."""
    turn = {"PER": 0, "ORG": 0, "LOC": 0}
    n = 0
    while True:
        # lists of 12, 13 and 11 go round at different paces, so that the same sentence hardly ever comes back
        words: list[str] = []
        mentions: list[Mention] = []
        for piece in SENTENCES[n % len(SENTENCES)].split():
            if piece in NAMES:
                turn[piece] += 1
                name = NAMES[piece][(turn[piece] + n // 7) % len(NAMES[piece])].split()
                mentions.append((piece, len(words), len(words) + len(name)))
                words += name
            else:
                words.append(piece)
        if n >= skip:
            yield words, mentions
        n += 1


def make_doc(nlp: Language, words: Sequence[str], mentions: Sequence[Mention], missing: bool = False) -> Doc:
    """A document whose tokens outside mentions are O, or of unknown annotation."""
    doc = Doc(nlp.vocab, words=list(words))
    spans = [doc[start:end] for _, start, end in mentions]
    for span, (label, _, _) in zip(spans, mentions):
        span.label_ = label
    doc.set_ents(spans, default="missing" if missing else "outside")
    return doc


def make_examples(nlp: Language, n: int, *, skip: int = 0, rename: dict[str, str] | None = None) -> list[Example]:
    """The corpus from sentence `skip` on. rename: labels to replace; an empty right side leaves mentions out."""
    examples = []
    for words, mentions in islice(annotated(skip), n):
        renamed = [((rename or {}).get(label, label), start, end) for label, start, end in mentions]
        reference = make_doc(nlp, words, [mention for mention in renamed if mention[0]])
        examples.append(Example(Doc(nlp.vocab, words=words), reference))
    return examples


def write_corpus(path: Path, n: int, *, skip: int = 0, rename: dict[str, str] | None = None) -> Path:
    nlp = spacy.blank("xx")
    DocBin(docs=[eg.reference for eg in make_examples(nlp, n, skip=skip, rename=rename)]).to_disk(path)
    return path


def held_out_texts(n: int = 60) -> list[str]:
    return [" ".join(words) for words, _ in islice(annotated(1000), n)]


def initialize(nlp: Language, examples: Sequence[Example]) -> Language:
    nlp.initialize(lambda: examples)
    return nlp


def optimizer() -> Optimizer:
    return Adam(0.01, L2=0.0, grad_clip=1.0)


def train(nlp: Language, examples: Sequence[Example], *, epochs: int, sgd: Optimizer | None = None) -> list[float]:
    """Train in batches of 16, in order; the sum of all losses of each epoch."""
    sgd = sgd or optimizer()
    history = []
    for _ in range(epochs):
        losses: dict[str, float] = {}
        for i in range(0, len(examples), 16):
            nlp.update(list(examples[i : i + 16]), sgd=sgd, losses=losses)
        history.append(sum(losses.values()))
    return history


@cache
def trained_bytes(factory: str = "tl_ner") -> bytes:
    """A pipeline of one tagger, trained on 200 sentences until it is sure of itself."""
    fix_random_seed(0)
    nlp = blank_tagger(factory)
    examples = make_examples(nlp, 200)
    initialize(nlp, examples)
    train(nlp, examples, epochs=4)
    return nlp.to_bytes()


def blank_tagger(factory: str = "tl_ner", **config: Any) -> Language:
    """A pipeline of one small `tl_ner`, or of spaCy's own `ner`, that is not initialized.

    Of no language: a pipeline in English reads some thousand exceptions of its tokenizer when it is made and when it
    is loaded, which would be most of what many tests do.
    """
    nlp = spacy.blank("xx")
    nlp.add_pipe(factory, config={"model": tagger() if factory == "tl_ner" else SPACY_NER, **config})
    return nlp


@cache
def _trained(factory: str) -> Language:
    return blank_tagger(factory).from_bytes(trained_bytes(factory))


def trained(factory: str = "tl_ner") -> Language:
    """A copy of the trained pipeline that a test may change."""
    return copy.deepcopy(_trained(factory))


def weights(model: Model) -> dict[str, Any]:
    """Copies of all parameters below a model, by place and name."""
    return {
        f"{i}.{node.name}.{name}": node.get_param(name).copy()
        for i, node in enumerate(model.walk(order="dfs_pre"))
        for name in sorted(node.param_names)
        if node.has_param(name)
    }


def entities(doc: Doc) -> list[Mention]:
    return [(ent.label_, ent.start, ent.end) for ent in doc.ents]
