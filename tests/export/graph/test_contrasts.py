import numpy as np
import pytest

from export.graph.contrasts import comparable_contrasts, smoothed
from kgp.heatmap import contrasts
from kgp.heatmap.head_mask import head_mask


def test_contrasts_are_those_of_numpy(slices):
    images = slices[0].copy()
    images[..., 1] = images[..., 1] * 1e-4 + 3.0
    images[..., 3] = 5.0
    regions = np.stack([head_mask(image) for image in images])
    wanted = np.stack([contrasts.comparable_contrasts(*pair) for pair in zip(images, regions, strict=True)])
    np.testing.assert_allclose(comparable_contrasts(images, regions), np.moveaxis(wanted, 1, -1), atol=2e-3)


def test_a_slice_that_is_not_finite_or_has_no_region_is_finite_and_touches_no_other(slices):
    images, regions = slices[0][:3].copy(), np.ones((3, 48, 48), bool)
    wanted = comparable_contrasts(images, regions).numpy()
    images[1, 3, 3, 0], regions[2] = np.nan, False
    found = comparable_contrasts(images, regions).numpy()
    np.testing.assert_array_equal(found[0], wanted[0])
    assert not found[1].any() and np.isfinite(found).all()


@pytest.mark.parametrize("size", [1, 3, 20])
def test_small_pictures_are_smoothed_as_with_numpy(size):
    values = np.random.default_rng(0).normal(size=(2, size, size + 1, 2)).astype(np.float32)
    wanted = np.stack([contrasts.smoothed(np.ascontiguousarray(value[..., 1]), 9.0) for value in values])
    np.testing.assert_allclose(smoothed(values, 9.0)[..., 1], wanted, atol=1e-6)
