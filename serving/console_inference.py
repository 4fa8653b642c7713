"""The network on the axial slices of a study, one slice at a time."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kgp.data.resize import fit_image, restore_points
from kgp.errors import KgpError
from kgp.report.case import BLACK, CaseResult, segment_stack
from kgp.runtime.runtime import Runtime

_POINTS = 5  # strongest evidence points that are kept of a slice


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the network says of a stack of D axial slices.

    Attributes:
        case: masks, maps and table, on the stack.
        points: for each slice called a tumour its strongest evidence points (row, column, contribution) in pixels of the
            stack; empty for other slices.
        first_slice_seconds: time for the first slice, in which the runtime warms up.
        seconds: time for all.
    """

    case: CaseResult
    points: list[list[tuple[float, float, float]]]
    first_slice_seconds: float
    seconds: float


def find(
    runtime: Runtime,
    stack: np.ndarray,
    spacing: tuple[float, float],
    reading: str,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Runs the network slice by slice, so that no more than one slice of its work is in memory.

    Args:
        stack: raw intensities [D, H, W, C], in the runtime's order of contrasts.
        spacing: millimetres between rows and between columns.
        reading: name of the reading.
        progress: called with (slices done, slices in all) after each.

    Raises:
        KgpError: every slice is black, or the slices do not fit the runtime.
    """
    if not stack.any():
        raise KgpError("The study shows nothing: every pixel is 0.")
    count = len(stack)
    masks = np.zeros(stack.shape[:3], bool)
    maps = np.zeros(stack.shape[:3], np.float32)
    table: list[dict[str, Any]] = []
    points: list[list[tuple[float, float, float]]] = []
    first = 0.0
    started = time.perf_counter()
    for index in range(count):
        one = segment_stack(runtime, stack[index : index + 1], reading, spacing)
        masks[index], maps[index] = one.masks[0], one.maps[0]
        table.append({**one.table[0], "slice": index})
        points.append(_points(runtime, stack[index], spacing, table[index]))
        if not first and table[index]["reason"] != BLACK:
            first = time.perf_counter() - started
        if progress:
            progress(index + 1, count)
    return Findings(CaseResult(masks, maps, table), points, first, time.perf_counter() - started)


def _points(
    runtime: Runtime, image: np.ndarray, spacing: tuple[float, float], line: dict[str, Any]
) -> list[tuple[float, float, float]]:
    """The strongest evidence points of a slice that was called a tumour; those in the padding are left out."""
    if not line["class"] or runtime.class_names.index(line["class"]) == runtime.no_tumour_class:
        return []
    height, width = image.shape[:2]
    fitted = fit_image(image, runtime.size, spacing)
    top = runtime.evidence(fitted, runtime.class_names.index(line["class"])).top(_POINTS)
    places = restore_points(
        np.array([(one.row, one.column) for one in top], float).reshape(-1, 2), height, width, runtime.size, spacing
    )
    held = np.clip(places, 0.0, (height - 1.0, width - 1.0))
    inside = np.abs(places - held).max(axis=1, initial=0.0) <= 0.5  # of a pixel
    return [
        (float(row), float(column), point.contribution)
        for (row, column), point, keep in zip(held.tolist(), top, inside.tolist(), strict=True)
        if keep
    ]
