"""The training configuration as options of a command line."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from kgp.config import ARCHITECTURES, RunConfig
from kgp.training import presets

_SECTIONS = ("network", "data", "augment", "optimiser")


def add_options(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """Adds what names the data and the preset, and every field of the configuration but those in `without`."""
    parser.add_argument("--arch", choices=ARCHITECTURES, default="unet", help="network (default: %(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of slices, BraTS cases, figshare .mat files, NIfTI volumes with "
        "a CSV, or a folder made by kgp prepare (default: the built-in phantom)",
    )
    parser.add_argument("--kind", help="kind of source, where it cannot be seen from the folder")
    parser.add_argument("--csv", type=Path, help="table of cases or grades, where the source needs one")
    parser.add_argument(
        "--preset", choices=presets.NAMES, help="set of defaults (default: best with --data, else demo)"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("prepared"), help="where prepared slices are kept (default: %(default)s)"
    )
    for section in _SECTIONS:
        _add_section(parser, section, without)


def _add_section(parser: argparse.ArgumentParser, section: str, without: tuple[str, ...]) -> None:
    kind = {field.name: field.type for field in dataclasses.fields(RunConfig)}[section]
    group = parser.add_argument_group(section)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        flag = f"--{field.name.replace('_', '-')}"
        rule = field.metadata
        text = rule["help"].replace("%", "%%")
        if field.name == "arch" or field.name in without:
            continue
        if rule["kind"] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif isinstance(field.default, tuple):
            group.add_argument(flag, nargs="+", default=None, help=text)
        else:
            group.add_argument(
                flag,
                type=rule["kind"],
                choices=rule["choices"],
                default=None,
                help=text,
                metavar=None if rule["choices"] else rule["kind"].__name__.upper(),
            )


def configuration(arguments: argparse.Namespace) -> RunConfig:
    """The preset with the options given on the command line.

    Raises:
        UsageError: an option has a value that is not allowed.
    """
    preset = arguments.preset or ("best" if arguments.data else "demo")
    config = presets.load_preset(preset, arguments.arch)
    given = {}
    for section in _SECTIONS:
        for field in dataclasses.fields(getattr(config, section)):
            value = getattr(arguments, field.name, None)
            if value is not None:
                given[field.name] = tuple(value) if isinstance(value, list) else value
    return config.override(**given)


def source_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where the data come from, as source.json of a run keeps it."""
    paths = {name: getattr(arguments, name) for name in ("data", "csv", "cache")}
    return {name: str(path.resolve()) if path else None for name, path in paths.items()} | {"kind": arguments.kind}
