"""Warnings where what settings say of corpora, or of their tokens, and what the training data shows do not agree."""

import logging
from collections.abc import Iterator, Sequence

from spacy.training import Example

from .errors import Errors
from .learning import Curriculum
from .stamps import annotated_labels, corpus_of

logger = logging.getLogger("spacy_tlner")

# of all mentions: a few are cut in any corpus of another tokenization
_MANY_CUT = 0.1


def warn_of_corpora(curriculum: Curriculum, examples: Sequence[Example]) -> None:
    """TL028 on corpora that settings name and that no example comes from; a sample of a stream may lack one.

    TL042 on corpora of one head of which some have mentions of labels that others lack, and do not say why. TL043 where
    many mentions do not begin and end with tokens, from which nothing is learned.
    """
    corpora = {corpus_of(eg.reference) for eg in examples} - {None}
    of_terms = {f"terms.{key}": getattr(term, "corpora", None) for key, term in curriculum.terms.items()}
    named = {"heads": curriculum.heads, "corpus_weights": curriculum.corpus_weights, **of_terms}
    for setting, names in named.items():
        for corpus in names or ():
            if corpus not in corpora:
                known = ", ".join(sorted(map(str, corpora))) or "none"
                facts = {"name": curriculum.name, "setting": setting, "corpus": corpus, "corpora": known}
                logger.warning(Errors.TL028.format(**facts))
    for head, corpus, missing in _unsaid_labels(curriculum, examples):
        facts = {"name": curriculum.name, "head": head, "corpus": corpus, "labels": ", ".join(missing)}
        logger.warning(Errors.TL042.format(**facts))
    cut, n = _cut_mentions(examples)
    if cut > _MANY_CUT * n:
        logger.warning(Errors.TL043.format(name=curriculum.name, cut=cut, n=n))


def _cut_mentions(examples: Sequence[Example]) -> tuple[int, int]:
    """How many mentions begin or end within a token of the pipeline's tokenizer, and how many there are."""
    n = kept = 0
    for eg in examples:
        ents = eg.reference.ents
        n += len(ents)
        # the alignment is for documents that were tokenized anew: not where a corpus trains on its own tokens
        same = len(eg.predicted) == len(eg.reference) and bool(
            (eg.predicted.to_array("ORTH") == eg.reference.to_array("ORTH")).all()
        )
        kept += len(ents) if same else len(eg.get_aligned_spans_y2x(ents))
    return n - kept, n


def _unsaid_labels(curriculum: Curriculum, examples: Sequence[Example]) -> Iterator[tuple[str, str, list[str]]]:
    """(head, corpus, labels that it has no mention of), of heads that learn from several corpora, some with mentions.

    Only of corpora that say nothing of what they annotate (`stamps.stamp_annotated`): they may lack a label, or its
    mentions may hide under their O.
    """
    found: dict[str, dict[str, set[str]]] = {}
    said: set[str] = set()
    for eg in examples:
        corpus = corpus_of(eg.reference)
        if corpus is not None:
            labels = found.setdefault(curriculum.head_of(eg), {}).setdefault(corpus, set())
            labels.update(ent.label_ for ent in eg.reference.ents)
            if annotated_labels(eg.reference) is not None:
                said.add(corpus)
    for head, of in found.items():
        for corpus, labels in of.items():
            missing = sorted(set[str]().union(*of.values()) - labels)
            if missing and corpus not in said:
                yield head, corpus, missing
