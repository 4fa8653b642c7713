"""Prediction of a stack of slices of any size, with results on the stack's own grid."""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.reading import Reading
from kgp.prediction.slice import SlicePrediction, predict_slices
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image, restore_points

_log = logging.getLogger(__name__)
_LOG_SECONDS = 5.0  # between two lines of progress
POINTS = 8  # strongest evidence points kept of a slice


class StackPoint(NamedTuple):
    """An evidence point in pixels of the stack's own slices; whole numbers are pixel centres."""

    row: float
    column: float
    contribution: float


@dataclasses.dataclass(frozen=True)
class SliceCall:
    """What the network says of one slice of a stack, in numbers.

    Attributes:
        probabilities: float64 [K].
        predicted_class: index of the predicted class.
        tumour_class: the likeliest class that means a tumour; `StackPrediction.maps` shows its map.
        mask_pixels: size of the mask on the stack's own grid.
        reason: why the mask is empty, or None.
        points: the strongest evidence points of `tumour_class`, by falling absolute contribution;
            None where they were not asked for. Those in the padding of the fitted slice lie outside
            of the stack's slice.
    """

    probabilities: np.ndarray
    predicted_class: int
    tumour_class: int
    mask_pixels: int
    reason: str | None
    points: tuple[StackPoint, ...] | None = None


@dataclasses.dataclass(frozen=True)
class StackPrediction:
    """What the network says of a stack of D slices.

    Attributes:
        masks: bool [D, H, W].
        maps: float32 [D, H, W], the reading's map for the likeliest class that means a tumour: what
            was cut where a tumour was predicted, and comparable from slice to slice; 0 in slices
            that are black all over.
        calls: one a slice; None for a slice that is black all over, which the network never sees.
    """

    masks: np.ndarray
    maps: np.ndarray
    calls: Sequence[SliceCall | None]


def predict_stack(
    runtime: Runtime,
    stack: np.ndarray,
    reading: Reading,
    spacing: tuple[float, float] | None = None,
    *,
    with_evidence: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> StackPrediction:
    """Classifies and segments slices of any size. Progress is logged every few seconds.

    Args:
        stack: raw intensities [D, H, W, C], in the runtime's order of contrasts.
        reading: how the masks are cut.
        spacing: millimetres between rows and between columns, or None for square pixels.
        with_evidence: keep the strongest evidence points of each slice.
        progress: called with (slices done, slices in all) after each batch, and at the end.

    Raises:
        KgpError: the slices do not fit the runtime.
    """
    network = runtime.description
    if stack.shape[3] != len(network.contrasts):  # the runtime itself never sees slices that are black
        raise KgpError(
            f"{runtime.name} takes slices with the {len(network.contrasts)} contrasts {', '.join(network.contrasts)}, "
            f"not with {stack.shape[3]} channels."
        )
    if network.size == 0:
        spacing = None  # slices that are not fitted need no way back
    masks, maps = np.zeros(stack.shape[:3], bool), np.zeros(stack.shape[:3], np.float32)
    calls: list[SliceCall | None] = [None] * len(stack)
    visible = [index for index in range(len(stack)) if stack[index].any()]
    log = _ProgressLog(len(stack), progress)
    for start in range(0, len(visible), runtime.batch):
        chosen = visible[start : start + runtime.batch]
        own_images = [stack[index].astype(np.float32) for index in chosen]
        images = np.stack([fit_image(image, network.size, spacing) for image in own_images])
        predictions = predict_slices(
            runtime, images, reading, own_images=own_images, spacing=spacing, with_evidence=with_evidence
        )
        for index, prediction in zip(chosen, predictions, strict=True):
            masks[index], maps[index] = prediction.mask, prediction.map
            calls[index] = _slice_call(prediction, stack_points(prediction) if with_evidence else None)
        log.update(chosen[-1] + 1)
    log.update(len(stack))
    return StackPrediction(masks, maps, calls)


def stack_points(prediction: SlicePrediction, count: int = POINTS) -> tuple[StackPoint, ...]:
    """The strongest evidence points of the likeliest tumour class, in pixels of the unfitted slice.

    Args:
        prediction: with evidence.
        count: how many.
    """
    strongest = prediction.evidence(prediction.tumour_class).top(count)
    fitted_height, fitted_width = prediction.heatmap.shape[:2]
    size = fitted_height if fitted_height == fitted_width else 0
    fitted = np.array([(point.row, point.column) for point in strongest], float).reshape(-1, 2)
    height, width = prediction.image.shape[:2]
    restored = restore_points(fitted, height, width, size, prediction.spacing)
    return tuple(
        StackPoint(row, column, point.contribution)
        for (row, column), point in zip(restored.tolist(), strongest, strict=True)
    )


def inside(points: Sequence[StackPoint], shape: tuple[int, ...]) -> list[StackPoint]:
    """The points on a slice of `shape` (H, W); those half a pixel outside are moved onto it."""
    kept = []
    for point in points:
        row, column = min(max(point.row, 0.0), shape[0] - 1.0), min(max(point.column, 0.0), shape[1] - 1.0)
        if max(abs(point.row - row), abs(point.column - column)) <= 0.5:
            kept.append(StackPoint(row, column, point.contribution))
    return kept


def _slice_call(prediction: SlicePrediction, points: tuple[StackPoint, ...] | None) -> SliceCall:
    return SliceCall(
        probabilities=prediction.probabilities,
        predicted_class=prediction.predicted_class,
        tumour_class=prediction.tumour_class,
        mask_pixels=int(prediction.mask.sum()),
        reason=prediction.reason,
        points=points,
    )


class _ProgressLog:
    """Logs every few seconds how many slices are done and how long the others take."""

    def __init__(self, count: int, progress: Callable[[int, int], None] | None) -> None:
        self._count = count
        self._progress = progress
        self._done = 0
        self._started = self._last_line = time.monotonic()

    def update(self, done: int) -> None:
        """Reports that so many slices are done."""
        if done == self._done:
            return
        self._done = done
        if self._progress:
            self._progress(done, self._count)
        now = time.monotonic()
        if done < self._count and now - self._last_line > _LOG_SECONDS:
            self._last_line = now
            seconds_left = (now - self._started) / done * (self._count - done)
            _log.info("%d of %d slices, %.0f s left.", done, self._count, seconds_left)
