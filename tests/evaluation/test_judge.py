import dataclasses
import json

import numpy as np
import pytest

from kgp.data.cohort import read_image
from kgp.evaluation.distance import head_diagonal
from kgp.evaluation.judge import judge
from kgp.evaluation.judged_slice import prediction_rows
from kgp.files import write_json
from kgp.heatmap.reading import Reading


def judged(runtime, cohort, rows=None, **changes):
    rows = cohort.rows if rows is None else rows
    readings = changes.pop("readings", runtime.description.readings)
    return judge(runtime, cohort, rows, [row.label for row in rows], readings, "zero", **changes)


def test_a_runtime_that_knows_the_answer(tiny_cohort, bright_runtime):
    """FLAIR is 240 in the squares and below 120 elsewhere, so a cut at 150 is exact."""
    metrics = judged(bright_runtime(), tiny_cohort).metrics
    assert metrics["classification"]["accuracy"] == 1.0
    assert metrics["classification"]["confusion_matrix"] == [[10, 0], [0, 10]]
    zero = metrics["segmentation"]["zero"]
    assert (zero["slices"], zero["tumour_slices"], zero["patients"]) == (20, 10, 10)
    for key in ("as_delivered", "any_prediction"):
        assert zero[key]["all"]["dice"]["median"] == 1.0
        assert zero[key]["all"]["hd95"]["median"] == 0.0
    assert zero["empty"]["tumour_free_slices_with_mask"] == 0
    assert zero["masks_used"] is False and metrics["segmentation"]["multiotsu"]["masks_used"] is True
    assert metrics["segmentation"]["multiotsu"]["oracle_offset"]["median_dice_of_slices_called_tumour"] == 1.0
    assert zero["oracle_offset"] is None


def test_misses_count_as_delivered_but_not_whatever_was_predicted(tiny_cohort, bright_runtime):
    """A runtime with a cut at 250 calls nothing a tumour; its map still ranks the square first."""
    runtime = bright_runtime(threshold=2.5)
    readings = {"zero": Reading(map="margin", region="picture", rule="fixed", value=-1.0)}
    metrics = judged(runtime, tiny_cohort, readings=readings).metrics
    assert metrics["classification"]["tumour_only_accuracy"] == 0.0
    zero = metrics["segmentation"]["zero"]
    assert zero["as_delivered"]["all"]["dice"]["median"] == 0.0
    assert zero["any_prediction"]["all"]["dice"]["median"] == 1.0
    assert zero["empty"]["reasons_on_tumour_slices"] == {"no_tumour": 10}


def test_metrics_are_plain_json(tiny_cohort, bright_runtime, tmp_path):
    metrics = judged(bright_runtime(), tiny_cohort).metrics
    write_json(tmp_path / "metrics.json", metrics)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics


def test_slices_without_masks(tiny_cohort, bright_runtime):
    rows = [dataclasses.replace(row, mask="") for row in tiny_cohort.rows]
    judgement = judged(bright_runtime(), tiny_cohort, rows)
    assert judgement.metrics["segmentation"] is None
    assert judgement.metrics["classification"]["accuracy"] == 1.0
    assert not any("dice_zero" in row for row in prediction_rows(judgement.slices, ("no_tumour", "tumour")))


def test_some_slices_without_masks(tiny_cohort, bright_runtime):
    rows = [dataclasses.replace(row, mask="") if index < 10 else row for index, row in enumerate(tiny_cohort.rows)]
    judgement = judged(bright_runtime(), tiny_cohort, rows)
    assert judgement.metrics["segmentation"]["zero"]["slices"] == 10
    assert judgement.metrics["classification"]["slices"] == 20


def test_eight_views_judge_as_one_where_the_runtime_is_equivariant(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    readings = {"zero": dataclasses.replace(runtime.description.readings["zero"], views=8)}
    metrics = judged(runtime, tiny_cohort, readings=readings).metrics
    assert metrics["segmentation"]["zero"]["as_delivered"]["all"]["dice"]["median"] == 1.0


def test_distances_have_one_unit(tiny_cohort, bright_runtime):
    """Millimetres where every slice has a spacing; pixels for all where one lacks it."""
    runtime = bright_runtime(threshold=2.5)
    reading = {"zero": Reading(map="margin", region="picture", rule="quantile", value=0.5)}
    spaced = [dataclasses.replace(row, spacing_row=2.0, spacing_column=2.0) for row in tiny_cohort.rows]
    mixed = [*spaced[:-1], tiny_cohort.rows[-1]]
    distances = {}
    for name, rows in (("spaced", spaced), ("mixed", mixed), ("plain", list(tiny_cohort.rows))):
        zero = judged(runtime, tiny_cohort, rows, readings=reading).metrics["segmentation"]["zero"]
        distances[name] = zero["distance_unit"], zero["any_prediction"]["all"]["hd95"]["median"]
    assert distances["mixed"] == distances["plain"] and distances["plain"][0] == "pixels"
    assert distances["spaced"] == ("mm", 2.0 * distances["plain"][1])


@pytest.mark.parametrize("spacing", [2.0, None])
def test_a_miss_counts_with_the_diagonal_of_the_head(tiny_cohort, bright_runtime, spacing):
    rows = [dataclasses.replace(row, spacing_row=spacing, spacing_column=spacing) for row in tiny_cohort.rows]
    zero = judged(bright_runtime(threshold=9.0), tiny_cohort, rows).metrics["segmentation"]["zero"]
    found = zero["as_delivered"]["all"]
    diagonals = [head_diagonal(read_image(tiny_cohort, row)) for row in rows if row.label]
    assert (found["hd95"]["median"], found["hd95"]["slices"], found["hd95"]["undefined"]) == (None, 0, 10)
    assert found["hd95_with_misses"]["median"] == pytest.approx((spacing or 1.0) * np.median(diagonals))
    assert (found["hd95_with_misses"]["slices"], found["hd95_with_misses"]["missed"]) == (10, 10)


def test_metrics_say_what_they_mean(tiny_cohort, bright_runtime):
    metrics = judged(bright_runtime(), tiny_cohort).metrics
    assert "zero_division=0" in metrics["definitions"]["macro_precision, macro_recall, macro_f1"]
    assert "dice" in metrics["definitions"]
    rows = [dataclasses.replace(row, mask="") for row in tiny_cohort.rows]
    assert "dice" not in judged(bright_runtime(), tiny_cohort, rows).metrics["definitions"]


def test_patients_are_judged_as_one(tiny_cohort, bright_runtime):
    found = judged(bright_runtime(), tiny_cohort).metrics["patient_level"]
    assert (found["patients"], found["accuracy"], found["confusion_matrix"]) == (10, 1.0, [[0, 0], [0, 10]])
    assert found["intervals"]["accuracy"] == [1.0, 1.0]
