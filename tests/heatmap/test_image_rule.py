import numpy as np
import pytest

from kgp.heatmap.image_rule import LEVELS, gaussian_weights, levels_to, pixel_count, pixels_long


def test_the_levels_are_even_steps_around_0():
    levels = levels_to(4.0)
    assert levels[0] == -4.0 and levels[LEVELS // 2] == 0.0 and levels[-1] == 4.0
    np.testing.assert_array_equal(np.diff(levels), np.full(LEVELS - 1, 0.25, np.float32))


@pytest.mark.parametrize(
    ("height", "width", "length", "count"), [(192, 192, 12, 20), (96, 80, 6, 5), (240, 155, 15, 31), (1, 1, 1, 1)]
)
def test_lengths_grow_with_the_longer_side_and_counts_with_its_square(height, width, length, count):
    assert pixels_long(12.0, height, width) == length and pixel_count(20.0, height, width) == count


@pytest.mark.parametrize("side", [1, 48, 192, 512])
def test_weights_of_a_gaussian_sum_to_1_and_are_symmetric(side):
    weights = gaussian_weights(1.5, side, side)
    assert len(weights) % 2 == 1 and weights.dtype == np.float32
    assert weights.sum() == pytest.approx(1.0, abs=1e-6) and weights[len(weights) // 2] == weights.max()
    np.testing.assert_array_equal(weights, weights[::-1])
