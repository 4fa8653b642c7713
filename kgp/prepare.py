"""kgp prepare: check a data set, write it as slices that stream from disk, or look at augmented slices."""

import argparse
from pathlib import Path

from kgp.command import run
from kgp.data.sources import KINDS
from kgp.errors import KgpError, UsageError
from kgp.training import presets


def build_parser() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(prog="kgp prepare", usage="kgp prepare [DATA] [--out DIR | --check | --preview PNG] "
                                     "[option ...]", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA", help="source folder (default: the built-in phantom)")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="write the prepared slices here")
    action.add_argument("--check", action="store_true", help="list everything that is wrong with the data; writes nothing")
    action.add_argument("--preview", type=Path, metavar="PNG", help="draw a sheet of augmented slices")
    parser.add_argument("--kind", choices=KINDS, help="kind of source, where it cannot be seen from the folder")
    parser.add_argument("--csv", type=Path, help="table of grades (brats) or of volumes (nifti)")
    parser.add_argument("--contrasts", nargs="+", default=(), metavar="NAME",
                        help="names of the channels (slices), or the contrasts to use, in order")
    parser.add_argument("--size", type=int, default=0, help="side of the slices in pixels; 0 keeps them (default: 0)")
    parser.add_argument("--preset", choices=presets.NAMES, default="best",
                        help="whose augmentation --preview shows (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("prepared"),
                        help="where --preview keeps prepared slices (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace what --out names")
    return parser


def execute(arguments: argparse.Namespace) -> int:
    """Runs the command; 1 when a check finds an error."""
    if arguments.size < 0:
        raise UsageError(f"--size must be at least 0, not {arguments.size}.")
    contrasts = tuple(arguments.contrasts)
    if arguments.preview:
        return _preview(arguments, contrasts)
    from kgp.data import prepare
    from kgp.data.sources import open_source

    source = open_source(arguments.data, arguments.kind, contrasts=contrasts, csv=arguments.csv)
    if arguments.check:
        return _report(prepare.check(source))
    if arguments.out.exists() and arguments.overwrite and not (arguments.out / "cohort.json").is_file():
        raise UsageError(f"--overwrite: {arguments.out} is not a prepared folder, so it is not removed.")
    cohort = prepare.prepare(source, arguments.out, size=arguments.size, overwrite=arguments.overwrite)
    shape = "x".join(map(str, cohort.shape))
    print(f"{arguments.out}: {len(cohort.rows)} slices of {shape} from {len({row.group for row in cohort.rows})} patients; "
          f"contrasts {', '.join(cohort.contrasts)}.")
    return 0


def _report(findings: list) -> int:
    for finding in findings:
        print(f"{finding.severity}: {finding.where}: {finding.what}")
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{errors} error(s), {len(findings) - errors} warning(s).")
    return int(errors > 0)


def _preview(arguments: argparse.Namespace, contrasts: tuple[str, ...]) -> int:
    from kgp.data.prepare import cached_cohort
    from kgp.data.preview import write_preview

    if arguments.preview.suffix.lower() != ".png":
        raise KgpError(f"--preview writes a .png file, not {arguments.preview}.")
    config = presets.load_preset(arguments.preset, "unet")
    cohort = cached_cohort(arguments.data, size=arguments.size or config.data.size if arguments.data else 0,
                           cache=arguments.cache, contrasts=contrasts, kind=arguments.kind, csv=arguments.csv)
    write_preview(cohort, arguments.preview, config)
    print(f"{arguments.preview}: augmented slices of preset {arguments.preset}.")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp prepare` and `python -m kgp.prepare`."""
    return run("prepare", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
