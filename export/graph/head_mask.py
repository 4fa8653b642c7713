"""`kgp.heatmap.head_mask.head_mask` in a TensorFlow graph."""

import tensorflow as tf

from export.graph.components import fill_holes, largest_component
from kgp.data.normalise import contrasts_first, percentiles
from kgp.heatmap.head_rule import HIGH_PERCENTILE, LOW_PERCENTILE, MOST_OF_BORDER, SHARE_OF_HIGH, SHARE_OF_MAXIMUM


def head_mask(images: tf.Tensor) -> tf.Tensor:
    """The head in each slice of raw intensities; see `kgp.heatmap.head_mask.head_mask`.

    Args:
        images: float32 [B, H, W, C], finite.

    Returns:
        bool [B, H, W].
    """
    _, height, width, channels = images.shape
    contrasts = contrasts_first(images)
    low, high = percentiles(contrasts, LOW_PERCENTILE, HIGH_PERCENTILE)
    largest = tf.reduce_max(contrasts, axis=-1, keepdims=True)
    threshold = tf.maximum(tf.maximum(SHARE_OF_MAXIMUM * (largest - low), SHARE_OF_HIGH * (high - low)), 0.0)
    tissue = tf.reshape(contrasts - low > threshold, [-1, channels, height, width])
    sides = [tissue[:, :, 0], tissue[:, :, -1], tissue[:, :, :, 0], tissue[:, :, :, -1]]
    border = tf.reduce_mean(tf.cast(tf.concat(sides, axis=-1), tf.float32), axis=-1)
    usable = tf.reduce_any(tissue & (border <= MOST_OF_BORDER)[:, :, None, None], axis=1)
    any_usable = tf.reduce_any(usable, axis=[1, 2], keepdims=True)
    joined = tf.where(any_usable, usable, tf.reduce_any(tissue, axis=1))
    return fill_holes(largest_component(joined, diagonal=False))
