"""`kgp.heatmap.refinement` in a TensorFlow graph."""

from collections.abc import Callable

import tensorflow as tf

from export.graph.contrasts import smoothed
from export.graph.distance import signed_distance
from kgp.heatmap.image_rule import (
    BORROWED_PIXELS,
    LEAST_REFINED,
    LENGTH_OF_DOUBT,
    LIKELIHOOD_BOUND,
    LIKELIHOOD_SMOOTHING,
    RING,
    VARIANCE_FLOOR,
    pixel_count,
    pixels_long,
    scale_of,
)


def refined(
    masks: tf.Tensor, contrasts: tf.Tensor, region: tf.Tensor, times: int, clean_up: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """The masks after so many rounds of refinement; see `kgp.heatmap.refinement.refined`.

    Args:
        masks: bool [B, H, W], in the region.
        contrasts: as `export.graph.contrasts.comparable_contrasts` makes them, [B, H, W, C].
        region: bool [B, H, W].
        times: number of rounds.
        clean_up: what is done to the masks after each round.

    Returns:
        bool [B, H, W].
    """
    for _ in range(times):
        proposals, usable = _round(masks, contrasts, region)
        proposals = clean_up(proposals) & region
        usable &= tf.reduce_any(proposals, axis=[1, 2])
        masks = tf.where(usable[:, None, None], proposals, masks)
    return masks


def _round(masks: tf.Tensor, contrasts: tf.Tensor, region: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One round before clean-up, and whether mask and ring have pixels enough for it, bool [B]."""
    height, width = contrasts.shape[1:3]
    least, reach = pixel_count(LEAST_REFINED, height, width), pixels_long(RING, height, width)
    distance = signed_distance(masks, reach)
    allowed = (distance > -reach) & region
    ring = allowed & ~masks
    usable = _pixels(masks) >= least
    usable &= _pixels(ring) >= least
    pixels = tf.cast(tf.reshape(contrasts, [-1, height * width, contrasts.shape[3]]), tf.float64)
    own, mean, covariance = _count_mean_covariance(pixels, masks)
    _, mean_around, covariance_around = _count_mean_covariance(pixels, ring)
    borrowed = float(pixel_count(BORROWED_PIXELS, height, width))
    covariance = (own * covariance + borrowed * covariance_around) / (own + borrowed)
    ratio = _log_density(pixels, mean, covariance) - _log_density(pixels, mean_around, covariance_around)
    ratio = tf.cast(tf.reshape(ratio, [-1, height, width]), tf.float32)
    ratio = tf.clip_by_value(ratio, -LIKELIHOOD_BOUND, LIKELIHOOD_BOUND)
    doubt = LENGTH_OF_DOUBT * scale_of(height, width)
    posterior = smoothed(ratio, LIKELIHOOD_SMOOTHING) + distance / doubt
    return (posterior > 0.0) & allowed, usable


def _pixels(masks: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(masks, axis=[1, 2], dtype=tf.int32)


def _count_mean_covariance(pixels: tf.Tensor, sample: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Count [B, 1, 1], mean [B, 1, C] and covariance [B, C, C] of the pixels [B, N, C] in a sample."""
    weights = tf.cast(tf.reshape(sample, [-1, pixels.shape[1], 1]), tf.float64)
    count = tf.reduce_sum(weights, axis=1, keepdims=True)
    mean = tf.math.divide_no_nan(tf.reduce_sum(pixels * weights, axis=1, keepdims=True), count)
    centred = pixels - mean
    return count, mean, tf.math.divide_no_nan(tf.matmul(centred * weights, centred, transpose_a=True), count)


def _log_density(pixels: tf.Tensor, mean: tf.Tensor, covariance: tf.Tensor) -> tf.Tensor:
    """Logarithm, less a constant, of a normal density at pixels [B, N, C]."""
    floor = VARIANCE_FLOOR * tf.eye(pixels.shape[2], dtype=tf.float64)
    eigenvalues, vectors = tf.linalg.eigh(covariance + floor)
    whitened = tf.matmul(pixels - mean, vectors / tf.sqrt(eigenvalues)[:, None, :])
    scale = tf.reduce_sum(tf.math.log(eigenvalues), axis=-1)[:, None]
    return -0.5 * (tf.reduce_sum(tf.square(whitened), axis=-1) + scale)
