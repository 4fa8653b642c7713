import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from export.graph.reading import clean_up, cut_masks
from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, PAPER, REFINED, Cleanup, Reading
from kgp.heatmap.threshold import cut_mask

READINGS = {
    "paper": PAPER,
    "paper with an offset": dataclasses.replace(PAPER, offset=0.7),
    "hysteresis": HYSTERESIS,
    "image level": IMAGE_LEVEL,
    "refined": REFINED,
    "margin of the others": Reading(map="margin", rule="multiotsu", region="picture"),
    "otsu": Reading(rule="otsu", offset=0.2),
    "zero": Reading(rule="zero", cleanup=Cleanup(largest_only=True)),
    "fixed": Reading(map="class", rule="fixed", value=1.5, region="picture"),
    "quantile": Reading(rule="quantile", value=0.05),
}


def numpy_masks(images, heatmaps, logits, reading, no_tumour_class):
    return np.stack(
        [
            cut_mask(heatmap, int(logit.argmax()), reading, image=image, no_tumour_class=no_tumour_class).mask
            for image, heatmap, logit in zip(images, heatmaps, logits, strict=True)
        ]
    )


@pytest.mark.parametrize("no_tumour_class", [0, None])
@pytest.mark.parametrize("name", READINGS)
def test_masks_are_those_of_numpy(slices, answers, name, no_tumour_class):
    images, (heatmaps, logits) = slices[0], answers
    wanted = numpy_masks(images, heatmaps, logits, READINGS[name], no_tumour_class)
    actual = cut_masks(heatmaps, logits, images, READINGS[name], no_tumour_class).numpy()
    assert wanted.any(axis=(1, 2)).sum() >= 8
    for mask, other in zip(wanted, actual, strict=True):
        # scikit-image sums the histogram of multi-Otsu in 32 bits, so a threshold may be one bin
        # off
        assert 2 * (mask & other).sum() >= 0.98 * (mask.sum() + other.sum())


@pytest.mark.parametrize("name", READINGS)
def test_no_tumour_and_constant_maps_give_empty_masks(slices, name):
    images = slices[0][:2]
    logits = np.array([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]], np.float32)
    heatmaps = np.zeros((2, 48, 48, 3), np.float32)
    heatmaps[0, 20:30, 20:30, 0] = 4.0
    assert not cut_masks(heatmaps, logits, images, READINGS[name], 0).numpy().any()


@pytest.mark.parametrize("name", READINGS)
def test_a_slice_that_is_not_finite_has_an_empty_mask_and_does_not_touch_the_others(slices, answers, name):
    images, (heatmaps, logits) = slices[0][:4].copy(), (array[:4].copy() for array in answers)
    wanted = cut_masks(heatmaps, logits, images, READINGS[name], None).numpy()
    wanted[1] = False
    images[1], heatmaps[1], logits[1] = np.nan, np.nan, np.nan
    np.testing.assert_array_equal(cut_masks(heatmaps, logits, images, READINGS[name], None), wanted)


@pytest.mark.parametrize(
    "reading",
    [
        Reading(map="class", region="picture", rule="fixed", value=0.1),
        Reading(map="class", region="picture", rule="hysteresis", value=0.1),
        Reading(map="class", region="picture", rule="quantile", value=0.3),
    ],
)
def test_values_next_to_the_threshold_fall_as_with_numpy(reading):
    neighbours = np.nextafter(np.float32(0.1), np.array([-1, 1, 1], np.float32) * np.inf)
    values = np.concatenate([neighbours, [0.1, 0.0, 0.05, 0.5, 1.0, 1.0]]).astype(np.float32)
    heatmaps = np.zeros((8, 3, 3, 2), np.float32)
    for seed in range(8):
        heatmaps[seed, ..., 1] = np.random.default_rng(seed).permutation(values).reshape(3, 3)
    images, logits = np.ones((8, 3, 3, 1), np.float32), np.tile(np.array([[0, 1]], np.float32), (8, 1))
    wanted = numpy_masks(images, heatmaps, logits, reading, None)
    np.testing.assert_array_equal(cut_masks(heatmaps, logits, images, reading, None), wanted)


def test_a_black_slice_gives_an_empty_mask_inside_the_head(answers):
    heatmaps, logits = answers
    images = np.zeros((16, 48, 48, 4), np.float32)
    assert not cut_masks(heatmaps, logits, images, REFINED, None).numpy().any()


@pytest.mark.parametrize(
    "cleanup",
    [
        Cleanup(),
        Cleanup(opening=1),
        Cleanup(opening=3),
        Cleanup(minimum_pixels=12),
        Cleanup(minimum_share=0.5),
        Cleanup(largest_only=True, fill_holes=True),
        Cleanup(opening=1, minimum_pixels=4, minimum_share=0.1, fill_holes=True),
    ],
)
def test_clean_up_is_that_of_numpy(cleanup):
    masks = np.random.default_rng(11).random((5, 32, 40)) < np.array([0.0, 0.3, 0.5, 0.8, 1.0])[:, None, None]
    wanted = np.stack([apply_cleanup(mask, cleanup) for mask in masks])
    np.testing.assert_array_equal(clean_up(tf.constant(masks), cleanup), wanted)
