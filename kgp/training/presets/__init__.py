"""Presets: complete configurations, one a file, each of which opens with what it reproduces."""

import dataclasses
import importlib
from types import ModuleType

from kgp.config import RunConfig
from kgp.errors import UsageError

Values = dict[str, int | float | str]
NAMES = ("paper", "best", "demo")


def load_preset(name: str, arch: str) -> RunConfig:
    """The configuration of a preset for one architecture.

    Raises:
        UsageError: the name or the architecture is unknown.
    """
    if name not in NAMES:
        raise UsageError(f"--preset must be one of {', '.join(NAMES)}, not {name!r}.")
    module = _module(name)
    config = module.CONFIG.override(arch=arch).override(**_values_of(module.BY_ARCHITECTURE, arch))
    return dataclasses.replace(config, left_to_data=tuple(where_every_class_is_a_tumour(name, arch)))


def where_every_class_is_a_tumour(name: str, arch: str) -> Values:
    """The values of a preset that are others where no class means "no tumour"; none for most
    presets.
    """
    return _values_of(getattr(_module(name), "EVERY_CLASS_A_TUMOUR", {}), arch)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"kgp.training.presets.{name}")


def _values_of(by_architecture: dict[str, Values], arch: str) -> Values:
    """An architecture of a user's own has the values of GP-UNet."""
    return {field: values.get(arch, values["unet"]) for field, values in by_architecture.items()}
