"""What a tagger of another corpus says, as features."""

from pathlib import Path

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.source_marginals import SourceMarginals as SourceMarginalsLayer


@registry.architectures("spacy_tlner.SourceMarginals.v1")
def SourceMarginals(
    source: str | Path | None = None,
    component: str | None = None,
    pipes: list[str] = [],  # noqa: B006  (never changed; confection reads it)
    scale: float = 5.0,
    cache_size: int = 500_000,
) -> Model[list[Doc], list[Floats2d]]:
    """P(tag) of every token by a frozen source tagger times `scale`, a column a tag of its active head, `O` first.

    The PRED method of Rodriguez et al. 2018, with the tagger's whole belief in place of its best tag. A part of
    `ConcatEmbed`, where the encoder sees it, or the features of `DirectConnection`, where the CRF does. Exact marginals
    at the source's temperature, on the document's own tokens; entities set on a document do not count. As
    probabilities, for a tag that is ruled out is 0 and needs no bound, as log-odds would. `attrs["tags"]` of the node
    `source_marginals` names the columns.

    source: path or package of a trained pipeline with a `tl_ner`, read when this pipeline is initialized and never
    again: the tagger is stored with the weights, so a loaded pipeline may have null here. component: the tagger's name
    there, by default the only one. pipes: of the source, to be run before the tagger for what they set on documents,
    e.g. the tags or sentence starts that it goes by; a shared tok2vec or transformer runs unasked. scale: what a
    probability of 1 becomes; at 1 weights have to grow first, which costs updates.
    cache_size: tokens whose marginals are remembered, in training too, 4 bytes a tag each; a corpus that fits is tagged
    once. 0: none.

    What it adds to the stored pipeline is the source's tagger, with what it listens to and the vectors of its vocab, if
    there are any: 3 MB for the default tagger. In memory it stands twice. It is in no layer group: no optimizer and no
    warm start ever sees it, and a target that is warm-started from one with this part names the same source.
    Raises TL064 on scale or cache_size; when initialized, TL060 without a source, TL061 to TL063 on what it is.
    """
    if not 0 < scale < float("inf") or cache_size < 0:
        raise ValueError(Errors.TL064.format(scale=scale, cache_size=cache_size))
    return SourceMarginalsLayer(source, component, pipes, scale, cache_size)
