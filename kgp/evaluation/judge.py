"""How well a runtime classifies and segments slices whose truth is known."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow
from kgp.evaluation.baseline import baseline_dice
from kgp.evaluation.judged_slice import JudgedSlice, all_spaced
from kgp.evaluation.known_slices import KnownSlice, predict_known
from kgp.evaluation.metrics import metrics_of
from kgp.evaluation.segmentation import SegmentationRecord, compare, pixel_average_precision
from kgp.heatmap.calibrate import OffsetSearch
from kgp.heatmap.reading import Reading
from kgp.runtime.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The outcome of `judge`.

    Attributes:
        metrics: the content of metrics.json, plain JSON values.
        slices: one for each slice, in order.
    """

    metrics: dict[str, Any]
    slices: list[JudgedSlice]


def judge(
    runtime: Runtime,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    targets: Sequence[int],
    readings: Mapping[str, Reading],
    default_reading: str,
    channels: Sequence[int] | None = None,
) -> Judgement:
    """Classification and, where the slices have masks, segmentation by each reading.

    Args:
        rows, targets: the slices and their class indices.
        readings: by name.
        default_reading: its number of views decides the predicted class.
        channels: see `predict_known`.
    """
    slices = judge_slices(runtime, cohort, rows, targets, readings, default_reading, channels, spaced=all_spaced(rows))
    return Judgement(metrics_of(slices, runtime.description, readings, default_reading), slices)


def judge_slices(
    runtime: Runtime,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    targets: Sequence[int],
    readings: Mapping[str, Reading],
    default_reading: str,
    channels: Sequence[int] | None = None,
    *,
    spaced: bool,
) -> list[JudgedSlice]:
    """What is kept of each slice; `kgp.evaluation.metrics.metrics_of` makes figures of it.

    Args:
        rows, targets, readings, default_reading, channels: as for `judge`.
        spaced: distances in millimetres, which every row must then have a spacing for; else in
            pixels. Of slices that are judged by several runs, all have to be in one unit.
    """
    network = runtime.description
    slices = []
    for known, target in zip(predict_known(runtime, cohort, rows, readings, channels), targets, strict=True):
        segmentations: dict[str, SegmentationRecord] = {}
        baseline = None
        if known.truth is not None:
            segmentations = {
                name: _record(known, known.truth, name, reading, network.class_names[target], spaced)
                for name, reading in readings.items()
            }
            baseline = baseline_dice(known.predictions[default_reading].image, known.truth, network.contrasts)
        probabilities = known.predictions[default_reading].probabilities
        slices.append(JudgedSlice(known.row, target, probabilities, segmentations, baseline))
    return slices


def _record(
    known: KnownSlice, truth: np.ndarray, name: str, reading: Reading, class_name: str, spaced: bool
) -> SegmentationRecord:
    """Compares the mask that one reading cuts with the true one, bool [H, W]."""
    row, prediction = known.row, known.predictions[name]
    spacing = (row.spacing_row or 1.0, row.spacing_column or 1.0) if spaced else None
    delivered = compare(prediction.mask, truth, spacing, prediction.reason)
    tumour = delivered
    if prediction.predicted_class != prediction.tumour_class:
        cut = prediction.tumour_mask()
        tumour = compare(cut.mask, truth, spacing, cut.reason)
    by_offset = None
    if reading.rule in ("multiotsu", "otsu"):
        by_offset = OffsetSearch(reading, prediction.no_tumour_class).add(
            prediction.heatmap, prediction.predicted_class, prediction.image, truth, row.group
        )
    return SegmentationRecord(
        id=row.id,
        patient=row.group,
        class_name=class_name,
        true_pixels=int(truth.sum()),
        delivered=delivered,
        tumour=tumour,
        average_precision=pixel_average_precision(prediction.map, truth),
        dice_by_offset=by_offset,
    )
