"""`kgp.heatmap.image_level` in a TensorFlow graph."""

import tensorflow as tf

from kgp.heatmap.image_rule import (
    LEAST_AROUND,
    LEAST_INSIDE,
    LEVEL_RING,
    LEVELS,
    MOST_INSIDE,
    PRICE_AT_VALUE,
    VARIANCE_FLOOR,
    levels_to,
    pixel_count,
    pixels_long,
)


def best_level(maps: tf.Tensor, contrasts: tf.Tensor, region: tf.Tensor, value: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The level whose level set differs most from its surroundings; see `kgp.heatmap.image_level`.

    Args:
        maps: float32 [B, H, W].
        contrasts: as `export.graph.contrasts.comparable_contrasts` makes them, [B, H, W, C].
        region: bool [B, H, W].
        value: levels from -value to value are compared.

    Returns:
        The level float64 [B], and whether any level has pixels enough, bool [B].
    """
    height, width, channels = contrasts.shape[1:]
    inside_maps = tf.where(region, maps, tf.float32.min)
    around_maps = tf.where(region, _dilated(inside_maps, pixels_long(LEVEL_RING, height, width)), tf.float32.min)
    moments = _moments(contrasts)
    levels = tf.constant(levels_to(value))
    inside = _sums_above(inside_maps, moments, levels)
    around = _sums_above(around_maps, moments, levels) - inside
    usable = inside[..., 0] >= pixel_count(LEAST_INSIDE, height, width)
    usable &= around[..., 0] >= pixel_count(LEAST_AROUND, height, width)
    pixels = tf.math.count_nonzero(region, axis=[1, 2], dtype=tf.float64)
    usable &= inside[..., 0] <= MOST_INSIDE * pixels[:, None]
    levels = tf.cast(levels, tf.float64)
    scores = _distances(inside, around, channels) - PRICE_AT_VALUE / value * tf.abs(levels)
    scores = tf.where(usable, scores, tf.float64.min)
    return tf.gather(levels, tf.argmax(scores, axis=1)), tf.reduce_any(usable, axis=1)


def _dilated(maps: tf.Tensor, reach: int) -> tf.Tensor:
    """The largest value in a square of 2 reach + 1 pixels around each pixel."""
    rows = tf.nn.max_pool2d(maps[..., None], [2 * reach + 1, 1], 1, "SAME")
    return tf.nn.max_pool2d(rows, [1, 2 * reach + 1], 1, "SAME")[..., 0]


def _moments(contrasts: tf.Tensor) -> tf.Tensor:
    """1, x and x x^T of each pixel, float32 [B, N, 1 + C + C^2]."""
    _, height, width, channels = contrasts.shape
    pixels = tf.reshape(contrasts, [-1, height * width, channels])
    products = tf.reshape(pixels[..., :, None] * pixels[..., None, :], [-1, height * width, channels**2])
    return tf.concat([tf.ones_like(pixels[..., :1]), pixels, products], axis=-1)


def _sums_above(maps: tf.Tensor, moments: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """Sums of the moments over the pixels above each level, float64 [B, levels, moments].

    The product runs in 32 bits, which is enough for contrasts in units of the head and takes half
    the memory.
    """
    values = tf.reshape(maps, [-1, 1, moments.shape[1]])
    above = tf.cast(values > levels[:, None], tf.float32)
    return tf.cast(tf.matmul(above, moments), tf.float64)


def _distances(inside: tf.Tensor, around: tf.Tensor, channels: int) -> tf.Tensor:
    """Mahalanobis distances [B, levels] of the mean contrasts of two kinds of sets."""
    within = _scatter(inside, channels) + _scatter(around, channels)
    total = (inside[..., 0] + around[..., 0])[..., None, None]
    pooled = tf.math.divide_no_nan(within, total) + VARIANCE_FLOOR * tf.eye(channels, dtype=tf.float64)
    difference = _mean(inside, channels) - _mean(around, channels)
    solved = tf.linalg.solve(pooled, difference[..., None])[..., 0]
    return tf.sqrt(tf.maximum(tf.reduce_sum(difference * solved, axis=-1), 0.0))


def _mean(moments: tf.Tensor, channels: int) -> tf.Tensor:
    return tf.math.divide_no_nan(moments[..., 1 : 1 + channels], moments[..., :1])


def _scatter(moments: tf.Tensor, channels: int) -> tf.Tensor:
    """Sum over the pixels of (x - mean) (x - mean)^T, [B, levels, C, C]."""
    mean = _mean(moments, channels)
    products = tf.reshape(moments[..., 1 + channels :], [-1, LEVELS, channels, channels])
    return products - moments[..., 0, None, None] * mean[..., :, None] * mean[..., None, :]
