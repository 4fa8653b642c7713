"""Otsu thresholds of maps inside regions, in a TensorFlow graph: the numbers of NumPy's and scikit-image's histograms.

Values are [B, N] with a region bool [B, N]; all sums run in 64 bits. What a region without a usable
value gives has no meaning; the callers look at the region first.
"""

import tensorflow as tf

BINS = 256


def otsu(values: tf.Tensor, region: tf.Tensor) -> tf.Tensor:
    """Otsu's threshold of each row, float64 [B] (`skimage.filters.threshold_otsu` with 256 bins)."""
    counts, centres = histogram(values, region)
    below, above = tf.cumsum(counts, axis=1), tf.cumsum(counts, axis=1, reverse=True)
    moments = counts * centres
    mean_below = tf.math.divide_no_nan(tf.cumsum(moments, axis=1), below)
    mean_above = tf.math.divide_no_nan(tf.cumsum(moments, axis=1, reverse=True), above)
    between = below[:, :-1] * above[:, 1:] * tf.square(mean_below[:, :-1] - mean_above[:, 1:])
    return tf.gather(centres, tf.argmax(between, axis=1), batch_dims=1)


def multiotsu(values: tf.Tensor, region: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The higher threshold of three-class multi-Otsu of each row, and how many of the 256 bins are filled.

    Returns:
        float64 [B] (`skimage.filters.threshold_multiotsu`) and int32 [B]; under three bins there is
        no threshold.
    """
    counts, centres = histogram(values, region)
    places = tf.range(BINS, dtype=tf.float64)
    weights = tf.pad(tf.cumsum(counts, axis=1), [[0, 0], [1, 0]])
    # scikit-image counts the lowest bin as it counts the second, with 1; a map cut at 0 has most
    # pixels there.
    moments = tf.pad(tf.cumsum(counts * tf.maximum(places, 1.0), axis=1), [[0, 0], [1, 0]])
    # One class from bin u to bin v, both counted: its first moment squared over its weight. [B, u,
    # v]
    weight = weights[:, None, 1:] - weights[:, :-1, None]
    moment = moments[:, None, 1:] - moments[:, :-1, None]
    spread = tf.math.divide_no_nan(tf.square(moment), tf.maximum(weight, 0.0))
    # The lowest class ends at bin s, the middle one at bin t > s. [B, s, t]
    total = spread[:, 0, :-1, None] + spread[:, 1:, :-1] + spread[:, None, 1:, -1]
    ordered = places[:-1, None] < places[None, :-1]
    total = tf.reshape(tf.where(ordered, total, -1.0), [-1, (BINS - 1) ** 2])
    higher = tf.math.floormod(tf.argmax(total, axis=1), BINS - 1)
    filled = tf.math.count_nonzero(counts, axis=1, dtype=tf.int32)
    return tf.gather(centres, higher, batch_dims=1), filled


def quantile(values: tf.Tensor, region: tf.Tensor, share: float) -> tf.Tensor:
    """`numpy.quantile` of the values inside the region of each row, linearly interpolated, float64 [B]."""
    values = tf.cast(values, tf.float64)
    lowest = tf.reduce_min(values) - 1.0
    ordered = tf.sort(tf.where(region, values, lowest), axis=1, direction="DESCENDING")
    count = tf.math.count_nonzero(region, axis=1, dtype=tf.int32)
    position = (1.0 - share) * tf.cast(tf.maximum(count - 1, 0), tf.float64)
    place = tf.cast(tf.floor(position), tf.int32)
    upper = tf.gather(ordered, place, batch_dims=1)
    lower = tf.gather(ordered, tf.minimum(place + 1, tf.maximum(count - 1, 0)), batch_dims=1)
    return upper + (position - tf.floor(position)) * (lower - upper)


def histogram(values: tf.Tensor, region: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Counts of the values inside the region in 256 equal bins from their lowest to their highest, and the bins' centres.

    Returns:
        Two float64 [B, 256], as `numpy.histogram` counts them.
    """
    values = tf.cast(values, tf.float64)
    low = tf.reduce_min(tf.where(region, values, tf.float64.max), axis=1, keepdims=True)
    high = tf.reduce_max(tf.where(region, values, tf.float64.min), axis=1, keepdims=True)
    edges = low + tf.range(BINS + 1, dtype=tf.float64) * ((high - low) / BINS)
    edges = tf.concat([edges[:, :-1], high], axis=1)
    inside = tf.clip_by_value(values, low, high)
    place = tf.cast(tf.math.divide_no_nan(inside - low, high - low) * BINS, tf.int32)
    place = tf.minimum(place, BINS - 1)
    # A value within rounding of an edge belongs where the edge itself says.
    place -= tf.cast(inside < tf.gather(edges, place, batch_dims=1), tf.int32)
    above = (inside >= tf.gather(edges, place + 1, batch_dims=1)) & (place < BINS - 1)
    place += tf.cast(above, tf.int32)
    rows = tf.range(tf.shape(values)[0])[:, None]
    counts = tf.math.unsorted_segment_sum(
        tf.cast(tf.reshape(region, [-1]), tf.float64),
        tf.reshape(rows * BINS + place, [-1]),
        tf.shape(values)[0] * BINS,
    )
    return tf.reshape(counts, [-1, BINS]), (edges[:, :-1] + edges[:, 1:]) / 2.0
