import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from kgp.heatmap.reading import HYSTERESIS, PAPER, RULES, Cleanup, Reading
from kgp.heatmap.threshold import REASONS, cut_mask, select_map


def plain(rule: str, **values) -> Reading:
    return Reading(**{"map": "class", "region": "picture", "rule": rule, **values})


@pytest.fixture
def steps() -> np.ndarray:
    """A heatmap [8, 8, 2] whose channel 1 has the levels -1 (48 pixels), 1 (8) and 4 (8)."""
    heatmap = np.zeros((8, 8, 2), np.float32)
    heatmap[..., 1] = -1.0
    heatmap[2, :, 1] = 1.0
    heatmap[5, :, 1] = 4.0
    return heatmap


@pytest.fixture
def smooth() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(64, 64, 3))
    return ndimage.gaussian_filter(noise, (3, 3, 0)).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
def test_a_map_of_three_neighbouring_numbers_raises_nothing(rule):
    heatmap = np.ones((8, 8, 1), np.float32)
    heatmap[2, 2] = np.nextafter(np.float32(1), np.float32(2))
    heatmap[3, 3] = np.nextafter(heatmap[2, 2], np.float32(2))
    value = 1.0 if rule == "image_level" else 0.5
    assert cut_mask(heatmap, 0, plain(rule, value=value), image=np.ones((8, 8, 1))).mask[3, 3]


def test_maps_by_hand():
    heatmap = np.array([[[1.0, 5.0, -2.0]]])
    margin, own = Reading(map="margin"), Reading(map="class")
    assert select_map(heatmap, 1, own, 0)[0, 0] == 5.0
    assert select_map(heatmap, 1, margin, 0)[0, 0] == 4.0
    assert select_map(heatmap, 2, margin, None)[0, 0] == -7.0
    assert select_map(heatmap, 0, margin, 0)[0, 0] == -4.0
    assert select_map(heatmap, 2, Reading(map="class", clip_negative=True), 0)[0, 0] == 0.0
    assert select_map(heatmap[..., :1], 0, margin, None)[0, 0] == 1.0


@pytest.mark.parametrize(
    ("reading", "rows"),
    [
        (plain("zero"), [2, 5]),
        (plain("fixed", value=1.5), [5]),
        (plain("quantile", value=0.3), [2, 5]),
        (plain("quantile", value=0.2), [5]),
        (plain("otsu"), [5]),
        (plain("otsu", offset=3.5), [2, 5]),
        (plain("hysteresis", value=0.2), [5]),
    ],
)
def test_rules_by_hand(steps, reading, rows):
    expected = np.zeros((8, 8), bool)
    expected[rows] = True
    np.testing.assert_array_equal(cut_mask(steps, 1, reading).mask, expected)


def test_multiotsu_is_that_of_scikit_image(smooth):
    result = cut_mask(smooth, 2, plain("multiotsu", offset=0.01))
    expected = filters.threshold_multiotsu(smooth[..., 2], classes=3, nbins=256)[-1] - 0.01
    assert result.threshold == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(result.mask, smooth[..., 2] > result.threshold)


def test_paper_reading_clips_negatives_before_the_threshold(smooth):
    result = cut_mask(smooth, 1, PAPER)
    clipped = np.maximum(smooth[..., 1], 0.0)
    assert result.threshold == pytest.approx(filters.threshold_multiotsu(clipped)[-1], abs=1e-6)
    np.testing.assert_array_equal(result.map, clipped)


def test_paper_offset_never_takes_in_what_was_clipped(smooth):
    reading = dataclasses.replace(PAPER, offset=100.0, cleanup=Cleanup())
    result = cut_mask(smooth, 1, reading)
    assert result.threshold == 0.0
    np.testing.assert_array_equal(result.mask, smooth[..., 1] > 0)


def test_otsu_looks_at_positive_values_only(smooth):
    values = smooth[..., 0]
    assert cut_mask(smooth, 0, plain("otsu")).threshold == pytest.approx(filters.threshold_otsu(values[values > 0]))


def test_hysteresis_grows_from_the_highest_class(smooth):
    result = cut_mask(smooth, 0, plain("hysteresis", value=0.1))
    values = smooth[..., 0]
    high = filters.threshold_multiotsu(values)[-1]
    expected = filters.apply_hysteresis_threshold(values, 0.1 * values.max(), result.threshold)
    assert result.threshold == pytest.approx(high, abs=1e-6)
    np.testing.assert_array_equal(result.mask, expected)


