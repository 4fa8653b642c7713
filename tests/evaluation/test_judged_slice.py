import pytest

from kgp.evaluation.judge import judge
from kgp.evaluation.judged_slice import prediction_rows


def test_table_has_a_line_for_each_slice(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    targets = [row.label for row in tiny_cohort.rows]
    judgement = judge(runtime, tiny_cohort, tiny_cohort.rows, targets, runtime.description.readings, "zero")
    table = prediction_rows(judgement.slices, runtime.description.class_names)
    assert [line["id"] for line in table] == [row.id for row in tiny_cohort.rows]
    assert [line["group"] for line in table] == [row.group for row in tiny_cohort.rows]
    tumour_free, tumour = table[:2]
    assert (tumour_free["true"], tumour_free["predicted"], tumour_free["reason_zero"]) == (
        "no_tumour",
        "no_tumour",
        "no_tumour",
    )
    assert (tumour["true_pixels"], tumour["pixels_zero"], tumour["dice_zero"]) == (25, 25, 1.0)
    assert tumour["p_no_tumour"] + tumour["p_tumour"] == pytest.approx(1.0, abs=1e-6)
