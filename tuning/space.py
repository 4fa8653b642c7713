"""What can be searched: for each parameter the values tried, and how they change the training
configuration.

A range or a list of values here is a default; `--search NAME=VALUES` narrows or widens it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kgp.config import AugmentConfig, RunConfig
from kgp.errors import UsageError
from kgp.pooling_defaults import DEFAULT_POOLING_VALUES, POOLINGS

if TYPE_CHECKING:
    import keras_tuner


@dataclasses.dataclass(frozen=True)
class Range:
    """Real numbers from low to high, drawn evenly, or evenly in their logarithm."""

    low: float
    high: float
    log: bool = False


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values, all of one type."""

    values: tuple[Any, ...]


SPACE: dict[str, Range | Choice] = {
    "dropout": Range(0.0, 0.7),
    "learning_rate": Range(1e-4, 1e-2, log=True),
    "weight_decay": Range(1e-5, 1e-1, log=True),
    "pooling": Choice(POOLINGS),
    "lse_r": Range(1.0, 10.0),  # where pooling is lse
    "topfraction_q": Range(0.005, 0.1, log=True),  # where pooling is topfraction
    "head_order": Choice(("pool_then_project", "project_then_pool")),
    "width": Choice((8, 16, 32)),
    "augmentation": Range(0.0, 2.0),  # factor on the preset's augmentation
    "class_weights": Choice((True, False)),
}
DEFAULT = ("dropout", "learning_rate")
# Parameters that exist only where another has a certain value.
_ONLY_WITH = {"lse_r": ("pooling", "lse"), "topfraction_q": ("pooling", "topfraction")}
_NOT_SCALED = ("flip_horizontal", "flip_vertical")  # probabilities, not strengths

Space = Mapping[str, Range | Choice]


def chosen_space(words: Sequence[str]) -> dict[str, Range | Choice]:
    """The parameters to search, from words such as `dropout`, `learning_rate=1e-4:1e-3` or
    `pooling=max,lse`.

    Raises:
        UsageError: a parameter is unknown, or its values cannot be read.
    """
    chosen: dict[str, Range | Choice] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if name not in SPACE:
            raise UsageError(f"--search: there is no parameter {name!r}; there are {', '.join(SPACE)}.")
        chosen[name] = _narrowed(name, SPACE[name], text) if equals else SPACE[name]
    for name, (other, value) in _ONLY_WITH.items():
        values = chosen.get(other)
        if isinstance(values, Choice) and value in values.values:
            chosen.setdefault(name, SPACE[name])
        elif name in chosen:
            raise UsageError(f"--search: {name} needs {other} with the value {value} in the search.")
    return chosen


def declare(space: Space, base: RunConfig, hyperparameters: "keras_tuner.HyperParameters") -> dict[str, Any]:
    """Registers the parameters with KerasTuner and returns their values.

    The defaults are those of `base`.
    """
    values = {}
    for name, kind in space.items():
        if name not in _ONLY_WITH:
            values[name] = _register(hyperparameters, name, kind, default_of(name, base))
            continue
        other, value = _ONLY_WITH[name]
        with hyperparameters.conditional_scope(other, [value]):
            if values[other] == value:
                values[name] = _register(hyperparameters, name, kind, default_of(name, base))
    return values


def configured(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The configuration with the values of one trial.

    Raises:
        UsageError: a value is not allowed.
    """
    changes = dict(values)
    changes.pop("lse_r", None)
    changes.pop("topfraction_q", None)
    factor = changes.pop("augmentation", 1.0)
    pooling = changes.get("pooling")
    if pooling is not None:
        changes["pooling_value"] = values.get({"lse": "lse_r", "topfraction": "topfraction_q"}.get(pooling, ""), 0.0)
    return base.override(**_scaled(base.augment, factor), **changes)


def check_space(space: Space, base: RunConfig) -> None:
    """Refuses values that the training options do not take, before anything is trained.

    Raises:
        UsageError: such a value.
    """
    for name, kind in space.items():
        needed = dict([_ONLY_WITH[name]]) if name in _ONLY_WITH else {}
        for value in kind.values if isinstance(kind, Choice) else (kind.low, kind.high):
            try:
                configured(base, {**needed, name: value})
            except UsageError as error:
                raise UsageError(f"--search {name}: {error}") from None


def default_of(name: str, base: RunConfig) -> Any:
    """The value that a parameter has in a configuration."""
    if name == "augmentation":
        return 1.0
    if name in ("lse_r", "topfraction_q"):
        pooling, network = _ONLY_WITH[name][1], base.network
        return (network.pooling == pooling and network.pooling_value) or DEFAULT_POOLING_VALUES[pooling]
    for section in (base.network, base.optimiser):
        if hasattr(section, name):
            return getattr(section, name)
    raise KeyError(name)


def _narrowed(name: str, kind: Range | Choice, text: str) -> Range | Choice:
    try:
        if isinstance(kind, Range):
            low, high = (float(part) for part in text.split(":"))
            if not low < high or (kind.log and low <= 0):
                raise ValueError
            return dataclasses.replace(kind, low=low, high=high)
        return Choice(tuple(_parsed_as(kind.values[0], part) for part in text.split(",")))
    except ValueError:
        form = "LOW:HIGH" if isinstance(kind, Range) else ",".join(map(str, kind.values))
        raise UsageError(f"--search: {name} takes {name}={form}, not {text!r}.") from None


def _parsed_as(example: Any, text: str) -> Any:
    """The text as a value of the example's type."""
    if isinstance(example, bool):
        if text not in ("True", "False"):
            raise ValueError(text)
        return text == "True"
    return type(example)(text)


def _register(hyperparameters: "keras_tuner.HyperParameters", name: str, kind: Range | Choice, default: Any) -> Any:
    if isinstance(kind, Choice):
        fallback = default if default in kind.values else kind.values[0]
        return hyperparameters.Choice(name, list(kind.values), default=fallback)
    sampling = "log" if kind.log else "linear"
    within = min(max(default, kind.low), kind.high)
    return hyperparameters.Float(name, kind.low, kind.high, sampling=sampling, default=within)


def _scaled(augment: AugmentConfig, factor: float) -> dict[str, float]:
    """The strengths of augmentation times a factor, within what each option allows."""
    scaled = {}
    for field in dataclasses.fields(augment):
        if field.name not in _NOT_SCALED:
            value = getattr(augment, field.name) * factor
            scaled[field.name] = value if field.metadata["high"] is None else min(value, field.metadata["high"])
    return scaled
