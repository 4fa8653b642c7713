import dataclasses
import json

import numpy as np
import pytest

from kgp.evaluation.distance import hd95
from kgp.evaluation.judge import judge

SPACING = {"spacing_row": 1.0, "spacing_column": 1.0, "spacing_slice": 4.0}


def volumes(cohort, slices_each=4, **spacing):
    """The rows of a cohort as volumes of so many neighbouring slices."""
    return [
        dataclasses.replace(row, volume=f"v{number // slices_each}", index=number % slices_each, **spacing)
        for number, row in enumerate(cohort.rows)
    ]


def judged(runtime, cohort, rows):
    return judge(runtime, cohort, rows, [row.label for row in rows], runtime.description.readings, "zero")


def test_dice_of_a_volume_is_that_of_its_slices_laid_together(tiny_cohort, bright_runtime):
    """The cut of FLAIR at 95 % marks noise too, so every slice has true and false pixels."""
    judgement = judged(bright_runtime(threshold=1.15), tiny_cohort, volumes(tiny_cohort))
    found = judgement.metrics["segmentation"]["zero"]["volumes"]
    expected = []
    for number in range(5):
        records = [piece.segmentations["zero"] for piece in judgement.slices[4 * number : 4 * number + 4]]
        common = sum(record.delivered.common for record in records)
        expected.append(2 * common / sum(record.delivered.pixels + record.true_pixels for record in records))
    assert found["dice"]["median"] == pytest.approx(np.median(expected)) and found["dice"]["median"] < 1.0
    assert (found["volumes"], found["tumour_volumes"]) == (5, 5)
    assert found["hd95"] is None and "spacing_slice" in found["why_no_hd95"]
    json.dumps(found, allow_nan=False)


def test_distance_of_volumes_in_three_dimensions(tiny_cohort, bright_runtime):
    runtime = bright_runtime(threshold=1.15)
    rows = volumes(tiny_cohort, **SPACING)
    found = judged(runtime, tiny_cohort, rows).metrics["segmentation"]["zero"]["volumes"]
    assert found["hd95"]["volumes"] == 5 and found["distance_unit"] == "mm"
    masks = [np.load(tiny_cohort.folder / row.mask) > 0 for row in rows]
    images = [np.load(tiny_cohort.folder / row.image)[..., 1] for row in rows]
    expected = [
        hd95(np.stack(images[start : start + 4]) > 115, np.stack(masks[start : start + 4]), (4.0, 1.0, 1.0))
        for start in range(0, 20, 4)
    ]
    assert found["hd95"]["median"] == pytest.approx(np.median(expected))
    shuffled = [rows[index] for index in np.random.default_rng(0).permutation(20)]
    again = judged(runtime, tiny_cohort, shuffled).metrics["segmentation"]["zero"]["volumes"]
    assert again["hd95"]["median"] == found["hd95"]["median"]


def test_missed_volumes_are_left_out_and_count_with_misses(tiny_cohort, bright_runtime):
    found = judged(bright_runtime(threshold=9.0), tiny_cohort, volumes(tiny_cohort, **SPACING))
    found = found.metrics["segmentation"]["zero"]["volumes"]
    assert (found["hd95"]["volumes"], found["hd95"]["median"], found["dice"]["median"]) == (0, None, 0.0)
    assert found["hd95_with_misses"]["volumes"] == 5
    assert found["hd95_with_misses"]["median"] == pytest.approx(np.hypot(np.hypot(16, 16), 4 * 4.0))


def test_a_gap_between_slices_leaves_no_distance(tiny_cohort, bright_runtime):
    rows = [dataclasses.replace(row, index=2 * row.index) for row in volumes(tiny_cohort, **SPACING)]
    found = judged(bright_runtime(), tiny_cohort, rows).metrics["segmentation"]["zero"]["volumes"]
    assert found["hd95"] is None and found["dice"]["median"] == 1.0


def test_single_slices_have_no_volumes(tiny_cohort, bright_runtime):
    found = judged(bright_runtime(), tiny_cohort, tiny_cohort.rows).metrics["segmentation"]["zero"]
    assert found["volumes"] is None


def test_slices_of_a_patient_are_laid_together(tiny_cohort, bright_runtime):
    """The cut of FLAIR at 115 marks noise in both slices of each patient; volumes of two patients are other sums."""
    judgement = judged(bright_runtime(threshold=1.15), tiny_cohort, volumes(tiny_cohort))
    found = judgement.metrics["segmentation"]["zero"]["patient_dice"]
    expected = []
    for number in range(0, 20, 2):
        records = [piece.segmentations["zero"] for piece in judgement.slices[number : number + 2]]
        common = sum(record.delivered.common for record in records)
        expected.append(2 * common / sum(record.delivered.pixels + record.true_pixels for record in records))
    assert found["dice"]["median"] == pytest.approx(np.median(expected))
    assert (found["patients"], found["tumour_patients"], found["tumour_free_patients_with_mask"]) == (10, 10, 0)
