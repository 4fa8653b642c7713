"""kgp segment: class, heatmap and mask of every slice of a volume, a DICOM series or a folder of pictures.

INPUT is a NIfTI file (runs of one contrast), a folder with one NIfTI file for each contrast, a folder of PNG, TIFF or NPY
slices or one such file, a folder with one DICOM series (runs of one contrast; read only), or a folder of such folders.
The heatmap is the reading's map for the likeliest class that means a tumour, also where "no tumour" was called.
"""

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgp.command import network_place, run
from kgp.errors import KgpError, UsageError

if TYPE_CHECKING:
    from kgp.data.volume import Volume
    from kgp.runtime import Runtime

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The parser."""
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
    """Runs the command; 1 when a case of several failed."""
    from kgp.runtime import load_runtime

    if not arguments.input.exists():
        raise KgpError(f"{arguments.input} does not exist.")
    runtime: Any = load_runtime(arguments.run)
    reading = arguments.reading or runtime.default_reading
    if reading not in runtime.readings:
        raise UsageError(f"--reading must be one of {', '.join(runtime.readings)}, not {reading!r}.")
    if arguments.views:
        runtime.readings[reading] = dataclasses.replace(runtime.readings[reading], views=arguments.views)
    if not _is_case_folder(arguments.input):
        _segment(runtime, arguments.input, arguments.out, reading, arguments)
        return 0
    failed = []
    for folder in sorted(path for path in arguments.input.iterdir() if path.is_dir() and path.name[0] != "."):
        try:
            _segment(runtime, folder, arguments.out / folder.name, reading, arguments)
        except (KgpError, OSError) as error:
            failed.append(f"{folder.name}: {error}")
    for line in failed:
        _log.error("Failed: %s", line)
    return int(bool(failed))


def _is_case_folder(path: Path) -> bool:
    """Whether a folder holds folders and no file that could be a case itself."""
    if not path.is_dir():
        return False
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    return any(entry.is_dir() for entry in entries) and not any(
        entry.is_file() and entry.suffix.lower() in (".nii", ".gz", ".png", ".tif", ".tiff", ".npy", ".dcm")
        for entry in entries
    )


def _segment(runtime: "Runtime", case: Path, out: Path, reading: str, arguments: argparse.Namespace) -> None:
    """Segments one case and writes its folder."""
    from kgp.data.sources.pictures import ENDINGS
    from kgp.files import atomic_folder, write_json
    from kgp.report.case import segment_stack

    pictures = sorted(path for path in (case.iterdir() if case.is_dir() else [case]) if path.suffix.lower() in ENDINGS)
    if out.exists() and not arguments.overwrite:
        raise KgpError(f"{out} exists already; name another --out or pass --overwrite.")
    if out.exists() and not (out / "summary.json").is_file():
        raise KgpError(f"--overwrite: {out} is not a result of kgp segment, so it is not removed.")
    if pictures:
        failures = _segment_pictures(runtime, pictures, out, reading, arguments.overwrite)
        if failures:
            raise KgpError(f"{len(failures)} of {len(pictures)} pictures failed: {' '.join(failures)}")
        return
    from kgp.data.volume import axial_slices
    from kgp.report.case_files import case_words, write_case

    volume = _read(runtime, case, arguments)
    stack, spacing = axial_slices(volume)
    result = segment_stack(runtime, stack, reading, spacing)
    with atomic_folder(out, overwrite=arguments.overwrite) as folder:
        summary = {"input": case.name, **write_case(folder, runtime, volume, stack, spacing, result, reading)}
        write_json(folder / "summary.json", summary)
    print(f"{case.name}: {case_words(summary)} -> {out}")


def _read(runtime: "Runtime", case: Path, arguments: argparse.Namespace) -> "Volume":
    """The case's volume, from the files that --contrasts names or from those that their names tell."""
    from kgp.data.sources.case import read_case
    from kgp.data.volume import read_volume

    if not arguments.contrasts:
        return read_case(runtime.contrasts, case, arguments.resample_to)
    named = dict(word.partition("=")[::2] for word in arguments.contrasts)
    if set(named) != set(runtime.contrasts) or not all(named.values()):
        raise UsageError(
            f"--contrasts must name a file for each of {', '.join(runtime.contrasts)} as CONTRAST=FILE, "
            f"not {' '.join(arguments.contrasts)}."
        )
    return read_volume({contrast: case / named[contrast] for contrast in runtime.contrasts}, arguments.resample_to)


def _segment_pictures(runtime: "Runtime", pictures: list[Path], out: Path, reading: str, overwrite: bool) -> list[str]:
    """Segments single slices, each on its own; returns what failed."""
    import numpy as np

    from kgp.data.sources.pictures import read_picture
    from kgp.files import atomic_folder, write_json, write_table
    from kgp.report.case import CaseResult, segment_stack
    from kgp.report.case_files import SHEET, SHOWN, TABLE, case_summary, case_words, draw_slice
    from kgp.report.overlay import overlay_sheet, write_png

    failures: list[str] = []
    lines: list[dict[str, Any]] = []
    drawn: list[np.ndarray] = []
    with atomic_folder(out, overwrite=overwrite) as folder:
        for path in pictures:
            try:
                if (folder / f"{path.stem}_mask.png").exists():
                    raise KgpError(f"{path} has the name of another picture but for its ending.")
                stack = read_picture(path).astype(np.float32)[None]
                result = segment_stack(runtime, stack, reading)
            except KgpError as error:
                failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
                continue
            write_png(folder / f"{path.stem}_mask.png", (255 * result.masks[0]).astype(np.uint8))
            np.save(folder / f"{path.stem}_heatmap.npy", result.maps[0])
            lines.append({"file": path.name, **result.table[0]})
            if len(drawn) < SHOWN and result.table[0]["class"]:
                drawn.append(draw_slice(runtime, stack, result, 0, path.stem, None))
        if not lines:
            raise KgpError(f"none of the {len(pictures)} pictures could be segmented: {failures[0]}")
        if drawn:
            overlay_sheet(drawn, folder / SHEET)
        total = CaseResult(np.zeros((0, 0, 0), bool), np.zeros((0, 0, 0), np.float32), lines)
        write_table(total.table, folder / TABLE)
        summary = {"input": pictures[0].parent.name, **case_summary(runtime, reading, total), "failed": failures}
        write_json(folder / "summary.json", summary)
    print(f"{pictures[0].parent.name}: {case_words(summary)} -> {out}")
    return failures


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp segment` and `python -m kgp.segment`."""
    return run("segment", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
