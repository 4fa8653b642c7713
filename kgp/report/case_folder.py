"""The folder that is written of one segmented case: masks, heatmaps, table, overlay and summary.json, all or nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import kgp
from kgp.data.resize import fit_image, fit_mask
from kgp.data.sources.case import read_case
from kgp.data.sources.pictures import ENDINGS, read_picture
from kgp.data.volume import Volume, axial_slices, read_volume, to_volume, write_nifti
from kgp.errors import KgpError
from kgp.files import atomic_folder, printable, write_json, write_table
from kgp.report.case import CaseResult, segment_stack
from kgp.report.overlay import Picture, draw_case, overlay_sheet, shown_contrast, write_png
from kgp.runtime.runtime import Runtime

SUMMARY = "summary.json"
_SHOWN = 12
_USE = "Research use only; not a medical device."


def write_case_folder(
    runtime: Runtime,
    case: Path,
    out: Path,
    reading: str,
    *,
    files: Mapping[str, str] | None = None,
    resample_to: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Segments one case and writes its folder, which appears complete or not at all.

    Args:
        runtime: the network.
        case: a NIfTI file, a folder with one for each contrast, a folder with one DICOM series, a picture or a folder of them.
        out: the folder to appear.
        reading: one of the runtime's readings.
        files: name of each contrast's file inside the case's folder; without it their names tell.
        resample_to: see `kgp.data.volume.read_volume`.
        overwrite: replace an earlier result at `out`.

    Returns:
        What stands in summary.json. Pictures that could not be segmented are under "failed"; the others are written.

    Raises:
        KgpError: the case cannot be segmented, or `out` exists and is not to be or cannot be replaced.
    """
    if out.exists() and not overwrite:
        raise KgpError(f"{out} exists already; name another --out or pass --overwrite.")
    if out.exists() and not (out / SUMMARY).is_file():
        raise KgpError(f"--overwrite: {out} is not a result of kgp segment, so it is not removed.")
    pictures = sorted(path for path in (case.iterdir() if case.is_dir() else [case]) if path.suffix.lower() in ENDINGS)
    if pictures:
        return _write_pictures(runtime, pictures, out, reading, overwrite)
    if files:
        volume = read_volume({contrast: case / files[contrast] for contrast in runtime.contrasts}, resample_to)
    else:
        volume = read_case(runtime.contrasts, case, resample_to)
    return _write_volume(runtime, case, volume, out, reading, overwrite)


def summary_words(summary: Mapping[str, Any]) -> str:
    """A summary in half a line."""
    counts = ", ".join(f"{name} {count}" for name, count in summary["slices_by_class"].items())
    size = f", {summary['mask_volume_mm3'] / 1000:.1f} ml" if "mask_volume_mm3" in summary else ""
    return f"{summary['slices']} slices ({counts}); {summary['slices_with_mask']} with a mask{size}"


def check_pictures(summary: Mapping[str, Any]) -> None:
    """Refuses a result without some of its pictures.

    Raises:
        KgpError: a picture could not be segmented.
    """
    failures = summary.get("failed")
    if failures:
        total = summary["slices"] + len(failures)
        raise KgpError(f"{len(failures)} of {total} pictures failed: {' '.join(failures)}")


def _write_volume(
    runtime: Runtime, case: Path, volume: Volume, out: Path, reading: str, overwrite: bool
) -> dict[str, Any]:
    stack, spacing = axial_slices(volume)
    result = segment_stack(runtime, stack, reading, spacing)
    with atomic_folder(out, overwrite=overwrite) as folder:
        write_nifti(to_volume(result.masks, volume), volume, folder / "mask.nii.gz")
        write_nifti(to_volume(result.maps, volume), volume, folder / "heatmap.nii.gz")
        voxel = volume.spacing[0] * volume.spacing[1] * volume.spacing[2]
        summary = _summary(runtime, case, reading, result) | {
            "affine": volume.affine.tolist(),
            "spacing_mm": list(volume.spacing),
            "mask_volume_mm3": round(float(result.masks.sum()) * voxel, 1),
        }
        write_table(result.table, folder / "slices.csv")
        _write_overlay(runtime, stack, result, reading, folder, spacing)
        write_json(folder / SUMMARY, summary)
    return summary


