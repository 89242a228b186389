"""A trained tagger that nothing trains any more: cut out of its pipeline, stored in our bytes, asked for marginals.

Bytes hold the pipes' config and their weights as spaCy writes them, so that loading needs not the folder that the
pipeline came from. The tokenizer and callbacks of the pipeline's creation are left out: words come from other
documents. The vocab's tables of vectors and of norms are kept, since weights mean nothing without them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from typing import Any

import numpy
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.util import get_lang_class, registry

from ..errors import Errors
from ..loading import find_tagger, load_pipeline, sentence

# of `Language.to_bytes`
_LEFT_OUT = ("tokenizer", "meta", "config")
# memory zones of one vocab cannot overlap, and taggers are asked from several threads; a source may have a source
_ONE_ZONE = RLock()


class FrozenTagger:
    """A pipeline of one `tl_ner` and what it needs. Never changed: copies share their bytes.

    The head that predicts there is asked for its marginals; `transfer.frozen` asks any head, and stores nothing.

    data: as `cut_out` makes them; kept beside the pipeline, since they are what is stored. Raises TL065 if they cannot
    be built here.
    """

    def __init__(self, data: bytes):
        self.data = data
        try:
            msg = srsly.msgpack_loads(data)
            self.component: str = msg["component"]
            self.nlp = _build(**msg["config"])
            self.nlp.from_bytes(msg["pipeline"])
        except Exception as error:  # what the functions of a foreign config raise
            raise ValueError(Errors.TL065.format(reason=sentence(error))) from error

    @property
    def tags(self) -> list[str]:
        """The tags of the head that predicts there, `O` first."""
        return list(self._tagger.scheme.names)

    @property
    def _tagger(self) -> Any:
        return self.nlp.get_pipe(self.component)

    def marginals(self, docs: Sequence[Doc]) -> list[NDArray[numpy.float32]]:
        """(tokens, tags) P(tag of token) a document, at the tagger's temperature.

        docs: of any vocab. Words, spaces and sentence starts count, and nothing else that is set on them. In a memory
        zone, their words are forgotten here, too.
        """
        vocabs: list[Any] = [doc.vocab for doc in docs]  # spaCy's stubs know no `in_memory_zone`
        with self._zone() if any(vocab.in_memory_zone for vocab in vocabs) else nullcontext():
            copies = [copy_for(doc, self.nlp) for doc in docs]
            if len(self.nlp.pipe_names) > 1:
                copies = list(self.nlp.pipe(copies, disable=[self.component]))
            found = self._tagger.chains(copies, ents_given=False).marginals()
            return [marginals.astype("float32", copy=False) for marginals in found]

    @contextmanager
    def _zone(self) -> Iterator[None]:
        with _ONE_ZONE, self.nlp.memory_zone():
            yield

    def to_device(self, device_type: str, device_id: int) -> None:
        for _, pipe in self.nlp.components:
            model: Any = getattr(pipe, "model", None)
            if hasattr(model, "to_gpu"):
                model.to_cpu() if device_type == "cpu" else model.to_gpu(device_id)


def cut_out(source: str | Path, component: str | None, pipes: Sequence[str]) -> bytes:
    """Of a trained pipeline, path or package, one `tl_ner` with the pipes that it listens to.

    component: its name, by default the only one. pipes: others to keep, with those that these listen to. Raises TL061
    on a source that cannot be used, TL062 without that component, TL063 on a pipe that does not run before it.
    """
    nlp = load_pipeline(source, Errors.TL061)
    component = find_tagger(nlp, source, component, Errors.TL062)
    before = nlp.component_names[: nlp.component_names.index(component)]
    if not set(pipes) <= set(before):
        known = ", ".join(before) or "none"
        raise ValueError(Errors.TL063.format(pipes=list(pipes), source=source, component=component, known=known))
    tagger: Any = nlp.get_pipe(component)
    try:
        tagger.chains([])
    except KeyError as error:
        raise ValueError(Errors.TL061.format(source=source, reason=f"'{component}' has no weights.")) from error
    kept = _with_upstreams(nlp, {component, *pipes})
    left_out = [*_LEFT_OUT, *(name for name in nlp.component_names if name not in kept)]
    if not pipes:
        # other pipes may look up strings of their own; the tagger and what it listens to know words by their hash
        left_out.append("strings")
    return srsly.msgpack_dumps(
        {"component": component, "config": _config(nlp, kept), "pipeline": nlp.to_bytes(exclude=left_out)}
    )


def _with_upstreams(nlp: Language, names: set[str]) -> list[str]:
    """These pipes and all that they listen to, in the pipeline's order."""
    kept: set[str] = set()
    while kept != names:
        kept = names
        names = kept | {
            name for name, pipe in nlp.components if kept.intersection(getattr(pipe, "listening_components", ()))
        }
    return [name for name in nlp.component_names if name in kept]


def _config(nlp: Language, kept: list[str]) -> dict[str, Any]:
    """What `_build` takes to make these pipes again."""
    config = nlp.config.interpolate()
    components = [(name, dict(config["components"][name])) for name in kept]
    for _, block in components:
        if block["factory"] == "tl_ner":
            # what nothing trains has no terms, whose blocks may name files
            block.pop("terms", None)
    return {"lang": nlp.lang, "vectors": config["nlp"]["vectors"], "components": components}


def _build(lang: str, vectors: dict[str, Any], components: list[tuple[str, dict[str, Any]]]) -> Language:
    """A pipeline without weights. Its tokenizer knows no rules, since reading those takes longer than all the rest."""
    nlp = get_lang_class(lang)(
        create_tokenizer=lambda made: Tokenizer(made.vocab),
        create_vectors=registry.resolve({"vectors": vectors})["vectors"],
    )
    for name, block in components:
        settings = dict(block)
        nlp.add_pipe(settings.pop("factory"), name=name, config=settings)
    return nlp


def copy_for(doc: Doc, nlp: Language) -> Doc:
    """The document's words, spaces and sentence starts in another vocab, where they have that language's attributes."""
    starts = doc.to_array("SENT_START").astype("int64")
    return Doc(
        nlp.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        sent_starts=starts.tolist() if starts.any() else None,
    )