@pytest.mark.parametrize("rule", RULES)
def test_inside_the_head_neither_threshold_nor_mask_sees_the_air(smooth, rule):
    image = np.zeros((64, 64, 2))
    image[16:48, 16:48] = 50.0
    heatmap = smooth.copy()
    heatmap[:8] = 30.0
    reading = plain(rule, region="head", value=0.2)
    result = cut_mask(heatmap, 1, reading, image=image)
    alone = cut_mask(smooth[16:48, 16:48], 1, plain(rule, value=0.2), image=image[16:48, 16:48])
    assert result.threshold == pytest.approx(alone.threshold, abs=1e-6)
    assert not result.mask[:16].any()
    np.testing.assert_array_equal(result.mask[16:48, 16:48], alone.mask)


def test_cleanup_is_applied_and_may_leave_nothing(steps):
    result = cut_mask(steps, 1, plain("zero", cleanup=Cleanup(minimum_pixels=9)))
    assert result.reason == "nothing_above" and not result.mask.any() and result.threshold == 0.0


def two_levels(values: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    heatmap = np.full((8, 8, 2), values[0])
    heatmap[3:5, 3:5, 1] = values[1]
    return heatmap


@pytest.mark.parametrize(
    ("heatmap", "reading", "reason"),
    [
        (np.zeros((8, 8, 2)), plain("multiotsu"), "constant_map"),
        (np.full((8, 8, 2), 3.0), plain("zero"), "constant_map"),
        (np.ones((1, 1, 2)), plain("otsu"), "constant_map"),
        (two_levels(), plain("multiotsu"), "few_levels"),
        (two_levels(), plain("hysteresis", value=0.5), "few_levels"),
        (two_levels(), plain("otsu"), "few_levels"),
        (two_levels((-2.0, -1.0)), plain("otsu"), "nothing_above"),
        (two_levels((-2.0, -1.0)), plain("zero"), "nothing_above"),
        (two_levels(), plain("fixed", value=9.0), "nothing_above"),
        (two_levels((1.0, np.nextafter(np.float32(1), np.float32(2)))), plain("multiotsu"), "few_levels"),
        (two_levels(), HYSTERESIS, "empty_region"),
    ],
)
def test_degenerate_maps_give_an_empty_mask_and_a_reason(heatmap, reading, reason):
    result = cut_mask(heatmap, 1, reading, image=np.zeros((*heatmap.shape[:2], 3)))
    assert result.reason == reason and reason in REASONS
    assert result.mask.shape == heatmap.shape[:2] and not result.mask.any()


def test_no_tumour_gives_an_empty_mask(steps):
    result = cut_mask(steps, 0, PAPER, no_tumour_class=0)
    assert result.reason == "no_tumour" and result.threshold is None and not result.mask.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmap": np.full((8, 8, 2), np.nan)}, "not finite"),
        ({"heatmap": np.full((8, 8, 2), np.inf)}, "not finite"),
        ({"heatmap": np.zeros((8, 8))}, r"\[H, W, K\] is expected, not \(8, 8\)"),
        ({"predicted_class": 2}, "has 2 classes, so there is no class 2"),
        ({"image": None}, "cuts inside the head, so the image is needed"),
        ({"image": None, "reading": plain("image_level", value=2.0)}, "looks at the contrasts, so the image is needed"),
        ({"image": None, "reading": plain("zero", refinements=1)}, "looks at the contrasts, so the image is needed"),
        ({"image": np.zeros((8, 9, 3))}, r"8 x 8 where the image's shape is \(8, 9, 3\)"),
    ],
)
def test_wrong_arguments_raise(steps, change, message):
    arguments = {"heatmap": steps, "predicted_class": 1, "reading": HYSTERESIS, "image": np.zeros((8, 8, 3)), **change}
    with pytest.raises(ValueError, match=message):
        cut_mask(**arguments)


def test_input_is_not_changed(smooth):
    before = smooth.copy()
    cut_mask(smooth, 1, PAPER)
    np.testing.assert_array_equal(smooth, before)
