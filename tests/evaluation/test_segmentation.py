import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation.segmentation import (
    SegmentationRecord,
    compare,
    peak_in_tumour,
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
        "slices": 0,
        "undefined": 1,
    }
    assert set(result["as_delivered"]["classes"]) == {"II", "III"}
    assert result["empty"] == {
        "tumour_slices_without_mask": 2,
        "reasons_on_tumour_slices": {"no_tumour": 2},
        "tumour_free_slices": 2,
        "tumour_free_slices_with_mask": 1,
    }
    assert delivered["dice"]["low"] is None  # three patients
    assert result["oracle_offset"] == {"offset": 0.3, "median_dice": 0.9} and result["distance_unit"] == "mm"
    assert result["average_precision"]["median"] == 0.5
    json.dumps(result, allow_nan=False)


def test_misses_and_spurious_masks_count_with_the_diagonal():
    truth = square(0, 0, 4)
    pairs = [(truth, truth), (truth, square(0, 2, 4)), (truth, EMPTY), (EMPTY, EMPTY), (EMPTY, square(0, 0, 1))]
    records = [
        SegmentationRecord(
            str(number), "p", "II", int(true.sum()), *(2 * [compare(mask, true, diagonal=9.0)]), average_precision=None
        )
        for number, (true, mask) in enumerate(pairs)
    ]
    result = segmentation_metrics(records)
    delivered = result["as_delivered"]["all"]
    assert (delivered["hd95"]["median"], delivered["hd95"]["slices"], delivered["hd95"]["undefined"]) == (1.0, 2, 1)
    found = delivered["hd95_with_misses"]
    assert (found["slices"], found["missed"], found["spurious"]) == (4, 1, 1)
    assert found["mean"] == (0.0 + 2.0 + 9.0 + 9.0) / 4 and found["median"] == 5.5
    # Whatever was predicted, every slice has a mask: those without a tumour would drown the others.
    assert result["any_prediction"]["all"]["hd95_with_misses"]["spurious"] == 0


def test_missing_more_never_looks_better():
    """Emptying masks of tumour slices never lowers the distance in which misses count; HD95 alone it may."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        pairs = [(rng.random((8, 8)) < 0.2, rng.random((8, 8)) < rng.random() * 0.3) for _ in range(6)]
        pairs = [(truth | square(*rng.integers(0, 6, 2), 2), mask) for truth, mask in pairs]
        diagonals = rng.uniform(0.5, 12.0, 6)  # also a head that is smaller than what was marked
        figures = []
        for emptied in range(7):
            records = []
            for index, (truth, mask) in enumerate(pairs):
                kept = np.zeros_like(mask) if index < emptied else mask
                overlap = compare(kept, truth, diagonal=diagonals[index])
                records.append(SegmentationRecord(str(index), "p", "II", int(truth.sum()), overlap, overlap))
            figures.append(segmentation_metrics(records)["as_delivered"]["all"]["hd95_with_misses"])
        for key in ("median", "mean"):
            assert np.all(np.diff([figure[key] for figure in figures]) >= -1e-12)


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


def test_where_masks_lose_by_hand(records):
    """Dice 1, 0.5, 0, 0 of tumours that cover 1, 2, 3 and 4 % of the head."""
    shares, peaks, precisions = (0.01, 0.02, 0.03, 0.04), (True, False, None, True), (0.9, 0.8, None, 0.4)
    changed = [
        dataclasses.replace(record, tumour_share=share, peak_in_tumour=peak, average_precision_in_head=precision)
        for record, share, peak, precision in zip(records[:4], shares, peaks, precisions, strict=True)
    ]
    result = segmentation_metrics([*changed, *records[4:]])
    delivered = result["as_delivered"]
    assert (delivered["all"]["dice_below_0.1"], result["any_prediction"]["all"]["dice_below_0.1"]) == (0.5, 0.25)
    thirds = delivered["thirds"]
    assert [third["dice"]["mean"] for third in thirds.values()] == [0.75, 0.0, 0.0]
    assert [third["slices"] for third in thirds.values()] == [2, 1, 1]
    assert [third["largest_share_of_head"] for third in thirds.values()] == [0.02, 0.03, 0.04]
    assert result["peak"] == {"slices": 3, "in_tumour": 2, "hit_rate": 2 / 3}
    assert result["average_precision_in_head"]["median"] == 0.8 and result["empty_share"] == 0.5


def test_the_peak_is_looked_for_in_the_head():
    heatmap = np.zeros((8, 8))
    heatmap[1, 1], heatmap[7, 7] = 2.0, 5.0
    head = square(0, 0, 6)
    assert peak_in_tumour(heatmap, square(0, 0, 3), head) is True
    assert peak_in_tumour(heatmap, square(3, 3, 3), head) is False
    assert peak_in_tumour(heatmap, square(5, 5, 3), EMPTY) is True  # no head is seen, so the whole slice counts
    assert peak_in_tumour(heatmap, EMPTY, head) is None
