"""How well masks agree with true masks: slice by slice, and medians with their intervals."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from kgp.evaluation.bootstrap import RESAMPLES
from kgp.evaluation.distance import distance_with_misses, hd95
from kgp.evaluation.median import median_and_mean
from kgp.evaluation.size_thirds import THIRDS, size_thirds
from kgp.heatmap.overlap import dice, iou

MISPLACED = 0.1  # the Dice below which a map is in the wrong place


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How one mask agrees with the true one.

    Attributes:
        dice, iou: in [0, 1], see `dice` and `iou` for empty masks.
        hd95: see `kgp.evaluation.distance.hd95`; None where undefined.
        pixels: size of the mask.
        reason: why the mask is empty (a code of `kgp.heatmap.threshold.REASONS`), or None.
        common: pixels that mask and truth share.
        hd95_with_misses: see `kgp.evaluation.distance.distance_with_misses`.
    """

    dice: float
    iou: float
    hd95: float | None
    pixels: int
    reason: str | None = None
    common: int = 0
    hd95_with_misses: float | None = None


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
        tumour_share: share of the head's pixels that are true (of the slice's where no head is
            seen).
        average_precision_in_head: as `average_precision`, of the head's pixels alone.
        peak_in_tumour: whether the map's highest pixel inside the head is true; None where no pixel
            is.
    """

    id: str
    patient: str
    class_name: str
    true_pixels: int
    delivered: Overlap
    tumour: Overlap
    average_precision: float | None = None
    dice_by_offset: np.ndarray | None = None
    tumour_share: float = 0.0
    average_precision_in_head: float | None = None
    peak_in_tumour: bool | None = None


def pixel_average_precision(heatmap: np.ndarray, truth: np.ndarray) -> float | None:
    """Average precision of a map for a bool mask, both [H, W] or [N]; it needs no threshold.

    Returns:
        In [0, 1]; None where no pixel is true.
    """
    if not truth.any():
        return None
    return float(metrics.average_precision_score(truth.ravel(), heatmap.ravel()))


def peak_in_tumour(heatmap: np.ndarray, truth: np.ndarray, head: np.ndarray) -> bool | None:
    """Whether a map's highest pixel (the first of several) inside the head is true.

    Args:
        heatmap: [H, W].
        truth, head: bool [H, W]; without a head the whole slice counts.

    Returns:
        None where no pixel is true.
    """
    if not truth.any():
        return None
    inside = np.where(head, heatmap, -np.inf) if head.any() else heatmap
    return bool(truth.flat[inside.argmax()])


def compare(
    mask: np.ndarray,
    truth: np.ndarray,
    spacing: tuple[float, float] | None = None,
    reason: str | None = None,
    *,
    diagonal: float | None = None,
) -> Overlap:
    """All agreement figures of one bool mask [H, W] with the true one.

    Args:
        spacing: millimetres between rows and between columns; None for distances in pixels.
        reason: why the mask is empty.
        diagonal: what a missed or spurious mask counts as a distance; without it that is None.

    Raises:
        ValueError: the masks differ in shape.
    """
    if mask.shape != truth.shape:
        raise ValueError(f"The mask is {mask.shape} where the true mask is {truth.shape}.")
    mask, truth = mask.astype(bool), truth.astype(bool)
    distance = hd95(mask, truth, spacing)
    return Overlap(
        dice=dice(mask, truth),
        iou=iou(mask, truth),
        hd95=distance,
        pixels=int(mask.sum()),
        reason=reason,
        common=int((mask & truth).sum()),
        hd95_with_misses=None if diagonal is None else distance_with_misses(mask, truth, distance, diagonal),
    )


def segmentation_metrics(
    records: Sequence[SegmentationRecord],
    *,
    distance_unit: str = "pixels",
    oracle: dict[str, Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Medians and means of the agreement over slices.

    Medians, with 95 % intervals by bootstrap over patients, and means are taken over tumour slices:
    those whose true mask is not empty. An empty mask on a tumour slice counts with Dice and IoU 0;
    its HD95 is undefined, left out and counted. In hd95_with_misses it counts with the head's
    diagonal, and so does, over all slices as delivered, a mask on a slice without a true tumour;
    else such slices enter only the counts of empty masks.

    Args:
        records: one a slice that has a true mask, which may be empty.
        distance_unit: "mm" or "pixels", what the HD95 values are in.
        oracle: what the best offset chosen on these very masks would give; passed on as
            "oracle_offset", apart from all other figures, as it is no honest result.
        resamples: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Returns:
        A dict of plain JSON values: as_delivered (empty where "no tumour" was predicted) and
        any_prediction (the likeliest tumour class's mask, whatever was predicted), each with "all",
        "classes" (by true class) and "thirds" (by size, see `size_thirds`); average_precision;
        average_precision_in_head; peak; empty_share; empty (counts); oracle_offset. Values that cannot be
        computed are None.
    """
    tumour = [record for record in records if record.true_pixels > 0]
    tumour_free = [record for record in records if record.true_pixels == 0]
    names = sorted({record.class_name for record in tumour})
    thirds = size_thirds([record.tumour_share for record in tumour])
    result: dict[str, Any] = {
        "slices": len(records),
        "tumour_slices": len(tumour),
        "patients": len({record.patient for record in records}),
        "distance_unit": distance_unit,
    }
    for key, field in (("as_delivered", "delivered"), ("any_prediction", "tumour")):
        by_class = {name: [record for record in tumour if record.class_name == name] for name in names}
        spurious = [record for record in tumour_free if key == "as_delivered" and record.delivered.pixels]
        result[key] = {
            "all": _summary(tumour, field, resamples, seed, spurious),
            "classes": {name: _summary(of_class, field, resamples, seed) for name, of_class in by_class.items()},
            "thirds": _by_size(tumour, thirds, field, resamples, seed),
        }
    for key in ("average_precision", "average_precision_in_head"):
        pairs = [(value, record.patient) for record in tumour if (value := getattr(record, key)) is not None]
        result[key] = median_and_mean([value for value, _ in pairs], [name for _, name in pairs], resamples, seed)
    peaks = [record.peak_in_tumour for record in tumour if record.peak_in_tumour is not None]
    result["peak"] = {"slices": len(peaks), "in_tumour": sum(peaks), "hit_rate": _share(sum(peaks), len(peaks))}
    without_mask = sum(record.delivered.pixels == 0 for record in tumour)
    result["empty_share"] = _share(without_mask, len(tumour))
    result["empty"] = {
        "tumour_slices_without_mask": without_mask,
        "reasons_on_tumour_slices": dict(
            Counter(record.delivered.reason or "unknown" for record in tumour if record.delivered.pixels == 0)
        ),
        "tumour_free_slices": len(tumour_free),
        "tumour_free_slices_with_mask": sum(record.delivered.pixels > 0 for record in tumour_free),
    }
    result["oracle_offset"] = oracle
    return result


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _by_size(
    tumour: Sequence[SegmentationRecord], thirds: np.ndarray, field: str, resamples: int, seed: int
) -> dict[str, Any]:
    """Dice of the tumour slices of each third, and up to which share of the head the third goes."""
    found = {}
    for number, name in enumerate(THIRDS):
        records = [record for record, third in zip(tumour, thirds, strict=True) if third == number]
        dices = [getattr(record, field).dice for record in records]
        found[name] = {
            "slices": len(records),
            "largest_share_of_head": max((record.tumour_share for record in records), default=None),
            "dice": median_and_mean(dices, [record.patient for record in records], resamples, seed),
        }
    return found


