"""kgp explain: draw one slice for reading: contrasts, the heatmap of every class, evidence points, the mask.

INPUT is a picture (PNG, TIFF, NPY), a NIfTI file or a folder with one for each contrast (then --slice is needed), or left out
to take a slice of the run's own data by its --id.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kgp.command import network_place, run
from kgp.errors import KgpError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from kgp.runtime import Runtime


def build_parser() -> argparse.ArgumentParser:
    """The parser."""
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
    """Runs the command."""
    from kgp.report.explanation import explain
    from kgp.report.overlay import write_png
    from kgp.runtime import load_runtime

    if arguments.points < 0:
        raise UsageError(f"--points must be at least 0, not {arguments.points}.")
    if arguments.out.suffix.lower() != ".png":
        raise UsageError(f"--out must end in .png, not {arguments.out.name!r}.")
    runtime = load_runtime(arguments.run)
    reading = arguments.reading or runtime.description.default_reading
    if reading not in runtime.description.readings:
        raise UsageError(f"--reading must be one of {', '.join(runtime.description.readings)}, not {reading!r}.")
    image, truth, name = _slice(runtime, arguments, reading)
    picture, text = explain(runtime, image, reading, truth=truth, name=name, points=arguments.points)
    write_png(arguments.out, picture)
    print(text)


def _slice(
    runtime: "Runtime", arguments: argparse.Namespace, reading: str
) -> "tuple[np.ndarray, np.ndarray | None, str]":
    """The slice, fitted to the run's size, its true mask where known, and its name."""
    import numpy as np

    from kgp.scans.fit import fit_image
    from kgp.scans.pictures import ENDINGS, read_picture

    if arguments.input is None:
        return _own_slice(arguments, reading)
    if not arguments.input.exists():
        raise KgpError(f"{arguments.input} does not exist.")
    if arguments.input.suffix.lower() in ENDINGS:
        image = read_picture(arguments.input).astype(np.float32)
        return fit_image(image, runtime.description.size), None, arguments.input.name
    from kgp.scans.case import read_case
    from kgp.scans.volume import axial_slices

    stack, spacing = axial_slices(read_case(runtime.description.contrasts, arguments.input, arguments.resample_to))
    if arguments.slice is None or not 0 <= arguments.slice < len(stack):
        raise UsageError(
            f"--slice must be a number from 0 to {len(stack) - 1} for {arguments.input}, not {arguments.slice}."
        )
    return (
        fit_image(stack[arguments.slice], runtime.description.size, spacing),
        None,
        f"{arguments.input.name}, slice {arguments.slice}",
    )


def _own_slice(arguments: argparse.Namespace, reading: str) -> "tuple[np.ndarray, np.ndarray | None, str]":
    """A slice of the run's own data."""
    import csv

    from kgp.data.cohort import read_cohort, read_image, read_mask
    from kgp.run_folder import read_run

    if isinstance(arguments.run, str) or not (arguments.run / "config.json").is_file():
        raise UsageError(f"{arguments.run} is no run folder, so it has no data of its own; name an INPUT.")
    trained = read_run(arguments.run)
    if not trained.data:
        raise KgpError(f"{arguments.run} has no data of its own; name an INPUT.")
    cohort = read_cohort(Path(trained.data))
    identifier = arguments.id
    if identifier is None:
        table = arguments.run / "predictions.csv"
        if not table.is_file():
            raise KgpError(f"{arguments.run} has not been evaluated; name an INPUT or a slice with --id.")
        with open(table, newline="", encoding="utf-8") as stream:
            lines = [line for line in csv.DictReader(stream) if line.get("true_pixels") not in (None, "", "0")]
        if not lines:
            raise KgpError(f"{table} has no slice with a true mask; name a slice with --id.")
        lines.sort(key=lambda line: float(line[f"dice_{reading}"]))
        identifier = lines[(len(lines) - 1) // 2]["id"]
    row = next((row for row in cohort.rows if row.id == identifier), None)
    if row is None:
        raise KgpError(f"{trained.data} has no slice {identifier!r}.")
    return read_image(cohort, row), read_mask(cohort, row), identifier


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp explain` and `python -m kgp.explain`."""
    return run("explain", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
