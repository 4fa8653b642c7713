"""`kgp.heatmap.refinement` in a TensorFlow graph."""

from collections.abc import Callable

import tensorflow as tf

from export.graph.contrasts import smoothed
from export.graph.distance import signed_distance
from kgp.heatmap.image_rule import (
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
    ratio = _log_density(contrasts, masks) - _log_density(contrasts, ring)
    ratio = tf.clip_by_value(ratio, -LIKELIHOOD_BOUND, LIKELIHOOD_BOUND)
    doubt = LENGTH_OF_DOUBT * scale_of(height, width)
    posterior = smoothed(ratio, LIKELIHOOD_SMOOTHING) + distance / doubt
    return (posterior > 0.0) & allowed, usable


def _pixels(masks: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(masks, axis=[1, 2], dtype=tf.int32)


def _log_density(contrasts: tf.Tensor, sample: tf.Tensor) -> tf.Tensor:
    """Logarithm, less a constant, of the normal density of the sample's pixels [B, H, W]."""
    _, height, width, channels = contrasts.shape
    pixels = tf.cast(tf.reshape(contrasts, [-1, height * width, channels]), tf.float64)
    weights = tf.cast(tf.reshape(sample, [-1, height * width, 1]), tf.float64)
    count = tf.reduce_sum(weights, axis=1, keepdims=True)
    mean = tf.math.divide_no_nan(tf.reduce_sum(pixels * weights, axis=1, keepdims=True), count)
    centred = pixels - mean
    covariance = tf.math.divide_no_nan(tf.matmul(centred * weights, centred, transpose_a=True), count)
    eigenvalues, vectors = tf.linalg.eigh(covariance + VARIANCE_FLOOR * tf.eye(channels, dtype=tf.float64))
    whitened = tf.matmul(centred, vectors / tf.sqrt(eigenvalues)[:, None, :])
    logarithm = -0.5 * (
        tf.reduce_sum(tf.square(whitened), axis=-1) + tf.reduce_sum(tf.math.log(eigenvalues), -1)[:, None]
    )
    return tf.cast(tf.reshape(logarithm, [-1, height, width]), tf.float32)
