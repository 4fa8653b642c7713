import numpy as np
import pytest

from kgp.evaluation.baseline import baseline_dice, baseline_summary, intensity_baseline
from kgp.heatmap.reading import Cleanup


@pytest.fixture
def image() -> np.ndarray:
    """A head of 20 x 20 pixels with a bright square of 5 x 5 in channel 1."""
    image = np.zeros((32, 32, 2))
    image[6:26, 6:26] = 40.0
    image[10:15, 10:15, 1] = 100.0
    return image


def test_bright_square_is_found_in_its_contrast_alone(image):
    expected = np.zeros((32, 32), bool)
    expected[10:15, 10:15] = True
    np.testing.assert_array_equal(intensity_baseline(image, 1), expected)
    assert not intensity_baseline(image, 0).any()


def test_clean_up_is_applied(image):
    assert not intensity_baseline(image, 1, Cleanup(minimum_pixels=26)).any()


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 1)), np.full((8, 8, 1), 5.0), np.zeros((1, 1, 1))],
    ids=["all black", "constant", "one pixel"],
)
def test_degenerate_slices_give_an_empty_mask(image):
    assert not intensity_baseline(image, 0).any()


def test_missing_channel_is_refused(image):
    with pytest.raises(ValueError, match="has 2 channels, so there is no channel 2"):
        intensity_baseline(image, 2)


def test_only_slices_with_a_tumour_and_flair_have_a_dice(image):
    truth = np.zeros((32, 32), bool)
    truth[10:15, 10:15] = True
    assert baseline_dice(image, truth, ("T1", "FLAIR")) == 1.0
    assert baseline_dice(image, np.zeros((32, 32), bool), ("T1", "FLAIR")) is None
    assert baseline_dice(image, truth, ("T1", "T2")) is None


def test_summary():
    assert baseline_summary([(1.0, "a"), (0.5, "a")])["median_dice"] == 0.75
    assert baseline_summary([]) is None
