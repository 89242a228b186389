"""Start an encoder from weights that pretraining wrote: layer groups by name, with a report of what matched."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from thinc.api import Model

from ..errors import Errors
from ..layers.types import clear_caches
from ..layers.vocabulary import is_lookup, take_words
from .groups import GROUPS, fresh_upstreams, group_of, listeners, parts_read, tokens_read, upstream_of

logger = logging.getLogger("spacy_tlner")


@dataclass
class PretrainedReport:
    """What was loaded; `nlp.meta["spacy_tlner"][component]["pretrained"]` keeps it."""

    path: str
    component: str
    copied: dict[str, int] = field(default_factory=dict)  # layer group: weights copied
    fresh: list[str] = field(default_factory=list)  # layers of the encoder that start at random, and why
    unused: list[str] = field(default_factory=list)  # layers of the file that have no place here
    words_known: dict[str, int] | None = None  # words seen in pretraining, in training, in either

    def facts(self) -> dict[str, str]:
        """The report for people, a name and a text a fact."""
        texts = {
            "layers copied": ", ".join(f"{group} ({n:,} weights)" for group, n in self.copied.items()),
            "layers fresh": ", ".join(self.fresh),
            "layers not used": ", ".join(self.unused),
            "words known": ", ".join(f"{who} {n:,}" for who, n in (self.words_known or {}).items()),
        }
        return {name: text or "-" for name, text in texts.items()}


@dataclass
class _Stored:
    """A layer as it stands in the file."""

    name: str
    params: dict[str, Any]
    attrs: dict[str, bytes]

    def attr(self, name: str) -> Any:
        return srsly.msgpack_loads(self.attrs[name])


def load_pretrained(component: Any, path: str | Path, *, nlp: Language | None) -> PretrainedReport:
    """Copy into an initialized tagger's encoder what fits from a .bin file; all checks come before the first copy.

    The n-th layer of a group goes to the n-th layer of that group here, if all shapes are the same; other layers stay
    as they are and are named in the report. The words seen in pretraining are added to those seen in training. The
    encoder of a listener is the shared one.
    Raises TL110 beside `init_tok2vec` or over a shared encoder that has weights already, TL111 on a file that cannot be
    used, TL112 if nothing fits.
    """
    tok2vec = component.model.get_ref("tok2vec")
    if nlp is not None and nlp.config.interpolate()["initialize"].get("init_tok2vec"):
        other = "[initialize] init_tok2vec"
        raise ValueError(Errors.TL110.format(name=component.name, setting="pretrained", other=other))
    if listeners(tok2vec):
        upstreams = list(fresh_upstreams(tok2vec, nlp))
        if len(upstreams) != 1:
            other = "a listener whose shared encoder comes with weights, or is not there"
            raise ValueError(Errors.TL110.format(name=component.name, setting="pretrained", other=other))
        tok2vec = upstreams[0]
    stored = _read(component, path)
    theirs, ours = _by_group(stored), _by_group(list(tok2vec.walk()))
    reads = tokens_read(stored, _Stored.attr), tokens_read(tok2vec.walk())
    orders = [parts_read(node.name for node in nodes if _has_weights(node)) for nodes in (stored, tok2vec.walk())]
    report = PretrainedReport(str(path), component.name)
    pairs: list[tuple[str, _Stored, Model]] = []
    for group in [group for group in GROUPS if group in theirs or group in ours]:
        have, want = theirs.get(group, []), ours.get(group, [])
        for i in range(max(len(have), len(want))):
            number = f" {i + 1}" if max(len(have), len(want)) > 1 else ""
            if i >= len(have):
                report.fresh.append(f"{group}{number} (not in the file)")
            elif i >= len(want):
                report.unused.append(f"{group}{number}")
            elif group == "encoder" and reads[0] != reads[1]:
                report.fresh.append(f"{group}{number} (it reads {reads[0]} of tokens in the file and {reads[1]} here)")
            elif group == "encoder" and orders[0] != orders[1]:
                told = [", ".join(order) for order in orders]
                report.fresh.append(f"{group}{number} (it reads {told[0]} in the file and {told[1]} here)")
            elif misfit := _misfit(have[i], want[i]):
                report.fresh.append(f"{group}{number} ({misfit})")
            else:
                pairs.append((group, have[i], want[i]))
    if not pairs:
        names = [", ".join(of) or "no layers" for of in (theirs, ours)]
        raise ValueError(Errors.TL112.format(name=component.name, path=path, theirs=names[0], ours=names[1]))
    for group, old, new in pairs:
        report.copied[group] = report.copied.get(group, 0) + sum(int(value.size) for value in old.params.values())
        if new.name == "words":
            report.words_known = _take_words(old, new)
            continue
        for name, value in old.params.items():
            # a copy: what msgpack reads cannot be written, as weight decay would
            weights: Any = new.ops.xp.array(value)
            new.set_param(name, weights)
    clear_caches(component.model)
    clear_caches(tok2vec)
    logger.info("Pretrained weights of '%s' from %s", report.component, report.path)
    for fact, text in report.facts().items():
        logger.info("  %s: %s", fact, text)
    if nlp is not None:
        nlp.meta.setdefault("spacy_tlner", {}).setdefault(component.name, {})["pretrained"] = asdict(report)
    return report


def is_pretrained_by_spacy(component: Any, nlp: Language) -> bool:
    """Whether spaCy's `init_tok2vec` will set the weights of the component's encoder, its own or one that it shares."""
    config = nlp.config.interpolate()
    if not config["initialize"].get("init_tok2vec"):
        return False
    upstreams = [upstream_of(listener, nlp) for listener in listeners(component.model)]
    encoders = {component.name, *(pipe.name for pipe in upstreams if pipe is not None)}
    return config.get("pretraining", {}).get("component") in encoders


def _read(component: Any, path: str | Path) -> list[_Stored]:
    try:
        message = srsly.msgpack_loads(Path(path).read_bytes())
        columns = zip(message["nodes"], message["params"], message["attrs"], strict=True)
        return [
            _Stored(node["name"], {k: v for k, v in params.items() if v is not None}, attrs)
            for node, params, attrs in columns
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(Errors.TL111.format(name=component.name, path=path, reason=error)) from error


def _by_group(nodes: Sequence[Any]) -> dict[str, list[Any]]:
    """Layers with weights, by group, in the order in which thinc walks and stores them."""
    groups: dict[str, list[Any]] = {}
    for node in nodes:
        if _has_weights(node):
            groups.setdefault(group_of(node.name), []).append(node)
    return groups


def _has_weights(node: Any) -> bool:
    return bool(node.params if isinstance(node, _Stored) else node.param_names)


def _misfit(old: _Stored, new: Model) -> str:
    shapes = {name: new.get_param(name).shape for name in new.param_names if new.has_param(name)}
    if new.name == "words" and is_lookup(old) != is_lookup(new):
        kinds = ["looked up" if is_lookup(layer) else "hashed" for layer in (old, new)]
        return f"words are {kinds[0]} in the file and {kinds[1]} here"
    for name in sorted({*old.params, *shapes}):
        theirs = old.params[name].shape if name in old.params else None
        if name == "table" and is_lookup(new) and theirs and theirs[1:] == shapes[name][1:]:
            continue  # a row a word, however many words there are
        if theirs != shapes.get(name):
            return f"{name} is {theirs} in the file and {shapes.get(name)} here"
    if new.name == "words" and old.attr("attr") != new.attrs["attr"]:
        return f"attr is {old.attr('attr')} in the file and {new.attrs['attr']} here"
    return ""


def _take_words(old: _Stored, new: Model) -> dict[str, int]:
    attrs = {name: old.attr(name) for name in ("seen", "counts", "learned")}
    known = {"pretraining": len(attrs["seen"]), "training": len(new.attrs["seen"])}
    take_words(new, old.params, attrs)
    return {**known, "together": len(new.attrs["seen"])}
