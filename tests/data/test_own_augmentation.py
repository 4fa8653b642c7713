"""kgp.data.own_augmentation: a change of one's own is a function of slice and seed, and keeps the slice's shape."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgp.data.own_augmentation import apply_augmentation, check_augmentation
from kgp.errors import UsageError

IMAGE = tf.constant(np.random.default_rng(0).normal(size=(8, 6, 2)).astype(np.float32))
KERAS, NUMPY = keras.random.SeedGenerator(0), np.random.default_rng(0)


def noise(image, seed):
    return image + tf.random.stateless_normal(image.shape, seed)


def sometimes(image, seed):
    """A condition on a tensor, as TensorFlow users write it."""
    if tf.random.stateless_uniform((), seed) < 0.5:
        return image[::-1]
    return image


class Brighter:
    def __call__(self, image, seed):
        return image + 1.0


def with_numpy(image, seed):
    def change(pixels, numbers):
        return pixels + np.random.default_rng(numbers).normal(size=pixels.shape).astype(np.float32)

    return tf.ensure_shape(tf.numpy_function(change, [image, tf.abs(seed)], tf.float32), image.shape)


@pytest.mark.parametrize("augmentation", [noise, sometimes, Brighter(), with_numpy])
def test_functions_of_slice_and_seed_are_taken(augmentation):
    check_augmentation(augmentation, IMAGE, "it")
    seeds = tf.data.Dataset.range(6).map(lambda number: tf.stack([number, number + 1]))
    changed = list(
        seeds.map(tf.autograph.experimental.do_not_convert(lambda seed: apply_augmentation(augmentation, IMAGE, seed)))
    )
    for number, image in enumerate(changed):
        assert image.shape == IMAGE.shape
        alone = apply_augmentation(augmentation, IMAGE, tf.constant([number, number + 1], tf.int64))
        np.testing.assert_array_equal(alone, image)
    if not isinstance(augmentation, Brighter):
        assert any(np.any(image != changed[0]) for image in changed[1:])


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (lambda image: image, r"is called with a slice and a seed, but it takes \(image\)"),
        (lambda image, seed, more: image, r"but it takes \(image, seed, more\)"),
        (lambda image, seed: image[:4], r"float32 \(8, 6, 2\), not float32 \(4, 6, 2\)"),
        (lambda image, seed: image[None], r"not float32 \(1, 8, 6, 2\)"),
        (lambda image, seed: tf.cast(image, tf.float16), r"not float16 \(8, 6, 2\)"),
        (lambda image, seed: None, "not NoneType"),
        (lambda image, seed: {"image": image}, "not dict"),
        (lambda image, seed: image / 0.0, "with finite values, not NaN or infinity"),
        (lambda image, seed: image + tf.random.normal(image.shape), "different slices for the same seed"),
        (lambda image, seed: image + random.random(), "different slices for the same seed"),
        (lambda image, seed: image * NUMPY.normal(), "different slices for the same seed"),
        (
            lambda image, seed: image + keras.random.normal((8, 6, 2), seed=KERAS),
            "different slices for the same seed",
        ),
        (
            lambda image, seed: tf.numpy_function(lambda x: x + np.float32(NUMPY.normal()), [image], tf.float32),
            "different slices for the same seed",
        ),
    ],
)  # fmt: skip
def test_others_are_refused_in_one_sentence(augmentation, message):
    with pytest.raises(UsageError, match=message):
        check_augmentation(augmentation, IMAGE, "it")
