"""Adam with a learning rate factor for each group of layers, where zero leaves weights exactly as they are."""

from collections.abc import Callable, Iterator
from typing import Any, Union

from spacy.language import Language
from spacy.util import registry
from thinc.api import Optimizer
from thinc.api import registry as thinc_registry
from thinc.types import FloatsXd, Generator

from .errors import Errors
from .transfer.groups import layer_groups

Key = tuple[int, str]
FloatOrSchedule = Union[float, Generator]  # noqa: UP007  (pydantic reads it on Python 3.10)

# Names of parameters by the key thinc hands an optimizer, "component:group". Filled by `name_groups`, since
# `spacy train` makes its optimizer without sight of the pipeline. Node ids are never used again in a process.
_group_of: dict[Key, str] = {}


@registry.callbacks("spacy_tlner.name_groups.v1")
def name_groups() -> Callable[[Language], Language]:
    """For `[initialize.after_init]`: tell `GroupedAdam` which parameter belongs to which component and layer group."""

    def name_all(nlp: Language) -> Language:
        pipe: Any
        for component, pipe in nlp.pipeline:
            if getattr(pipe, "is_trainable", False) and getattr(pipe, "model", None) not in (None, True, False):
                _group_of.update((key, f"{component}:{group}") for key, group in _keys(pipe.model))
        return nlp

    return name_all


@thinc_registry.optimizers("spacy_tlner.GroupedAdam.v1")
def GroupedAdam(
    learn_rate: FloatOrSchedule = 0.001,
    *,
    groups: dict[str, dict[str, float]] | None = None,
    L2: FloatOrSchedule = 0.0,
    beta1: FloatOrSchedule = 0.9,
    beta2: FloatOrSchedule = 0.999,
    eps: FloatOrSchedule = 1e-8,
    grad_clip: FloatOrSchedule = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> "GroupedOptimizer":
    """Adam whose learning rate is multiplied by a factor for each layer group.

    groups: {component: {group: factor}}, groups as `transfer.groups` names them, e.g. {"tl_ner": {"encoder": 0.1}}. A
    group that is not named has factor 1; 0 freezes for real: no step, no decay. Other arguments as in `Adam.v1`.
    Raises TL301 if no layer is called so, TL302 without `name_groups`, TL303 on a negative factor.
    """
    factors = {f"{component}:{group}": f for component, of in (groups or {}).items() for group, f in of.items()}
    for group, factor in factors.items():
        if not factor >= 0:
            raise ValueError(Errors.TL303.format(group=group, factor=factor))
    return GroupedOptimizer(
        factors,
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
    _checked: bool

    __slots__ = ["_checked", "factors"]

    def __init__(self, factors: dict[str, float], learn_rate: FloatOrSchedule, **settings: Any):
        super().__init__(learn_rate, **settings)
        self.factors = factors
        self._checked = False

    def __call__(
        self, key: Key, weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        factor = self._factor(key)
        if factor == 0:
            gradient *= 0
            return weights, gradient
        return super().__call__(key, weights, gradient, lr_scale=lr_scale * factor)

    def _factor(self, key: Key) -> float:
        if not self.factors:
            return 1.0
        if key not in _group_of:
            raise ValueError(Errors.TL302)
        if not self._checked:
            known = set(_group_of.values())
            for group in self.factors:
                if group not in known:
                    raise ValueError(Errors.TL301.format(group=group, known=", ".join(sorted(known))))
            self._checked = True
        return self.factors.get(_group_of[key], 1.0)


def _keys(model: Any) -> Iterator[tuple[Key, str]]:
    """The optimizer's key of every parameter below a model, thinc's own and torch's, with its layer group."""
    for group, nodes in layer_groups(model).items():
        for node in nodes:
            for name in node.param_names:
                yield (node.id, name), group
            for shim in node.shims:
                if hasattr(shim._model, "named_parameters"):
                    for name, _ in shim._model.named_parameters():
                        yield (shim.id, name), group
