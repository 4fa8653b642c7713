"""kgp.heatmap.refinement, on a bright disc and masks that miss it a little."""

import numpy as np
import pytest
from scipy import ndimage

from kgp.heatmap.contrasts import comparable_contrasts
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import CLEANUP, REFINED, Cleanup, Reading
from kgp.heatmap.refinement import _signed_distance, refined
from kgp.heatmap.threshold import cut_mask

EVERYWHERE = np.ones((64, 64), bool)


def disc_at(row: int, column: int, radius: float = 9.0) -> np.ndarray:
    rows, columns = np.mgrid[:64, :64]
    return np.hypot(rows - row, columns - column) < radius


@pytest.fixture
def contrasts() -> np.ndarray:
    """Two contrasts, one of which shows the disc at (30, 34)."""
    noise = np.random.default_rng(0).normal(100.0, 5.0, (64, 64, 2))
    noise[disc_at(30, 34), 1] += 60.0
    return comparable_contrasts(noise, EVERYWHERE)


@pytest.mark.parametrize(
    ("mask", "least"),
    [
        (disc_at(33, 34), 0.97),
        (disc_at(30, 31), 0.97),
        (disc_at(30, 34, 6.0), 0.84),  # the ring holds much of the disc, so it takes more rounds
        (disc_at(30, 34, 12.0), 0.97),
        (disc_at(30, 34), 0.97),
    ],
)
def test_the_outline_moves_to_the_discs(contrasts, mask, least):
    found = refined(mask, contrasts, EVERYWHERE, 2, CLEANUP)
    assert dice(found, disc_at(30, 34)) > least


def test_no_round_changes_nothing_and_the_mask_is_not_written_to(contrasts):
    mask = disc_at(33, 34)
    np.testing.assert_array_equal(refined(mask, contrasts, EVERYWHERE, 0, CLEANUP), mask)
    refined(mask, contrasts, EVERYWHERE, 1, CLEANUP)
    np.testing.assert_array_equal(mask, disc_at(33, 34))


def test_where_the_image_shows_nothing_the_mask_stays():
    mask = disc_at(20, 40) | disc_at(30, 34)
    np.testing.assert_array_equal(refined(mask, np.zeros((3, 64, 64), np.float32), EVERYWHERE, 2, CLEANUP), mask)


def test_the_outline_stays_within_the_ring_and_the_region(contrasts):
    """15 pixels of 192 are 5 of 64; the bright area goes on for 9."""
    bright = np.where(disc_at(30, 36, 16.0), 2.0, 0.0)[None].astype(np.float32)
    start, region = disc_at(30, 27, 8.0), EVERYWHERE.copy()
    region[33:] = False
    found = refined(start & region, bright, region, 1, Cleanup())
    assert (found & ~start).any() and not found[33:].any()
    assert ndimage.distance_transform_edt(~(start & region))[found].max() < 5.0


@pytest.mark.parametrize("mask", [np.zeros((64, 64), bool), EVERYWHERE])
def test_a_mask_without_pixels_in_or_around_it_stays(contrasts, mask):
    np.testing.assert_array_equal(refined(mask, contrasts, EVERYWHERE, 2, CLEANUP), mask)


def test_a_mask_of_which_nothing_would_be_left_stays(contrasts):
    mask = disc_at(30, 34, 2.0)
    np.testing.assert_array_equal(refined(mask, contrasts, EVERYWHERE, 2, Cleanup(minimum_pixels=999)), mask)


def test_the_reading_cuts_then_refines_and_keeps_the_reason_of_an_empty_mask():
    rows = np.random.default_rng(2).normal(100.0, 5.0, (64, 64, 1))
    rows[disc_at(30, 34)] += 60.0
    heatmap = np.where(disc_at(32, 36), 3.0, -3.0)[..., None]
    reading = Reading(map="class", region="picture", rule="zero", refinements=2, cleanup=CLEANUP)
    result = cut_mask(heatmap, 0, reading, image=rows)
    assert dice(result.mask, disc_at(30, 34)) > 0.97
    assert (result.threshold, result.reason) == (0.0, None)
    assert cut_mask(heatmap - 9.0, 0, reading, image=rows).reason == "nothing_above"


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_gain_offset_and_type_of_the_image_change_nothing(classes):
    random = np.random.default_rng(4)
    grey = ndimage.gaussian_filter(random.normal(size=(64, 64, 3)), (2, 2, 0))
    grey = (60 + 150 * (grey - grey.min()) / np.ptp(grey)).astype(np.uint8)
    grey[disc_at(30, 34), 1:] += 40
    grey[~disc_at(32, 32, 29.0)] = 0
    heatmap = ndimage.gaussian_filter(random.normal(size=(64, 64, classes)), (3, 3, 0)) * 6.0
    heatmap[..., -1] += 3.0 * disc_at(32, 32)
    wanted = cut_mask(heatmap, classes - 1, REFINED, image=grey).mask
    assert dice(wanted, disc_at(30, 34)) > 0.8
    for image in (
        grey.astype(np.uint16) * 200,
        grey * [0.01, 7.0, 300.0] + [-3.0, 1000.0, 0.5],
        grey.astype(np.float32),
    ):
        np.testing.assert_array_equal(cut_mask(heatmap, classes - 1, REFINED, image=image).mask, wanted)
    assert dice(cut_mask(heatmap, classes - 1, REFINED, image=np.repeat(grey, 2, axis=2)).mask, wanted) > 0.97


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_distances_are_exact_up_to_their_bound(share):
    mask = np.random.default_rng(6).random((40, 57)) < share
    wanted = np.minimum(ndimage.distance_transform_edt(mask), 7) - np.minimum(ndimage.distance_transform_edt(~mask), 7)
    np.testing.assert_allclose(_signed_distance(mask, 7), wanted, rtol=1e-6)
