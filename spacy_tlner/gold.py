"""From spaCy's annotation to sets of tags: what gold allows, and what a document rules out beforehand."""

from typing import NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE, ORTH, SENT_START
from spacy.tokens import Doc
from spacy.training import Example

from .crf.forbidden import Run
from .errors import Errors
from .stamps import annotated_labels, corpus_of
from .tags import OUTSIDE, Mention, TagScheme

Sets = NDArray[numpy.bool_]  # (tokens, tags): which tags each token may bear


def allowed_tags(example: Example, scheme: TagScheme) -> Sets:
    """The gold of a document. A token with a known tag allows one; a missing or misaligned one allows all.

    Where the corpus annotates some labels only (`stamps.annotated_labels`), O allows O and every tag of the others.
    Raises TL005 on a label that the scheme does not have, TL020 if the corpus is said to annotate one, TL021 on a
    mention whose label the corpus is said not to annotate.
    """
    doc, gold = example.predicted, example.reference
    hidden = _hidden_tags(gold, scheme)
    columns = gold.to_array([ORTH, ENT_IOB, ENT_TYPE])
    allowed = numpy.zeros((len(doc), scheme.n_tags), dtype=bool)
    for ent in gold.ents:
        if ent.label_ not in scheme.labels:
            raise ValueError(
                Errors.TL005.format(label=ent.label_, text=gold[:10].text, labels=", ".join(scheme.labels))
            )
    if len(doc) == len(gold) and (doc.to_array([ORTH]).ravel() == columns[:, 0]).all():
        # the same tokens, as nearly always: what get_aligned_ner says below, without its alignment
        tags = scheme.encode((Mention(ent.start, ent.end, ent.label_) for ent in gold.ents), len(gold))
        unknown = (columns[:, 1] == 0) | ((columns[:, 1] == 3) & (columns[:, 2] == 0))
        if columns[:, 1].any():
            unknown &= doc.to_array([IS_SPACE]).ravel() != 1
    else:
        names = example.get_aligned_ner()
        tags = numpy.asarray([scheme.ids.get(name, OUTSIDE) for name in names], dtype="int64")
        unknown = numpy.asarray([name is None or name == "-" for name in names], dtype=bool)
    allowed[numpy.arange(len(doc)), tags] = True
    if hidden is not None:
        allowed[tags == OUTSIDE] |= hidden
    allowed[unknown] = True
    return allowed


def _hidden_tags(gold: Doc, scheme: TagScheme) -> NDArray[numpy.bool_] | None:
    """(tags,) tags of labels that were never annotated in the corpus of `gold`; None where every label was."""
    annotated = annotated_labels(gold)
    if annotated is None:
        return None
    for label in annotated:
        if label not in scheme.labels:
            raise ValueError(Errors.TL020.format(corpus=corpus_of(gold), label=label, labels=", ".join(scheme.labels)))
    for ent in gold.ents:
        if ent.label_ in scheme.labels and ent.label_ not in annotated:
            message = Errors.TL021.format(
                corpus=corpus_of(gold), annotated=", ".join(annotated), label=ent.label_, text=gold[:10].text
            )
            raise ValueError(message)
    hidden = numpy.zeros(scheme.n_tags, dtype=bool)
    for label in scheme.labels:
        hidden[scheme.tags_of(label)] = label not in annotated
    return hidden


def possible_tags(doc: Doc, scheme: TagScheme, *, ents_given: bool = True) -> Sets | None:
    """What a document's own state leaves open, None if everything. ents_given: whether its entities are part of that.

    As in spaCy's `ner`, entities set before stay, blocked tokens are O, and a mention neither begins with whitespace
    nor crosses a sentence boundary. Beyond it, a mention does not end with whitespace.
    """
    columns = doc.to_array([IS_SPACE, SENT_START, ENT_IOB, ENT_TYPE])
    is_space, boundary = columns[:, 0] == 1, numpy.flatnonzero(columns[1:, 1] == 1)
    blocked = (columns[:, 2] == 3) & (columns[:, 3] == 0)
    preset = (columns[:, 2] == 1) | (columns[:, 2] == 3) if ents_given else blocked
    if not (is_space.any() or len(boundary) or preset.any()):
        return None
    possible = numpy.ones((len(doc), scheme.n_tags), dtype=bool)
    possible[numpy.ix_(is_space, scheme.boundaries)] = False
    possible[numpy.ix_(boundary, ~scheme.legal_end)] = False
    if preset.any():
        # blocked tokens, and mentions whose label is not ours, are O to us
        possible[preset] = numpy.arange(scheme.n_tags) == OUTSIDE
        for ent in doc.ents if ents_given else ():
            if ent.label_ in scheme.labels:
                possible[numpy.arange(ent.start, ent.end), OUTSIDE] = False
                possible[numpy.arange(ent.start, ent.end), scheme.spell(ent.label_, len(ent))] = True
    return possible


