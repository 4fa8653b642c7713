import numpy as np
import pytest

from kgp.prediction.stack import segment_stack
from kgp.report.case_files import draw_slice
from serving.console.inference import find

SPACING = (1.5, 0.75)


@pytest.fixture
def stack():
    """Three slices, dark but for a square in FLAIR of the second and the third, of which one pixel is the brightest."""
    stack = np.full((3, 20, 14, 2), 60.0, np.float32)
    stack[1, 3:8, 4:9, 1] = stack[2, 14:19, 1:6, 1] = 250.0
    stack[1, 5, 6, 1] = stack[2, 17, 3, 1] = 260.0
    return stack


def test_the_slices_are_those_of_a_whole_stack(bright_runtime, stack):
    runtime = bright_runtime(1.5, 16)
    case = find(runtime, stack, SPACING, "zero").case
    whole = segment_stack(runtime, stack, "zero", SPACING)
    np.testing.assert_array_equal(case.masks, whole.masks)
    np.testing.assert_array_equal(case.maps, whole.maps)
    assert case.table == whole.table


def test_pictures_are_drawn_from_the_points_that_were_found(bright_runtime, stack, monkeypatch):
    runtime = bright_runtime(1.5, 16)
    case = find(runtime, stack, SPACING, "zero").case
    assert sorted(case.points) == [1, 2]
    whole = segment_stack(runtime, stack, "zero", SPACING)
    wanted = draw_slice(runtime, stack, whole, 2, "slice 2", SPACING)
    monkeypatch.setattr(runtime, "evidence", None)  # is not asked for it again
    np.testing.assert_array_equal(draw_slice(runtime, stack, case, 2, "slice 2", SPACING), wanted)


def test_points_are_told_in_pixels_of_the_slice(bright_runtime, stack):
    points = find(bright_runtime(1.5, 0), stack, SPACING, "zero").points
    assert points[0] == []
    assert [point[:2] for point in points[1]] == [(5.0, 6.0)]
    assert [point[:2] for point in points[2]] == [(17.0, 3.0)]
