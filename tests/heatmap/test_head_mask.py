import numpy as np
import pytest

from kgp.heatmap.head_mask import head_mask


def disc(size: int = 32, radius: float = 10.0, row: float = 15.5, column: float = 15.5) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def test_head_with_a_dark_ventricle_is_filled_and_a_far_speck_is_dropped():
    head = disc()
    image = np.where(head, 100.0, 2.0)[..., None]
    image[disc(radius=3)] = 2.0
    image[1, 1] = 100.0
    np.testing.assert_array_equal(head_mask(image), head)


def test_contrasts_that_are_cut_off_are_joined():
    head = disc()
    first, second = np.where(head, 100.0, 0.0), np.where(head, 0.5, 0.0)
    first[:16], second[20:] = 0.0, 0.0
    np.testing.assert_array_equal(head_mask(np.stack([first, second], axis=-1)), head)


def test_non_zero_air_and_scale_do_not_matter():
    head = disc()
    image = np.where(head, 0.9, 0.31)[..., None]
    np.testing.assert_array_equal(head_mask(image), head)
    np.testing.assert_array_equal(head_mask(image * 1e4 - 500.0), head)


def test_contrast_whose_air_is_brighter_than_tissue_is_left_out():
    head = disc()
    offset = np.where(head, 100.0, 80.0)
    offset[disc(radius=7)] = 20.0
    telling = np.where(head, 100.0, 0.0)
    np.testing.assert_array_equal(head_mask(np.stack([offset, telling], axis=-1)), head)


def test_head_that_fills_the_picture_is_kept():
    image = np.full((16, 16, 1), 100.0)
    image[5:11, 5:11] = 0.0
    assert head_mask(image).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 2)),
        np.full((8, 8, 1), 7.0),
        np.zeros((1, 1, 1), np.uint8),
        np.full((8, 8, 1), np.nan),
    ],
    ids=["all black", "constant", "one pixel", "all NaN"],
)
def test_slice_without_contrast_has_no_head(image):
    mask = head_mask(image)
    assert mask.shape == image.shape[:2] and mask.dtype == bool and not mask.any()


def test_nan_counts_as_air_and_the_image_is_not_changed():
    head = disc()
    image = np.where(head, 100.0, 0.0)[..., None]
    image[0, 0] = np.nan
    before = image.copy()
    np.testing.assert_array_equal(head_mask(image), head)
    np.testing.assert_array_equal(image, before)


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"\[H, W, C\] is expected, not \(8, 8\)"):
        head_mask(np.zeros((8, 8)))
