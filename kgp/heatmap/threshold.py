"""From a heatmap to a mask: which map, which region, which threshold.

The paper's reading (arXiv 2206.05148, post-processing) is `kgp.heatmap.reading.PAPER`: the map of
the predicted class, negative values set to 0, three-class multi-Otsu over the picture, highest
threshold minus an offset.
"""

import dataclasses

import numpy as np
from skimage import filters

from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.contrasts import comparable_contrasts
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.image_level import best_level
from kgp.heatmap.reading import Reading
from kgp.heatmap.refinement import refined

REASONS = ("no_tumour", "constant_map", "few_levels", "no_level", "empty_region", "nothing_above")
_BINS = 256


@dataclasses.dataclass(frozen=True)
class MaskResult:
    """A mask and how it came about.

    Attributes:
        mask: bool [H, W].
        threshold: pixels above it form the mask before clean-up and refinement, in heatmap units;
            None where none could be found.
        reason: one of REASONS where the mask is empty, else None: the predicted class means "no
            tumour"; the map is constant in the region; it has too few levels for the rule; no level
            of the rule "image_level" has pixels enough inside and around it; the region (the head)
            is empty; nothing lies above the threshold or survives the clean-up.
        map: the map that was cut, float32 [H, W].
    """

    mask: np.ndarray
    threshold: float | None
    reason: str | None
    map: np.ndarray


@dataclasses.dataclass(frozen=True)
class Cut:
    """A map, its region and its threshold without the offset; a mask follows for each offset.

    Attributes:
        map: float32 [H, W].
        region: bool [H, W], where the mask may lie.
        threshold: threshold without the offset, or None.
        reason: why there is no threshold, or None.
        contrasts: float32 [C, H, W] as `kgp.heatmap.contrasts` makes them, for a refinement; None
            where the reading has none.
    """

    map: np.ndarray
    region: np.ndarray
    threshold: float | None
    reason: str | None
    contrasts: np.ndarray | None = None


def select_map(heatmap: np.ndarray, predicted_class: int, reading: Reading, no_tumour_class: int | None) -> np.ndarray:
    """The one map that a reading cuts.

    "margin" is the predicted class's channel minus the "no tumour" channel; minus the highest other
    channel where no class means "no tumour" or where that class was predicted. With a single class
    it is that channel.

    Args:
        heatmap: raw heatmap [H, W, K].
        predicted_class: index of the predicted class.
        reading: its `map` and `clip_negative` are used.
        no_tumour_class: index of the class that means "no tumour", or None.

    Returns:
        float32 [H, W].

    Raises:
        ValueError: the heatmap is not [H, W, K], holds a value that is not finite, or has no such
            class.
    """
    if heatmap.ndim != 3 or heatmap.size == 0:
        raise ValueError(f"A heatmap of shape [H, W, K] is expected, not {heatmap.shape}.")
    classes = heatmap.shape[-1]
    if not 0 <= predicted_class < classes:
        raise ValueError(f"The heatmap has {classes} classes, so there is no class {predicted_class}.")
    if not np.isfinite(heatmap).all():
        raise ValueError("The heatmap holds values that are not finite (NaN or infinity).")
    heatmap = heatmap.astype(np.float32)
    selected = heatmap[..., predicted_class]
    if reading.map == "margin" and classes > 1:
        if no_tumour_class is None or predicted_class == no_tumour_class:
            selected = selected - np.delete(heatmap, predicted_class, axis=-1).max(axis=-1)
        else:
            selected = selected - heatmap[..., no_tumour_class]
    return np.maximum(selected, 0.0) if reading.clip_negative else selected


def cut_mask(
    heatmap: np.ndarray,
    predicted_class: int,
    reading: Reading,
    *,
    image: np.ndarray | None = None,
    no_tumour_class: int | None = None,
) -> MaskResult:
    """Cuts the mask of the predicted class as a reading says.

    Args:
        heatmap: raw heatmap [H, W, K]; already averaged where the reading asks for 8 views.
        predicted_class: index of the predicted class.
        reading: how to cut.
        image: raw intensities [H, W, C], needed where the reading's region is the head, its rule
            is "image_level" or it refines.
        no_tumour_class: index of the class that means "no tumour" (its mask is empty), or None.

    Returns:
        The mask; empty with a reason, never an exception, where the map does not give one.

    Raises:
        ValueError: the heatmap holds a NaN or has another shape than the image, or the image is
            needed and missing.
    """
    cut = prepare_cut(heatmap, predicted_class, reading, image=image, no_tumour_class=no_tumour_class)
    return finish_cut(cut, reading)


