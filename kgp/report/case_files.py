"""The files of one case: mask and heatmap, table, overlay sheet, and the summary for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kgp
from kgp.files import write_table
from kgp.prediction.slice import predict_slices
from kgp.prediction.stack import SliceCall, StackPoint, StackPrediction, inside, stack_points
from kgp.report.overlay import draw_picture, overlay_sheet, panel_picture, shown_contrast
from kgp.research_use import NOTICE
from kgp.runtime.description import Description
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image
from kgp.scans.grid import Grid
from kgp.scans.volume import to_volume, write_nifti

SHOWN = 12  # most pictures on a sheet
TABLE, SHEET = "slices.csv", "overlay.png"
BLACK = "black_slice"  # the reason for the empty mask of a slice that is black all over


def write_case(
    folder: Path,
    runtime: Runtime,
    grid: Grid,
    stack: np.ndarray,
    spacing: tuple[float, float],
    prediction: StackPrediction,
    reading_name: str,
) -> dict[str, Any]:
    """Writes mask.nii.gz, heatmap.nii.gz, slices.csv and overlay.png of one volume.

    Args:
        folder: an existing folder.
        grid: the grid that maps go back to.
        stack: its axial slices [D, H, W, C], with `spacing` between rows and between columns.
        prediction: what the network says of `stack`.
        reading_name: name of the reading.

    Returns:
        What summary.json says of grid, reading and findings; the caller adds what the input was.
    """
    write_nifti(to_volume(prediction.masks, grid), grid, folder / "mask.nii.gz")
    write_nifti(to_volume(prediction.maps, grid), grid, folder / "heatmap.nii.gz")
    write_table(slice_rows(prediction.calls, runtime.description.class_names), folder / TABLE)
    _write_sheet(runtime, stack, prediction, reading_name, folder / SHEET, spacing)
    return case_summary(runtime, reading_name, prediction.calls) | {
        "affine": grid.affine.tolist(),
        "spacing_mm": list(grid.spacing),
        "mask_volume_mm3": round(float(prediction.masks.sum()) * grid.voxel_mm3, 1),
    }


def slice_rows(calls: Sequence[SliceCall | None], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of slices.csv: class, probabilities, mask or why it is empty, class of the map."""
    return [
        {"slice": index, "class": "", "reason": BLACK} if call is None else _row(index, call, class_names)
        for index, call in enumerate(calls)
    ]


def _row(index: int, call: SliceCall, class_names: Sequence[str]) -> dict[str, Any]:
    return {
        "slice": index,
        "class": class_names[call.predicted_class],
        **{f"p_{name}": round(float(p), 6) for name, p in zip(class_names, call.probabilities, strict=True)},
        "mask_pixels": call.mask_pixels,
        "reason": call.reason or "",
        "heatmap_of": class_names[call.tumour_class],
    }


def case_summary(
    runtime: Runtime,
    reading_name: str,
    calls: Sequence[SliceCall | None],
    slice_names: Sequence[str | int] | None = None,
) -> dict[str, Any]:
    """Model, reading and findings in numbers.

    Args:
        reading_name: name of the reading.
        calls: one a slice, see `StackPrediction.calls`.
        slice_names: what each slice is called; default its number.
    """
    network = runtime.description
    classes = [network.class_names[call.predicted_class] for call in calls if call]
    reasons = [call.reason if call else BLACK for call in calls]
    return {
        "use": NOTICE,
        "kgp": kgp.__version__,
        "run": runtime.name,
        "contrasts": list(network.contrasts),
        "reading": network.readings[reading_name].to_dict(),
        "reading_name": reading_name,
        "slices": len(calls),
        "slices_by_class": {name: classes.count(name) for name in network.class_names},
        "slices_with_mask": sum(call.mask_pixels > 0 for call in calls if call),
        "empty_mask_reasons": {reason: reasons.count(reason) for reason in sorted(filter(None, set(reasons)))},
        "strongest_slice": _strongest_slice(network, calls, slice_names or range(len(calls))),
    }