def _write_pictures(runtime: Runtime, pictures: list[Path], out: Path, reading: str, overwrite: bool) -> dict[str, Any]:
    """Segments single slices, each on its own."""
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
            lines.append({"file": printable(path.name), **result.table[0]})
            if len(drawn) < _SHOWN and result.table[0]["class"]:
                drawn.append(_draw(runtime, stack, result, reading, 0, path.stem, None))
        if not lines:
            raise KgpError(f"none of the {len(pictures)} pictures could be segmented: {failures[0]}")
        if drawn:
            overlay_sheet(drawn, folder / "overlay.png")
        total = CaseResult(np.zeros((0, 0, 0), bool), np.zeros((0, 0, 0), np.float32), lines)
        write_table(lines, folder / "slices.csv")
        summary = _summary(runtime, pictures[0].parent, reading, total) | {"failed": failures}
        write_json(folder / SUMMARY, summary)
    return summary


def _summary(runtime: Runtime, case: Path, reading: str, result: CaseResult) -> dict[str, Any]:
    """What summary.json says of any case."""
    classes = [line["class"] for line in result.table if line["class"]]
    return {
        "use": _USE,
        "kgp": kgp.__version__,
        "run": runtime.name,
        "input": case.name,
        "contrasts": list(runtime.contrasts),
        "reading": runtime.readings[reading].to_dict(),
        "reading_name": reading,
        "slices": len(result.table),
        "slices_by_class": {name: classes.count(name) for name in runtime.class_names},
        "slices_with_mask": sum(line.get("mask_pixels", 0) > 0 for line in result.table),
        "empty_mask_reasons": {
            reason: sum(line["reason"] == reason for line in result.table)
            for reason in sorted({line["reason"] for line in result.table} - {""})
        },
        "strongest_slice": _strongest_slice(runtime, result),
    }


def _strongest_slice(runtime: Runtime, result: CaseResult) -> dict[str, Any] | None:
    """The slice with the highest probability of a class that means a tumour; None where every slice is black."""
    tumours = [name for index, name in enumerate(runtime.class_names) if index != runtime.no_tumour_class]
    lit = [line for line in result.table if line["class"]]
    if not lit:
        return None
    line = max(lit, key=lambda line: max(line[f"p_{name}"] for name in tumours))
    slice_ = line.get("file", line["slice"])
    return {"slice": slice_, "class": line["class"], "probability": line[f"p_{line['class']}"]}


def _write_overlay(
    runtime: Runtime,
    stack: np.ndarray,
    result: CaseResult,
    reading: str,
    folder: Path,
    spacing: tuple[float, float],
) -> None:
    """A sheet of slices spread over those with a mask, or over all where none has one."""
    shown = [index for index, line in enumerate(result.table) if line.get("mask_pixels")]
    shown = shown or [index for index, line in enumerate(result.table) if line["class"]]
    if shown:
        chosen = np.unique(np.linspace(0, len(shown) - 1, _SHOWN // 2).round().astype(int))
        overlay_sheet(
            [_draw(runtime, stack, result, reading, shown[i], f"slice {shown[i]}", spacing) for i in chosen],
            folder / "overlay.png",
        )


def _draw(
    runtime: Runtime,
    stack: np.ndarray,
    result: CaseResult,
    reading: str,
    index: int,
    name: str,
    spacing: tuple[float, float] | None,
) -> np.ndarray:
    line = result.table[index]
    # By parts, as padding has the lowest value: outside the slice the map is to be 0.
    positive, negative = (
        fit_image(np.maximum(part, 0.0)[..., None], runtime.size, spacing)[..., 0]
        for part in (result.maps[index], -result.maps[index])
    )
    image = fit_image(stack[index], runtime.size, spacing)
    return draw_case(
        Picture(
            image=image,
            channel=shown_contrast(runtime.contrasts),
            map=positive - negative,
            mask=fit_mask(result.masks[index], runtime.size, spacing),
            points=runtime.evidence(image, runtime.class_names.index(line["heatmap_of"])).top(8),
            title=f"{name}: {line['class']} ({line['p_' + line['class']]:.2f})"
            + (f", {line['reason']}" if line["reason"] else "")
            + f"; map of {line['heatmap_of']}; research use only",
        )
    )
