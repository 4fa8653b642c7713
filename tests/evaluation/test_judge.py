import dataclasses
import json

import numpy as np
import pytest

from kgp.evaluation.judge import judge, predict_known, prediction_rows
from kgp.files import write_json
from kgp.heatmap.reading import BEST, Reading


def judged(runtime, cohort, rows=None, **changes):
    rows = cohort.rows if rows is None else rows
    readings = changes.pop("readings", runtime.description.readings)
    return judge(runtime, cohort, rows, [row.label for row in rows], readings, "zero", **changes)


def test_a_runtime_that_knows_the_answer(tiny_cohort, bright_runtime):
    """FLAIR is 240 in the squares and below 120 elsewhere, so a cut at 150 is exact."""
    found = judged(bright_runtime(), tiny_cohort).metrics
    assert found["classification"]["accuracy"] == 1.0
    assert found["classification"]["confusion_matrix"] == [[10, 0], [0, 10]]
    zero = found["segmentation"]["zero"]
    assert (zero["slices"], zero["tumour_slices"], zero["patients"]) == (20, 10, 10)
    for key in ("as_delivered", "any_prediction"):
        assert zero[key]["all"]["dice"]["median"] == 1.0
        assert zero[key]["all"]["hd95"]["median"] == 0.0
    assert zero["empty"]["tumour_free_slices_with_mask"] == 0
    assert zero["masks_used"] is False and found["segmentation"]["multiotsu"]["masks_used"] is True
    assert found["segmentation"]["multiotsu"]["oracle_offset"]["median_dice_of_slices_called_tumour"] == 1.0
    assert zero["oracle_offset"] is None


def test_misses_count_as_delivered_but_not_whatever_was_predicted(tiny_cohort, bright_runtime):
    """A runtime with a cut at 250 calls nothing a tumour; below its threshold the map still ranks the square first."""
    runtime = bright_runtime(threshold=2.5)
    readings = {"zero": Reading(map="margin", region="picture", rule="fixed", value=-1.0)}
    found = judged(runtime, tiny_cohort, readings=readings).metrics
    assert found["classification"]["tumour_only_accuracy"] == 0.0
    zero = found["segmentation"]["zero"]
    assert zero["as_delivered"]["all"]["dice"]["median"] == 0.0
    assert zero["any_prediction"]["all"]["dice"]["median"] == 1.0
    assert zero["empty"]["reasons_on_tumour_slices"] == {"no_tumour": 10}


def test_table_has_a_line_for_each_slice(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    table = prediction_rows(judged(runtime, tiny_cohort).slices, runtime.description.class_names)
    assert [line["id"] for line in table] == [row.id for row in tiny_cohort.rows]
    free, tumour = table[:2]
    assert (free["true"], free["predicted"], free["reason_zero"]) == ("no_tumour", "no_tumour", "no_tumour")
    assert (tumour["true_pixels"], tumour["pixels_zero"], tumour["dice_zero"]) == (25, 25, 1.0)
    assert tumour["p_no_tumour"] + tumour["p_tumour"] == pytest.approx(1.0, abs=1e-6)


def test_metrics_are_plain_json(tiny_cohort, bright_runtime, tmp_path):
    found = judged(bright_runtime(), tiny_cohort).metrics
    write_json(tmp_path / "metrics.json", found)
    assert json.loads((tmp_path / "metrics.json").read_text()) == found


def test_slices_without_masks(tiny_cohort, bright_runtime):
    rows = [dataclasses.replace(row, mask="") for row in tiny_cohort.rows]
    found = judged(bright_runtime(), tiny_cohort, rows)
    assert found.metrics["segmentation"] is None
    assert found.metrics["classification"]["accuracy"] == 1.0
    assert not any("dice_zero" in row for row in prediction_rows(found.slices, ("no_tumour", "tumour")))


def test_some_slices_without_masks(tiny_cohort, bright_runtime):
    rows = [dataclasses.replace(row, mask="") if index < 10 else row for index, row in enumerate(tiny_cohort.rows)]
    found = judged(bright_runtime(), tiny_cohort, rows)
    assert found.metrics["segmentation"]["zero"]["slices"] == 10
    assert found.metrics["classification"]["slices"] == 20


def test_channels_are_put_in_the_runtimes_order(tiny_cohort, bright_runtime):
    """With T1 in FLAIR's place the square is as bright, as both contrasts of the tiny cohort show it; only noise differs."""
    swapped, straight = (
        next(predict_known(bright_runtime(), tiny_cohort, tiny_cohort.rows[:1], {"best": BEST}, channels)).predictions
        for channels in ((1, 0), (0, 1))
    )
    np.testing.assert_array_equal(swapped["best"].image, straight["best"].image[..., ::-1])
    assert (swapped["best"].heatmap != straight["best"].heatmap).any()


def test_slices_stream_in_batches(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    judged(runtime, tiny_cohort)
    assert runtime.largest_batch == 16


def test_eight_views_judge_as_one_where_the_runtime_is_equivariant(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    readings = {"zero": dataclasses.replace(runtime.description.readings["zero"], views=8)}
    found = judged(runtime, tiny_cohort, readings=readings).metrics
    assert found["segmentation"]["zero"]["as_delivered"]["all"]["dice"]["median"] == 1.0


def test_distances_have_one_unit(tiny_cohort, bright_runtime):
    """Millimetres where every slice has a spacing; pixels for all where one lacks it."""
    runtime = bright_runtime(threshold=2.5)
    reading = {"zero": Reading(map="margin", region="picture", rule="quantile", value=0.5)}
    spaced = [dataclasses.replace(row, spacing_row=2.0, spacing_column=2.0) for row in tiny_cohort.rows]
    mixed = [*spaced[:-1], tiny_cohort.rows[-1]]
    found = {}
    for name, rows in (("spaced", spaced), ("mixed", mixed), ("plain", list(tiny_cohort.rows))):
        zero = judged(runtime, tiny_cohort, rows, readings=reading).metrics["segmentation"]["zero"]
        found[name] = zero["distance_unit"], zero["any_prediction"]["all"]["hd95"]["median"]
    assert found["mixed"] == found["plain"] and found["plain"][0] == "pixels"
    assert found["spaced"] == ("mm", 2.0 * found["plain"][1])
