"""What is kept of a judged slice, and its row in predictions.csv."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import SliceRow
from kgp.evaluation.segmentation import SegmentationRecord


@dataclasses.dataclass(frozen=True)
class VolumeDistance:
    """How far the mask of a whole volume lies from the true one, in millimetres.

    Attributes:
        hd95: see `kgp.evaluation.distance.hd95`; None where a mask is empty.
        hd95_with_misses: see `kgp.evaluation.distance.distance_with_misses`.
    """

    hd95: float | None
    hd95_with_misses: float | None


@dataclasses.dataclass(frozen=True)
class JudgedSlice:
    """What is kept of one judged slice.

    Attributes:
        row: the slice.
        target: index of its true class.
        probabilities: float64 [K], by the default reading's number of views.
        segmentations: how the mask of each reading agrees with the true one; empty where there is
            no true mask.
        baseline_dice: Dice of the intensity baseline; None without FLAIR or where no pixel is true.
        volume_distances: of the whole volume for each reading, at the slice that was judged as its
            last; empty elsewhere and where the volume has none.
        grid: (H, W) on which the mask was judged; None without a true mask.
        own_grid: whether that is the grid of the data; None where that is not recorded.
    """

    row: SliceRow
    target: int
    probabilities: np.ndarray
    segmentations: dict[str, SegmentationRecord]
    baseline_dice: float | None = None
    volume_distances: Mapping[str, VolumeDistance] = dataclasses.field(default_factory=dict)
    grid: tuple[int, int] | None = None
    own_grid: bool | None = None

    @property
    def predicted_class(self) -> int:
        """Index of the predicted class."""
        return int(self.probabilities.argmax())

    @property
    def has_tumour(self) -> bool:
        """Whether the slice has a true mask that is not empty."""
        return any(record.true_pixels for record in self.segmentations.values())


def all_spaced(rows: Sequence[SliceRow]) -> bool:
    """Whether every slice has a spacing, so that distances are in millimetres and not in pixels."""
    return all(row.spacing_row and row.spacing_column for row in rows)


def prediction_rows(slices: Sequence[JudgedSlice], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of predictions.csv: person, classes, probabilities, and the Dice of each reading."""
    rows = []
    for judged in slices:
        row: dict[str, Any] = {
            "id": judged.row.id,
            "patient": judged.row.patient,
            "group": judged.row.group,
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
