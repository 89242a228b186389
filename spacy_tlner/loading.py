"""A trained pipeline that someone named: loaded, and its tagger found, or told why not."""

from pathlib import Path

from spacy.language import Language
from spacy.util import load_model


def load_pipeline(source: str | Path, message: str) -> Language:
    """The pipeline of a folder or an installed package.

    Raises ValueError: `message` with {source} and {reason}, which points to a model-best in the folder.
    """
    try:
        return load_model(source)
    except Exception as error:  # what the functions of a foreign config raise
        best = Path(source) / "model-best"
        hint = f" There is a pipeline in {best}: name that." if best.is_dir() else ""
        raise ValueError(message.format(source=source, reason=f"{sentence(error)}{hint}")) from error


def find_tagger(nlp: Language, source: str | Path, name: str | None, message: str) -> str:
    """The name of the pipeline's `tl_ner`. Raises ValueError with `message` unless there is `name`, or exactly one."""
    found = [pipe for pipe in nlp.component_names if nlp.get_pipe_meta(pipe).factory == "tl_ner"]
    if (name is not None and name not in found) or (name is None and len(found) != 1):
        wanted = "exactly one" if name is None else f"the '{name}'"
        raise ValueError(message.format(source=source, wanted=wanted, found=", ".join(found) or "none"))
    return name or found[0]


def sentence(error: Exception) -> str:
    """What an exception says and of what kind it is, with a full stop."""
    text = f"{type(error).__name__}: {error}".strip()
    return text if text.endswith(".") else f"{text}."
