"""What several commands do with a pipeline: load it, find its tagger. No command of its own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language


class PipelineError(ValueError):
    """A pipeline that a command cannot use; the message is meant for the person who named it."""


def load(model: str) -> "Language":
    """The pipeline of a folder or an installed package. Raises TL408."""
    from spacy.util import load_model

    from ..errors import Errors

    try:
        return load_model(model)
    except (OSError, ValueError) as error:
        raise PipelineError(Errors.TL408.format(path=model, reason=error)) from error


def find_tagger(nlp: "Language", model: str, component: str | None = None) -> str:
    """The name of the `tl_ner` component that is meant, by default of the only one. Raises TL503."""
    from ..errors import Errors

    taggers = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == "tl_ner"]
    if component in taggers or (component is None and len(taggers) == 1):
        return component or taggers[0]
    wanted = f"the {component!r}" if component else "one"
    found, pipes = (", ".join(names) or "none" for names in (taggers, nlp.pipe_names))
    raise PipelineError(Errors.TL503.format(model=model, wanted=wanted, found=found, pipes=pipes))
