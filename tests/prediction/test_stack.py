import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.prediction.stack import BLACK, segment_stack


def square_slice(height=12, width=16, value=200.0):
    """Grey 100 with a square of `value` in FLAIR at rows 3-7 and columns 5-9."""
    image = np.full((height, width, 2), 100.0, np.float32)
    image[3:8, 5:10, 1] = value
    return image


def test_mask_comes_back_on_the_slices_own_grid(bright_runtime):
    stack = np.stack([np.zeros((12, 16, 2), np.float32), square_slice(), square_slice(value=120.0)])
    result = segment_stack(bright_runtime(), stack, "zero")
    expected = np.zeros((12, 16), bool)
    expected[3:8, 5:10] = True
    assert [mask.sum() for mask in result.masks] == [0, 25, 0]
    np.testing.assert_array_equal(result.masks[1], expected)
    np.testing.assert_allclose(result.maps[1], np.where(expected, 0.5, -0.5), atol=1e-6)


def test_table_tells_why_a_mask_is_empty(bright_runtime):
    stack = np.stack([np.zeros((12, 16, 2), np.float32), square_slice(), square_slice(value=120.0)])
    black, tumour, free = segment_stack(bright_runtime(), stack, "zero").table
    assert black == {"slice": 0, "class": "", "reason": BLACK}
    assert (tumour["class"], tumour["mask_pixels"], tumour["reason"]) == ("tumour", 25, "")
    assert tumour["p_tumour"] == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-6)
    assert (free["class"], free["mask_pixels"], free["reason"]) == ("no_tumour", 0, "no_tumour")


def test_map_means_tumour_in_every_slice(bright_runtime):
    """Where "no tumour" is called, the map must not turn into that of "no tumour": it would be high everywhere."""
    result = segment_stack(bright_runtime(), square_slice(value=120.0)[None], "zero")
    assert result.table[0]["heatmap_of"] == "tumour"
    assert result.maps[0, 5, 7] == pytest.approx(-0.3)
    assert result.maps[0, 0, 0] == pytest.approx(-0.5)


@pytest.mark.parametrize("views", [1, 8])
def test_views_of_an_equivariant_runtime_agree(bright_runtime, views):
    runtime = bright_runtime()
    runtime.readings["zero"] = runtime.readings["zero"].__class__(
        map="margin", region="picture", rule="zero", views=views
    )
    assert segment_stack(runtime, square_slice()[None], "zero").masks.sum() == 25


def test_spacing_gives_the_anatomy_its_proportions(bright_runtime):
    """Rows twice as far apart: 8 rows of 2 mm and 16 columns of 1 mm are a square, so nothing is padded."""
    image = np.full((8, 16, 2), 100.0, np.float32)
    image[2:6, 4:12, 1] = 200.0
    mask = segment_stack(bright_runtime(), image[None], "zero", (2.0, 1.0)).masks[0]
    assert mask.shape == (8, 16)
    np.testing.assert_array_equal(mask, image[..., 1] == 200.0)


def test_slices_that_are_not_fitted_are_not_stretched_either(bright_runtime):
    """A runtime without a size of its own takes the slice as it is, whatever its spacing."""
    image = square_slice(16, 16)
    mask = segment_stack(bright_runtime(size=0), image[None], "zero", (3.0, 1.0)).masks[0]
    np.testing.assert_array_equal(mask, image[..., 1] == 200.0)


def test_memory_is_bounded_by_batches(bright_runtime):
    runtime = bright_runtime()
    result = segment_stack(runtime, np.stack([square_slice()] * 37), "zero")
    assert runtime.largest_batch == 16
    assert len(result.table) == 37 and result.masks.sum() == 37 * 25


def test_a_black_case_is_no_error(bright_runtime):
    result = segment_stack(bright_runtime(), np.zeros((2, 12, 16, 2), np.float32), "zero")
    assert not result.masks.any() and not result.maps.any()
    assert [line["reason"] for line in result.table] == [BLACK, BLACK]


def test_channels_are_counted_in_black_slices_too(bright_runtime):
    with pytest.raises(KgpError, match="takes slices with the 2 contrasts T1, FLAIR, not with 3 channels"):
        segment_stack(bright_runtime(), np.zeros((1, 12, 16, 3), np.float32), "zero")


def test_a_mask_that_vanishes_on_a_coarser_grid_has_a_reason(bright_runtime):
    runtime = bright_runtime(size=64)
    predict = runtime.predict

    def one_pixel(images):
        images = np.full_like(images, 100.0)
        images[:, 9, 9] = 200.0
        return predict(images)

    runtime.predict = one_pixel
    line = segment_stack(runtime, square_slice(16, 16)[None], "zero").table[0]
    assert (line["class"], line["mask_pixels"], line["reason"]) == ("tumour", 0, "nothing_above")
