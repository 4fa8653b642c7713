"""A reading (`kgp.heatmap.reading`) as a TensorFlow graph, from raw heatmaps to masks."""

import tensorflow as tf
from skimage import morphology

from export.graph import thresholds
from export.graph.components import component_sizes, fill_holes, touching
from export.graph.contrasts import comparable_contrasts
from export.graph.head_mask import head_mask
from export.graph.image_level import best_level
from export.graph.refinement import refined
from kgp.heatmap.reading import Cleanup, Reading


def cut_masks(
    heatmaps: tf.Tensor, logits: tf.Tensor, images: tf.Tensor, reading: Reading, no_tumour_class: int | None
) -> tf.Tensor:
    """The masks of the predicted classes; equal to `kgp.heatmap.threshold.cut_mask` up to rounding.

    Args:
        heatmaps: float32 [B, H, W, K], averaged over views where the reading asks for it.
        logits: float32 [B, K].
        images: raw intensities [B, H, W, C].
        reading: how to cut.
        no_tumour_class: index of the class that means "no tumour" (its masks are empty), or None.

    Returns:
        bool [B, H, W].
    """
    predicted = tf.argmax(logits, axis=1, output_type=tf.int32)
    maps = select_maps(heatmaps, predicted, reading, no_tumour_class)
    # A map with NaN or infinity becomes constant: it alone of its batch gets no mask.
    maps = tf.where(tf.reduce_all(tf.math.is_finite(maps), axis=[1, 2], keepdims=True), maps, 0.0)
    region = head_mask(images) if reading.region == "head" else tf.ones_like(maps, tf.bool)
    contrasts = comparable_contrasts(images, region) if reading.looks_at_contrasts else None
    threshold, usable = _threshold(maps, region, contrasts, reading)
    if no_tumour_class is not None:
        usable &= predicted != no_tumour_class
    if reading.rule == "hysteresis":
        masks = _hysteresis(maps, region, threshold, float(reading.value or 0.0))
    else:
        masks = _above(maps, threshold)
    masks = masks & region & usable[:, None, None]
    masks = clean_up(masks, reading.cleanup) & region
    if contrasts is None:
        return masks
    return refined(masks, contrasts, region, reading.refinements, lambda masks: clean_up(masks, reading.cleanup))


def select_maps(heatmaps: tf.Tensor, predicted: tf.Tensor, reading: Reading, no_tumour_class: int | None) -> tf.Tensor:
    """The map of each slice that is cut, [B, H, W]; see `kgp.heatmap.threshold.select_map`."""
    classes = heatmaps.shape[-1]
    chosen = tf.one_hot(predicted, classes, dtype=heatmaps.dtype)[:, None, None]
    maps = tf.reduce_sum(heatmaps * chosen, axis=-1)
    if reading.map == "margin" and classes > 1:
        others = tf.reduce_max(tf.where(chosen > 0, tf.float32.min, heatmaps), axis=-1)
        if no_tumour_class is not None:
            healthy = (predicted == no_tumour_class)[:, None, None]
            others = tf.where(healthy, others, heatmaps[..., no_tumour_class])
        maps = maps - others
    return tf.maximum(maps, 0.0) if reading.clip_negative else maps


def clean_up(masks: tf.Tensor, cleanup: Cleanup) -> tf.Tensor:
    """What `kgp.heatmap.cleanup.apply_cleanup` does, for masks bool [B, H, W]."""
    if cleanup.opening > 0:
        masks = _opening(masks, cleanup.opening)
    if cleanup.minimum_pixels > 0 or cleanup.minimum_share > 0.0 or cleanup.largest_only:
        masks = _keep_components(masks, cleanup)
    return fill_holes(masks) if cleanup.fill_holes else masks


def _threshold(
    maps: tf.Tensor, region: tf.Tensor, contrasts: tf.Tensor | None, reading: Reading
) -> tuple[tf.Tensor, tf.Tensor]:
    """The threshold of each map, float64 [B], and whether it has one."""
    values, inside = _flat(tf.cast(maps, tf.float64)), _flat(region)
    low = tf.reduce_min(tf.where(inside, values, tf.float64.max), axis=1)
    high = tf.reduce_max(tf.where(inside, values, tf.float64.min), axis=1)
    usable = low < high  # neither constant nor without any pixel
    if reading.rule == "zero":
        threshold = tf.zeros_like(low)
    elif reading.rule == "fixed":
        threshold = tf.fill(tf.shape(low), tf.constant(reading.value, tf.float64))
    elif reading.rule == "image_level":
        threshold, found = best_level(maps, contrasts, region, float(reading.value or 0.0))
        usable &= found
    elif reading.rule == "quantile":
        threshold = thresholds.quantile(values, inside, 1.0 - float(reading.value or 0.0))
    elif reading.rule == "otsu":
        positive = inside & (values > 0.0)
        least = tf.reduce_min(tf.where(positive, values, tf.float64.max), axis=1)
        usable &= least < high  # some positive value, and not one alone
        threshold = thresholds.otsu(values, positive) - reading.offset
    else:
        threshold, filled = thresholds.multiotsu(values, inside)
        usable &= filled >= 3
        threshold -= reading.offset if reading.rule == "multiotsu" else 0.0
    if reading.clip_negative or reading.rule == "otsu":
        threshold = tf.maximum(threshold, 0.0)
    return threshold, usable


def _hysteresis(maps: tf.Tensor, region: tf.Tensor, threshold: tf.Tensor, share: float) -> tf.Tensor:
    """What lies above the low threshold and is joined to something above the high one."""
    outside = tf.where(region, maps, tf.reduce_min(maps, axis=[1, 2], keepdims=True))
    highest = tf.cast(tf.reduce_max(outside, axis=[1, 2]), tf.float64)
    low = tf.minimum(share * highest, threshold)
    # scikit-image compares with the low one in 64 bits.
    return touching(tf.cast(outside, tf.float64) > low[:, None, None], _above(outside, threshold))


def _above(maps: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Compares in the maps' 32 bits, as NumPy does with an array and a float."""
    return maps > tf.cast(threshold, tf.float32)[:, None, None]


def _opening(masks: tf.Tensor, radius: int) -> tf.Tensor:
    """Opening with a disc; what lies beyond the picture's border counts as mask while eroding."""
    disc = tf.constant(morphology.disk(radius), tf.float32)[:, :, None, None]

    def reached(pixels: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(tf.cast(pixels, tf.float32)[..., None], disc, 1, "SAME")[..., 0] > 0.5

    return reached(~reached(~masks))


def _keep_components(masks: tf.Tensor, cleanup: Cleanup) -> tf.Tensor:
    labels, sizes = component_sizes(masks, diagonal=True)
    largest = tf.reduce_max(sizes, axis=[1, 2], keepdims=True)
    kept = masks & (sizes >= cleanup.minimum_pixels)
    kept &= tf.cast(sizes, tf.float64) >= cleanup.minimum_share * tf.cast(largest, tf.float64)
    if cleanup.largest_only:
        first = tf.argmax(_flat(sizes), axis=1, output_type=tf.int32)
        kept &= labels == tf.gather(_flat(labels), first, batch_dims=1)[:, None, None]
    return kept


def _flat(values: tf.Tensor) -> tf.Tensor:
    height, width = values.shape[1:]
    return tf.reshape(values, [-1, height * width])
