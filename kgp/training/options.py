"""The training configuration as options of a command line."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from kgp import default_cache
from kgp.architectures import ARCHITECTURES
from kgp.config import RunConfig, read_config_file
from kgp.training import presets

_SECTIONS = ("network", "data", "augment", "optimiser")
_ARCH = "unet"
ALL_FOLDS = "all"  # in the place of the number of a fold


def add_options(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """Adds what names the data and the preset, and every field of the configuration but those in
    `without`.
    """
    parser.add_argument("--arch", choices=ARCHITECTURES, help=f"network (default: {_ARCH}, or that of --config)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of slices, BraTS cases, figshare .mat files, NIfTI volumes with "
        "a CSV, or a folder made by kgp prepare (default: the built-in phantom)",
    )
    parser.add_argument("--kind", help="kind of source, where it cannot be seen from the folder")
    parser.add_argument("--csv", type=Path, help="table of cases or grades, where the source needs one")
    defaults = parser.add_mutually_exclusive_group()
    defaults.add_argument(
        "--preset", choices=presets.NAMES, help="set of defaults (default: best with --data, else demo)"
    )
    defaults.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="config.json of a run, in the place of a preset; options given beside it override its values",
    )
    parser.add_argument("--cache", type=Path, help=default_cache.HELP)
    configs = {name: presets.load_preset(name, _ARCH) for name in presets.NAMES}
    for section in _SECTIONS:
        _add_section(parser, section, without, configs)


def _add_section(
    parser: argparse.ArgumentParser, section: str, without: tuple[str, ...], configs: dict[str, RunConfig]
) -> None:
    kind = {field.name: field.type for field in dataclasses.fields(RunConfig)}[section]
    group = parser.add_argument_group(section)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        flag = f"--{field.name.replace('_', '-')}"
        rule = field.metadata
        values = {name: _default(field.name, getattr(config, section), name) for name, config in configs.items()}
        text = f"{rule['help']} (default: {_defaults(values)})".replace("%", "%%")
        if field.name == "arch" or field.name in without:
            continue
        if rule["kind"] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif isinstance(field.default, tuple):
            group.add_argument(flag, nargs="+", default=None, help=text)
        else:
            group.add_argument(
                flag,
                type=_fold if field.name == "fold" else rule["kind"],
                choices=rule["choices"],
                default=None,
                help=text,
                metavar=None if rule["choices"] else rule["kind"].__name__.upper(),
            )


def _fold(text: str) -> int | str:
    """The number of a fold, or "all"."""
    if text == ALL_FOLDS:
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a number or {ALL_FOLDS}, not {text!r}") from None


def _default(name: str, section: Any, preset: str) -> str:
    """The value of a preset, and the other that it takes where every class is a tumour."""
    value = getattr(section, name)
    other = presets.where_every_class_is_a_tumour(preset, _ARCH).get(name, value)
    return _word(value) if other == value else f"{_word(value)} ({_word(other)} where every class is a tumour)"


def _defaults(values: dict[str, str]) -> str:
    """The value of each preset, such as "paper 300, best 36".

    Where all presets have one value, it stands alone.
    """
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{preset} {word}" for preset, word in values.items())


def _word(value: Any) -> str:
    """A value as the command line takes it."""
    if value in ((), ""):
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def configuration(arguments: argparse.Namespace) -> RunConfig:
    """The preset, or the configuration of a file, with the options given on the command line.

    With --fold all it is that of fold 0.

    Raises:
        UsageError: an option has a value that is not allowed.
        KgpError: the file is not a configuration.
    """
    if arguments.config is not None:
        config = read_config_file(arguments.config)
    else:
        preset = arguments.preset or ("best" if arguments.data else "demo")
        config = presets.load_preset(preset, arguments.arch or _ARCH)
    given = {}
    for section in _SECTIONS:
        for field in dataclasses.fields(getattr(config, section)):
            value = getattr(arguments, field.name, None)
            if value is not None and value != ALL_FOLDS:
                given[field.name] = tuple(value) if isinstance(value, list) else value
    if arguments.fold == ALL_FOLDS:
        given["fold"] = 0
    return config.override(**given)


def source_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where the data come from, as source.json of a run keeps it."""
    paths = {name: getattr(arguments, name) for name in ("data", "csv", "cache")}
    return {name: str(path.resolve()) if path else None for name, path in paths.items()} | {"kind": arguments.kind}
