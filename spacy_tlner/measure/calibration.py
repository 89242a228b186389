"""Fit the temperature of a trained `tl_ner` on a corpus that it was not trained on, and say what that changed.

The unit is the mention of the best tagging: its confidence is the probability that exactly these tokens bear this
label, and it is correct if gold has it. Dividing all scores by one number moves no best tagging (Guo et al. 2017), so
the mentions and their verdicts are found once, and only their probabilities again for each temperature tried.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch

from ..chains import Chains
from ..errors import Errors
from ..tags import Mention
from .reliability import Reliability, log_loss
from .thresholds import Promise

# The range of temperatures. Fits on BC5CDR and NCBI-disease lie between 1.5 and 3.2 (benchmarks/calibration.py).
BOUNDS = (0.05, 20.0)
_GRID = 13
_PRECISION = 1e-4


class CalibrationError(ValueError):
    """A corpus that nothing can be calibrated with; the message is meant for the person who named it."""


class UnfittedError(CalibrationError):
    """No temperature is the best one: the mentions found do not tell."""


@dataclass(frozen=True)
class Judged:
    """The mentions of a corpus that a model finds and gold can judge. Made by `judge`.

    chains: of each batch, at temperature 1. mentions: of each batch and document. correct: (mentions,) bool, in
    that order.
    """

    chains: tuple[Chains, ...]
    mentions: tuple[list[list[Mention]], ...]
    correct: NDArray[numpy.bool_]

    def confidence(self, temperature: float) -> NDArray[numpy.float64]:
        """(mentions,) the probability of each at this temperature, from one forward-backward over the corpus."""
        batches = zip(self.chains, self.mentions)
        found = [p for chains, asked in batches for p in chains.at(temperature).mention_probabilities(asked)]
        return numpy.concatenate([numpy.zeros(0), *found])

    def reliability(self, temperature: float) -> Reliability:
        """What the confidences are worth at this temperature."""
        return Reliability.of(self.confidence(temperature), self.correct)


class Change(NamedTuple):
    """One corpus at the temperature that the model had, and at the one that it has now."""

    before: Reliability
    after: Reliability


@dataclass(frozen=True)
class Calibration:
    """What `spacy tlner calibrate` found. fitted: False where the temperature stayed because no other was better.

    corpora: by name, of which "dev" is the one that the temperature was fitted on. promise: the threshold of best
    expected F1 there, at the temperature after.
    """

    component: str
    before: float
    after: float
    fitted: bool
    corpora: Mapping[str, Change]
    promise: Promise

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        corpora = {name: {key: r.to_dict() for key, r in of._asdict().items()} for name, of in self.corpora.items()}
        temperature = {"before": self.before, "after": self.after, "fitted": self.fitted}
        return {
            "component": self.component,
            "temperature": temperature,
            "best_expected_f1": self.promise._asdict(),
            "corpora": corpora,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Of `to_dict`. Raises KeyError, TypeError or ValueError on anything else."""
        temperature = values["temperature"]
        corpora = {
            str(name): Change(*(Reliability.from_dict(of[key]) for key in Change._fields))
            for name, of in values["corpora"].items()
        }
        return cls(
            component=str(values["component"]),
            before=float(temperature["before"]),
            after=float(temperature["after"]),
            fitted=bool(temperature["fitted"]),
            corpora=corpora,
            promise=Promise(*(float(values["best_expected_f1"][key]) for key in Promise._fields)),
        )


def check_gold(corpus: Any, examples: Sequence[Example]) -> None:
    """Refuse a corpus that cannot judge a mention, also an empty one. corpus: its name for people. Raises TL501."""
    if not any(eg.reference.ents for eg in examples):
        raise CalibrationError(Errors.TL501.format(corpus=corpus))


