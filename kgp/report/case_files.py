"""The files that tell of one case: maps, table, overlay sheet, and the summary for programs."""

from pathlib import Path
from typing import Any

import numpy as np

import kgp
from kgp.files import write_table
from kgp.prediction.stack import CaseResult
from kgp.report.overlay import Picture, draw_case, overlay_sheet, shown_contrast
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image, fit_mask
from kgp.scans.grid import Grid
from kgp.scans.volume import to_volume, write_nifti

SHOWN = 12  # most pictures on a sheet
POINTS = 8  # strongest evidence points drawn on a picture
TABLE, SHEET = "slices.csv", "overlay.png"
_USE = "Research use only; not a medical device."


def write_case(
    folder: Path,
    runtime: Runtime,
    grid: Grid,
    stack: np.ndarray,
    spacing: tuple[float, float],
    result: CaseResult,
    reading: str,
) -> dict[str, Any]:
    """Writes mask.nii.gz, heatmap.nii.gz, slices.csv and overlay.png of one volume.

    Args:
        folder: an existing folder.
        grid: the grid that maps go back to.
        stack: its axial slices [D, H, W, C], with `spacing` between rows and between columns.
        result: what was found on `stack`.
        reading: name of the reading.

    Returns:
        What summary.json says of grid, reading and findings; the caller adds what the input was.
    """
    write_nifti(to_volume(result.masks, grid), grid, folder / "mask.nii.gz")
    write_nifti(to_volume(result.maps, grid), grid, folder / "heatmap.nii.gz")
    write_table(result.table, folder / TABLE)
    _write_sheet(runtime, stack, result, folder / SHEET, spacing)
    return case_summary(runtime, reading, result) | {
        "affine": grid.affine.tolist(),
        "spacing_mm": list(grid.spacing),
        "mask_volume_mm3": round(float(result.masks.sum()) * grid.voxel_mm3, 1),
    }


def case_summary(runtime: Runtime, reading: str, result: CaseResult) -> dict[str, Any]:
    """Model, reading and findings in numbers."""
    classes = [line["class"] for line in result.table if line["class"]]
    return {
        "use": _USE,
        "kgp": kgp.__version__,
        "run": runtime.name,
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


def case_words(summary: dict[str, Any]) -> str:
    """A summary as one line for the screen."""
    counts = ", ".join(f"{name} {count}" for name, count in summary["slices_by_class"].items())
    size = f", {summary['mask_volume_mm3'] / 1000:.1f} ml" if "mask_volume_mm3" in summary else ""
    return f"{summary['slices']} slices ({counts}); {summary['slices_with_mask']} with a mask{size}"


def draw_slice(
    runtime: Runtime,
    stack: np.ndarray,
    result: CaseResult,
    index: int,
    name: str,
    spacing: tuple[float, float] | None,
) -> np.ndarray:
    """Slice `index` with its map, the points the decision rests on, and its mask, RGB uint8 [H', W', 3]."""
    line = result.table[index]
    image = fit_image(stack[index], runtime.size, spacing)
    points = result.points.get(index)
    if points is None:
        points = runtime.evidence(image, runtime.class_names.index(line["heatmap_of"])).top(POINTS)
    return draw_case(
        Picture(
            image=image,
            channel=shown_contrast(runtime.contrasts),
            map=fit_map(result.maps[index], runtime.size, spacing),
            mask=fit_mask(result.masks[index], runtime.size, spacing),
            points=points,
            title=f"{name}: {line['class']} ({line['p_' + line['class']]:.2f})"
            + (f", {line['reason']}" if line["reason"] else "")
            + f"; map of {line['heatmap_of']}; research use only",
        )
    )


def fit_map(values: np.ndarray, size: int, spacing: tuple[float, float] | None) -> np.ndarray:
    """A map [H, W] as `fit_image` fits its slice, but 0 outside it."""
    # By parts, as padding has the lowest value.
    positive, negative = (
        fit_image(np.maximum(part, 0.0)[..., None], size, spacing)[..., 0] for part in (values, -values)
    )
    return positive - negative


def _write_sheet(
    runtime: Runtime,
    stack: np.ndarray,
    result: CaseResult,
    path: Path,
    spacing: tuple[float, float],
) -> None:
    """A sheet of slices spread over those with a mask, or over all where none has one."""
    shown = [index for index, line in enumerate(result.table) if line.get("mask_pixels")]
    shown = shown or [index for index, line in enumerate(result.table) if line["class"]]
    if shown:
        chosen = np.unique(np.linspace(0, len(shown) - 1, SHOWN // 2).round().astype(int))
        drawn = [draw_slice(runtime, stack, result, shown[i], f"slice {shown[i]}", spacing) for i in chosen]
        overlay_sheet(drawn, path)
