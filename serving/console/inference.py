"""Inference on the axial slices of a study, with its duration."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.reading import Reading
from kgp.prediction.stack import StackPrediction, predict_stack
from kgp.runtime.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class Inference:
    """What the network says of a stack of D axial slices.

    Attributes:
        prediction: of all slices, with their strongest evidence points.
        first_slice_seconds: time to the end of the first batch, in which the runtime warms up.
        seconds: time for all.
    """

    prediction: StackPrediction
    first_slice_seconds: float
    seconds: float


def infer(
    runtime: Runtime,
    stack: np.ndarray,
    spacing: tuple[float, float],
    reading: Reading,
    progress: Callable[[int, int], None] | None = None,
) -> Inference:
    """Runs the network over the slices of a study, with evidence.

    Args:
        stack: raw intensities [D, H, W, C], in the runtime's order of contrasts.
        spacing: millimetres between rows and between columns.
        progress: see `kgp.prediction.stack.predict_stack`.

    Raises:
        KgpError: every slice is black, or the slices do not fit the runtime.
    """
    if not stack.any():
        raise KgpError("The study shows nothing: every pixel is 0.")
    started = time.perf_counter()
    ends: list[float] = []

    def record_time(done: int, count: int) -> None:
        ends.append(time.perf_counter())
        if progress:
            progress(done, count)

    prediction = predict_stack(runtime, stack, reading, spacing, with_evidence=True, progress=record_time)
    return Inference(prediction, ends[0] - started, ends[-1] - started)