def prepare_cut(
    heatmap: np.ndarray,
    predicted_class: int,
    reading: Reading,
    *,
    image: np.ndarray | None = None,
    no_tumour_class: int | None = None,
) -> Cut:
    """The part of `cut_mask` that does not depend on the offset; arguments and errors as there."""
    selected = select_map(heatmap, predicted_class, reading, no_tumour_class)
    region = _region(selected.shape, reading, image)
    if no_tumour_class is not None and predicted_class == no_tumour_class:
        return Cut(selected, region, None, "no_tumour")
    if not region.any():
        return Cut(selected, region, None, "empty_region")
    values = selected[region]
    if values.min() == values.max():
        return Cut(selected, region, None, "constant_map")
    contrasts = None
    if image is not None and reading.looks_at_contrasts:
        contrasts = comparable_contrasts(image, region)
    if contrasts is not None and reading.rule == "image_level":
        threshold = best_level(selected, contrasts, region)
        reason = "no_level" if threshold is None else None
    else:
        threshold, reason = _threshold(values, reading)
    return Cut(selected, region, threshold, reason, contrasts)


def finish_cut(cut: Cut, reading: Reading) -> MaskResult:
    """The mask of a prepared cut.

    Args:
        cut: what `prepare_cut` returned.
        reading: as it was prepared with; only offset and clean-up may differ.
    """
    empty = np.zeros(cut.map.shape, bool)
    if cut.threshold is None:
        return MaskResult(empty, None, cut.reason, cut.map)
    threshold = cut.threshold
    if reading.rule in ("multiotsu", "otsu"):
        threshold -= reading.offset
    if reading.clip_negative or reading.rule == "otsu":
        # Both look at the positive part of the map alone, so an offset must not lower the threshold
        # below it.
        threshold = max(threshold, 0.0)
    if reading.rule == "hysteresis":
        outside = np.where(cut.region, cut.map, cut.map.min())
        low = min(_value(reading) * float(cut.map[cut.region].max()), threshold)
        mask = filters.apply_hysteresis_threshold(outside, low, threshold) & cut.region
    else:
        mask = (cut.map > threshold) & cut.region
    mask = apply_cleanup(mask, reading.cleanup) & cut.region if mask.any() else mask
    if cut.contrasts is not None:
        mask = refined(mask, cut.contrasts, cut.region, reading.refinements, reading.cleanup)
    return MaskResult(mask, threshold, None if mask.any() else "nothing_above", cut.map)


def _region(shape: tuple[int, ...], reading: Reading, image: np.ndarray | None) -> np.ndarray:
    if not reading.needs_image:
        return np.ones(shape, bool)
    if image is None:
        what = "cuts inside the head" if reading.region == "head" else "looks at the contrasts"
        raise ValueError(f"This reading {what}, so the image is needed.")
    if image.shape[:2] != shape:
        raise ValueError(f"The heatmap is {shape[0]} x {shape[1]} where the image's shape is {image.shape}.")
    return head_mask(image) if reading.region == "head" else np.ones(shape, bool)


def _threshold(values: np.ndarray, reading: Reading) -> tuple[float | None, str | None]:
    """The threshold of a region's values [N] without offset, or the reason for none."""
    if reading.rule == "zero":
        return 0.0, None
    if reading.rule == "fixed":
        return _value(reading), None
    if reading.rule == "quantile":
        return float(np.quantile(values, 1.0 - _value(reading))), None
    if reading.rule == "otsu":
        return _otsu_of_positive(values)
    return _multiotsu(values)


def _value(reading: Reading) -> float:
    """The reading's value, which a Reading of a rule that needs one is sure to have."""
    return float(reading.value or 0.0)


def _otsu_of_positive(values: np.ndarray) -> tuple[float | None, str | None]:
    positive = values[values > 0]
    if positive.size == 0:
        return None, "nothing_above"
    if positive.min() == positive.max():
        return None, "few_levels"
    return float(filters.threshold_otsu(_in_64_bits(positive), nbins=_BINS)), None


def _multiotsu(values: np.ndarray) -> tuple[float | None, str | None]:
    counts, edges = np.histogram(_in_64_bits(values), bins=_BINS)
    if np.count_nonzero(counts) < 3:
        return None, "few_levels"
    centres = (edges[:-1] + edges[1:]) / 2.0
    return float(filters.threshold_multiotsu(hist=(counts / values.size, centres), classes=3)[-1]), None


def _in_64_bits(values: np.ndarray) -> np.ndarray:
    """The values as float64: a range of neighbouring float32 values has no 256 bins."""
    return values.astype(np.float64)