def judge(nlp: Language, component: str, examples: Iterable[Example]) -> Judged:
    """Find mentions as the pipeline would, by the best tagging, and look each up in gold.

    The pipes before `component` run as at prediction; the examples are left as they are. Entities set by those pipes
    are no predictions of `component` and are left out, like mentions that gold says nothing of (`verdicts`).
    """
    examples = [Example(eg.predicted.copy(), eg.reference) for eg in examples]
    before = nlp.pipe_names[: nlp.pipe_names.index(component)]
    with nlp.select_pipes(enable=before):
        docs = list(nlp.pipe(eg.predicted for eg in examples))
    pipe: Any = nlp.get_pipe(component)
    batches: list[tuple[Chains, list[list[Mention]]]] = []
    correct: list[bool] = []
    for batch in minibatch(zip(docs, examples), nlp.batch_size):
        chains = pipe.chains([doc for doc, _ in batch])
        chains = chains.at(1 / pipe.temperature)
        kept: list[list[Mention]] = []
        for (doc, example), tags in zip(batch, chains.best()):
            found = _beside(doc, chains.scheme.decode(tags))
            judged = [(mention, is_right) for mention, is_right in verdicts(example, found) if is_right is not None]
            kept.append([mention for mention, _ in judged])
            correct += [is_right for _, is_right in judged]
        batches.append((chains, kept))
    return Judged(tuple(c for c, _ in batches), tuple(m for _, m in batches), numpy.asarray(correct, dtype=bool))


def _beside(doc: Doc, mentions: Iterable[Mention]) -> list[Mention]:
    """The mentions that were not set before."""
    given = {(ent.start, ent.end) for ent in doc.ents}
    return [mention for mention in mentions if (mention.start, mention.end) not in given]


def verdicts(example: Example, mentions: Iterable[Mention]) -> list[tuple[Mention, bool | None]]:
    """Each mention of `example.predicted` with whether gold has it; None where gold says nothing.

    As `spacy.scorer.get_ner_prf` counts: a mention is right if a gold mention of its label is aligned with exactly its
    tokens and was not matched before, and does not count if annotation is missing on any of those.
    """
    gold = example.reference
    if not gold.has_annotation("ENT_IOB"):
        return [(mention, None) for mention in mentions]
    open_gold = {(ent.start, ent.end, ent.label_) for ent in gold.ents}
    aligned = example.alignment.x2y
    judged: list[tuple[Mention, bool | None]] = []
    for mention in mentions:
        at = aligned[mention.start : mention.end]
        if not len(at) or any(token.ent_iob == 0 for token in gold[at[0] : at[-1] + 1]):
            judged.append((mention, None))
            continue
        key = (int(at[0]), int(at[-1]) + 1, mention.label)
        judged.append((mention, key in open_gold))
        open_gold.discard(key)
    return judged


def fit_temperature(confidence: Callable[[float], NDArray[numpy.float64]], correct: NDArray[numpy.bool_]) -> float:
    """The temperature at which the log loss of confidences is least, to four digits behind the point.

    confidence: from a temperature to (n,), as `Judged.confidence`. correct: (n,) bool.
    Log loss is a proper score and needs no bins. The other candidate, the chain's likelihood of whole gold taggings,
    was worse where it was measured (benchmarks/calibration.py). Raises TL502 where no temperature is the best: nothing
    was found, all is right, all is wrong, or the optimum lies outside BOUNDS. Cost: about 35 calls of `confidence`.
    """
    n, n_correct = len(correct), int(correct.sum())
    if not n:
        raise UnfittedError(Errors.TL502.format(reason="the model finds no mention"))
    if n_correct in (0, n):
        verdict = "right" if n_correct else "wrong"
        raise UnfittedError(Errors.TL502.format(reason=f"all {n:,} mentions found are {verdict}"))
    best = least_by_temperature(lambda temperature: log_loss(confidence(temperature), correct))
    if best is None:
        reason = f"the best for {n:,} mentions lies beyond {BOUNDS[0]:g} to {BOUNDS[1]:g}"
        raise UnfittedError(Errors.TL502.format(reason=reason))
    return best


def least_by_temperature(loss: Callable[[float], float]) -> float | None:
    """The temperature where a loss is least, to four digits behind the point; None if that is at an end of BOUNDS.

    Searched by its logarithm: the best point of a coarse grid, then golden section between its neighbours.
    """
    grid = numpy.linspace(math.log(BOUNDS[0]), math.log(BOUNDS[1]), _GRID).tolist()
    at = int(numpy.argmin([loss(math.exp(x)) for x in grid]))
    if at in (0, len(grid) - 1):
        return None
    ratio = (math.sqrt(5) - 1) / 2
    a, b = grid[at - 1], grid[at + 1]
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    of_c, of_d = loss(math.exp(c)), loss(math.exp(d))
    while b - a > _PRECISION:
        if of_c < of_d:
            b, d, of_d = d, c, of_c
            c = b - ratio * (b - a)
            of_c = loss(math.exp(c))
        else:
            a, c, of_c = c, d, of_d
            d = a + ratio * (b - a)
            of_d = loss(math.exp(d))
    return round(math.exp((a + b) / 2), 4)
