import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.prediction.stack import predict_stack
from kgp.report.case_files import draw_slice
from serving.console.inference import infer

SPACING = (1.5, 0.75)


@pytest.fixture
def stack():
    """Three dark slices; FLAIR of two has a square, of which one pixel is the brightest."""
    stack = np.full((3, 20, 14, 2), 60.0, np.float32)
    stack[1, 3:8, 4:9, 1] = stack[2, 14:19, 1:6, 1] = 250.0
    stack[1, 5, 6, 1] = stack[2, 17, 3, 1] = 260.0
    return stack


def test_the_slices_are_those_of_a_stack_without_evidence(bright_runtime, stack):
    runtime = bright_runtime(1.5, 16)
    reading = runtime.description.readings["zero"]
    prediction = infer(runtime, stack, SPACING, reading).prediction
    plain = predict_stack(runtime, stack, reading, SPACING)
    np.testing.assert_array_equal(prediction.masks, plain.masks)
    np.testing.assert_array_equal(prediction.maps, plain.maps)
    assert [call.reason for call in prediction.calls] == [call.reason for call in plain.calls]


def test_pictures_are_drawn_from_the_points_that_are_known(bright_runtime, stack, monkeypatch):
    runtime = bright_runtime(1.5, 16)
    reading = runtime.description.readings["zero"]
    prediction = infer(runtime, stack, SPACING, reading).prediction
    plain = predict_stack(runtime, stack, reading, SPACING)
    wanted = draw_slice(runtime, stack[2], plain, 2, "zero", "slice 2", SPACING)
    monkeypatch.setattr(runtime, "explain", None)  # is not asked again
    drawn = draw_slice(runtime, stack[2], prediction, 2, "zero", "slice 2", SPACING)
    np.testing.assert_array_equal(drawn, wanted)


def test_a_black_study_is_refused(bright_runtime, stack):
    runtime = bright_runtime(1.5, 16)
    with pytest.raises(KgpError, match="every pixel is 0"):
        infer(runtime, 0 * stack, SPACING, runtime.description.readings["zero"])
