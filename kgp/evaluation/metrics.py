"""The content of metrics.json, from judged slices of one run or of several pooled."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, prepared_size
from kgp.evaluation.baseline import baseline_summary
from kgp.evaluation.bootstrap import few_patients
from kgp.evaluation.classification import classification_metrics
from kgp.evaluation.definitions import CLASSIFICATION, SEGMENTATION, grid_words, own_grid_words
from kgp.evaluation.judged_slice import JudgedSlice, all_spaced
from kgp.evaluation.patient_level import patient_metrics
from kgp.evaluation.segmentation import SegmentationRecord, segmentation_metrics
from kgp.evaluation.volumes import patient_dice, volume_metrics
from kgp.heatmap.calibrate import OffsetSearch
from kgp.heatmap.reading import Reading
from kgp.runtime.description import Description


def metrics_of(
    slices: Sequence[JudgedSlice],
    network: Description,
    readings: Mapping[str, Reading],
    default_reading: str,
    cohort: Cohort,
) -> dict[str, Any]:
    """All figures of judged slices.

    Slices of several runs may stand together, such as the test parts of all folds, where each was
    judged by a network that had not seen it; distances must then have been judged in one unit (see
    `kgp.evaluation.judge.judge_slices`).

    Args:
        slices: at least one; no slice twice.
        network: class names, contrasts and which readings used masks.
        readings: by name.
        default_reading: the reading that decided the predicted classes.
        cohort: the data that the slices are of; of several data sets, any one.

    Returns:
        A dict of plain JSON values.
    """
    rows = [judged.row for judged in slices]
    groups = [row.group for row in rows]
    targets = np.array([judged.target for judged in slices])
    probabilities = np.stack([judged.probabilities for judged in slices])
    patients = len(set(groups))
    metrics: dict[str, Any] = {
        "slices": len(rows),
        "patients": patients,
        "why_no_intervals": few_patients(patients),
        "class_names": list(network.class_names),
        "no_tumour_class": network.no_tumour_class,
        "classification": classification_metrics(
            targets, probabilities, network.class_names, network.no_tumour_class, groups=groups
        ),
        "patient_level": patient_metrics(targets, probabilities, network.no_tumour_class, groups),
        "default_reading": default_reading,
        "segmentation": None,
    }
    if any(judged.segmentations for judged in slices):
        unit = "mm" if all_spaced(rows) else "pixels"
        metrics["grid"] = _grid(slices, cohort)
        metrics["segmentation"] = {
            name: {
                **_segmentation(slices, name, reading, network.no_tumour_class, unit),
                "reading": reading.to_dict(),
                "masks_used": name in network.masks_used,
            }
            for name, reading in readings.items()
        }
        metrics["intensity_baseline"] = baseline_summary(
            [
                (judged.baseline_dice, judged.row.group)
                for judged in slices
                if judged.baseline_dice is not None  # no FLAIR, or no tumour
            ]
        )
    definitions = CLASSIFICATION | SEGMENTATION if metrics["segmentation"] else CLASSIFICATION
    return metrics | {"definitions": definitions}


def _grid(slices: Sequence[JudgedSlice], cohort: Cohort) -> str:
    """On which grid masks were judged, as a sentence."""
    masked = [judged for judged in slices if judged.grid is not None]
    on_own = [judged for judged in masked if judged.own_grid]
    size, (height, width) = prepared_size(cohort), cohort.shape[:2]
    if on_own and len(on_own) < len(masked):
        return (
            f"Masks of {len(on_own)} slices were judged on the grid of the data, and of {len(masked) - len(on_own)} on the "
            "slices as prepared by an earlier version; figures of the two are not comparable."
        )
    if on_own and size != 0:
        return own_grid_words({judged.grid for judged in masked if judged.grid}, (height, width))
    return grid_words(height, width, size)


def _segmentation(
    slices: Sequence[JudgedSlice], name: str, reading: Reading, no_tumour_class: int | None, unit: str
) -> dict[str, Any]:
    """The segmentation part of metrics.json for one reading."""
    records = [judged.segmentations[name] for judged in slices if judged.segmentations]
    oracle = _oracle(records, reading, no_tumour_class) if reading.rule in ("multiotsu", "otsu") else None
    found = segmentation_metrics(records, distance_unit=unit, oracle=oracle)
    return found | {"volumes": volume_metrics(slices, name), "patient_dice": patient_dice(slices, name)}


def _oracle(records: Sequence[SegmentationRecord], reading: Reading, no_tumour_class: int | None) -> dict[str, Any]:
    """What the best offset chosen on these very masks would give."""
    search = OffsetSearch(reading, no_tumour_class)
    for record in records:
        if record.dice_by_offset is not None:
            search.add_dice(record.dice_by_offset, record.patient)
    offset, value = search.best()
    return {
        "offset": offset,
        "median_dice_of_slices_called_tumour": value,
        "note": "chosen on these very masks; an upper bound, not a result",
    }
