import dataclasses

import numpy as np
import pytest

from kgp.data.own_slices import read_own_slice
from kgp.evaluation.judge import judge
from kgp.evaluation.known_slices import predict_known
from kgp.evaluation.metrics import metrics_of
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import REFINED, Reading
from kgp.prediction.stack import predict_stack


def test_channels_are_put_in_the_runtimes_order(tiny_cohort, bright_runtime):
    """Both contrasts of the tiny cohort show the square; only noise differs when swapped."""
    swapped, straight = (
        next(
            predict_known(bright_runtime(), tiny_cohort, tiny_cohort.rows[:1], {"refined": REFINED}, channels)
        ).predictions
        for channels in ((1, 0), (0, 1))
    )
    np.testing.assert_array_equal(swapped["refined"].image, straight["refined"].image[..., ::-1])
    assert (swapped["refined"].heatmap != straight["refined"].heatmap).any()


def test_slices_stream_in_batches(tiny_cohort, bright_runtime):
    runtime = bright_runtime()
    known = list(predict_known(runtime, tiny_cohort, tiny_cohort.rows, runtime.description.readings))
    assert [one.row.id for one in known] == [row.id for row in tiny_cohort.rows]
    assert runtime.largest_batch == 16


def test_masks_are_judged_on_the_grid_of_the_data_and_cut_as_in_stacks(resized_cohort, bright_runtime):
    runtime, reading = bright_runtime(), Reading(map="margin", region="head", rule="zero")
    for known in predict_known(runtime, resized_cohort, resized_cohort.rows, {"zero": reading}):
        own, prediction = read_own_slice(resized_cohort, known.row), known.predictions["zero"]
        assert prediction.mask.shape == prediction.map.shape == known.truth.shape == (32, 24)
        assert known.spacing == (2.0, 1.0) and prediction.heatmap.shape == (16, 16, 2)
        stack = predict_stack(runtime, own.image[None], reading, (2.0, 1.0))
        np.testing.assert_array_equal(prediction.mask, stack.masks[0])
        np.testing.assert_array_equal(prediction.map, stack.maps[0])
        if known.truth.any():
            assert dice(prediction.mask, known.truth) > 0.85


def test_figures_are_those_of_the_own_grid(resized_cohort, bright_runtime):
    rows, targets = resized_cohort.rows, [row.label for row in resized_cohort.rows]
    runtime = bright_runtime()
    readings = runtime.description.readings
    judgement = judge(runtime, resized_cohort, rows, targets, readings, "zero")
    assert judgement.metrics["grid"].startswith(
        "Masks were judged on the grid of the data, 32 x 24 pixels; the network"
    )
    zero = judgement.metrics["segmentation"]["zero"]
    assert zero["distance_unit"] == "mm" and zero["as_delivered"]["all"]["dice"]["median"] > 0.9
    assert [third["slices"] for third in zero["as_delivered"]["thirds"].values()] == [2, 2, 2]
    assert zero["peak"]["hit_rate"] == 1.0 and zero["average_precision_in_head"]["median"] > 0.95
    assert judgement.metrics["segmentation"]["multiotsu"]["oracle_offset"]["median_dice_of_slices_called_tumour"] > 0.9
    true = {judged.row.id: judged.segmentations["zero"].true_pixels for judged in judgement.slices}
    assert true == {row.id: read_own_slice(resized_cohort, row).mask.sum() for row in rows}
    # As an earlier version prepared them: at the size of the network, and the figures say so.
    earlier = [dataclasses.replace(row, own="") for row in rows]
    header = {"format": "kgp-cohort-1", "size": 16}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgp.data.cohort.read_json", lambda path: header)
        before = judge(runtime, resized_cohort, earlier, targets, readings, "zero")
    assert before.metrics["grid"].endswith("(--size 16), not on the grid of the data.")
    assert before.slices[1].grid == (16, 16)
    both = metrics_of(
        [*judgement.slices[:6], *before.slices[6:]], runtime.description, readings, "zero", resized_cohort
    )
    assert both["grid"].startswith("Masks of 6 slices were judged on the grid of the data, and of 6 on the slices as")
