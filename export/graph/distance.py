"""Exact Euclidean distances up to a bound in a TensorFlow graph.

The squared distance is separable: first the distance to the nearest pixel in the same row, doubled
step by step, then over all rows within the bound the least sum of squares.
"""

import tensorflow as tf


def signed_distance(masks: tf.Tensor, bound: int) -> tf.Tensor:
    """Distance in pixels to the nearest pixel of the other kind, negative outside the mask.

    Args:
        masks: bool [B, H, W].
        bound: the largest distance; what is farther away gets it.

    Returns:
        float32 [B, H, W], from -bound to bound.
    """
    return distance_to(~masks, bound) - distance_to(masks, bound)


def distance_to(masks: tf.Tensor, bound: int) -> tf.Tensor:
    """Distance of each pixel to the nearest pixel of its mask, at most `bound`; float32."""
    far = float(bound)
    in_row = tf.where(masks, 0.0, far)
    step = 1
    while step <= bound:  # any distance up to the bound is a sum of powers of 2
        in_row = tf.minimum(in_row, tf.minimum(_shifted(in_row, 2, step, far), _shifted(in_row, 2, -step, far)) + step)
        step *= 2
    squares = tf.square(tf.minimum(in_row, far))
    nearest = squares
    for rows in range(1, bound):
        beside = tf.minimum(_shifted(squares, 1, rows, far**2), _shifted(squares, 1, -rows, far**2))
        nearest = tf.minimum(nearest, beside + float(rows**2))
    return tf.sqrt(nearest)


def _shifted(values: tf.Tensor, axis: int, steps: int, fill: float) -> tf.Tensor:
    """Values moved along an axis; what comes in from beyond the border is `fill`."""
    size = values.shape[axis]
    steps = max(-size, min(size, steps))
    padding = [[0, 0], [0, 0], [0, 0]]
    padding[axis] = [max(steps, 0), max(-steps, 0)]
    start = max(-steps, 0)
    padded = tf.pad(values, padding, constant_values=fill)
    return padded[:, start : start + size] if axis == 1 else padded[:, :, start : start + size]