def _strongest_slice(
    network: Description, calls: Sequence[SliceCall | None], slice_names: Sequence[str | int]
) -> dict[str, Any] | None:
    """The slice with the highest probability of a tumour class; None where every slice is black."""
    tumours = [index for index in range(len(network.class_names)) if index != network.no_tumour_class]
    visible = [(name, call) for name, call in zip(slice_names, calls, strict=True) if call]
    if not visible:
        return None
    name, call = max(visible, key=lambda pair: _rounded(pair[1].probabilities[tumours].max()))
    return {
        "slice": name,
        "class": network.class_names[call.predicted_class],
        "probability": _rounded(call.probabilities[call.predicted_class]),
    }


def _rounded(probability: float) -> float:
    """Rounded to the digits of slices.csv."""
    return round(float(probability), 6)


def case_words(summary: dict[str, Any]) -> str:
    """A summary as one line for the screen."""
    counts = ", ".join(f"{name} {count}" for name, count in summary["slices_by_class"].items())
    size = f", {summary['mask_volume_mm3'] / 1000:.1f} ml" if "mask_volume_mm3" in summary else ""
    return f"{summary['slices']} slices ({counts}); {summary['slices_with_mask']} with a mask{size}"


def draw_slice(
    runtime: Runtime,
    image: np.ndarray,
    prediction: StackPrediction,
    index: int,
    reading_name: str,
    name: str,
    spacing: tuple[float, float] | None,
) -> np.ndarray:
    """A slice with its map, the points the decision rests on, and its mask, RGB uint8 [H', W', 3].

    Args:
        image: the slice, raw intensities [H, W, C].
        prediction: what the network says of the stack of which it is slice `index`; not black.
        reading_name: name of the reading.
        name: what the slice is called.
    """
    call = prediction.calls[index]
    if call is None:
        raise ValueError(f"Slice {index} is black all over, so there is nothing to draw.")
    class_names = runtime.description.class_names
    called = class_names[call.predicted_class]
    points = _points(runtime, image, reading_name, spacing) if call.points is None else call.points
    return draw_picture(
        panel_picture(
            image[..., shown_contrast(runtime.description.contrasts)],
            prediction.maps[index],
            prediction.masks[index],
            inside(points, image.shape[:2]),
            spacing,
            title=f"{name}: {called} ({call.probabilities[call.predicted_class]:.2f})"
            + (f", {call.reason}" if call.reason else "")
            + f"; map of {class_names[call.tumour_class]}; research use only",
        )
    )


def _points(
    runtime: Runtime, image: np.ndarray, reading_name: str, spacing: tuple[float, float] | None
) -> tuple[StackPoint, ...]:
    """The evidence points of a slice, predicted again."""
    network = runtime.description
    spacing = spacing if network.size else None
    fitted = fit_image(image, network.size, spacing)
    (prediction,) = predict_slices(
        runtime,
        fitted[None],
        network.readings[reading_name],
        own_images=[image.astype(np.float32)],
        spacing=spacing,
        with_evidence=True,
    )
    return stack_points(prediction)


def _write_sheet(
    runtime: Runtime,
    stack: np.ndarray,
    prediction: StackPrediction,
    reading_name: str,
    path: Path,
    spacing: tuple[float, float],
) -> None:
    """A sheet of slices evenly among those with a mask, or among all where none has one."""
    shown = [index for index, call in enumerate(prediction.calls) if call and call.mask_pixels]
    shown = shown or [index for index, call in enumerate(prediction.calls) if call]
    if not shown:
        return
    chosen = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, SHOWN // 2).round().astype(int))]
    drawn = [
        draw_slice(runtime, stack[index], prediction, index, reading_name, f"slice {index}", spacing)
        for index in chosen
    ]
    overlay_sheet(drawn, path)
