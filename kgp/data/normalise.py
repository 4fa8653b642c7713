"""Intensity normalisation of slices, in keras.ops: the same in tf.data, in an exported graph, and
on any backend.
"""

from typing import Any

import keras

from kgp.config import NORMALISATIONS
from kgp.heatmap.head_rule import HIGH_PERCENTILE, LOW_PERCENTILE, SHARE_OF_HIGH, SHARE_OF_MAXIMUM

_AIR = -3.0
_HEAD_RANGE = (-4.0, 5.0)
_ROUNDING = 1e-5  # a deviation below this share of the largest value is rounding, not structure


def scale_intensities(images, method: str, ops: Any = keras.ops):
    """Scales raw intensities as a configuration's `normalisation` says.

    Methods:
        "slice_maximum": divided by one maximum over all contrasts (the paper, arXiv 2206.05148).
        "channel_maximum": each contrast divided by its own maximum.
        "zscore": each contrast with mean 0 and standard deviation 1 over the picture.
        "percentile": each contrast mapped from its 1st..99th percentile to 0..1 and clipped.
        "head_zscore": each contrast less its 5th percentile; what then lies above 3 % of the
            maximum and above 15 % of the 99th percentile is head and gets mean 0 and standard
            deviation 1, clipped to -4..5; the rest becomes -3.
        "none": unchanged.

    Percentiles interpolate linearly, as NumPy's do. A contrast without any difference between
    pixels becomes 0 by "zscore" and "percentile", and -3 by "head_zscore"; one without a positive
    value becomes 0 by the maxima. NaN in the input is not looked for.

    Args:
        images: [..., H, W, C] with H, W and C known; any unit.
        method: one of `kgp.config.NORMALISATIONS`.
        ops: where the functions come from; `kgp.data.tensorflow_ops` inside tf.data.

    Returns:
        float32, the same shape.

    Raises:
        ValueError: the method is unknown.
    """
    if method not in NORMALISATIONS:
        raise ValueError(f"The normalisation must be one of {', '.join(NORMALISATIONS)}, not {method!r}.")
    images = ops.cast(images, "float32")
    if method == "none":
        return images
    if method == "slice_maximum":
        return _divide(images, ops.max(images, axis=(-3, -2, -1), keepdims=True), ops)
    contrasts = contrasts_first(images, ops)
    if method == "channel_maximum":
        contrasts = _divide(contrasts, ops.max(contrasts, axis=-1, keepdims=True), ops)
    elif method == "zscore":
        contrasts = _zscore(contrasts, ops)
    elif method == "percentile":
        low, high = percentiles(contrasts, 1.0, 99.0, ops)
        contrasts = ops.clip(_divide(contrasts - low, high - low, ops), 0.0, 1.0)
    else:
        low, high = percentiles(contrasts, LOW_PERCENTILE, HIGH_PERCENTILE, ops)
        contrasts = _head_zscore(contrasts - low, high - low, ops)
    return ops.reshape(ops.moveaxis(contrasts, -2, -1), _shape(images))


def _zscore(contrasts, ops):
    # Less the minimum first, so that a constant contrast is exactly 0 and large offsets cost no
    # precision.
    above = contrasts - ops.min(contrasts, axis=-1, keepdims=True)
    centred = above - ops.mean(above, axis=-1, keepdims=True)
    return _divide(centred, ops.sqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True)), ops)


def _head_zscore(above, high, ops):
    """Args: contrasts less their 5th percentile, and the 99th percentile less the 5th."""
    largest = ops.max(above, axis=-1, keepdims=True)
    head = ops.cast(above > ops.maximum(SHARE_OF_MAXIMUM * largest, SHARE_OF_HIGH * high), "float32")
    pixels = ops.maximum(ops.sum(head, axis=-1, keepdims=True), 1.0)
    centred = above - ops.sum(above * head, axis=-1, keepdims=True) / pixels
    deviation = ops.sqrt(ops.sum(ops.square(centred) * head, axis=-1, keepdims=True) / pixels)
    inside = ops.clip(_divide(centred, deviation, ops, _ROUNDING * largest), *_HEAD_RANGE)
    return inside * head + _AIR * (1.0 - head)


def percentiles(contrasts, low: float, high: float, ops: Any = keras.ops) -> tuple:
    """Two percentiles of each contrast, [..., C, 1], by linear interpolation.

    Only the two ends are put in order, which takes a third of the time of sorting all pixels.
    """
    pixels = contrasts.shape[-1]
    values_at = []
    for values, share, sign in ((-contrasts, low / 100.0, -1.0), (contrasts, 1.0 - high / 100.0, 1.0)):
        position = share * (pixels - 1)
        index = int(position)
        ordered = sign * ops.top_k(values, min(index + 2, pixels))[0]
        following = ordered[..., min(index + 1, pixels - 1), None]
        values_at.append(ordered[..., index, None] + (position - index) * (following - ordered[..., index, None]))
    return tuple(values_at)


def contrasts_first(images, ops: Any = keras.ops):
    """[..., H, W, C] as [..., C, H * W], in which statistics of a contrast take a third of the
    time.
    """
    *leading, height, width, channels = _shape(images)
    return ops.moveaxis(ops.reshape(images, (*leading, height * width, channels)), -1, -2)


def _shape(images) -> tuple:
    """The shape, with -1 for an unknown batch size."""
    return tuple(-1 if size is None else size for size in images.shape)


def _divide(values, divisors, ops, floor=0.0):
    """`values / divisors`, and 0 where the divisor is not above `floor`."""
    usable = divisors > floor
    return ops.where(usable, values / ops.where(usable, divisors, ops.ones_like(divisors)), ops.zeros_like(values))
