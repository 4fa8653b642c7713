import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from kgp.heatmap.cleanup import apply_cleanup, fill_holes
from kgp.heatmap.reading import Cleanup


@pytest.fixture
def mask() -> np.ndarray:
    """A 5 x 5 square with a hole (24 pixels), a 3 x 3 square (9), and one pixel."""
    mask = np.zeros((16, 16), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[9:12, 9:12] = True
    mask[14, 2] = True
    return mask


@pytest.mark.parametrize(
    ("cleanup", "pixels"),
    [
        (Cleanup(), 34),
        (Cleanup(minimum_pixels=9), 33),
        (Cleanup(minimum_pixels=10), 24),
        (Cleanup(minimum_pixels=25), 0),
        (Cleanup(minimum_share=9 / 24), 33),
        (Cleanup(minimum_share=0.4), 24),
        (Cleanup(largest_only=True), 24),
        (Cleanup(fill_holes=True), 35),
        (Cleanup(largest_only=True, fill_holes=True), 25),
    ],
)
def test_pixels_left(mask, cleanup, pixels):
    before = mask.copy()
    assert apply_cleanup(mask, cleanup).sum() == pixels
    np.testing.assert_array_equal(mask, before)


def test_opening_removes_what_a_disc_does_not_fit_into(mask):
    opened = apply_cleanup(mask, Cleanup(opening=1))
    np.testing.assert_array_equal(opened, morphology.opening(mask, morphology.disk(1)))
    assert not opened[14, 2] and opened[10, 10]


@pytest.mark.parametrize("radius", [2, 5])
def test_opening_is_that_of_scikit_image(radius):
    mask = morphology.dilation(np.random.default_rng(radius).random((48, 48)) < 0.03, morphology.disk(radius))
    mask ^= np.random.default_rng(0).random((48, 48)) < 0.02
    opened = apply_cleanup(mask, Cleanup(opening=radius))
    np.testing.assert_array_equal(opened, morphology.opening(mask, morphology.disk(radius)))
    assert 0 < opened.sum() < mask.sum()


def test_of_equally_large_components_the_one_that_begins_first_is_kept():
    mask = np.zeros((4, 8), bool)
    mask[1, 0] = mask[0, 6] = True
    np.testing.assert_array_equal(np.argwhere(apply_cleanup(mask, Cleanup(largest_only=True))), [[0, 6]])


def test_components_touching_at_a_corner_are_one():
    assert apply_cleanup(np.eye(4, dtype=bool), Cleanup(minimum_pixels=4)).sum() == 4


@pytest.mark.parametrize("cleanup", [Cleanup(1, 3, 0.5, True, True), Cleanup(fill_holes=True), Cleanup()])
@pytest.mark.parametrize("mask", [np.zeros((5, 5), bool), np.ones((5, 5), bool)], ids=["empty", "full"])
def test_empty_and_full_masks_stay(mask, cleanup):
    np.testing.assert_array_equal(apply_cleanup(mask, cleanup), mask)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_holes_are_those_of_scipy(share):
    mask = np.random.default_rng(9).random((31, 40)) < share
    np.testing.assert_array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))
