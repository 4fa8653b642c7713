"""How well a runtime classifies and segments slices whose truth is known."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow
from kgp.evaluation.baseline import BaselineScore
from kgp.evaluation.classification import classification_metrics
from kgp.evaluation.known_slices import predict_known
from kgp.evaluation.segmentation import SegmentationRecord, compare, pixel_average_precision, segmentation_metrics
from kgp.heatmap.calibrate import OffsetSearch
from kgp.heatmap.reading import Reading
from kgp.prediction.slice import SlicePrediction
from kgp.runtime.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class JudgedSlice:
    """What is kept of one judged slice.

    Attributes:
        row: the slice.
        target: index of its true class.
        probabilities: float64 [K], by the default reading's number of views.
        segmentations: how the mask of each reading agrees with the true one; empty where there is
            no true mask.
    """

    row: SliceRow
    target: int
    probabilities: np.ndarray
    segmentations: dict[str, SegmentationRecord]

    @property
    def predicted_class(self) -> int:
        """Index of the predicted class."""
        return int(self.probabilities.argmax())

    @property
    def has_tumour(self) -> bool:
        """Whether the slice has a true mask that is not empty."""
        return any(record.true_pixels for record in self.segmentations.values())


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
    network = runtime.description
    # Distances are in one unit: in millimetres where that is possible for all slices.
    spaced = all(row.spacing_row and row.spacing_column for row in rows)
    scores = {name: _ReadingScore(reading, network.no_tumour_class, spaced) for name, reading in readings.items()}
    baseline = BaselineScore(network.contrasts)
    slices = []
    for known, target in zip(predict_known(runtime, cohort, rows, readings, channels), targets, strict=True):
        segmentations = {}
        if known.truth is not None:
            class_name = network.class_names[target]
            for name, score in scores.items():
                segmentations[name] = score.add(known.row, known.predictions[name], known.truth, class_name)
            baseline.add(known.predictions[default_reading].image, known.truth, known.row.group)
        probabilities = known.predictions[default_reading].probabilities
        slices.append(JudgedSlice(known.row, target, probabilities, segmentations))
    metrics: dict[str, Any] = {
        "slices": len(rows),
        "patients": len({row.group for row in rows}),
        "class_names": list(network.class_names),
        "no_tumour_class": network.no_tumour_class,
        "classification": classification_metrics(
            np.asarray(targets),
            np.stack([judged.probabilities for judged in slices]),
            network.class_names,
            network.no_tumour_class,
            groups=[row.group for row in rows],
        ),
        "default_reading": default_reading,
        "segmentation": None,
    }
    if any(score.records for score in scores.values()):
        metrics["segmentation"] = {
            name: {
                **score.summary(),
                "reading": score.reading.to_dict(),
                "masks_used": name in network.masks_used,
            }
            for name, score in scores.items()
        }
        metrics["intensity_baseline"] = baseline.summary()
    return Judgement(metrics, slices)


def prediction_rows(slices: Sequence[JudgedSlice], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of predictions.csv: classes, probabilities, and the Dice of each reading."""
    rows = []
    for judged in slices:
        row: dict[str, Any] = {
            "id": judged.row.id,
            "patient": judged.row.patient,
            "true": class_names[judged.target],
            "predicted": class_names[judged.predicted_class],
            **{f"p_{name}": round(float(p), 6) for name, p in zip(class_names, judged.probabilities, strict=True)},
        }
        for name, record in judged.segmentations.items():
            row |= {
                "true_pixels": record.true_pixels,
                f"dice_{name}": record.delivered.dice,
                f"pixels_{name}": record.delivered.pixels,
                f"reason_{name}": record.delivered.reason or "",
            }
        rows.append(row)
    return rows


class _ReadingScore:
    """What one reading achieves, collected slice by slice.

    Args:
        spaced: whether all slices have a spacing: distances in millimetres, else in pixels.
    """

    def __init__(self, reading: Reading, no_tumour_class: int | None, spaced: bool) -> None:
        self.reading = reading
        self.no_tumour_class = no_tumour_class
        self.spaced = spaced
        self.records: list[SegmentationRecord] = []
        self.oracle = OffsetSearch(reading, no_tumour_class) if reading.rule in ("multiotsu", "otsu") else None

    def add(self, row: SliceRow, prediction: SlicePrediction, truth: np.ndarray, class_name: str) -> SegmentationRecord:
        """Compares the mask of one slice with the true one.

        Args:
            truth: true mask bool [H, W].
            class_name: name of the slice's true class.
        """
        delivered = compare(prediction.mask, truth, self._spacing(row), prediction.reason)
        tumour = delivered
        if prediction.predicted_class != prediction.tumour_class:
            cut = prediction.tumour_mask()
            tumour = compare(cut.mask, truth, self._spacing(row), cut.reason)
        record = SegmentationRecord(
            id=row.id,
            patient=row.group,
            class_name=class_name,
            true_pixels=int(truth.sum()),
            delivered=delivered,
            tumour=tumour,
            average_precision=pixel_average_precision(prediction.map, truth),
        )
        self.records.append(record)
        if self.oracle is not None:
            self.oracle.add(prediction.heatmap, prediction.predicted_class, prediction.image, truth, row.group)
        return record

    def _spacing(self, row: SliceRow) -> tuple[float, float] | None:
        return (row.spacing_row or 1.0, row.spacing_column or 1.0) if self.spaced else None

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
