import dataclasses

import pytest

from kgp.evaluation.judge import judge, judge_slices
from kgp.evaluation.metrics import metrics_of


@pytest.mark.parametrize("spacing", [None, 0.5])
def test_slices_judged_apart_have_the_figures_of_all_judged_together(tiny_cohort, bright_runtime, spacing):
    runtime = bright_runtime(threshold=1.15)
    readings = runtime.description.readings
    rows = [dataclasses.replace(row, spacing_row=spacing, spacing_column=spacing) for row in tiny_cohort.rows]

    def judged(part):
        targets = [row.label for row in part]
        return judge_slices(runtime, tiny_cohort, part, targets, readings, "zero", spaced=spacing is not None)

    together = judge(runtime, tiny_cohort, rows, [row.label for row in rows], readings, "zero").metrics
    pooled = judged(rows[:6]) + judged(rows[6:])
    assert metrics_of(pooled, runtime.description, readings, "zero", tiny_cohort) == together
    assert together["segmentation"]["multiotsu"]["oracle_offset"]["median_dice_of_slices_called_tumour"] is not None
