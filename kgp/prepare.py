"""kgp prepare: check a data set, and make it ready for training.

Training prepares its data by itself; this command does it beforehand, shows what is wrong with the
data, or what augmentation makes of them.
"""

import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from kgp import default_cache
from kgp.command import run
from kgp.errors import UsageError
from kgp.training import presets

if TYPE_CHECKING:
    from kgp.data.cohort import Cohort

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data",
        nargs="?",
        type=Path,
        metavar="DATA",
        help="folder with index.csv and slices, BraTS cases, figshare .mat files, or NIfTI volumes with a "
        "CSV (default: the built-in phantom)",
    )
    parser.add_argument("--phantom", action="store_true", help="take the built-in phantom; goes without DATA")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the prepared slices to this folder")
    parser.add_argument(
        "--check",
        action="store_true",
        help="list everything that is wrong with the data; the exit status is 1 if any of it is an error",
    )
    parser.add_argument(
        "--make-table",
        nargs="?",
        type=Path,
        const=True,
        metavar="FILE",
        help="write the table that a source reads for data in another layout (pictures in class folders, kaggle_3m, "
        "Medical Decathlon, nnU-Net, BIDS), to be checked by a person; default: index.csv or volumes.csv in DATA",
    )
    parser.add_argument("--preview", type=Path, metavar="PNG", help="draw a sheet of augmented slices")
    parser.add_argument(
        "--size",
        type=int,
        default=0,
        help="side of the square slices in pixels; 0 keeps the data's own size (default: %(default)s)",
    )
    parser.add_argument("--kind", help="kind of source, where it cannot be seen from the folder")
    parser.add_argument(
        "--contrasts",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names of the image channels, in order, or the contrasts to use",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="table of cases or grades, where the source needs one")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing folder DIR or table FILE")
    parser.add_argument(
        "--preset",
        choices=presets.NAMES,
        default="best",
        help="whose augmentation --preview shows (default: %(default)s)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        help=f"of --preview without --out: {default_cache.HELP}",
    )
    return parser


def execute(arguments: argparse.Namespace) -> int:
    """Checks, prepares, draws; 1 where the check found an error or a case was left out."""
    if arguments.phantom and arguments.data:
        raise UsageError(f"--phantom goes without DATA, but {arguments.data} is given.")
    if arguments.make_table:
        return _make_table(arguments)
    if not (arguments.out or arguments.check or arguments.preview):
        raise UsageError("give --out DIR to prepare the data, --check to look them over, or --preview PNG.")
    if arguments.size < 0:
        raise UsageError(f"--size must be at least 0, not {arguments.size}.")
    if arguments.preview and arguments.preview.suffix.lower() != ".png":
        raise UsageError(f"--preview writes a .png file, not {arguments.preview.name!r}.")
    if arguments.data is None and not arguments.phantom:
        _log.info("No DATA given: taking the built-in phantom (drawn heads, not patients).")
    status = 0
    if arguments.check:
        status = _check(arguments)
    cohort = None
    if arguments.out:
        cohort, left_out = _prepare(arguments)
        status = max(status, int(left_out))
    if arguments.preview:
        _preview(cohort, arguments)
    return status


def _make_table(arguments: argparse.Namespace) -> int:
    """Writes the table of data in another layout; `--make-table DATA` means DATA too."""
    from kgp.data.layouts.make_table import make_table
    from kgp.files import printable

    if arguments.out or arguments.check or arguments.preview or arguments.phantom:
        raise UsageError("--make-table goes without --out, --check, --preview and --phantom: check the table first.")
    data, table = arguments.data, None if arguments.make_table is True else arguments.make_table
    if data is None and table is not None and table.is_dir():
        data, table = table, None
    if data is None:
        raise UsageError("--make-table needs DATA, the folder to make a table of.")
    print(*map(printable, make_table(data, table, arguments.overwrite)), sep="\n")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from kgp.data.check import check
    from kgp.data.sources import open_source
    from kgp.files import printable
    from kgp.long_lists import shortened

    faults = check(open_source(arguments.data, arguments.kind, contrasts=tuple(arguments.contrasts), csv=arguments.csv))
    for severity in ("error", "warning"):
        lines = [f"{severity}: {fault.where}: {fault.what}" for fault in faults if fault.severity == severity]
        print(*map(printable, shortened(lines, f"{severity}s")), sep="\n", end="\n" if lines else "")
    count = Counter(fault.severity for fault in faults)
    print(f"{count['error']} error(s), {count['warning']} warning(s) in {arguments.data or 'the phantom'}.")
    return int(count["error"] > 0)


def _prepare(arguments: argparse.Namespace) -> "tuple[Cohort, bool]":
    """The prepared cohort, and whether a case had to be left out."""
    from kgp.data.cohort import describe_cohort
    from kgp.data.prepare import prepare
    from kgp.data.sources import open_source
    from kgp.files import printable, read_json
    from kgp.run_folder import PHANTOM

    source = open_source(arguments.data, arguments.kind, contrasts=tuple(arguments.contrasts), csv=arguments.csv)
    made_from = str(arguments.data.resolve()) if arguments.data else PHANTOM
    cohort = prepare(source, arguments.out, size=arguments.size, overwrite=arguments.overwrite, made_from=made_from)
    print(describe_cohort(cohort))
    unreadable = read_json(arguments.out / "cohort.json")["unreadable"]
    if unreadable:
        print(f"{len(unreadable)} case(s) could not be read and are left out; the first: {printable(unreadable[0])}")
    return cohort, bool(unreadable)


def _preview(cohort: "Cohort | None", arguments: argparse.Namespace) -> None:
    from kgp.data.cache import cached_cohort
    from kgp.data.no_tumour import no_tumour_labels
    from kgp.training.fit_to_data import fit_to_data
    from kgp.training.preview import write_preview

    if cohort is None:
        cohort = cached_cohort(
            arguments.data,
            size=arguments.size,
            cache=arguments.cache,
            contrasts=tuple(arguments.contrasts),
            kind=arguments.kind,
            csv=arguments.csv,
        )
    labels = {row.label: row.label_name for row in cohort.rows}
    config = fit_to_data(presets.load_preset(arguments.preset, "unet"), bool(no_tumour_labels(labels)))
    write_preview(cohort, arguments.preview, config)
    print(f"Preview: {arguments.preview}")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp prepare` and `python -m kgp.prepare`."""
    return run("prepare", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
