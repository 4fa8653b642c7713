import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.prediction.stack import StackPoint, inside, predict_stack


def square_slice(height=12, width=16, value=200.0):
    """Grey 100 with a square of `value` in FLAIR at rows 3-7 and columns 5-9."""
    image = np.full((height, width, 2), 100.0, np.float32)
    image[3:8, 5:10, 1] = value
    return image


def predicted(runtime, stack, spacing=None, **options):
    """The stack predicted with the default reading."""
    network = runtime.description
    return predict_stack(runtime, stack, network.readings[network.default_reading], spacing, **options)


def test_mask_comes_back_on_the_slices_own_grid(bright_runtime):
    stack = np.stack([np.zeros((12, 16, 2), np.float32), square_slice(), square_slice(value=120.0)])
    result = predicted(bright_runtime(), stack)
    expected = np.zeros((12, 16), bool)
    expected[3:8, 5:10] = True
    assert [mask.sum() for mask in result.masks] == [0, 25, 0]
    np.testing.assert_array_equal(result.masks[1], expected)
    np.testing.assert_allclose(result.maps[1], np.where(expected, 0.5, -0.5), atol=1e-6)


def test_calls_tell_why_a_mask_is_empty(bright_runtime):
    stack = np.stack([np.zeros((12, 16, 2), np.float32), square_slice(), square_slice(value=120.0)])
    black, tumour, free = predicted(bright_runtime(), stack).calls
    assert black is None
    assert (tumour.predicted_class, tumour.mask_pixels, tumour.reason) == (1, 25, None)
    assert tumour.probabilities[1] == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-6)
    assert (free.predicted_class, free.mask_pixels, free.reason) == (0, 0, "no_tumour")


def test_map_means_tumour_in_every_slice(bright_runtime):
    """Where "no tumour" is called, the map stays that of a tumour; the other is high everywhere."""
    result = predicted(bright_runtime(), square_slice(value=120.0)[None])
    assert result.calls[0].tumour_class == 1
    assert result.maps[0, 5, 7] == pytest.approx(-0.3)
    assert result.maps[0, 0, 0] == pytest.approx(-0.5)


@pytest.mark.parametrize("views", [1, 8])
def test_views_of_an_equivariant_runtime_agree(bright_runtime, views):
    assert predicted(bright_runtime(views=views), square_slice()[None]).masks.sum() == 25


def test_spacing_gives_the_anatomy_its_proportions(bright_runtime):
    """8 rows of 2 mm and 16 columns of 1 mm are a square, so nothing is padded."""
    image = np.full((8, 16, 2), 100.0, np.float32)
    image[2:6, 4:12, 1] = 200.0
    mask = predicted(bright_runtime(), image[None], (2.0, 1.0)).masks[0]
    assert mask.shape == (8, 16)
    np.testing.assert_array_equal(mask, image[..., 1] == 200.0)


def test_slices_that_are_not_fitted_are_not_stretched_either(bright_runtime):
    """A runtime without a size of its own takes the slice as it is, whatever its spacing."""
    image = square_slice(16, 16)
    mask = predicted(bright_runtime(size=0), image[None], (3.0, 1.0)).masks[0]
    np.testing.assert_array_equal(mask, image[..., 1] == 200.0)


def test_memory_is_bounded_by_batches(bright_runtime):
    runtime = bright_runtime()
    result = predicted(runtime, np.stack([square_slice()] * 37))
    assert runtime.largest_batch == 16
    assert len(result.calls) == 37 and result.masks.sum() == 37 * 25


def test_a_black_case_is_no_error(bright_runtime):
    result = predicted(bright_runtime(), np.zeros((2, 12, 16, 2), np.float32))
    assert not result.masks.any() and not result.maps.any()
    assert result.calls == [None, None]


def test_channels_are_counted_in_black_slices_too(bright_runtime):
    with pytest.raises(KgpError, match="takes slices with the 2 contrasts T1, FLAIR, not with 3 channels"):
        predicted(bright_runtime(), np.zeros((1, 12, 16, 3), np.float32))


def test_a_mask_that_vanishes_on_a_coarser_grid_has_a_reason(bright_runtime):
    runtime = bright_runtime(size=64)
    predict = runtime.predict

    def one_pixel(images):
        images = np.full_like(images, 100.0)
        images[:, 9, 9] = 200.0
        return predict(images)

    runtime.predict = one_pixel
    call = predicted(runtime, square_slice(16, 16)[None]).calls[0]
    assert (call.predicted_class, call.mask_pixels, call.reason) == (1, 0, "nothing_above")


def test_points_are_in_pixels_of_the_slice(bright_runtime):
    """The network sees 16 x 16 pixels; the brightest pixel covers four of 32 x 32."""
    image = np.full((32, 32, 2), 100.0, np.float32)
    image[10:12, 20:22, 1] = 300.0
    call = predicted(bright_runtime(), image[None], with_evidence=True).calls[0]
    assert [(point.row, point.column) for point in call.points] == [(10.5, 20.5)]
    assert predicted(bright_runtime(), image[None]).calls[0].points is None


def test_points_in_the_padding_are_left_out():
    points = [
        StackPoint(-0.4, 3.0, 1.0),
        StackPoint(-0.6, 3.0, 1.0),
        StackPoint(4.0, 7.5, 2.0),
        StackPoint(4.0, 8.0, 2.0),
    ]
    assert inside(points, (5, 8)) == [StackPoint(0.0, 3.0, 1.0), StackPoint(4.0, 7.0, 2.0)]


def test_progress_counts_black_slices_too(bright_runtime):
    stack = np.stack([square_slice()] * 18 + [np.zeros((12, 16, 2), np.float32)] * 2)
    counts = []
    predicted(bright_runtime(), stack, progress=lambda *count: counts.append(count))
    assert counts == [(16, 20), (18, 20), (20, 20)]
