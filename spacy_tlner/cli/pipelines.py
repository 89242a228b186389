"""What several commands do with a pipeline: load it, find its tagger. No command of its own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.language import Language


class PipelineError(ValueError):
    """A pipeline that a command cannot use; the message is meant for the person who named it."""


def load(model: str) -> "Language":
    """The pipeline of a folder or an installed package. Raises TL408."""
    from ..errors import Errors
    from ..loading import load_pipeline

    try:
        return load_pipeline(model, Errors.TL408)
    except ValueError as error:
        raise PipelineError(str(error)) from error


def find_ready_tagger(nlp: "Language", model: str, component: str | None = None) -> str:
    """The name of the `tl_ner` component that is meant, by default the only one. Raises TL503, TL011-14."""
    from ..errors import Errors

    taggers = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == "tl_ner"]
    if component in taggers or (component is None and len(taggers) == 1):
        name = component or taggers[0]
        tagger: Any = nlp.get_pipe(name)
        try:
            tagger.check_ready()
        except (KeyError, ValueError) as error:
            raise PipelineError(error.args[0]) from error
        return name
    wanted = f"the {component!r}" if component else "one"
    found, pipes = (", ".join(names) or "none" for names in (taggers, nlp.pipe_names))
    raise PipelineError(Errors.TL503.format(model=model, wanted=wanted, found=found, pipes=pipes))
