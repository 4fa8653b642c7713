"""The result folder of one case: masks, heatmaps, table, overlay, summary; all or nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.files import atomic_folder, printable, write_array, write_json, write_table
from kgp.prediction.stack import SliceCall, StackPrediction, predict_stack
from kgp.report.case_files import SHEET, SHOWN, TABLE, case_summary, draw_slice, slice_rows, write_case
from kgp.report.notes import warn_of_notes
from kgp.report.overlay import overlay_sheet, write_png
from kgp.runtime.runtime import Runtime
from kgp.scans.case import read_case
from kgp.scans.hidden_files import visible_entries
from kgp.scans.pictures import ENDINGS, read_slice
from kgp.scans.volume import Volume, axial_slices, read_volume

SUMMARY = "summary.json"


def write_case_folder(
    runtime: Runtime,
    case: Path,
    out: Path,
    reading_name: str,
    *,
    files: Mapping[str, str] | None = None,
    resample_to: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Segments one case and writes its folder, which appears complete or not at all.

    Args:
        runtime: the network.
        case: a NIfTI file, a folder with one for each contrast, a folder with one DICOM series, a
            picture or a folder of them.
        out: the folder to appear.
        reading_name: one of the runtime's readings.
        files: name of each contrast's file inside the case's folder; default by the words in the
            file names.
        resample_to: see `kgp.scans.volume.read_volume`.
        overwrite: replace an earlier result at `out`.

    Returns:
        What stands in summary.json. Pictures that could not be segmented are under "failed"; the
        others are written.

    Raises:
        KgpError: the case cannot be segmented, or `out` exists and is not to be or cannot be
            replaced.
    """
    if out.exists() and not overwrite:
        raise KgpError(f"{out} exists already; name another --out or pass --overwrite.")
    if out.exists() and not (out / SUMMARY).is_file():
        raise KgpError(f"--overwrite: {out} is not a result of kgp segment, so it is not removed.")
    pictures = _pictures(case)
    if pictures:
        return _write_pictures(runtime, pictures, out, reading_name, overwrite)
    if files:
        volume = read_volume({name: case / files[name] for name in runtime.description.contrasts}, resample_to)
    else:
        volume = read_case(runtime.description.contrasts, case, resample_to)
    warn_of_notes(case.name, volume.notes)
    return _write_volume(runtime, case, volume, out, reading_name, overwrite)


def _pictures(case: Path) -> list[Path]:
    """The pictures of a case; none where volumes lie beside them, as they are then previews."""
    files = visible_entries(case) if case.is_dir() else [case]
    if any(path.name.endswith((".nii", ".nii.gz", ".dcm")) for path in files):
        return []
    return [path for path in files if path.suffix.lower() in ENDINGS]


def check_pictures(summary: Mapping[str, Any]) -> None:
    """Raises for the pictures of a case that could not be segmented.

    Raises:
        KgpError: there are some; names each.
    """
    failures = summary.get("failed")
    if failures:
        total = summary["slices"] + len(failures)
        raise KgpError(f"{len(failures)} of {total} pictures failed: {' '.join(failures)}")


def _write_volume(
    runtime: Runtime, case: Path, volume: Volume, out: Path, reading_name: str, overwrite: bool
) -> dict[str, Any]:
    stack, spacing = axial_slices(volume)
    prediction = predict_stack(runtime, stack, runtime.description.readings[reading_name], spacing)
    with atomic_folder(out, overwrite=overwrite) as folder:
        case_values = write_case(folder, runtime, volume.grid, stack, spacing, prediction, reading_name)
        summary = {"input": case.name, **case_values}
        write_json(folder / SUMMARY, summary)
    return summary


def _write_pictures(
    runtime: Runtime, pictures: list[Path], out: Path, reading_name: str, overwrite: bool
) -> dict[str, Any]:
    """Segments single slices, each on its own."""
    failures: list[str] = []
    names: list[str] = []
    calls: list[SliceCall | None] = []
    drawn: list[np.ndarray] = []
    noted: dict[str, list[str]] = {}
    with atomic_folder(out, overwrite=overwrite) as folder:
        for path in pictures:
            try:
                image, prediction, notes = _predict_picture(runtime, path, folder, reading_name)
            except KgpError as error:
                failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
                continue
            write_png(folder / f"{path.stem}_mask.png", (255 * prediction.masks[0]).astype(np.uint8))
            write_array(folder / f"{path.stem}_heatmap.npy", prediction.maps[0])
            names.append(printable(path.name))
            for note in notes:
                noted.setdefault(note, []).append(printable(path.name))
            calls.append(prediction.calls[0])
            if len(drawn) < SHOWN and prediction.calls[0]:
                drawn.append(draw_slice(runtime, image, prediction, 0, reading_name, path.stem, None))
        if not calls:
            raise KgpError(f"none of the {len(pictures)} pictures could be segmented: {failures[0]}")
        if drawn:
            overlay_sheet(drawn, folder / SHEET)
        rows = slice_rows(calls, runtime.description.class_names)
        write_table([{"file": name, **row, "slice": 0} for name, row in zip(names, rows, strict=True)], folder / TABLE)
        summary = {
            "input": pictures[0].parent.name,
            **case_summary(runtime, reading_name, calls, names),
            "failed": failures,
        }
        write_json(folder / SUMMARY, summary)
    for note, (first, *others) in noted.items():
        warn_of_notes(f"{first} (and {len(others)} more)" if others else first, [note])
    return summary


def _predict_picture(
    runtime: Runtime, path: Path, folder: Path, reading_name: str
) -> tuple[np.ndarray, StackPrediction, tuple[str, ...]]:
    """The raw slice [H, W, C] in a picture, what the network says of it, and notes on the picture.

    Raises:
        KgpError: it cannot be read, does not fit the network, or has the name of another picture.
    """
    if (folder / f"{path.stem}_mask.png").exists():
        raise KgpError(f"{path} has the name of another picture but for its ending.")
    image, notes = read_slice(path, len(runtime.description.contrasts))
    image = image.astype(np.float32)
    return image, predict_stack(runtime, image[None], runtime.description.readings[reading_name]), notes
