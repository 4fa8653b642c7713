"""Slices whose truth is known, with what a runtime says of them."""

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kgp.data.cohort import Cohort, SliceRow, read_image
from kgp.data.own_slices import read_own_slice
from kgp.heatmap.reading import Reading
from kgp.prediction.slice import SlicePrediction, predict_views, read_slice
from kgp.runtime.runtime import Runtime

_log = logging.getLogger(__name__)
_BATCH = 16


@dataclasses.dataclass(frozen=True)
class KnownSlice:
    """A slice whose truth is known, and what a runtime says of it.

    H and W are those of the slice's own grid where the cohort keeps it there, else those of the
    prepared slice.

    Attributes:
        row: the slice.
        truth: true mask bool [H, W], or None.
        predictions: by name of the reading.
        spacing: millimetres between rows and between columns on this grid, or None where unknown.
    """

    row: SliceRow
    truth: np.ndarray | None
    predictions: dict[str, SlicePrediction]
    spacing: tuple[float, float] | None


def predict_known(
    runtime: Runtime,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    readings: Mapping[str, Reading],
    channels: Sequence[int] | None = None,
) -> Iterator[KnownSlice]:
    """Predicts slices in order; one batch of pixels is in memory at a time.

    Args:
        readings: by name; a number of views that several ask for is averaged once.
        channels: which channel of the cohort is each of the runtime's contrasts; default all in
            order.
    """
    channels = list(range(cohort.shape[2]) if channels is None else channels)
    no_tumour_class = runtime.description.no_tumour_class
    views = sorted({reading.views for reading in readings.values()})
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        images = np.stack([read_image(cohort, row)[..., channels] for row in batch])
        answers = {number: predict_views(runtime, images, number) for number in views}
        for index, row in enumerate(batch):
            own = read_own_slice(cohort, row)
            image = own.image[..., channels]
            predictions = {}
            for name, reading in readings.items():
                logits, heatmaps = answers[reading.views]
                predictions[name] = read_slice(
                    image, logits[index], heatmaps[index], reading, no_tumour_class, own.fit_spacing
                )
            yield KnownSlice(row, own.mask, predictions, own.spacing)
        if start % (10 * _BATCH) == 0 and len(rows) > 10 * _BATCH:
            _log.info("judged %d of %d slices", start + len(batch), len(rows))
