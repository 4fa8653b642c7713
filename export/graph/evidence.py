"""`kgp.heatmap.evidence` as a graph of Keras operations, for SavedModel and LiteRT files alike."""

import math

from keras import ops

from kgp.pooling_defaults import DEFAULT_POOLING_VALUES

POINTS = 12


def contributions(features, kernel, bias, *, head_order: str, pooling: str, pooling_value: float):
    """What each position adds to the logit of each class, and what belongs to no position.

    Args:
        features: the feature map that the head pools, float32 [B, H, W, F].
        kernel, bias: of the head's 1x1 convolution, [F, K] and [K].
        head_order, pooling, pooling_value: see `kgp.heatmap.evidence.contributions`.

    Returns:
        Contributions [B, H, W, K] and constants [B, K]; the sum over positions plus the constant is
        the logit. Where several positions share the last place of a top fraction, each has its part
        of it.
    """
    _, height, width, channels = features.shape
    columns = ops.reshape(features, (-1, height * width, channels))
    pooling_value = pooling_value or DEFAULT_POOLING_VALUES[pooling]
    if head_order == "pool_then_project":
        shares, rest = _shares(columns, pooling, pooling_value)
        maps = ops.matmul(shares * columns, kernel)
        constants = ops.matmul(rest, kernel) + bias
    else:
        projected = ops.matmul(columns, kernel)
        shares, rest = _shares(projected, pooling, pooling_value)
        maps = shares * projected
        constants = rest + bias
    return ops.reshape(maps, (-1, height, width, maps.shape[-1])), constants


def top_points(maps):
    """The 12 positions of each class with the largest absolute contribution, by falling size.

    Args:
        maps: contributions [B, H, W, K].

    Returns:
        Float32 [B, K, 12, 3]: row, column, contribution.
    """
    _, height, width, classes = maps.shape
    columns = ops.transpose(ops.reshape(maps, (-1, height * width, classes)), (0, 2, 1))
    _, positions = ops.top_k(ops.absolute(columns), POINTS)
    values = ops.take_along_axis(columns, positions, axis=-1)
    rows = ops.cast(positions // width, "float32")
    return ops.stack([rows, ops.cast(positions % width, "float32"), values], axis=-1)


def _shares(columns, pooling: str, value: float) -> tuple:
    """Shares [B, N, F] and rest [B, F] of each column's pooling; see `kgp.heatmap.evidence`."""
    count = columns.shape[1]
    rest = ops.zeros_like(columns[:, 0])
    if pooling == "average":
        return ops.full_like(columns, 1.0 / count), rest
    if pooling == "max":
        # Not argmax, in which Keras looks at signs by bit operations that LiteRT has not.
        first = ops.top_k(ops.transpose(columns, (0, 2, 1)), 1)[1][..., 0]
        return ops.transpose(ops.one_hot(first, count), (0, 2, 1)), rest
    if pooling == "lse":
        logarithm = ops.log_softmax(value * columns, axis=1)
        shares = ops.exp(logarithm)
        entropy = -ops.sum(shares * logarithm, axis=1)
        return shares, (entropy - math.log(count)) / value
    selected = max(1, round(value * count))
    last = ops.top_k(ops.transpose(columns, (0, 2, 1)), selected)[0][..., -1][:, None]
    above, level = ops.cast(columns > last, "float32"), ops.cast(columns == last, "float32")
    places_left = selected - ops.sum(above, axis=1, keepdims=True)
    return (above + level * places_left / ops.sum(level, axis=1, keepdims=True)) / selected, rest
