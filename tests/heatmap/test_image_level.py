"""kgp.heatmap.image_level, on a bright disc whose map is a cone around it."""

import numpy as np
import pytest

from kgp.heatmap.contrasts import comparable_contrasts
from kgp.heatmap.image_level import best_level
from kgp.heatmap.image_rule import levels_to
from kgp.heatmap.reading import Cleanup, Reading
from kgp.heatmap.threshold import cut_mask

READING = Reading(map="class", region="picture", rule="image_level", value=2.0)


def from_centre(size: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - 26, columns - 34)


@pytest.fixture
def disc() -> np.ndarray:
    return from_centre() < 8


@pytest.fixture
def image(disc) -> np.ndarray:
    """Two contrasts: one shows the disc, the other noise alone."""
    noise = np.random.default_rng(0).normal(100.0, 5.0, (64, 64, 2))
    noise[disc, 0] += 60.0
    return noise


def cone(zero_at: float) -> np.ndarray:
    """A map [64, 64, 1] that falls by 0.5 a pixel and is 0 so far from the disc's centre."""
    return (0.5 * (zero_at - from_centre()))[..., None].astype(np.float32)


@pytest.mark.parametrize(("zero_at", "level"), [(8.0, 0.0), (10.0, 1.0), (12.0, 2.0), (6.0, -1.0), (4.5, -1.75)])
def test_the_level_is_that_of_the_discs_edge_however_wide_the_map(disc, image, zero_at, level):
    result = cut_mask(cone(zero_at), 0, READING, image=image)
    assert result.threshold == level and result.reason is None
    np.testing.assert_array_equal(result.mask, disc)


def test_a_dark_disc_is_found_as_a_bright_one(disc, image):
    np.testing.assert_array_equal(cut_mask(cone(10.0), 0, READING, image=-image).mask, disc)


@pytest.mark.parametrize("gains", [[1.0, 1.0], [0.001, 400.0], [7.0, 0.2]])
def test_gain_and_offset_of_a_contrast_do_not_move_the_level(disc, image, gains):
    np.testing.assert_array_equal(cut_mask(cone(10.0), 0, READING, image=image * gains + [5.0, -800.0]).mask, disc)


@pytest.mark.parametrize("channels", [[0], [0, 0], [0, 1, 0, 1, 0, 1, 0, 1]])
def test_one_contrast_and_copies_of_it_give_the_same(disc, image, channels):
    np.testing.assert_array_equal(cut_mask(cone(10.0), 0, READING, image=image[..., channels]).mask, disc)


def test_where_the_image_shows_nothing_the_level_is_0(image):
    result = cut_mask(cone(10.0), 0, READING, image=np.ones_like(image))
    assert result.threshold == 0.0
    np.testing.assert_array_equal(result.mask, from_centre() < 10)


@pytest.mark.parametrize(("lowest", "highest"), [(-9.0, -2.0), (2.75, 9.0), (-9.0, 9.0)])
def test_without_pixels_enough_inside_and_around_there_is_no_level(lowest, highest):
    heatmap = np.full((64, 64, 1), lowest, np.float32)
    heatmap[30, 30] = highest  # one pixel; 192 x 192 pixels would ask for 10, and these for 1
    result = cut_mask(heatmap, 0, READING, image=np.ones((64, 64, 1)))
    found = lowest == -9.0 and highest == 9.0
    assert (result.reason, result.threshold) == ((None, 0.0) if found else ("no_level", None))
    assert result.mask.sum() == found


def test_sets_and_rings_lie_in_the_region(disc, image):
    """Outside the region the map is high and the image bright, which changes nothing."""
    region = np.zeros((64, 64), bool)
    region[12:44, 18:54] = True
    wrong = cone(10.0)[..., 0]
    wrong[~region] = 50.0
    contrasts = comparable_contrasts(image, region)
    contrasts[:, ~region] = 99.0
    assert best_level(wrong, contrasts, region, 2.0) == 1.0


def test_a_level_set_of_more_than_half_the_region_does_not_count():
    """The rim of the head differs most, but no tumour fills a head."""
    region = from_centre() < 25
    head = np.where(from_centre() < 22, 100.0, 20.0)[..., None]
    head[from_centre() < 6] += 30.0
    contrasts = comparable_contrasts(head, region)
    selected = np.where(from_centre() < 6, 1.5, np.where(from_centre() < 22, -0.5, -3.0)).astype(np.float32)
    level = best_level(selected, contrasts, region, 2.0)
    assert level is not None and -0.5 <= level < 1.5
    assert best_level(np.where(region, 1.0, -3.0).astype(np.float32), contrasts, region, 2.0) is None


def test_the_score_is_the_distance_that_sets_and_rings_give(image):
    """Against masks and dilations one by one, for a map without any symmetry."""
    from scipy import ndimage

    random = np.random.default_rng(5)
    selected = 12.0 * ndimage.gaussian_filter(random.normal(size=(64, 64)), 4.0).astype(np.float32)
    region = from_centre() < 25
    contrasts = comparable_contrasts(
        image + 40.0 * ndimage.gaussian_filter(random.normal(size=(64, 64, 2)), (3, 3, 0)), region
    )
    scores = []
    for level in levels_to(2.0):
        inside = (selected > level) & region
        around = ndimage.binary_dilation(inside, np.ones((9, 9))) & ~inside & region
        if inside.sum() < 1 or around.sum() < 2 or inside.sum() > 0.5 * region.sum():
            scores.append(-np.inf)
            continue
        one, two = contrasts[:, inside].T.astype(float), contrasts[:, around].T.astype(float)
        pooled = (np.cov(one.T, bias=True) * len(one) + np.cov(two.T, bias=True) * len(two)) / (len(one) + len(two))
        apart = one.mean(axis=0) - two.mean(axis=0)
        distance = apart @ np.linalg.solve(pooled + 4.0 / 35.0**2 * np.eye(2), apart)
        scores.append(np.sqrt(distance) - 0.15 * abs(level))
    assert best_level(selected, contrasts, region, 2.0) == levels_to(2.0)[int(np.argmax(scores))]


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 3), (5, 40)])
def test_tiny_pictures_raise_nothing(shape):
    random = np.random.default_rng(1)
    reading = Reading(
        map="class", region="picture", rule="image_level", value=2.0, refinements=2, cleanup=Cleanup(fill_holes=True)
    )
    result = cut_mask(random.normal(size=(*shape, 1)), 0, reading, image=random.normal(size=(*shape, 3)))
    assert result.mask.shape == shape and (result.reason is None) == bool(result.mask.any())
