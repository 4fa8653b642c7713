"""Thresholds of maps inside regions in a TensorFlow graph, equal to NumPy's and scikit-image's.

Values are [B, N] with a region bool [B, N]; all sums run in 64 bits. What a region without a usable
value gives has no meaning; the callers look at the region first.
"""

import tensorflow as tf

BINS = 256


def otsu(values: tf.Tensor, region: tf.Tensor) -> tf.Tensor:
    """Otsu's threshold of each row, float64 [B]; `skimage.filters.threshold_otsu` with 256 bins."""
    counts, centres = histogram(values, region)
    below, above = tf.cumsum(counts, axis=1), tf.cumsum(counts, axis=1, reverse=True)
    moments = counts * centres
    mean_below = tf.math.divide_no_nan(tf.cumsum(moments, axis=1), below)
    mean_above = tf.math.divide_no_nan(tf.cumsum(moments, axis=1, reverse=True), above)
    between = below[:, :-1] * above[:, 1:] * tf.square(mean_below[:, :-1] - mean_above[:, 1:])
    return tf.gather(centres, tf.argmax(between, axis=1), batch_dims=1)


def multiotsu(values: tf.Tensor, region: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The higher threshold of three-class multi-Otsu of each row, and its number of filled bins.

    Returns:
        float64 [B] (`skimage.filters.threshold_multiotsu`) and int32 [B]; under three bins there is
        no threshold.
    """
    counts, centres = histogram(values, region)
    numbers = tf.range(BINS, dtype=tf.float64)
    weights = tf.pad(tf.cumsum(counts, axis=1), [[0, 0], [1, 0]])
    # scikit-image counts the lowest bin as it counts the second, with 1; a map cut at 0 has most
    # pixels there.
    moments = tf.pad(tf.cumsum(counts * tf.maximum(numbers, 1.0), axis=1), [[0, 0], [1, 0]])
    # [B, u, v]: first moment squared over weight of one class from bin u to bin v, both counted.
    weight = weights[:, None, 1:] - weights[:, :-1, None]
    moment = moments[:, None, 1:] - moments[:, :-1, None]
    spread = tf.math.divide_no_nan(tf.square(moment), tf.maximum(weight, 0.0))
    # The lowest class ends at bin s, the middle one at bin t > s. [B, s, t]
    total = spread[:, 0, :-1, None] + spread[:, 1:, :-1] + spread[:, None, 1:, -1]
    ordered = numbers[:-1, None] < numbers[None, :-1]
    total = tf.reshape(tf.where(ordered, total, -1.0), [-1, (BINS - 1) ** 2])
    higher = tf.math.floormod(tf.argmax(total, axis=1), BINS - 1)
    filled = tf.math.count_nonzero(counts, axis=1, dtype=tf.int32)
    return tf.gather(centres, higher, batch_dims=1), filled


def quantile(values: tf.Tensor, region: tf.Tensor, share: float) -> tf.Tensor:
    """`numpy.quantile` of each row inside its region, linearly interpolated, float64 [B]."""
    values = tf.cast(values, tf.float64)
    lowest = tf.reduce_min(values) - 1.0
    ordered = tf.sort(tf.where(region, values, lowest), axis=1, direction="DESCENDING")
    count = tf.math.count_nonzero(region, axis=1, dtype=tf.int32)
    position = (1.0 - share) * tf.cast(tf.maximum(count - 1, 0), tf.float64)
    index = tf.cast(tf.floor(position), tf.int32)
    upper = tf.gather(ordered, index, batch_dims=1)
    lower = tf.gather(ordered, tf.minimum(index + 1, tf.maximum(count - 1, 0)), batch_dims=1)
    return upper + (position - tf.floor(position)) * (lower - upper)


def histogram(values: tf.Tensor, region: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Counts of each row inside its region in 256 bins from lowest to highest, and bin centres.

    Returns:
        Two float64 [B, 256], as `numpy.histogram` counts them.
    """
    values = tf.cast(values, tf.float64)
    low = tf.reduce_min(tf.where(region, values, tf.float64.max), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(region, values, tf.float64.min), axis=1, keepdims=True)
    edges = low + tf.range(BINS + 1, dtype=tf.float64) * ((high - low) / BINS)
    edges = tf.concat([edges[:, :-1], high], axis=1)
    inside = tf.clip_by_value(values, low, high)
    index = tf.cast(tf.math.divide_no_nan(inside - low, high - low) * BINS, tf.int32)
    index = tf.minimum(index, BINS - 1)
    # A value within rounding of an edge belongs where the edge itself says.
    index -= tf.cast(inside < tf.gather(edges, index, batch_dims=1), tf.int32)
    above = (inside >= tf.gather(edges, index + 1, batch_dims=1)) & (index < BINS - 1)
    index += tf.cast(above, tf.int32)
    rows = tf.range(tf.shape(values)[0])[:, None]
    counts = tf.math.unsorted_segment_sum(
        tf.cast(tf.reshape(region, [-1]), tf.float64),
        tf.reshape(rows * BINS + index, [-1]),
        tf.shape(values)[0] * BINS,
    )
    return tf.reshape(counts, [-1, BINS]), (edges[:, :-1] + edges[:, 1:]) / 2.0
