"""The encoder of a source, for a target whose config chooses none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import load_config, registry
from thinc.api import Config

from ..errors import Errors
from ..loading import load_pipeline

_FACTORY = "tl_ner"


@registry.callbacks("spacy_tlner.encoder_from_source.v1")
def encoder_from_source() -> Callable[[Language], Language]:
    """For `[nlp.after_pipeline_creation]`: a `tl_ner` whose config chooses no encoder is built with that of its source.

    A warm start copies weights into an encoder, which must therefore be the source's, whatever that is: this way one
    config serves all sources. The source is that of `[initialize.components.tl_ner]`, with `source_component`; without
    one nothing happens, nor where it cannot be read, for the warm start says why. An encoder other than the default
    stays as it is; so does every one where the source's has a listener, for what that listens to is no part of it. The
    saved config holds the encoder, not where it came from, and no longer this callback: a pipeline that was trained is
    what it is, whatever becomes of its source. Raises TL132 where the source's encoder holds another tagger.
    """

    def build(nlp: Language) -> Language:
        defaults: Any = Language.get_factory_meta(_FACTORY).default_config
        default = _filled(defaults["model"]["tok2vec"])
        config = nlp.config.interpolate()
        told = config.get("initialize", {}).get("components", {})
        for name in nlp.component_names:
            mine, start = config["components"][name], told.get(name, {})
            if mine.get("factory") == _FACTORY and start.get("source") and _filled(mine["model"]["tok2vec"]) == default:
                theirs = _encoder_of(start["source"], start.get("source_component"))
                if theirs not in (None, default):
                    if _is_blanked(theirs):
                        raise ValueError(Errors.TL132.format(name=name, source=start["source"]))
                    _rebuild(nlp, name, mine, theirs)
        if any(of.get("source") for of in told.values()):
            nlp.config["nlp"]["after_pipeline_creation"] = None
        return nlp

    return build


def _encoder_of(source: str | Path, component: str | None) -> dict[str, Any] | None:
    """The config of the source's encoder, filled; None where there is none to be had."""
    try:
        path = Path(source) / "config.cfg"
        config = load_config(path) if path.exists() else load_pipeline(source, Errors.TL127).config
        taggers = {
            name: of
            for name, of in config.interpolate()["components"].items()
            if of.get("factory") == _FACTORY and component in (None, name)
        }
        encoders = [_filled(of["model"]["tok2vec"]) for of in taggers.values()]
    except (OSError, ValueError, KeyError):
        return None
    return encoders[0] if len(encoders) == 1 and not _listens(encoders[0]) else None


def _listens(block: Any) -> bool:
    """Whether there is a listener in a block of a config, however deep."""
    return isinstance(block, dict) and ("upstream" in block or any(map(_listens, block.values())))


def _is_blanked(block: Any) -> bool:
    """Whether there is a frozen tagger in a block of a config that no longer says where it came from."""
    if not isinstance(block, dict):
        return False
    is_source = block.get("@architectures") == "spacy_tlner.SourceMarginals.v1" and block.get("source") is None
    return is_source or any(map(_is_blanked, block.values()))


def _filled(block: dict[str, Any]) -> dict[str, Any]:
    """With the default of every setting that it leaves out."""
    filled: dict[str, Any] = registry.fill({"encoder": block})["encoder"]
    return filled


def _rebuild(nlp: Language, name: str, settings: dict[str, Any], encoder: dict[str, Any]) -> None:
    """The pipe anew and in its place, with another encoder; references in its config stay references."""
    raw = nlp.get_pipe_config(name).copy()
    raw["model"]["tok2vec"] = encoder
    built = {key: value for key, value in settings.items() if key != "factory"}
    built["model"] = {**built["model"], "tok2vec": encoder}
    index, disabled = nlp.component_names.index(name), name in nlp.disabled
    # what initialization is told of the pipe goes with it
    told = nlp.config["initialize"]["components"][name]
    nlp.remove_pipe(name)
    last = index == len(nlp.component_names)
    place: dict[str, Any] = {} if last else {"before": index}
    nlp.add_pipe(_FACTORY, name=name, config=built, raw_config=Config(raw), **place)
    nlp.config["initialize"]["components"][name] = told
    if disabled:
        nlp.disable_pipe(name)
