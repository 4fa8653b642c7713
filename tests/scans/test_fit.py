"""kgp.scans.fit: slices to squares and back."""

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.fit import fit_image, fit_mask, fit_points, fitted_spacing, restore_map, restore_mask, restore_points


def test_shrinking_averages():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    np.testing.assert_array_equal(fit_image(image, 2)[..., 0], [[2.5, 4.5], [10.5, 12.5]])


def test_padding_keeps_proportions_and_takes_each_contrasts_lowest_value():
    image = np.stack([np.full((4, 2), 9), np.full((4, 2), 7)], axis=-1).astype(np.int16)
    image[0, 0] = 1, 2
    fitted = fit_image(image, 4)
    assert fitted.shape == (4, 4, 2) and fitted.dtype == np.float32
    np.testing.assert_array_equal(fitted[:, 1:3], image)
    np.testing.assert_array_equal(fitted[:, [0, 3]], np.broadcast_to([1, 2], (4, 2, 2)))


def test_pixels_that_are_not_square_become_square():
    """4x8 pixels of 2x1 mm cover 8x8 mm: no padding, and rows are stretched."""
    image = np.repeat(np.arange(4.0), 8).reshape(4, 8, 1)
    fitted = fit_image(image, 4, (2.0, 1.0))[..., 0]
    np.testing.assert_allclose(fitted, np.repeat(np.arange(4.0), 4).reshape(4, 4), atol=0.3)
    assert fitted_spacing(4, 8, 4, (2.0, 1.0)) == (2.0, 2.0)
    assert fitted_spacing(4, 8, 0, (2.0, 1.0)) == (2.0, 1.0)


@pytest.mark.parametrize("spacing", [(1e-6, 1.0), (0.0, 1.0), (np.nan, 1.0)])
def test_pixels_that_are_lines_are_refused(spacing):
    with pytest.raises(KgpError, match="Pixels of .* mm cannot be brought to squares"):
        fit_image(np.zeros((4, 4, 1)), 8, spacing)


def test_size_zero_and_own_size_change_nothing():
    image = np.random.default_rng(0).normal(size=(6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(fit_image(image, 0), image)
    np.testing.assert_array_equal(fit_image(image, 6), image)
    np.testing.assert_array_equal(fit_image(image[:4], 0, (2.0, 1.0)), image[:4])


def test_any_number_of_channels_and_no_change_of_the_input():
    image = np.random.default_rng(0).normal(size=(10, 8, 9))
    before = image.copy()
    assert fit_image(image, 5).shape == (5, 5, 9)
    np.testing.assert_array_equal(image, before)


def test_mask_pixels_of_which_half_is_covered():
    mask = np.zeros((4, 4), bool)
    mask[0, :3] = True  # one half of the first pixel, a quarter of the second
    np.testing.assert_array_equal(fit_mask(mask, 2), [[True, False], [False, False]])


def test_a_small_mask_does_not_vanish():
    mask = np.zeros((32, 32), bool)
    mask[13, 22] = True
    assert np.argwhere(fit_mask(mask, 8)).tolist() == [[3, 5]]
    assert not fit_mask(np.zeros((32, 32), bool), 8).any()


@pytest.mark.parametrize(
    ("shape", "spacing"), [((40, 28), None), ((28, 40), (1.0, 1.0)), ((24, 24), (2.0, 1.0)), ((30, 44), (1.5, 0.75))]
)
def test_restoring_a_map_gives_the_place_back(shape, spacing):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    blob = np.exp(-((rows - 17) ** 2 + (columns - 9) ** 2) / 60.0).astype(np.float32)
    fitted = fit_image(blob[..., None], 24, spacing)
    restored = restore_map(fitted, *shape, spacing)
    assert restored.shape == (*shape, 1) and restored.dtype == np.float32
    assert np.abs(restored[..., 0] - blob).max() < 0.1
    assert restore_map(fitted[..., 0], *shape, spacing).shape == shape


def test_restoring_a_mask():
    mask = np.zeros((40, 28), bool)
    mask[8:24, 4:20] = True
    np.testing.assert_array_equal(restore_mask(fit_mask(mask, 20), 40, 28), mask)


def test_maps_that_were_never_fitted_come_back_as_they_are():
    values = np.random.default_rng(0).normal(size=(6, 8, 2)).astype(np.float32)
    np.testing.assert_array_equal(restore_map(values, 6, 8), values)
    np.testing.assert_array_equal(restore_map(values[:, :6], 6, 6), values[:, :6])


@pytest.mark.parametrize("shape", [(10, 16), (30, 7)])
@pytest.mark.parametrize("spacing", [None, (2.0, 0.5)])
@pytest.mark.parametrize("size", [0, 64])
def test_points_go_where_their_pixels_go(shape, spacing, size):
    image = np.zeros((*shape, 1), np.float32)
    image[3:6, 4:7] = 1.0
    centre = np.array([[4.0, 5.0]])
    fitted = fit_points(centre, *shape, size, spacing)
    found = fit_image(image, size, spacing)[..., 0]
    mean = (np.indices(found.shape) * found).sum(axis=(1, 2)) / found.sum()
    np.testing.assert_allclose(fitted[0], mean, atol=0.25)
    np.testing.assert_allclose(restore_points(fitted, *shape, size, spacing), centre, atol=1e-9)
