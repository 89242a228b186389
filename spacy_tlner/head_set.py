"""Which heads a tagger has and which labels they know: resolved from what is given and from the training data."""

from collections.abc import Mapping, Sequence
from typing import Union

from spacy.training import Example
from thinc.api import Model

from .errors import Errors
from .layers.heads import link_heads, set_head
from .learning import Curriculum
from .tags import TagScheme

Labels = Union[Sequence[str], dict[str, Sequence[str]]]  # noqa: UP007  (pydantic reads it on Python 3.10)


def resolve_labels(
    given: Labels | None, before: Mapping[str, Sequence[str]], curriculum: Curriculum, examples: Sequence[Example]
) -> dict[str, list[str]]:
    """{head: labels}: those given, and for heads that have none those in the examples that belong to them.

    given: a list for the active head, or {head: list}. before: labels that heads have had so far (`add_label`), which
    stay, as in spaCy's own components: behind those given, and before those found. Raises TL008 on a head without
    labels, TL009 if the active head is not among those given, TL010 on a text, TL001.
    """
    name, active = curriculum.name, curriculum.active
    if isinstance(given, str):
        raise ValueError(Errors.TL010.format(name=name, labels=given))
    by_head = given if isinstance(given, dict) else {} if given is None else {active: given}
    if by_head and active not in by_head:
        raise ValueError(Errors.TL009.format(name=name, head=active, heads=", ".join(by_head)))
    resolved = {
        head: [*of, *(label for label in before.get(head, ()) if label not in of)] for head, of in by_head.items()
    }
    for head in dict.fromkeys((active, *curriculum.heads.values())):
        if head not in resolved:
            known = before.get(head, ())
            theirs = (eg for eg in examples if curriculum.head_of(eg) == head)
            found = {ent.label_ for eg in theirs for ent in eg.reference.ents}
            resolved[head] = [*known, *sorted(found.difference(known))]
    for head, labels in resolved.items():
        check_labels(labels, head, name)
    return resolved


def check_labels(labels: Sequence[str], head: str, name: str) -> None:
    """Raise TL008 without labels, TL001 on labels that cannot be used."""
    if not labels:
        raise ValueError(Errors.TL008.format(name=name, head=head))
    TagScheme(tuple(labels))


def build_heads(heads: Model, labels: Mapping[str, Sequence[str]], name: str) -> None:
    """Put one head without weights for each entry of {head: labels} into `heads`, in the place of those there.

    Raises TL025 where a head is to read one that there is not.
    """
    heads.layers.clear()
    heads.attrs["names"] = []
    for head, of in labels.items():
        set_head(heads, head, TagScheme(tuple(of)).n_tags)
    if not labels:
        return
    for head, other in heads.attrs["reads"].items():
        if not {head, other} <= set(labels):
            raise ValueError(Errors.TL025.format(name=name, head=head, other=other, heads=", ".join(labels)))
    link_heads(heads)
