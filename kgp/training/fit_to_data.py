"""What a preset leaves to the data: other values where every class is a tumour."""

import dataclasses
import logging
from typing import Any

from kgp.config import RunConfig
from kgp.training.presets import where_every_class_is_a_tumour

_log = logging.getLogger(__name__)
_POOLING = {"pooling", "pooling_value"}  # the value is r of one pooling and q of another


def fit_to_data(config: RunConfig, has_no_tumour: bool) -> RunConfig:
    """The configuration once the data are known, and a line in the log where they change it.

    Args:
        config: what was given as an option or comes from a file stays as it is.
        has_no_tumour: whether a class means "no tumour".
    """
    left = set(config.left_to_data)
    config = dataclasses.replace(config, left_to_data=())
    if has_no_tumour or not left:
        return config
    others = where_every_class_is_a_tumour(config.preset, config.network.arch)
    if not _POOLING & others.keys() <= left:
        left -= _POOLING
    before = _options(config)
    changes = {name: value for name, value in others.items() if name in left and value != before[name]}
    if changes:
        words = [
            f"--{name.replace('_', '-')} {_word(value)} (not {_word(before[name])})" for name, value in changes.items()
        ]
        _log.info(
            "Every class is a tumour, so preset %s takes %s; what is given as an option stays.",
            config.preset,
            ", ".join(words),
        )
    return config.override(**changes)


def _options(config: RunConfig) -> dict[str, Any]:
    """The value of every option."""
    sections = (section for section in config.to_dict().values() if isinstance(section, dict))
    return {name: value for section in sections for name, value in section.items()}


def _word(value: Any) -> str:
    """A value as the command line takes it."""
    return f"{value:g}" if isinstance(value, float) else str(value)
