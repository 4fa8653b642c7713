"""Connected components of a batch of masks in a TensorFlow graph, and what follows from them.

Every pixel points at a pixel of its component and hooks itself to the highest pixel that its
neighbours point at; pointers are halved in each round, so a few rounds join a component of any
shape (Zhang, Azad and Hu, "FastSV", 2020).
"""

import tensorflow as tf


def label_components(mask: tf.Tensor, diagonal: bool) -> tf.Tensor:
    """Components of each mask.

    Args:
        mask: bool [B, H, W].
        diagonal: whether pixels that touch at a corner are joined.

    Returns:
        int32 [B, H, W]: the same number, unique in the batch, for all pixels of a component,
        whether of the mask or not; pixels outside the mask are components of their own. Numbers are
        below B * (H + 2) * (W + 2).
    """
    height, width = mask.shape[1:]
    padded = tf.pad(mask, [[0, 0], [1, 1], [1, 1]])  # so that neighbours by number are neighbours in the picture
    inside = tf.reshape(padded, [-1])
    row = width + 2
    steps = [1, row, row + 1, row - 1] if diagonal else [1, row]
    numbers = tf.range(tf.size(inside))

    def join(pointers: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        visible = tf.where(inside, pointers, -1)
        highest = visible
        for step in steps:
            highest = tf.maximum(highest, tf.maximum(tf.roll(visible, step, 0), tf.roll(visible, -step, 0)))
        highest = tf.where(inside, highest, pointers)
        hooked = tf.tensor_scatter_nd_max(pointers, pointers[:, None], highest)
        hooked = tf.maximum(hooked, highest)
        halved = tf.gather(hooked, hooked)
        return halved, tf.reduce_any(halved != pointers)

    pointers, _ = tf.while_loop(lambda _, changed: changed, join, [numbers, tf.constant(True)])
    return tf.reshape(pointers, [-1, height + 2, row])[:, 1:-1, 1:-1]


def touching(mask: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """The components of `mask` that hold a seed; pixels that share an edge are joined.

    Args:
        mask, seeds: bool [B, H, W].
    """
    labels = label_components(mask, diagonal=False)
    return mask & (_share(labels, tf.cast(seeds & mask, tf.int32), tf.math.unsorted_segment_max) > 0)


def component_sizes(mask: tf.Tensor, diagonal: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Number and size of each pixel's component, both int32 [B, H, W]; size 0 outside the mask."""
    labels = label_components(mask, diagonal)
    return labels, _share(labels, tf.cast(mask, tf.int32), tf.math.unsorted_segment_sum)


def largest_component(mask: tf.Tensor, diagonal: bool) -> tf.Tensor:
    """The largest component of each mask, of several as large the first one; bool [B, H, W]."""
    labels, sizes = component_sizes(mask, diagonal)
    flat_labels, flat_sizes = _flat(labels), _flat(sizes)
    first = tf.argmax(flat_sizes, axis=1, output_type=tf.int32)
    chosen = tf.gather(flat_labels, first, batch_dims=1)
    return mask & (labels == chosen[:, None, None])


def fill_holes(mask: tf.Tensor) -> tf.Tensor:
    """The masks without holes: pixels that no free path over edges joins to the border."""
    free = tf.pad(~mask, [[0, 0], [1, 1], [1, 1]], constant_values=True)
    labels = label_components(free, diagonal=False)
    reached = free & (labels == labels[:, :1, :1])
    return ~reached[:, 1:-1, 1:-1]


def _share(labels: tf.Tensor, values: tf.Tensor, combine) -> tf.Tensor:
    """`combine` of the values over each component, at each of its pixels."""
    height, width = labels.shape[1:]
    count = tf.shape(labels)[0] * (height + 2) * (width + 2)
    combined = combine(tf.reshape(values, [-1]), tf.reshape(labels, [-1]), count)
    return tf.reshape(tf.gather(combined, tf.reshape(labels, [-1])), [-1, height, width])


def _flat(values: tf.Tensor) -> tf.Tensor:
    height, width = values.shape[1:]
    return tf.reshape(values, [-1, height * width])