def stack_or_none(sets: list[Sets | None], lengths: list[int], scheme: TagScheme) -> Sets | None:
    """Per-document sets, where None means everything, as one array; None if all are None."""
    if all(part is None for part in sets):
        return None
    everything = [numpy.ones((n, scheme.n_tags), dtype=bool) if s is None else s for s, n in zip(sets, lengths)]
    return numpy.concatenate(everything)


class Gold(NamedTuple):
    """What a document is trained on: what gold allows, which runs of tags it rules out, and what is possible at all."""

    allowed: Sets
    possible: Sets | None  # None: everything
    forbidden: list[Run]


def training_sets(example: Example, scheme: TagScheme, incorrect_spans_key: str | None = None) -> Gold:
    """What gold allows within what the document rules out, and what the document leaves open.

    incorrect_spans_key: the spans of the reference that are known to be no mentions (`incorrect_mentions`). Each is
    ruled out as a whole: its tokens may be part of other mentions.
    Gold is right where the two are at odds, and then the document rules out nothing.
    Raises TL005, TL020, TL021, and TL022 on a mention that gold both has and rules out.
    """
    allowed, possible = allowed_tags(example, scheme), possible_tags(example.predicted, scheme)
    incorrect = incorrect_mentions(example, scheme, incorrect_spans_key)
    for mention in incorrect:
        if _is_certain(mention, allowed, scheme):
            text, start = example.predicted[mention.start : mention.end].text, example.reference[:10].text
            raise ValueError(Errors.TL022.format(text=text, label=mention.label, key=incorrect_spans_key, doc=start))
    if possible is not None:
        within = allowed & possible
        if within.any(axis=1).all() and not any(_is_certain(mention, within, scheme) for mention in incorrect):
            allowed = within
        else:
            possible = None
    return Gold(allowed, possible, _rule_out(incorrect, allowed, scheme))


def incorrect_mentions(example: Example, scheme: TagScheme, key: str | None) -> list[Mention]:
    """Mentions, in tokens of `predicted`, that `reference.spans[key]` says are none.

    As in spaCy's `ner`, a span whose tokens do not line up is passed over, and so is one whose label the scheme does
    not have. Beyond it, a span without a label is no mention of any label.
    """
    if key is None or key not in example.reference.spans:
        return []
    spans = example.get_aligned_spans_y2x(example.reference.spans[key], allow_overlap=True)
    return [
        Mention(int(span.start), int(span.end), label)
        for span in spans
        for label in ([span.label_] if span.label_ else scheme.labels)
        if label in scheme.labels
    ]


def _is_certain(mention: Mention, allowed: Sets, scheme: TagScheme) -> bool:
    """Whether the tags of the mention are all that is allowed on its tokens."""
    rows = allowed[mention.start : mention.end]
    tags = scheme.spell(mention.label, len(rows))
    return bool((rows.sum(axis=1) == 1).all() and rows[numpy.arange(len(rows)), tags].all())


def _rule_out(incorrect: list[Mention], allowed: Sets, scheme: TagScheme) -> list[Run]:
    """Take mentions of one token out of `allowed`, in place; the longer ones, as far as still allowed, as runs."""
    runs = set()
    for start, end, label in incorrect:
        tags = scheme.spell(label, end - start)
        if len(tags) == 1:
            allowed[start, tags] = False
        elif allowed[numpy.arange(start, end), tags].all():
            first, inner, last, _ = (int(tag) for tag in scheme.tags_of(label))
            runs.add(Run(start, end, first, inner, last))
    return sorted(runs)


def blocked_spans(doc: Doc) -> list:
    """Tokens that the user ruled out as entities (`doc.set_ents(..., blocked=...)`), each as a span."""
    columns = doc.to_array([ENT_IOB, ENT_TYPE])
    return [doc[int(i) : int(i) + 1] for i in numpy.flatnonzero((columns[:, 0] == 3) & (columns[:, 1] == 0))]
