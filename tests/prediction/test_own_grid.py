import dataclasses

import numpy as np
import pytest

from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, PAPER, REFINED, Reading
from kgp.heatmap.threshold import cut_mask, select_map
from kgp.prediction.own_grid import cut_on_grid, map_on_grid
from kgp.scans.fit import fit_image, restore_map

ZERO = Reading(map="margin", region="picture", rule="zero")


def disc_image(height, width, radius, spacing=(1.0, 1.0)):
    """Grey 100 in the whole slice but for 2 pixels of air around it, and 200 in a disc (radius in mm)."""
    rows, columns = np.mgrid[:height, :width]
    row, column = (rows - 0.5 * height) * spacing[0], (columns - 0.45 * width) * spacing[1]
    image = np.full((height, width, 2), 100.0, np.float32)
    image[:2] = image[-2:] = 0.0
    image[:, :2] = image[:, -2:] = 0.0
    image[np.hypot(row, column) < radius] = 200.0
    return image


def network_answer(image, size, spacing=None):
    """What a network that reads intensities would say of the fitted slice: [h, w, 2], tumour above 150."""
    fitted = fit_image(image, size, spacing)
    heatmap = np.zeros((*fitted.shape[:2], 2), np.float32)
    heatmap[..., 1] = fitted[..., 1] / 100.0 - 1.5
    return heatmap


@pytest.mark.parametrize(
    "reading", [ZERO, HYSTERESIS, IMAGE_LEVEL, REFINED, PAPER, dataclasses.replace(PAPER, rule="otsu", offset=0.1)]
)
@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_a_slice_that_was_not_fitted_is_cut_as_before(reading, shape):
    image = disc_image(*shape, 7)
    heatmap = network_answer(image, 0) + np.random.default_rng(0).normal(0, 0.2, (*shape, 2)).astype(np.float32)
    for class_index in (0, 1):
        found = cut_on_grid(heatmap, class_index, image, reading, 0)
        expected = cut_mask(heatmap, class_index, reading, image=image, no_tumour_class=0)
        assert (found.threshold, found.reason) == (expected.threshold, expected.reason)
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_array_equal(found.map, expected.map)


@pytest.mark.parametrize(
    ("shape", "spacing", "size"),
    [
        ((64, 64), None, 24),  # shrunk
        ((64, 48), None, 24),  # padded, then shrunk
        ((20, 28), None, 64),  # smaller than the network's size
        ((40, 80), (2.0, 1.0), 24),  # pixels twice as long as wide
        ((64, 64), (1.0, 2.0), 64),  # of the network's size, but with pixels that are not square
    ],
)
def test_the_mask_lies_on_the_slices_own_grid(shape, spacing, size):
    image = disc_image(*shape, 7, spacing or (1.0, 1.0))
    heatmap = network_answer(image, size, spacing)
    found = cut_on_grid(heatmap, 1, image, dataclasses.replace(ZERO, region="head"), 0, spacing)
    truth = image[..., 1] > 150
    assert found.mask.shape == truth.shape
    assert 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum()) > 0.93
    assert not found.mask[:2].any() and not found.mask[:, -2:].any()  # the air of the slice itself


def test_interpolate_then_cut_is_nearer_than_cut_then_enlarge():
    image = disc_image(96, 96, 9)
    heatmap, truth = network_answer(image, 24), image[..., 1] > 150
    cut_late = cut_on_grid(heatmap, 1, image, ZERO, 0).mask
    cut_early = restore_map((heatmap[..., 1] > 0).astype(np.float32), 96, 96) >= 0.5

    def dice(mask):
        return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())

    assert dice(cut_late) > 0.97 > dice(cut_early)


@pytest.mark.parametrize("no_tumour_class", [0, None])
def test_selecting_first_and_restoring_every_channel_first_agree(no_tumour_class):
    """With "no tumour", and with two classes, exactly; of three classes the highest other may change between pixels."""
    heatmap = np.random.default_rng(1).normal(size=(8, 8, 3)).astype(np.float32)
    heatmap = heatmap if no_tumour_class == 0 else heatmap[..., :2]
    found = map_on_grid(heatmap, 1, (20, 20), ZERO, no_tumour_class)
    every = select_map(restore_map(heatmap, 20, 20), 1, ZERO, no_tumour_class)
    np.testing.assert_allclose(found, every, atol=1e-5)


def test_negative_values_are_clipped_last():
    """A map clipped before it is interpolated would be above 0 one pixel too far out."""
    heatmap = np.full((4, 4, 1), -1.0, np.float32)
    heatmap[1:3, 1:3] = 1.0
    clipped = dataclasses.replace(PAPER, rule="zero")
    found = map_on_grid(heatmap, 0, (16, 16), clipped, None)
    np.testing.assert_array_equal(found, np.maximum(map_on_grid(heatmap, 0, (16, 16), ZERO, None), 0.0))
    assert found.min() == 0.0 and (found > 0).sum() == 60  # 8 x 8 less the corners


def test_no_tumour_has_an_empty_mask_and_a_map():
    image = disc_image(32, 32, 5)
    found = cut_on_grid(network_answer(image, 16), 0, image, ZERO, 0)
    assert found.reason == "no_tumour" and found.mask.shape == (32, 32) and not found.mask.any()
    assert found.map.min() < 0 < found.map.max()
