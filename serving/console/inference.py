"""The network on the axial slices of a study, one slice at a time."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.evidence import EvidencePoint
from kgp.prediction.stack import BLACK, CaseResult, segment_stack
from kgp.report.case_files import POINTS
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image, restore_points

_TOLD = 5  # evidence points of a slice that go into DICOM objects


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the network says of a stack of D axial slices.

    Attributes:
        case: masks, maps and table, on the stack, and the evidence points of the slices called a tumour.
        points: for each slice called a tumour the strongest of them (row, column, contribution) in pixels of the stack; empty
            for other slices.
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
    evidence: dict[int, list[EvidencePoint]] = {}
    points: list[list[tuple[float, float, float]]] = [[] for _ in range(count)]
    first = 0.0
    started = time.perf_counter()
    for index in range(count):
        one = segment_stack(runtime, stack[index : index + 1], reading, spacing)
        masks[index], maps[index] = one.masks[0], one.maps[0]
        table.append({**one.table[0], "slice": index})
        if _tumour(runtime, table[index]):
            image = fit_image(stack[index], runtime.size, spacing)
            evidence[index] = runtime.evidence(image, runtime.class_names.index(table[index]["class"])).top(POINTS)
            points[index] = _on_stack(evidence[index][:_TOLD], stack[index].shape[:2], runtime.size, spacing)
        if not first and table[index]["reason"] != BLACK:
            first = time.perf_counter() - started
        if progress:
            progress(index + 1, count)
    return Findings(CaseResult(masks, maps, table, evidence), points, first, time.perf_counter() - started)


def _tumour(runtime: Runtime, line: dict[str, Any]) -> bool:
    return bool(line["class"]) and runtime.class_names.index(line["class"]) != runtime.no_tumour_class


def _on_stack(
    found: Sequence[EvidencePoint], shape: tuple[int, int], size: int, spacing: tuple[float, float]
) -> list[tuple[float, float, float]]:
    """Points of a fitted slice as (row, column, contribution) of the slice itself; those in the padding are left out."""
    fitted = np.array([(point.row, point.column) for point in found], float).reshape(-1, 2)
    places = restore_points(fitted, *shape, size, spacing)
    held = np.clip(places, 0.0, (shape[0] - 1.0, shape[1] - 1.0))
    inside = np.abs(places - held).max(axis=1, initial=0.0) <= 0.5  # of a pixel
    return [
        (float(row), float(column), point.contribution)
        for (row, column), point, keep in zip(held.tolist(), found, inside.tolist(), strict=True)
        if keep
    ]
