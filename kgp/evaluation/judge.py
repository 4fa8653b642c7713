"""How well a runtime classifies and segments slices whose truth is known."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow, on_own_grid
from kgp.evaluation.baseline import baseline_dice
from kgp.evaluation.distance import box_diagonal
from kgp.evaluation.judged_slice import JudgedSlice, all_spaced
from kgp.evaluation.known_slices import KnownSlice, predict_known
from kgp.evaluation.metrics import metrics_of
from kgp.evaluation.segmentation import SegmentationRecord, compare, peak_in_tumour, pixel_average_precision
from kgp.evaluation.volumes import VolumeDistances
from kgp.heatmap.calibrate import OffsetSearch
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.reading import Reading
from kgp.prediction.slice import SlicePrediction
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
    return Judgement(metrics_of(slices, runtime.description, readings, default_reading, cohort), slices)


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
    own_grid = on_own_grid(cohort)
    volumes = VolumeDistances(rows)
    for known, target in zip(predict_known(runtime, cohort, rows, readings, channels), targets, strict=True):
        row, prediction = known.row, known.predictions[default_reading]
        segmentations: dict[str, SegmentationRecord] = {}
        baseline, diagonal, grid = None, 0.0, None
        if known.truth is not None:
            spacing = known.spacing if spaced else None
            head = head_mask(prediction.image)
            diagonal = box_diagonal(head, spacing)
            segmentations = {
                name: _record(known, known.truth, head, name, network.class_names[target], spacing, diagonal)
                for name in readings
            }
            baseline = baseline_dice(prediction.image, known.truth, network.contrasts)
            grid = known.truth.shape[0], known.truth.shape[1]
        masks = {name: known.predictions[name].mask for name in readings}
        distances = volumes.add(row, known.truth, masks, diagonal, known.spacing) if spaced else {}
        slices.append(
            JudgedSlice(row, target, prediction.probabilities, segmentations, baseline, distances, grid, own_grid)
        )
    return slices


def offset_dices(
    search: OffsetSearch, prediction: SlicePrediction, truth: np.ndarray | None, patient: str
) -> np.ndarray | None:
    """Adds a slice to a search for the offset, on the slice's own grid.

    Args:
        search: for the prediction's reading, and for no class that means "no tumour", as maps are
            given to it like those of a network with one class.
        truth: true mask bool [H, W], or None.
        patient: patient identifier.

    Returns:
        The Dice of each candidate, float32 [candidates]; None where the slice is skipped.
    """
    if prediction.predicted_class == prediction.no_tumour_class:
        return None
    return search.add(prediction.class_map()[..., None], 0, prediction.image, truth, patient)


def _record(
    known: KnownSlice,
    truth: np.ndarray,
    head: np.ndarray,
    name: str,
    class_name: str,
    spacing: tuple[float, float] | None,
    diagonal: float,
) -> SegmentationRecord:
    """Compares the mask that the reading called `name` cuts with the true one, bool [H, W]; so is
    `head`.
    """
    row, prediction = known.row, known.predictions[name]
    delivered = compare(prediction.mask, truth, spacing, prediction.reason, diagonal=diagonal)
    tumour = delivered
    if prediction.predicted_class != prediction.tumour_class:
        cut = prediction.tumour_mask()
        tumour = compare(cut.mask, truth, spacing, cut.reason, diagonal=diagonal)
    by_offset = None
    if prediction.reading.rule in ("multiotsu", "otsu"):
        by_offset = offset_dices(OffsetSearch(prediction.reading, None), prediction, truth, row.group)
    shown = prediction.map
    return SegmentationRecord(
        id=row.id,
        patient=row.group,
        class_name=class_name,
        true_pixels=int(truth.sum()),
        delivered=delivered,
        tumour=tumour,
        average_precision=pixel_average_precision(shown, truth),
        dice_by_offset=by_offset,
        tumour_share=float(truth.sum() / (head.sum() or head.size)),
        average_precision_in_head=pixel_average_precision(shown[head], truth[head]),
        peak_in_tumour=peak_in_tumour(shown, truth, head),
    )
