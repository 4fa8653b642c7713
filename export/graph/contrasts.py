"""`kgp.heatmap.contrasts` in a TensorFlow graph."""

import tensorflow as tf

from kgp.heatmap.image_rule import CONTRAST_SMOOTHING, gaussian_weights


def comparable_contrasts(images: tf.Tensor, region: tf.Tensor) -> tf.Tensor:
    """Each contrast in units of its region, smoothed.

    Args:
        images: raw intensities [B, H, W, C]; a slice that is not finite becomes 0.
        region: bool [B, H, W].

    Returns:
        float32 [B, H, W, C].
    """
    finite = tf.reduce_all(tf.math.is_finite(images), axis=[1, 2, 3], keepdims=True)
    images = tf.where(finite, images, 0.0)
    inside = region[..., None]
    share = tf.cast(inside, tf.float32)
    pixels = tf.maximum(tf.reduce_sum(share, axis=[1, 2], keepdims=True), 1.0)
    above = images - tf.reduce_min(tf.where(inside, images, tf.float32.max), axis=[1, 2], keepdims=True)
    centred = above - tf.reduce_sum(above * share, axis=[1, 2], keepdims=True) / pixels
    deviation = tf.sqrt(tf.reduce_sum(tf.square(centred * share), axis=[1, 2], keepdims=True) / pixels)
    return smoothed(tf.math.divide_no_nan(centred, deviation), CONTRAST_SMOOTHING)


def smoothed(values: tf.Tensor, length: float) -> tf.Tensor:
    """Smoothed by a Gaussian of a length on the grid of 192; values float32 [B, H, W, ...]."""
    weights = gaussian_weights(length, *values.shape[1:3])
    reach = len(weights) // 2
    for axis in (1, 2):
        size = values.shape[axis]
        places = tf.clip_by_value(tf.range(-reach, size + reach), 0, size - 1)  # the border goes on beyond itself
        padded = tf.gather(values, places, axis=axis)
        shifted = [tf.gather(padded, tf.range(step, step + size), axis=axis) for step in range(len(weights))]
        values = tf.add_n([weight * part for weight, part in zip(weights, shifted, strict=True)])
    return values
