import numpy as np
import pytest

from kgp.evaluation.baseline import BaselineScore, intensity_baseline
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


def test_score_counts_slices_with_a_mask_and_needs_flair(image):
    truth = np.zeros((32, 32), bool)
    truth[10:15, 10:15] = True
    score, without_flair = BaselineScore(("T1", "FLAIR")), BaselineScore(("T1", "T2"))
    for collected in (score, without_flair):
        collected.add(image, truth, "a")
        collected.add(image, np.zeros((32, 32), bool), "b")
    assert score.summary()["median_dice"] == 1.0 and score.patients == ["a"]
    assert without_flair.summary() is None
