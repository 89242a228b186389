"""Start a fresh tagger from the weights of a trained one: layer groups by name, head rows by label name."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.vectors import Vectors
from thinc.api import Model

from ..errors import Errors
from ..layers.lexicon import take_entries
from ..layers.types import clear_caches
from ..layers.vocabulary import is_lookup, take_words
from ..loading import find_tagger, load_pipeline
from .groups import (
    BODY,
    BODY_GROUPS,
    GROUPS,
    inputs_added,
    layer_groups,
    listeners,
    parts_read,
    tokens_read,
    upstream_of,
    weighted,
)
from .head_rows import PARTS, HeadPair, pair_heads, partner_of
from .label_map import LabelEstimate, LabelEstimator
from .warm_start_report import WarmStartReport

# With a handler of its own, as spaCy's: what a warm start copied is shown without `-V`.
logger = logging.getLogger("spacy_tlner")
if not logger.handlers:
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)


def warm_start(
    component: Any,
    source: str | Path,
    *,
    nlp: Language | None,
    examples: Sequence[Example] = (),
    label_map: Mapping[str, str] | LabelEstimator | None = None,
    seed_labels: Mapping[str, str] | None = None,
    layers: Sequence[str] | None = None,
    source_component: str | None = None,
) -> WarmStartReport:
    """Copy into an initialized tagger what fits from a trained pipeline. All checks come before the first copy.

    Every head of the target starts from the source's head of that name, or else from the one that predicts there.
    component: the target, with `model`, `schemes`, `head`, `curriculum` and `name`. source: path or package of the
    pipeline. label_map: for the target's active head, or what estimates it from `examples`, the training data; other
    heads match labels by equal name. seed_labels: {our label: source label}, of the active head.
    layers: groups to copy, "body" for all below the heads, by default all that both have; nothing is estimated for a
    head that is not copied.
    Raises TL102 to TL104 and TL113 to TL115 for labels, TL117 if there is nothing to estimate from, TL106 if the
    source has no such tagger, TL107 on an unknown layer group, TL108 where shapes, what an encoder reads or how its
    layers join differ, TL109, TL128 and TL129 where a listener's upstream is not the source's, TL127 if the source
    cannot be loaded.
    """
    source_nlp = load_pipeline(source, Errors.TL127)
    tagger = find_tagger(source_nlp, source, source_component, Errors.TL106)
    donor: Any = source_nlp.get_pipe(tagger)
    theirs, ours = layer_groups(donor.model), layer_groups(component.model)
    chosen = _choose(layers, theirs, ours, source)
    body = [group for group in chosen if group in BODY_GROUPS]
    with_head = any(group in chosen for group in PARTS)
    _check_listeners(component, nlp, donor, source_nlp, source)
    _check_body(component, donor, body, theirs, ours, source)
    estimate = None
    if callable(label_map):
        # the seeds are checked before the source reads anything
        pair_heads(component, donor, None, seed_labels)
        if with_head:
            estimate = _estimate(label_map, component, examples, source_nlp, tagger, seed_labels or {})
        label_map = estimate.label_map if estimate else None
    seeds = {**(estimate.seeds if estimate else {}), **(seed_labels or {})}
    pairs = pair_heads(component, donor, label_map, seeds)
    _check_pairs(pairs, chosen, source)

    ignored = {"label_map": label_map, "seed_labels": seed_labels}
    if not with_head and any(ignored.values()):
        given = ", ".join(key for key, value in ignored.items() if value)
        logger.warning(Errors.TL133.format(name=component.name, given=given, layers=", ".join(chosen)))
    read_vectors = _reads_vectors(donor) and _reads_vectors(component)
    if body and read_vectors and not _same_table(donor.vocab.vectors, component.vocab.vectors):
        logger.warning(Errors.TL119.format(name=component.name, source=source))
    report = WarmStartReport(str(source), component.name)
    _copy_body(body, theirs, ours, report)
    if "private" in chosen:
        # as head rows: from the head that a head starts from, however many there are and in whatever order
        for pair in pairs:
            _copy(*pair.privates)
        report.copied["private"] = sum(_n_weights(layer) for layer in ours["private"])
    if with_head:
        for pair in pairs:
            pair.copy(chosen)
            report.add_head(pair, chosen, is_active=pair.name == component.head)
    else:
        report.labels_fresh = list(component.schemes[component.head].labels)
        report.labels_dropped = list(donor.labels)
    report.label_table = estimate.table.to_dict() if estimate else None
    report.fresh = [group for group in ours if group not in chosen]
    clear_caches(component.model)
    _announce(report, estimate)
    if nlp is not None:
        kept = nlp.meta.setdefault("spacy_tlner", {}).setdefault(component.name, {})
        kept["warm_start"] = asdict(report)
    return report


def _estimate(
    estimator: LabelEstimator,
    component: Any,
    examples: Sequence[Example],
    source_nlp: Language,
    tagger: str,
    seeded: Mapping[str, str],
) -> LabelEstimate:
    """Of the active head, from the examples that belong to it, by the source's head that it will start from."""
    donor: Any = source_nlp.get_pipe(tagger)
    theirs = [eg for eg in examples if component.curriculum.head_of(eg) == component.head]
    active = donor.head
    donor.head = partner_of(component.head, donor)
    try:
        return estimator(source_nlp, tagger, theirs, component.labels, seeded)
    finally:
        donor.head = active


