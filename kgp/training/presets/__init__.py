"""Presets: complete configurations, one a file, each of which opens with what it reproduces."""

import importlib

from kgp.config import RunConfig
from kgp.errors import UsageError

NAMES = ("paper", "best", "demo")


def load_preset(name: str, arch: str) -> RunConfig:
    """The configuration of a preset for one architecture.

    Raises:
        UsageError: the name or the architecture is unknown.
    """
    if name not in NAMES:
        raise UsageError(f"--preset must be one of {', '.join(NAMES)}, not {name!r}.")
    module = importlib.import_module(f"kgp.training.presets.{name}")
    config = module.CONFIG.override(arch=arch)
    # An architecture of a user's own has the values of GP-UNet.
    return config.override(
        **{field: values.get(arch, values["unet"]) for field, values in module.BY_ARCHITECTURE.items()}
    )
