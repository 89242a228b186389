"""Parts of an embedding made from discrete features: of spelling, of the words around, of gazetteers."""

from pathlib import Path

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..layers.context import ContextFeatures as ContextFeaturesLayer
from ..layers.features import FEATURES
from ..layers.features import WordFeatures as WordFeaturesLayer
from ..layers.lexicon import LexiconFeatures
from ..layers.types import Types

# Attributes that every document has, and those that other components set.
_ATTRS = ("LOWER", "ORTH", "NORM", "SHAPE", "PREFIX", "SUFFIX", "TAG", "POS", "LEMMA")


@registry.architectures("spacy_tlner.WordFeatures.v1")
def WordFeatures(
    width: int = 32,
    rows: int = 5000,
    features: list[str] = ["casing", "shape", "short_shape"],  # noqa: B006  (never changed; confection reads it)
    prefixes: list[int] = [1, 2, 3],  # noqa: B006
    suffixes: list[int] = [1, 2, 3],  # noqa: B006
) -> Model[Types, Floats2d]:
    """What the spelling of a word says, hashed, one vector a word type. See `layers.features`.

    features: `casing` (all lower, initial upper, all upper, mixed, numeric, mostly numeric, contains digit, other:
    Collobert et al. 2011), `shape` (D56y-3 as A00a-0), `short_shape` (the same without repetitions, A0a-0), `letters`
    and `non_letters` (the word without the others), and what is true or false: `first_upper`, `all_upper`,
    `all_lower`, `inner_upper` (upper case after the first character), `letters_and_digits`, `punctuation`,
    `apostrophe_s`.
    The spelling features of Huang et al. 2015 are all but `casing`, with prefixes and suffixes of 2 to 5.
    prefixes, suffixes: lengths. All vectors are added up; for vectors side by side, give `TypeEmbed` several parts.
    Raises TL035 on an unknown feature, none at all, or a number below 1.
    """
    unknown = [name for name in features if name not in FEATURES]
    nothing = not (len(features) or len(prefixes) or len(suffixes))
    if unknown or nothing or min([width, rows, *prefixes, *suffixes]) < 1:
        given = {"features": features, "prefixes": prefixes, "suffixes": suffixes, "width": width, "rows": rows}
        raise ValueError(Errors.TL035.format(given=given, known=", ".join(FEATURES)))
    return WordFeaturesLayer(width, rows, features, prefixes, suffixes)


@registry.architectures("spacy_tlner.ContextFeatures.v1")
def ContextFeatures(
    width: int = 32,
    rows: int = 20000,
    attr: str = "LOWER",
    window: int = 2,
    orders: list[int] = [1, 2],  # noqa: B006
) -> Model[list[Doc], list[Floats2d]]:
    """The n-grams around each token, hashed (Huang et al. 2015). See `layers.context`.

    attr: the token attribute; TAG, POS and LEMMA need a component that sets them (`training.annotating_components`).
    window: tokens to either side. orders: lengths of n-grams, 1 for single words. Raises TL036 on another
    attribute, an order that the window does not hold, or a number that is too low.
    """
    fits = len(orders) and all(1 <= order <= 2 * window + 1 for order in orders)
    if attr not in _ATTRS or not fits or min(width, rows) < 1 or window < 0:
        given = {"attr": attr, "window": window, "orders": orders, "width": width, "rows": rows}
        raise ValueError(Errors.TL036.format(given=given, known=", ".join(_ATTRS)))
    return ContextFeaturesLayer(width, rows, attr, window, orders)


@registry.architectures("spacy_tlner.Lexicon.v1")
def Lexicon(
    path: Path | None = None,
    width: int = 20,
    rows: int = 512,
    single: list[str] = [],  # noqa: B006
) -> Model[list[Doc], list[Floats2d]]:
    """Matches with a gazetteer, whole and partial (Chiu & Nichols 2016). See `layers.lexicon` and `layers.gazetteer`.

    path: a file of terms and categories, or a folder of such files, read when the pipeline is initialized; the lexicon
    is stored with the weights, so a loaded pipeline needs no file. None: a warning, and no entries but those that a
    warm start brings. width: 4 a category lose nothing. single: categories in which one token of an entry of two may
    match, as the paper has it for persons. Raises TL037 where a number is below 1; when initialized, TL031 to TL033.
    """
    if min(width, rows) < 1:
        raise ValueError(Errors.TL037.format(width=width, rows=rows))
    return LexiconFeatures(path, width, rows, single)
