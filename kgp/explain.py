"""kgp explain: draw one slice for reading: contrasts, the heatmap of every class, evidence points,
the mask.

INPUT is a picture (PNG, JPEG, TIFF, NPY), a NIfTI file or a folder with one for each contrast (then
--slice is needed), or left out to take a slice of the run's own data by its --id.
"""

import argparse
from pathlib import Path

from kgp.command import network_place, run
from kgp.errors import UsageError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp explain",
        usage="kgp explain RUN [INPUT] --out PNG [--slice N | --id ID] [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", type=network_place, metavar="RUN", help="run folder, export, or address of a served model"
    )
    parser.add_argument("input", type=Path, nargs="?", metavar="INPUT", help="picture, volume, or folder of contrasts")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="picture to write")
    parser.add_argument("--slice", type=int, metavar="N", help="axial slice of a volume, from below, counted from 0")
    parser.add_argument("--id", help="slice of the run's own data (default: the test slice with the median Dice)")
    parser.add_argument("--reading", help="reading that cuts the mask (default: the run's)")
    parser.add_argument("--resample-to", metavar="CONTRAST", help="as in kgp segment")
    parser.add_argument(
        "--points", type=int, default=12, help="evidence points drawn and listed (default: %(default)s)"
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Draws the slice and prints the explanation."""
    from kgp.report.explanation import explain
    from kgp.report.overlay import write_png
    from kgp.report.slice_to_explain import slice_of_file, slice_of_run
    from kgp.runtime import load_runtime

    if arguments.points < 0:
        raise UsageError(f"--points must be at least 0, not {arguments.points}.")
    if arguments.out.suffix.lower() != ".png":
        raise UsageError(f"--out must end in .png, not {arguments.out.name!r}.")
    runtime = load_runtime(arguments.run)
    reading = arguments.reading or runtime.description.default_reading
    if reading not in runtime.description.readings:
        raise UsageError(f"--reading must be one of {', '.join(runtime.description.readings)}, not {reading!r}.")
    if arguments.input is None:
        chosen = slice_of_run(arguments.run, arguments.id, reading)
    else:
        network = runtime.description
        chosen = slice_of_file(arguments.input, network.contrasts, network.size, arguments.slice, arguments.resample_to)
    picture, text = explain(
        runtime,
        chosen.image,
        reading,
        own_image=chosen.own_image,
        spacing=chosen.spacing,
        truth=chosen.truth,
        name=chosen.name,
        points=arguments.points,
    )
    write_png(arguments.out, picture)
    print(text)


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp explain` and `python -m kgp.explain`."""
    return run("explain", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
