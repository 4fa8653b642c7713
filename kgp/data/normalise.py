"""Intensity normalisation of slices, in keras.ops: the same inside tf.data, in an exported graph, and on any backend."""

from typing import Any

import keras
from keras import ops

from kgp.training.config import NORMALISATIONS

_AIR = -3.0
_HEAD_RANGE = (-4.0, 5.0)
_TINY = 1e-6


def normalise(images, method: str):
    """Normalises raw intensities.

    Methods: "slice_maximum" divides by one maximum over all contrasts (the paper); "channel_maximum" divides each contrast
    by its own; "zscore" gives each contrast mean 0 and deviation 1 over the picture; "percentile" maps the 1st to the
    99th percentile of each contrast to 0..1 and clips; "head_zscore" subtracts each contrast's 5th percentile, takes
    what lies above 3 % of the maximum and above 15 % of the 99th percentile as head, gives the head mean 0 and deviation 1
    clipped to -4..5, and sets the rest to -3; "none" changes nothing.

    A contrast without any difference between pixels becomes 0 (head_zscore: -3), never NaN.

    Args:
        images: [..., H, W, C], any rank from 3; any unit.
        method: one of `kgp.training.config.NORMALISATIONS`.

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
        return images / _positive(ops.max(images, axis=(-3, -2, -1), keepdims=True))
    if method == "channel_maximum":
        return images / _positive(ops.max(images, axis=(-3, -2), keepdims=True))
    if method == "zscore":
        centred = images - ops.mean(images, axis=(-3, -2), keepdims=True)
        return centred / _positive(ops.sqrt(ops.mean(ops.square(centred), axis=(-3, -2), keepdims=True)))
    if method == "percentile":
        low, high = _percentiles(images, (1.0, 99.0))
        return ops.clip((images - low) / _positive(high - low), 0.0, 1.0)
    return _head_zscore(images)


@keras.saving.register_keras_serializable(package="kgp")
class Normalise(keras.layers.Layer):
    """`normalise` as a layer, so that exported graphs take raw intensities."""

    def __init__(self, method: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method = method

    def call(self, images):
        """Args: raw intensities [B, H, W, C]."""
        return normalise(images, self.method)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return input_shape

    def get_config(self) -> dict:
        """The arguments."""
        return {**super().get_config(), "method": self.method}


def _head_zscore(images):
    low, high = _percentiles(images, (5.0, 99.0))
    above = images - low
    threshold = ops.maximum(0.03 * ops.max(above, axis=(-3, -2), keepdims=True), 0.15 * (high - low))
    head = ops.cast(above > threshold, "float32")
    pixels = ops.maximum(ops.sum(head, axis=(-3, -2), keepdims=True), 1.0)
    centred = above - ops.sum(above * head, axis=(-3, -2), keepdims=True) / pixels
    deviation = ops.sqrt(ops.sum(ops.square(centred) * head, axis=(-3, -2), keepdims=True) / pixels)
    inside = ops.clip(centred / _positive(deviation), *_HEAD_RANGE)
    return ops.where(head > 0, inside, ops.full_like(inside, _AIR))


def _percentiles(images, percents: tuple[float, float]) -> list:
    """Percentiles of each contrast [..., 1, 1, C] with linear interpolation, from one sort."""
    height, width, channels = images.shape[-3:]
    leading = tuple(-1 if size is None else size for size in images.shape[:-3])
    columns = ops.moveaxis(ops.reshape(images, (*leading, height * width, channels)), -1, -2)
    ordered = ops.sort(columns, axis=-1)
    results = []
    for percent in percents:
        position = percent / 100.0 * (height * width - 1)
        left, right = int(position), min(int(position) + 1, height * width - 1)
        value = ordered[..., left] + (position - left) * (ordered[..., right] - ordered[..., left])
        results.append(ops.reshape(value, (*leading, 1, 1, channels)))
    return results


def _positive(values):
    """Divisors with what is not positive replaced by 1, so that a constant contrast gives no NaN."""
    return ops.where(values > _TINY, values, ops.ones_like(values))
