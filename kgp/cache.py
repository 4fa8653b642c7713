"""kgp cache: what lies prepared in the cache of slices, and how to remove it.

What is removed is prepared anew when it is needed, where the data are still there.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kgp import default_cache
from kgp.command import run
from kgp.errors import KgpError, UsageError

if TYPE_CHECKING:
    from kgp.data.prepared_folders import PreparedFolder

_UNITS = ("B", "kB", "MB", "GB", "TB")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp cache", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser(
        "list", help="list what is prepared", description="Lists what is prepared, last used first."
    )
    removal = commands.add_parser(
        "remove",
        usage="kgp cache remove (NAME [NAME ...] | --all) [--cache DIR]",
        help="remove prepared slices",
        description="Removes prepared slices. What a running training uses is kept.",
    )
    removal.add_argument("names", nargs="*", metavar="NAME", help="a name as kgp cache list gives it")
    removal.add_argument("--all", action="store_true", help="all that was prepared for the cache")
    for command in (listing, removal):
        command.add_argument("--cache", type=Path, metavar="DIR", help=default_cache.HELP)
    return parser


def execute(arguments: argparse.Namespace) -> int:
    """Lists or removes; 1 where something could not be removed."""
    cache = arguments.cache or default_cache.default_cache()
    if arguments.command == "list":
        _list(cache)
        return 0
    if bool(arguments.names) == arguments.all:
        raise UsageError("give the names of what is to be removed, or --all.")
    return _remove(cache, arguments.names)


def _list(cache: Path) -> None:
    from kgp.data.prepared_folders import list_prepared
    from kgp.files import printable

    prepared = list_prepared(cache)
    if not prepared:
        print(f"Nothing is prepared in {cache}.")
        return
    rows = [("NAME", "SLICES", "SIZE", "MADE", "LAST USED", "FROM"), *map(_cells, prepared)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))
    print(f"{_size(sum(folder.size for folder in prepared))} in {printable(str(cache))}.")


def _remove(cache: Path, names: list[str]) -> int:
    """Removes the folders with these names, or without names all that was prepared for the cache."""
    from kgp.data.prepared_folders import list_prepared, remove_leftovers, remove_prepared
    from kgp.files import printable

    wrong = [name for name in names if name in (".", "..") or Path(name).name != name]
    if wrong:
        raise UsageError(f"NAME is the name of a folder in {cache}, not {wrong[0]!r}.")
    folders = [cache / name for name in dict.fromkeys(names)]
    if not names:
        prepared = list_prepared(cache)
        folders = [folder.folder for folder in prepared if folder.by_cache]
        leftovers = remove_leftovers(cache)
        if leftovers:
            print(f"Removed what {leftovers} preparation(s) left that were killed.")
        for folder in prepared:
            if not folder.by_cache:
                print(f"Kept {folder.folder.name}: kgp prepare --out made it; remove it by name.")
    status = 0
    for path in folders:
        try:
            remove_prepared(path)
        except KgpError as error:
            print(f"kgp cache: {printable(str(error))}", file=sys.stderr)
            status = 1
        else:
            print(f"Removed {printable(path.name)}.")
    if not folders:
        print(f"Nothing is prepared in {cache}.")
    return status


def _cells(prepared: "PreparedFolder") -> tuple[str, ...]:
    return (
        prepared.folder.name,
        str(prepared.slices),
        _size(prepared.size),
        _time(prepared.made),
        _time(prepared.used),
        prepared.data or "unknown",
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _size(count: float) -> str:
    """Bytes in a unit that leaves at most three digits before the point."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp cache` and `python -m kgp.cache`."""
    return run("cache", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
