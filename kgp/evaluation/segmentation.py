"""How well masks agree with true masks: slice by slice, and medians with their intervals."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn import metrics

from kgp.evaluation.bootstrap import patient_bootstrap
from kgp.heatmap.overlap import dice, iou


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How one mask agrees with the true one.

    Attributes:
        dice, iou: in [0, 1], see `dice` and `iou` for empty masks.
        hd95: see `hd95`; None where undefined.
        pixels: size of the mask.
        reason: why the mask is empty (a code of `kgp.heatmap.threshold.REASONS`), or None.
    """

    dice: float
    iou: float
    hd95: float | None
    pixels: int
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class SegmentationRecord:
    """One slice with a true mask.

    Attributes:
        id: slice identifier.
        patient: patient identifier, which the bootstrap goes by.
        class_name: name of the slice's true class.
        true_pixels: size of the true mask; a tumour slice has more than 0.
        delivered: the mask as delivered: empty where "no tumour" was predicted.
        tumour: the mask of the likeliest tumour class, whatever class was predicted.
        average_precision: of the map's pixels against the true mask, or None.
        dice_by_offset: Dice of each offset that a calibration would try, float32 [candidates]; None
            where the reading has no offset or the slice says nothing of it.
    """

    id: str
    patient: str
    class_name: str
    true_pixels: int
    delivered: Overlap
    tumour: Overlap
    average_precision: float | None = None
    dice_by_offset: np.ndarray | None = None


def hd95(mask: np.ndarray, truth: np.ndarray, spacing: tuple[float, float] | None = None) -> float | None:
    """95 % Hausdorff distance between the outlines of two bool masks [H, W].

    The larger of the two directed 95th percentiles of the distance from each outline pixel of one
    mask to the nearest outline pixel of the other. Outline pixels belong to the mask and touch,
    over an edge, a pixel that does not.

    Args:
        spacing: millimetres between rows and between columns; None for distances in pixels.

    Returns:
        The distance in millimetres or pixels; None where a mask is empty.
    """
    if not mask.any() or not truth.any():
        return None
    first, second = _outline(mask), _outline(truth)
    sampling = (1.0, 1.0) if spacing is None else spacing
    to_second = ndimage.distance_transform_edt(~second, sampling=sampling)[first]
    to_first = ndimage.distance_transform_edt(~first, sampling=sampling)[second]
    return float(max(np.percentile(to_second, 95), np.percentile(to_first, 95)))


def pixel_average_precision(heatmap: np.ndarray, truth: np.ndarray) -> float | None:
    """Average precision of a map [H, W] for a bool mask [H, W]; it needs no threshold.

    Returns:
        In [0, 1]; None where no pixel is true.
    """
    if not truth.any():
        return None
    return float(metrics.average_precision_score(truth.ravel(), heatmap.ravel()))


def compare(
    mask: np.ndarray, truth: np.ndarray, spacing: tuple[float, float] | None = None, reason: str | None = None
) -> Overlap:
    """All agreement figures of one bool mask [H, W] with the true one.

    Raises:
        ValueError: the masks differ in shape.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"The mask is {mask.shape} where the true mask is {truth.shape}.")
    mask, truth = mask.astype(bool), truth.astype(bool)
    return Overlap(dice(mask, truth), iou(mask, truth), hd95(mask, truth, spacing), int(mask.sum()), reason)


def segmentation_metrics(
    records: Sequence[SegmentationRecord],
    *,
    distance_unit: str = "pixels",
    oracle: dict[str, Any] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Medians and means of the agreement over slices.

    Medians, with 95 % intervals by bootstrap over patients, and means are taken over tumour slices:
    those whose true mask is not empty. An empty mask on a tumour slice counts with Dice and IoU 0;
    its HD95 is undefined, left out and counted. Slices without a true tumour enter only the counts
    of empty masks.

    Args:
        records: one a slice that has a true mask, which may be empty.
        distance_unit: "mm" or "pixels", what the HD95 values are in.
        oracle: what the best offset chosen on these very masks would give; passed on as
            "oracle_offset", apart from all other figures, as it is no honest result.
        resamples: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Returns:
        A dict of plain JSON values: as_delivered (empty where "no tumour" was predicted) and
        any_prediction (the likeliest tumour class's mask, whatever was predicted), each with "all"
        and "classes" (by true class); average_precision; empty (counts); oracle_offset. Values that
        cannot be computed are None.
    """
    tumour = [record for record in records if record.true_pixels > 0]
    tumour_free = [record for record in records if record.true_pixels == 0]
    names = sorted({record.class_name for record in tumour})
    result: dict[str, Any] = {
        "slices": len(records),
        "tumour_slices": len(tumour),
        "patients": len({record.patient for record in records}),
        "distance_unit": distance_unit,
    }
    for key, field in (("as_delivered", "delivered"), ("any_prediction", "tumour")):
        by_class = {name: [record for record in tumour if record.class_name == name] for name in names}
        result[key] = {
            "all": _summary(tumour, field, resamples, seed),
            "classes": {name: _summary(of_class, field, resamples, seed) for name, of_class in by_class.items()},
        }
    ranked = [record for record in tumour if record.average_precision is not None]
    result["average_precision"] = _median_and_mean(
        [record.average_precision for record in ranked], ranked, resamples, seed
    )
    result["empty"] = {
        "tumour_slices_without_mask": sum(record.delivered.pixels == 0 for record in tumour),
        "reasons_on_tumour_slices": dict(
            Counter(record.delivered.reason or "unknown" for record in tumour if record.delivered.pixels == 0)
        ),
        "tumour_free_slices": len(tumour_free),
        "tumour_free_slices_with_mask": sum(record.delivered.pixels > 0 for record in tumour_free),
    }
    result["oracle_offset"] = oracle
    return result


def _summary(records: list[SegmentationRecord], field: str, resamples: int, seed: int) -> dict[str, Any]:
    overlaps = [getattr(record, field) for record in records]
    with_distance = [
        (overlap.hd95, record) for overlap, record in zip(overlaps, records, strict=True) if overlap.hd95 is not None
    ]
    return {
        "slices": len(records),
        "patients": len({record.patient for record in records}),
        "dice": _median_and_mean([overlap.dice for overlap in overlaps], records, resamples, seed),
        "iou": _median_and_mean([overlap.iou for overlap in overlaps], records, resamples, seed),
        "hd95": {
            **_median_and_mean(
                [value for value, _ in with_distance], [record for _, record in with_distance], resamples, seed
            ),
            "undefined": len(records) - len(with_distance),
        },
    }


def _median_and_mean(values: list[Any], records: list[SegmentationRecord], resamples: int, seed: int) -> dict[str, Any]:
    """Median with interval, and mean, of one value a record."""
    patients = [record.patient for record in records]
    median, low, high = patient_bootstrap(values, patients, resamples=resamples, seed=seed)
    return {"median": median, "low": low, "high": high, "mean": float(np.mean(values)) if values else None}


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)