def _choose(
    layers: Sequence[str] | None, theirs: dict[str, Any], ours: dict[str, Any], source: str | Path
) -> list[str]:
    """The groups to copy, in the order of GROUPS."""
    both = [group for group in GROUPS if group in theirs and group in ours]
    if layers is None:
        return both
    chosen: set[str] = set()
    for name in layers:
        named = [group for group in both if group == name or (name == BODY and group in BODY_GROUPS)]
        if not named:
            raise ValueError(
                Errors.TL107.format(group=name, source=source, theirs=", ".join(theirs), ours=", ".join(ours))
            )
        chosen.update(named)
    return [group for group in both if group in chosen]


def _check_body(
    component: Any,
    donor: Any,
    body: Sequence[str],
    theirs: dict[str, list[Model]],
    ours: dict[str, list[Model]],
    source: str | Path,
) -> None:
    """Whether everything below the heads has the same shapes, reads the same and is joined the same way."""
    for group in body:
        _check_shapes(group, theirs[group], ours[group], source)
    if "encoder" not in body:
        return
    reads = [tokens_read(pipe.model.walk()) for pipe in (donor, component)]
    if reads[0] != reads[1]:
        raise _misfit("encoder", "what it reads of tokens", reads, source)
    orders = [parts_read(node.name for node in weighted(pipe.model)) for pipe in (donor, component)]
    if orders[0] != orders[1]:
        raise _misfit("encoder", "the order of the parts that it reads", orders, source)
    joined = [inputs_added(pipe.model) for pipe in (donor, component)]
    if joined[0] != joined[1]:
        raise _misfit("encoder", "the number of residual connections around each layer", joined, source)


def _check_pairs(pairs: Sequence[HeadPair], chosen: Sequence[str], source: str | Path) -> None:
    for pair in pairs:
        if "private" in chosen:
            _check_shapes("private", *pair.privates, source)
        if "head" in chosen and pair.widths[0] != pair.widths[1]:
            raise _misfit("head", "emission.W", pair.widths, source)


def _check_shapes(group: str, theirs: list[Model], ours: list[Model], source: str | Path) -> None:
    for old, new in zip(theirs, ours):
        for param in sorted({*old.param_names, *new.param_names}):
            shapes = [_shape(node, param) for node in (old, new)]
            if shapes[0] != shapes[1]:
                raise _misfit(group, f"{new.name}.{param}", shapes, source)
        torch_shapes = [[tuple(weight.shape) for weight in _torch_weights(node)] for node in (old, new)]
        if torch_shapes[0] != torch_shapes[1]:
            raise _misfit(group, f"the torch module of {new.name}", torch_shapes, source)
        if group == "words" and old.attrs["attr"] != new.attrs["attr"]:
            raise _misfit(group, f"{new.name}.attr", [old.attrs["attr"], new.attrs["attr"]], source)
    if len(theirs) != len(ours):
        raise _misfit(group, "the number of layers", [len(theirs), len(ours)], source)


def _shape(node: Model, param: str) -> tuple[int, ...] | None:
    """Of a weight that must be the same in source and target; a lookup table has a row a word, however many."""
    if not node.has_param(param):
        return None
    shape = node.get_param(param).shape
    return (0, *shape[1:]) if param == "table" and is_lookup(node) else shape


