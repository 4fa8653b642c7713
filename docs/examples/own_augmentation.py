"""An augmentation of one's own: a function of a slice and a seed, in TensorFlow."""

import tensorflow as tf

import kgp


def stripes(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Waves along a random axis, as a spike in k-space draws them, on every other slice.

    Args:
        image: normalised slice, float32 [H, W, C].
        seed: int64 [2]; all chance comes from it.

    Returns:
        float32 [H, W, C].
    """
    height, width, _ = image.shape
    chance, angle, waves = tf.unstack(tf.random.stateless_uniform((3,), seed))
    if chance < 0.5:
        return image
    rows = tf.linspace(0.0, 1.0, height)[:, None] * tf.cos(6.28 * angle)
    columns = tf.linspace(0.0, 1.0, width)[None] * tf.sin(6.28 * angle)
    pattern = tf.sin(6.28 * (4.0 + 12.0 * waves) * (rows + columns))
    return image + 0.2 * pattern[..., None]


def train(data: str, out: str, **options: object) -> kgp.TrainedNetwork:
    """Trains with it, after the changes that the preset makes."""
    return kgp.train(data=data, out=out, augmentation=stripes, **options)
