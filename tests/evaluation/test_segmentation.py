import json

import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation.segmentation import (
    SegmentationRecord,
    compare,
    hd95,
    pixel_average_precision,
    segmentation_metrics,
)
from kgp.heatmap.overlap import dice, iou

EMPTY = np.zeros((8, 8), bool)


def square(row: int, column: int, side: int, size: int = 8) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[row : row + side, column : column + side] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "truth", "expected"),
    [
        (square(0, 0, 4), square(0, 0, 4), (1.0, 1.0, 0.0)),
        (square(0, 0, 4), square(0, 2, 4), (0.5, 1 / 3, 2.0)),
        (square(0, 0, 1), square(0, 5, 1), (0.0, 0.0, 5.0)),
        (EMPTY, EMPTY, (1.0, 1.0, None)),
        (EMPTY, square(0, 0, 2), (0.0, 0.0, None)),
        (square(0, 0, 2), EMPTY, (0.0, 0.0, None)),
    ],
    ids=["equal", "shifted", "apart", "both empty", "mask empty", "truth empty"],
)
def test_agreement_by_hand(mask, truth, expected):
    overlap = compare(mask, truth)
    assert (overlap.dice, overlap.iou, overlap.hd95) == pytest.approx(expected)
    assert (dice(mask, truth), iou(mask, truth)) == pytest.approx(expected[:2])
    assert overlap.pixels == mask.sum()


def test_distance_follows_the_spacing_and_is_symmetric():
    first, second = square(0, 0, 1), square(3, 4, 1)
    assert hd95(first, second) == 5.0
    assert hd95(first, second, (2.0, 0.5)) == pytest.approx(np.hypot(6.0, 2.0))
    big, small = square(0, 0, 8), square(3, 3, 1)
    assert hd95(big, small) == hd95(small, big) > 4.0


def test_distance_is_measured_between_outlines():
    solid, ring = square(4, 4, 24, 32), square(4, 4, 24, 32)
    ring[5:27, 5:27] = False
    assert hd95(solid, ring) == pytest.approx(1.0, abs=1.0)


def test_average_precision_of_pixels():
    generator = np.random.default_rng(0)
    heatmap, truth = generator.random((8, 8)), generator.random((8, 8)) > 0.7
    expected = metrics.average_precision_score(truth.ravel(), heatmap.ravel())
    assert pixel_average_precision(heatmap, truth) == pytest.approx(expected)
    assert pixel_average_precision(truth.astype(float), truth) == 1.0
    assert pixel_average_precision(heatmap, EMPTY) is None


def record(
    number: int, patient: str, name: str, truth: np.ndarray, delivered: np.ndarray, tumour: np.ndarray | None = None
) -> SegmentationRecord:
    reason = None if delivered.any() else "no_tumour"
    return SegmentationRecord(
        str(number),
        patient,
        name,
        int(truth.sum()),
        compare(delivered, truth, reason=reason),
        compare(delivered if tumour is None else tumour, truth),
        0.5 if truth.any() else None,
    )


@pytest.fixture
def records() -> list[SegmentationRecord]:
    truth = square(0, 0, 4)
    return [
        record(0, "a", "II", truth, truth),
        record(1, "a", "II", truth, square(0, 2, 4)),
        record(2, "b", "II", truth, EMPTY, truth),
        record(3, "c", "III", truth, EMPTY, EMPTY),
        record(4, "c", "none", EMPTY, EMPTY),
        record(5, "c", "none", EMPTY, square(0, 0, 1)),
    ]


def test_summary_by_hand(records):
    result = segmentation_metrics(records, distance_unit="mm", oracle={"offset": 0.3, "median_dice": 0.9})
    assert (result["slices"], result["tumour_slices"], result["patients"]) == (6, 4, 3)
    delivered, any_prediction = result["as_delivered"]["all"], result["any_prediction"]["all"]
    assert delivered["dice"]["median"] == 0.25 and delivered["dice"]["mean"] == 0.375
    assert any_prediction["dice"]["median"] == 0.75
    assert delivered["hd95"]["median"] == 1.0 and delivered["hd95"]["undefined"] == 2
    assert result["as_delivered"]["classes"]["II"]["dice"]["median"] == 0.5
    assert result["as_delivered"]["classes"]["III"]["hd95"] == {
        "median": None,
        "low": None,
        "high": None,
        "mean": None,
        "undefined": 1,
    }
    assert set(result["as_delivered"]["classes"]) == {"II", "III"}
    assert result["empty"] == {
        "tumour_slices_without_mask": 2,
        "reasons_on_tumour_slices": {"no_tumour": 2},
        "tumour_free_slices": 2,
        "tumour_free_slices_with_mask": 1,
    }
    assert delivered["dice"]["low"] <= 0.25 <= delivered["dice"]["high"]
    assert result["oracle_offset"] == {"offset": 0.3, "median_dice": 0.9} and result["distance_unit"] == "mm"
    assert result["average_precision"]["median"] == 0.5
    json.dumps(result, allow_nan=False)


def test_single_patient_has_no_interval(records):
    result = segmentation_metrics(records[:2])["as_delivered"]["all"]["dice"]
    assert result["median"] == 0.75 and result["low"] is None and result["high"] is None


@pytest.mark.parametrize("chosen", [slice(0, 0), slice(4, 6)], ids=["no slice", "tumour-free only"])
def test_without_tumour_slices_everything_is_none(records, chosen):
    result = segmentation_metrics(records[chosen])
    assert result["tumour_slices"] == 0 and result["as_delivered"]["all"]["dice"]["median"] is None
    assert result["as_delivered"]["classes"] == {} and result["oracle_offset"] is None
    json.dumps(result, allow_nan=False)


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\) where the true mask is \(8, 8\)"):
        compare(np.zeros((4, 4), bool), EMPTY)