def _misfit(group: str, what: str, theirs_and_ours: Sequence[Any], source: str | Path) -> ValueError:
    theirs, ours = theirs_and_ours
    return ValueError(Errors.TL108.format(group=group, what=what, theirs=theirs, ours=ours, source=source))


def _copy_body(
    body: Sequence[str], theirs: dict[str, list[Model]], ours: dict[str, list[Model]], report: WarmStartReport
) -> None:
    """Copy what is below the heads, and note in the report how much that is."""
    for group in body:
        report.copied[group] = sum(_n_weights(layer) for layer in theirs[group])
        if group == "words":
            report.words_known = _take_words(theirs[group], ours[group])
        else:
            _copy(theirs[group], ours[group])
        if group == "lexicon":
            report.lexicons = [take_entries(new, old) for old, new in zip(theirs[group], ours[group])]


def _copy(theirs: list[Model], ours: list[Model]) -> None:
    for old, new in zip(theirs, ours):
        for param in old.param_names:
            values: Any = new.ops.xp.array(old.get_param(param))
            new.set_param(param, values)
        for old_shim, new_shim in zip(old.shims, new.shims):
            new_shim.from_bytes(old_shim.to_bytes())


def _n_weights(layer: Model) -> int:
    params = sum(layer.get_param(name).size for name in layer.param_names)
    return int(params + sum(weight.numel() for weight in _torch_weights(layer)))


def _take_words(theirs: list[Model], ours: list[Model]) -> dict[str, int]:
    known = {"source": len(theirs[0].attrs["seen"]), "target": len(ours[0].attrs["seen"])}
    for old, new in zip(theirs, ours):
        take_words(new, {name: old.get_param(name) for name in old.param_names}, dict(old.attrs))
    return {**known, "together": len(ours[0].attrs["seen"])}


def _announce(report: WarmStartReport, estimate: LabelEstimate | None) -> None:
    """Show what was copied and, where the label map was estimated, what it was estimated from."""
    logger.info("Warm start of '%s' from %s", report.component, report.source)
    for name, text in report.facts().items():
        logger.info("  %s: %s", name, text)
    if estimate:
        n = estimate.table.documents
        logger.info("  What the source sees where our mentions stand, shares of each label's mentions (%d docs)", n)
        for line in estimate.table.lines():
            logger.info("  %s", line)


def _check_listeners(
    component: Any, nlp: Language | None, donor: Any, source_nlp: Language, source: str | Path
) -> None:
    """A tagger over a shared encoder only makes sense over the encoder that it was trained with."""
    ours, theirs = listeners(component.model), listeners(donor.model)
    if not ours and not theirs:
        return
    if not ours:
        raise ValueError(Errors.TL128.format(name=component.name, source=source))
    if not theirs:
        raise ValueError(Errors.TL129.format(name=component.name, source=source))
    mine = upstream_of(ours[0], nlp) if nlp is not None else None
    other = upstream_of(theirs[0], source_nlp)
    if mine is None or other is None or not _same_weights(mine.model, other.model):
        name = mine.name if mine is not None else ours[0].upstream_name
        raise ValueError(Errors.TL109.format(name=component.name, upstream=name, source=source))


def _reads_vectors(component: Any) -> bool:
    return any(node.name == "vectors" for node in component.model.walk())


def _same_table(first: Vectors, second: Vectors) -> bool:
    """Whether two tables hold the same vectors for the same words."""
    same_kind = first.mode == second.mode and first.shape == second.shape
    return same_kind and first.key2row == second.key2row and bool((first.data == second.data).all())


def _same_weights(first: Model, second: Model) -> bool:
    a, b = _weights(first), _weights(second)
    return len(a) == len(b) and all(x.shape == y.shape and bool((x == y).all()) for x, y in zip(a, b))


def _weights(model: Model) -> list[Any]:
    found: list[Any] = []
    for node in model.walk():
        found += [node.get_param(name) for name in node.param_names if node.has_param(name)]
        found += _torch_weights(node)
    return found


def _torch_weights(node: Model) -> list[Any]:
    modules = [shim._model for shim in node.shims if hasattr(shim._model, "state_dict")]
    return [weight for module in modules for weight in module.state_dict().values()]
