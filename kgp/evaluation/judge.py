"""Judging a runtime on slices whose truth is known: streamed, one batch of pixels in memory at a time."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow, read_image, read_mask
from kgp.evaluation.baseline import intensity_baseline
from kgp.evaluation.bootstrap import patient_bootstrap
from kgp.evaluation.classification import classification_metrics
from kgp.evaluation.segmentation import SegmentationRecord, compare, dice, pixel_average_precision, segmentation_metrics
from kgp.heatmap.calibrate import Case, OffsetSearch
from kgp.heatmap.reading import Reading
from kgp.heatmap.threshold import MaskResult, cut_mask
from kgp.heatmap.views import average_views
from kgp.runtime.runtime import Runtime, probabilities, tumour_class

_log = logging.getLogger(__name__)
_BATCH = 16
_BASELINE_CONTRAST = "FLAIR"


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a runtime says of one slice.

    Attributes:
        row: the slice.
        image: raw intensities [H, W, C], in the runtime's order of contrasts.
        mask: true mask bool [H, W], or None.
        answers: (logits [K], heatmap [H, W, K]) for each number of views that a reading asks for.
    """

    row: SliceRow
    image: np.ndarray
    mask: np.ndarray | None
    answers: dict[int, tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The outcome of `judge`.

    Attributes:
        metrics: the content of metrics.json, plain JSON values.
        table: one dict a slice: id, patient, true and predicted class, probabilities, Dice of each reading.
    """

    metrics: dict[str, Any]
    table: list[dict[str, Any]]


def predictions(
    runtime: Runtime, cohort: Cohort, rows: Sequence[SliceRow], channels: Sequence[int], views: set[int]
) -> Iterator[Prediction]:
    """Predicts slices in order, batch by batch.

    Args:
        channels: which channel of the cohort is each of the runtime's contrasts.
        views: numbers of views wanted, of 1 and 8.
    """
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        images = np.stack([read_image(cohort, row)[..., list(channels)] for row in batch])
        answers = {
            number: average_views(runtime.predict, images) if number == 8 else runtime.predict(images)
            for number in sorted(views)
        }
        for index, row in enumerate(batch):
            yield Prediction(
                row,
                images[index],
                read_mask(cohort, row),
                {number: (logits[index], maps[index]) for number, (logits, maps) in answers.items()},
            )
        if start % (10 * _BATCH) == 0 and len(rows) > 10 * _BATCH:
            _log.info("judged %d of %d slices", start + len(batch), len(rows))


def masks_of(prediction: Prediction, reading: Reading, no_tumour_class: int | None) -> tuple[MaskResult, MaskResult]:
    """The mask as delivered (empty where "no tumour" is predicted), and the likeliest tumour class's mask."""
    logits, heatmap = prediction.answers[reading.views]
    predicted, likeliest = int(logits.argmax()), tumour_class(logits, no_tumour_class)
    delivered = cut_mask(heatmap, predicted, reading, image=prediction.image, no_tumour_class=no_tumour_class)
    if predicted == likeliest:
        return delivered, delivered
    return delivered, cut_mask(heatmap, likeliest, reading, image=prediction.image, no_tumour_class=no_tumour_class)


def judge(
    runtime: Runtime,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    targets: Sequence[int],
    readings: dict[str, Reading],
    default_reading: str,
    channels: Sequence[int] | None = None,
) -> Judgement:
    """Classification and, where the slices have masks, segmentation by each reading.

    Args:
        rows, targets: the slices and their class indices.
        readings: by name.
        default_reading: its number of views decides the predicted class.
        channels: see `predictions`; default the cohort's channels in order.
    """
    channels = range(cohort.shape[2]) if channels is None else channels
    views = {reading.views for reading in readings.values()}
    # Distances are in one unit: in millimetres where that is possible for all slices.
    spaced = all(row.spacing_row and row.spacing_column for row in rows)
    measured = {name: _ReadingJudge(reading, runtime.no_tumour_class, spaced) for name, reading in readings.items()}
    baseline = _Baseline(runtime.contrasts)
    scores: list[np.ndarray] = []
    table = []
    for prediction, target in zip(predictions(runtime, cohort, rows, channels, views), targets, strict=True):
        score = probabilities(prediction.answers[readings[default_reading].views][0])
        scores.append(score)
        line = _line(prediction.row, target, score, runtime.class_names)
        if prediction.mask is not None:
            for name, judged in measured.items():
                line |= judged.add(prediction, runtime.class_names[target], name)
            baseline.add(prediction)
        table.append(line)
    metrics: dict[str, Any] = {
        "slices": len(rows),
        "patients": len({row.group for row in rows}),
        "class_names": list(runtime.class_names),
        "no_tumour_class": runtime.no_tumour_class,
        "classification": classification_metrics(
            np.asarray(targets),
            np.stack(scores),
            runtime.class_names,
            runtime.no_tumour_class,
            groups=[row.group for row in rows],
        ),
        "default_reading": default_reading,
        "segmentation": None,
    }
    if any(judged.records for judged in measured.values()):
        metrics["segmentation"] = {
            name: {
                **judged.summary(),
                "reading": judged.reading.to_dict(),
                "masks_used": name in runtime.masks_used,
            }
            for name, judged in measured.items()
        }
        metrics["intensity_baseline"] = baseline.summary()
    return Judgement(metrics, table)


class _ReadingJudge:
    """Collects what one reading achieves; distances are in millimetres where all slices are `spaced`, else in pixels."""

    def __init__(self, reading: Reading, no_tumour_class: int | None, spaced: bool) -> None:
        self.reading = reading
        self.no_tumour_class = no_tumour_class
        self.spaced = spaced
        self.records: list[SegmentationRecord] = []
        self.oracle = OffsetSearch(reading, no_tumour_class) if reading.rule in ("multiotsu", "otsu") else None

    def add(self, prediction: Prediction, class_name: str, name: str) -> dict[str, Any]:
        """Judges one slice with a mask; returns its columns of the table."""
        row, truth = prediction.row, prediction.mask
        if truth is None:
            return {}
        delivered, tumour = masks_of(prediction, self.reading, self.no_tumour_class)
        spacing = (row.spacing_row or 1.0, row.spacing_column or 1.0) if self.spaced else None
        record = SegmentationRecord(
            id=row.id,
            patient=row.group,
            class_name=class_name,
            true_pixels=int(truth.sum()),
            delivered=compare(delivered.mask, truth, spacing, delivered.reason),
            tumour=compare(tumour.mask, truth, spacing, tumour.reason),
            average_precision=pixel_average_precision(tumour.map, truth),
        )
        self.records.append(record)
        if self.oracle is not None:
            logits, heatmap = prediction.answers[self.reading.views]
            self.oracle.add(Case(heatmap, int(logits.argmax()), prediction.image, truth, row.group))
        return {
            "true_pixels": record.true_pixels,
            f"dice_{name}": record.delivered.dice,
            f"pixels_{name}": record.delivered.pixels,
            f"reason_{name}": record.delivered.reason or "",
        }

    def summary(self) -> dict[str, Any]:
        """The segmentation part of metrics.json for this reading."""
        oracle = None
        if self.oracle is not None:
            offset, value = self.oracle.best()
            oracle = {
                "offset": offset,
                "median_dice_of_slices_called_tumour": value,
                "note": "chosen on these very masks; an upper bound, not a result",
            }
        return segmentation_metrics(self.records, distance_unit="mm" if self.spaced else "pixels", oracle=oracle)


class _Baseline:
    """Dice of what is bright in FLAIR, for comparison."""

    def __init__(self, contrasts: Sequence[str]) -> None:
        self.channel = contrasts.index(_BASELINE_CONTRAST) if _BASELINE_CONTRAST in contrasts else None
        self.values: list[float] = []
        self.patients: list[str] = []

    def add(self, prediction: Prediction) -> None:
        if self.channel is not None and prediction.mask is not None and prediction.mask.any():
            self.values.append(dice(intensity_baseline(prediction.image, self.channel), prediction.mask))
            self.patients.append(prediction.row.group)

    def summary(self) -> dict[str, Any] | None:
        if not self.values:
            return None
        median, low, high = patient_bootstrap(self.values, self.patients)
        return {
            "what": f"Otsu on {_BASELINE_CONTRAST} inside the head, with clean-up",
            "median_dice": median,
            "low": low,
            "high": high,
        }


def _line(row: SliceRow, target: int, score: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    predicted = int(score.argmax())
    return {
        "id": row.id,
        "patient": row.patient,
        "true": class_names[target],
        "predicted": class_names[predicted],
        **{f"p_{name}": round(float(value), 6) for name, value in zip(class_names, score, strict=True)},
    }
