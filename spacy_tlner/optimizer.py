"""Adam with a learning rate factor for each group of layers, where zero leaves weights exactly as they are."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, NamedTuple, Union

import numpy
from spacy.language import Language
from spacy.util import registry
from thinc.api import Optimizer
from thinc.api import registry as thinc_registry
from thinc.types import FloatsXd, Generator

from .errors import Errors
from .touched_rows import Key, TouchedRows
from .transfer.groups import BODY, BODY_GROUPS, layer_groups

FloatOrSchedule = Union[float, Generator]  # noqa: UP007  (pydantic reads it on Python 3.10)


class Name(NamedTuple):
    """How a parameter can be called: "component:group", and "component:group.path" with its own place in there.

    naming: the number of the call of `name_groups` that gave the name: of all names, those of one pipeline.
    """

    group: str
    path: str
    naming: int = 0

    def fits(self, pattern: str) -> bool:
        """By equal group, by "component:body", or by a pattern with * or ? over the whole path."""
        component, _, group = self.group.rpartition(":")
        if pattern == f"{component}:{BODY}":
            return group in BODY_GROUPS
        return pattern == self.group or fnmatchcase(self.path, pattern)


# Names of parameters by the key thinc hands an optimizer. Filled by `name_groups`, since
# `spacy train` makes its optimizer without sight of the pipeline. Node ids are never used again in a process.
_name_of: dict[Key, Name] = {}
_namings = count(1)


@registry.callbacks("spacy_tlner.name_groups.v1")
def name_groups() -> Callable[[Language], Language]:
    """For `[initialize.after_init]`: tell `GroupedAdam` which parameter belongs to which component and layer group."""

    def name_all(nlp: Language) -> Language:
        pipe: Any
        naming = next(_namings)
        # disabled ones too: while others are initialized, spaCy disables those that were sourced
        for component, pipe in nlp.components:
            if getattr(pipe, "is_trainable", False) and getattr(pipe, "model", None) not in (None, True, False):
                for key, group, path in _keys(pipe.model):
                    _name_of[key] = Name(f"{component}:{group}", f"{component}:{group}.{path}", naming)
        return nlp

    return name_all


@thinc_registry.schedules("spacy_tlner.unfreeze.v1")
def unfreeze(step: int, factor: float = 1.0) -> Iterator[float]:
    """For a group of `GroupedAdam`: 0 for the first `step` updates, so that it is frozen, and then `factor`.

    Groups that thaw one after the other, the head first, make gradual unfreezing (Howard & Ruder 2018). `spacy train`
    counts updates; a loop of one's own over `nlp.update` does so with `sgd.step_schedules()`.
    """
    for _ in range(step):
        yield 0.0
    while True:
        yield factor


@thinc_registry.optimizers("spacy_tlner.GroupedAdam.v1")
def GroupedAdam(
    learn_rate: FloatOrSchedule = 0.001,
    *,
    groups: dict[str, Any] | None = None,
    l2_sp: dict[str, Any] | None = None,
    L2: FloatOrSchedule = 0.0,
    beta1: FloatOrSchedule = 0.9,
    beta2: FloatOrSchedule = 0.999,
    eps: FloatOrSchedule = 1e-8,
    grad_clip: FloatOrSchedule = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> "GroupedOptimizer":
    """Adam whose learning rate is multiplied by a factor for each layer group.

    groups: {component: {group: factor}}, groups as `transfer.groups` names them, e.g. {"tl_ner": {"encoder": 0.1}},
    "body" for all below the heads, or patterns with * and ? over "group.path" of single parameters, e.g.
    {"transformer": {"encoder.*layer.0.*": 0.1}} of a pipe of spacy-transformers. Of several that fit, the longest
    counts, the most specific as a rule; a config cannot list numbers behind schedules. What none fits has factor 1; 0
    freezes for real: no step, no decay. A factor may be a schedule (`spacy_tlner.unfreeze.v1`).
    l2_sp: {component: {group or pattern: strength}}, a pull towards the weights at the first update since
    `name_groups`, after a warm start those of the source (L2-SP, Li et al. 2018); as L2, it is a term of the gradient
    or, with `L2_is_weight_decay`, a decay of the difference. Other arguments as in `Adam.v1`.
    Raises TL301 if a group or pattern fits nothing, TL302 without `name_groups`, TL303 on a number below 0, TL304 on
    what is no number of a group.
    """
    return GroupedOptimizer(
        _by_name(groups or {}, "groups", schedules=True),
        _by_name(l2_sp or {}, "l2_sp", schedules=False),
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )


class GroupedOptimizer(Optimizer):
    """A thinc optimizer that looks up each parameter's group. See `GroupedAdam`."""

    factors: dict[str, float]
    strengths: dict[str, float]
    _factor_schedules: dict[str, Any]
    _anchors: dict[Key, tuple[int, FloatsXd]]  # with the naming at which it was noted
    _checked: bool
    _touched: TouchedRows

    __slots__ = ["_anchors", "_checked", "_factor_schedules", "_touched", "factors", "strengths"]

    def __init__(
        self, factors: dict[str, Any], strengths: dict[str, float], learn_rate: FloatOrSchedule, **settings: Any
    ):
        super().__init__(learn_rate, **settings)
        self._factor_schedules = {group: f for group, f in factors.items() if not isinstance(f, int | float)}
        first = {group: next(schedule) for group, schedule in self._factor_schedules.items()}
        self.factors, self.strengths = {**factors, **first}, strengths
        for group, number in (*self.factors.items(), *strengths.items()):
            if not number >= 0:
                raise ValueError(Errors.TL303.format(group=group, factor=number))
        self._anchors = {}
        self._checked = False
        self._touched = TouchedRows()

    def step_schedules(self) -> None:
        super().step_schedules()
        for group, schedule in self._factor_schedules.items():
            self.factors[group] = next(schedule, self.factors[group])

    def __call__(
        self, key: Key, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        factor, strength = self._of(key, self.factors, 1.0), self._of(key, self.strengths, 0.0)
        # noted at the first sight of a weight, frozen or not: training has not moved it yet
        if strength and (key not in self._anchors or self._anchors[key][0] != _name_of[key].naming):
            self._anchors[key] = _name_of[key].naming, weights.copy()
        if factor == 0:
            if self.averages is not None and key in self.averages:
                # frozen after it learned: what is saved must be what the other layers see
                average: Any = self.averages[key]
                average[...] = weights
            gradient *= 0
            return weights, gradient
        if strength:
            difference: Any = weights - self._anchors[key][1]
            if self.L2_is_weight_decay:
                # this share of the difference is taken off: more than all of it would overshoot
                weights -= min(lr_scale * factor * float(self.learn_rate) * strength, 1.0) * difference
            else:
                gradient += strength * difference
        if self.averages is not None and key not in self.averages:
            # thinc begins at zero, and after one update the average is 0.82 of the weights: the first evaluation of a
            # warm start, or of a layer that thaws, would be that of another model
            self.averages[key] = weights.copy()
        # decay moves every row; and of a state that was loaded it is not known which rows have momentum
        if self.L2 != 0 or (key in self.mom1 and key not in self._touched):
            self._touched.visit_all(key)
        rows = self._touched.visit(key, gradient)
        if rows is None:
            return super().__call__(key, weights, gradient, lr_scale=lr_scale * factor)
        return self._step_rows(key, rows, weights, gradient, lr_scale * factor)

    def _step_rows(
        self, key: Key, rows: numpy.ndarray, weights: Any, gradient: Any, lr_scale: float
    ) -> tuple[FloatsXd, FloatsXd]:
        """What thinc does to all rows of a table, for those alone to which it does anything."""
        if not len(rows):
            # an update that moves nothing yet; the next one's bias is corrected as that of a later one
            self.nr_update[key] += 1
            return weights, gradient
        state: list[dict[Key, Any]] = [self.mom1, self.mom2]
        for moment in state:
            if key not in moment:
                moment[key] = numpy.zeros(weights.size, weights.dtype)
        if self.averages is not None:
            state.append(self.averages)
        whole = [part[key] for part in state]
        for part, array in zip(state, whole):
            part[key] = array.reshape(weights.shape)[rows].reshape(-1, *array.shape[1:])
        weights[rows], _ = super().__call__(key, weights[rows], gradient[rows], lr_scale=lr_scale)
        for part, array in zip(state, whole):
            array.reshape(weights.shape)[rows] = part[key].reshape(-1, weights.shape[1])
            part[key] = array
        gradient[rows] = 0
        return weights, gradient

    def _of(self, key: Key, numbers: dict[str, float], default: float) -> float:
        """The number of the longest group or pattern that fits, of equally long ones the last."""
        if not numbers:
            return default
        if key not in _name_of:
            raise ValueError(Errors.TL302)
        if not self._checked:
            self._check(_name_of[key].naming)
        fitting = [pattern for pattern in reversed(numbers) if _name_of[key].fits(pattern)]
        return numbers[max(fitting, key=len)] if fitting else default

    def _check(self, naming: int) -> None:
        """Whether each pattern fits a parameter of the pipeline, not of another that was named in this process."""
        names = [name for name in _name_of.values() if name.naming == naming]
        for pattern in (*self.factors, *self.strengths):
            if not any(name.fits(pattern) for name in names):
                known = ", ".join(sorted({name.group for name in names}))
                raise ValueError(Errors.TL301.format(group=pattern, known=known))
        self._checked = True


def _by_name(numbers: dict[str, Any], setting: str, schedules: bool) -> dict[str, Any]:
    """{"component:group": number} of {component: {group: number}}. Raises TL304 unless that is what it is."""
    expected = " or a schedule" if schedules else ""
    for component, of in numbers.items():
        if not isinstance(of, dict):
            raise ValueError(Errors.TL304.format(setting=setting, found=f"{component!r}: {of!r}", schedules=expected))
        for group, number in of.items():
            if isinstance(number, bool) or not (
                isinstance(number, int | float) or (schedules and isinstance(number, Iterator))
            ):
                found = f"{component!r}: {{{group!r}: {number!r}}}"
                raise ValueError(Errors.TL304.format(setting=setting, found=found, schedules=expected))
    return {f"{component}:{group}": number for component, of in numbers.items() for group, number in of.items()}


def _keys(model: Any) -> Iterator[tuple[Key, str, str]]:
    """The optimizer's key of every parameter below a model, thinc's own and torch's, its layer group and its path."""
    for group, nodes in layer_groups(model).items():
        for node in nodes:
            for name in node.param_names:
                yield (node.id, name), group, f"{node.name}.{name}"
            for shim in node.shims:
                if hasattr(shim._model, "named_parameters"):
                    for name, _ in shim._model.named_parameters():
                        yield (shim.id, name), group, name
