import numpy as np

from kgp.evaluation.known_slices import predict_known
from kgp.heatmap.reading import REFINED


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
