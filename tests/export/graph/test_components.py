import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from export.graph.components import component_sizes, fill_holes, label_components, largest_component, touching

SPIRAL = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 0, 1],
        [1, 0, 0, 0, 1, 0, 1],
        [1, 0, 1, 1, 1, 0, 1],
        [1, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    bool,
)


def random_masks(share, shape=(4, 24, 31)):
    return np.random.default_rng(3).random(shape) < share


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.7, 1.0])
@pytest.mark.parametrize("diagonal", [False, True])
def test_components_are_scipys(share, diagonal):
    masks = random_masks(share)
    structure = ndimage.generate_binary_structure(2, 2 if diagonal else 1)
    labels = label_components(tf.constant(masks), diagonal).numpy()
    for mask, numbers in zip(masks, labels, strict=True):
        wanted, count = ndimage.label(mask, structure)
        pairs = {(ours, theirs) for ours, theirs in zip(numbers[mask], wanted[mask], strict=True)}
        assert len(pairs) == count == len({ours for ours, _ in pairs})


def test_components_of_a_batch_are_kept_apart():
    labels = label_components(tf.ones((3, 5, 4), tf.bool), True).numpy()
    assert len(np.unique(labels)) == 3


def test_a_spiral_is_one_component():
    labels, sizes = component_sizes(tf.constant(SPIRAL[None]), False)
    assert len(np.unique(labels.numpy()[0][SPIRAL])) == 1
    assert set(sizes.numpy()[0][SPIRAL]) == {SPIRAL.sum()} and not sizes.numpy()[0][~SPIRAL].any()


def test_the_largest_component_and_the_first_of_equals():
    mask = np.zeros((1, 4, 9), bool)
    mask[0, 0, :2] = mask[0, 2, 3:5] = mask[0, 3, 8] = True
    expected = np.zeros_like(mask)
    expected[0, 0, :2] = True
    np.testing.assert_array_equal(largest_component(tf.constant(mask), False), expected)
    mask[0, 2, 5] = True
    expected[:] = False
    expected[0, 2, 3:6] = True
    np.testing.assert_array_equal(largest_component(tf.constant(mask), False), expected)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.6, 0.8, 1.0])
def test_holes_are_filled_as_scipy_fills_them(share):
    masks = random_masks(share)
    wanted = np.stack([ndimage.binary_fill_holes(mask) for mask in masks])
    np.testing.assert_array_equal(fill_holes(tf.constant(masks)), wanted)


def test_only_components_with_a_seed_stay():
    mask = np.array([[[1, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1]]], bool)
    seeds = np.array([[[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]], bool)
    wanted = np.array([[[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]], bool)
    np.testing.assert_array_equal(touching(tf.constant(mask), tf.constant(seeds)), wanted)
