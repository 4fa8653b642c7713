import numpy as np
import pytest
from scipy import ndimage

from kgp.heatmap.contrasts import comparable_contrasts, smoothed


@pytest.fixture
def grey() -> np.ndarray:
    """8-bit grey levels [40, 48, 3]; the last contrast is constant inside the region."""
    grey = np.random.default_rng(3).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    grey[5:35, 6:40, 2] = 77
    return grey


@pytest.fixture
def region() -> np.ndarray:
    region = np.zeros((40, 48), bool)
    region[5:35, 6:40] = True
    return region


def test_inside_the_region_each_contrast_has_mean_0_and_deviation_1_before_it_is_smoothed(grey, region):
    inside = grey[region].astype(float)
    scaled = (grey[..., :2] - inside.mean(axis=0)[:2]) / inside.std(axis=0)[:2]
    wanted = ndimage.gaussian_filter(scaled, (48 / 192, 48 / 192, 0), mode="nearest", radius=(1, 1, 0))
    np.testing.assert_allclose(comparable_contrasts(grey, region)[:2], np.moveaxis(wanted, -1, 0), atol=1e-4)


def test_a_constant_contrast_becomes_0(grey, region):
    found = comparable_contrasts(np.concatenate([grey, np.full((40, 48, 1), 0.1)], axis=-1), region)
    assert found.shape == (4, 40, 48) and not found[2:].any()


@pytest.mark.parametrize(
    "change",
    [
        lambda grey: grey.astype(np.uint16) * np.array([250, 3, 1], np.uint16) + np.uint16(9),
        lambda grey: grey.astype(np.int16) * 100 - 4000,
        lambda grey: grey.astype(np.float64) * [1e-7, 0.3, 1e6] + [0.0, -5.0, 1e6],
        lambda grey: grey.astype(np.float32) / 7.0,
    ],
)
def test_gain_and_offset_of_a_contrast_change_nothing(grey, region, change):
    wanted = comparable_contrasts(grey, region)
    np.testing.assert_allclose(comparable_contrasts(change(grey), region), wanted, atol=1e-4)


def test_values_that_are_not_finite_count_as_the_lowest(grey, region):
    image, lowest = grey.astype(np.float32), grey.astype(np.float32)
    image[0, 0] = np.nan, np.inf, -np.inf
    lowest[0, 0] = grey[1:].min(axis=(0, 1))
    np.testing.assert_allclose(comparable_contrasts(image, region), comparable_contrasts(lowest, region), atol=1e-6)
    assert not comparable_contrasts(np.full((40, 48, 1), np.nan), region).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 2)])
def test_small_and_flat_pictures_keep_their_shape_and_value(shape):
    np.testing.assert_allclose(smoothed(np.full(shape, 3.0, np.float32), 9.0, (192, 192)), 3.0, rtol=1e-6)
