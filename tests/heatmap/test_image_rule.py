import numpy as np
import pytest

from kgp.heatmap.image_rule import LEVELS, gaussian_weights, pixel_count, pixels_long


def test_the_levels_are_quarter_steps_that_32_bits_hold_exactly():
    assert LEVELS[0] == -2.0 and LEVELS[-1] == 2.5 and len(LEVELS) == 19
    np.testing.assert_array_equal(np.array(LEVELS, np.float32).astype(float), LEVELS)


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
