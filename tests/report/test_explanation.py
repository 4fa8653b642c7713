import numpy as np
import pytest

from kgp.prediction.stack import predict_stack
from kgp.report.explanation import explain
from kgp.scans.fit import fit_image


@pytest.fixture
def image():
    grey = np.full((16, 16, 2), 100.0, np.float32)
    grey[3:8, 5:10, 1] = 200.0
    grey[4, 6, 1] = 300.0
    return grey


def test_text_tells_the_sums(bright_runtime, image):
    picture, text = explain(bright_runtime(), image, "zero", name="case 1")
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert text.splitlines()[0] == "case 1: tumour (research use only)"
    other, _ = explain(bright_runtime(), image, "zero", name="case 2")
    assert (picture[:26] != other[:26]).any() and (
        picture[26:] == other[26:]
    ).all()  # the title stands in the picture too
    assert "tumour: probability 0.8176, logit 1.5000 = 3.0000 from 1 positions + -1.5000" in text
    assert "     4    6 +3.0000" in text
    assert "Mask: 25 pixels" in text


def test_no_tumour_has_an_empty_mask_with_its_reason(bright_runtime, image):
    _, text = explain(bright_runtime(), image / 3, "zero")
    assert ": no_tumour (research use only)" in text
    assert "Mask: 0 pixels, no_tumour" in text


def test_views_are_named(bright_runtime, image):
    runtime = bright_runtime(views=8)
    assert "mean of 8 views" in explain(runtime, image, "zero")[1]


def test_truth_is_drawn(bright_runtime, image):
    without, _ = explain(bright_runtime(), image, "zero")
    drawn, _ = explain(bright_runtime(), image, "zero", truth=image[..., 1] > 150)
    assert (without != drawn).any()


def test_no_points(bright_runtime, image):
    _, text = explain(bright_runtime(), image, "zero", points=0)
    assert "+3.0000" not in text


def test_the_mask_is_that_of_the_slices_own_grid(bright_runtime):
    """12 x 16 pixels of 2 x 1 mm, explained as `kgp segment` cuts them; drawn as the square that the network saw."""
    own = np.full((12, 16, 2), 100.0, np.float32)
    own[3:8, 5:10, 1] = 200.0
    runtime, spacing = bright_runtime(), (2.0, 1.0)
    image = fit_image(own, 16, spacing)
    picture, text = explain(
        runtime, image, "zero", own_image=own, spacing=spacing, truth=own[..., 1] > 150, name="case 1"
    )
    mask = predict_stack(runtime, own[None], runtime.description.readings["zero"], spacing).masks[0]
    assert f"Mask: {mask.sum()} pixels" in text and mask.shape == (12, 16)
    assert picture.shape == explain(runtime, image, "zero", name="case 1")[0].shape
