"""kgp segment: class, heatmap and mask of every slice of volumes, DICOM series or pictures.

INPUT is a NIfTI file (runs of one contrast), a folder with one NIfTI file for each contrast, a
folder of PNG, JPEG, TIFF or NPY slices or one such file, a folder with one DICOM series (runs of
one contrast; read only), or a folder of such folders. The heatmap is the reading's map for the
likeliest class that means a tumour, also where "no tumour" was called.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgp.command import network_place, run
from kgp.errors import KgpError, UsageError

if TYPE_CHECKING:
    from kgp.runtime import Runtime

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp segment",
        usage="kgp segment RUN INPUT --out DIR [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", type=network_place, metavar="RUN", help="run folder, export, or address of a served model"
    )
    parser.add_argument("input", type=Path, metavar="INPUT", help="file or folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--resample-to",
        metavar="CONTRAST",
        help="bring contrasts to the grid of this one by their affines, which is no registration (default: refuse)",
    )
    parser.add_argument(
        "--contrasts",
        nargs="+",
        default=(),
        metavar="CONTRAST=FILE",
        help="file of each contrast inside a case's folder (default: told by the words in the file names)",
    )
    parser.add_argument("--reading", help="reading that cuts the mask (default: the run's)")
    parser.add_argument("--views", type=int, choices=(1, 8), help="views averaged (default: the reading's)")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier result")
    return parser


def execute(arguments: argparse.Namespace) -> int:
    """Segments each case of the input; returns 1 where one of several failed."""
    from kgp.runtime import load_runtime
    from kgp.scans.case import holds_cases
    from kgp.scans.hidden_files import visible_entries

    if not arguments.input.exists():
        raise KgpError(f"{arguments.input} does not exist.")
    runtime = load_runtime(arguments.run)
    reading_name = arguments.reading or runtime.description.default_reading
    if reading_name not in runtime.description.readings:
        raise UsageError(f"--reading must be one of {', '.join(runtime.description.readings)}, not {reading_name!r}.")
    if arguments.views:
        runtime.description = runtime.description.with_views(arguments.views)
    files = _named_files(runtime, arguments.contrasts)
    if not holds_cases(arguments.input):
        _segment(runtime, arguments.input, arguments.out, reading_name, files, arguments)
        return 0
    failures = []
    for folder in (path for path in visible_entries(arguments.input) if path.is_dir()):
        try:
            _segment(runtime, folder, arguments.out / folder.name, reading_name, files, arguments)
        except BrokenPipeError:
            raise  # of the standard output
        except (KgpError, OSError) as error:
            failures.append(f"{folder.name}: {error}")
    for failure in failures:
        _log.error("Failed: %s", failure)
    return 1 if failures else 0


def _segment(
    runtime: "Runtime", case: Path, out: Path, reading_name: str, files: dict[str, str], arguments: argparse.Namespace
) -> None:
    """Segments one case, writes its folder and prints the findings."""
    from kgp.report.case_files import case_words
    from kgp.report.case_folder import check_pictures, write_case_folder

    summary = write_case_folder(
        runtime,
        case,
        out,
        reading_name,
        files=files,
        resample_to=arguments.resample_to,
        overwrite=arguments.overwrite,
    )
    print(f"{summary['input']}: {case_words(summary)} -> {out}")
    check_pictures(summary)


def _named_files(runtime: "Runtime", words: Sequence[str]) -> dict[str, str]:
    """The file of each contrast from --contrasts; empty without it."""
    file_of = dict(word.partition("=")[::2] for word in words)
    if file_of and (set(file_of) != set(runtime.description.contrasts) or not all(file_of.values())):
        raise UsageError(
            f"--contrasts must name a file for each of {', '.join(runtime.description.contrasts)} as CONTRAST=FILE, "
            f"not {' '.join(words)}."
        )
    return file_of


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp segment` and `python -m kgp.segment`."""
    return run("segment", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