def _summary(
    records: Sequence[SegmentationRecord],
    field: str,
    resamples: int,
    seed: int,
    spurious: Sequence[SegmentationRecord] = (),
) -> dict[str, Any]:
    """Figures of tumour slices; `spurious` have a mask and no tumour."""

    def summary(key: str, chosen: Sequence[SegmentationRecord]) -> tuple[dict[str, Any], int]:
        """Median and mean over the records where the value is defined, and their number."""
        pairs = [
            (value, record.patient) for record in chosen if (value := getattr(getattr(record, field), key)) is not None
        ]
        values, patients = [value for value, _ in pairs], [patient for _, patient in pairs]
        return median_and_mean(values, patients, resamples, seed), len(pairs)

    distance, defined = summary("hd95", records)
    with_misses, counted = summary("hd95_with_misses", [*records, *spurious])
    return {
        "slices": len(records),
        "patients": len({record.patient for record in records}),
        "dice": summary("dice", records)[0],
        "dice_below_0.1": _share(sum(getattr(record, field).dice < MISPLACED for record in records), len(records)),
        "iou": summary("iou", records)[0],
        "hd95": {**distance, "slices": defined, "undefined": len(records) - defined},
        "hd95_with_misses": {
            **with_misses,
            "slices": counted,
            "missed": sum(getattr(record, field).pixels == 0 for record in records),
            "spurious": len(spurious),
        },
    }
