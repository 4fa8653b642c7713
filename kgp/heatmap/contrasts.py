"""The contrasts of a slice as the readings see them: in units of the head, and smoothed."""

import cv2
import numpy as np

from kgp.heatmap.image_rule import CONTRAST_SMOOTHING, gaussian_weights


def comparable_contrasts(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Each contrast with mean 0 and standard deviation 1 in the region, smoothed by 1 pixel of 192.

    A contrast that is multiplied by a positive number or shifted gives the same. One that is
    constant in the region becomes 0.

    Args:
        image: raw intensities [H, W, C] of any numeric type. Values that are not finite count as
            the contrast's lowest value.
        region: bool [H, W], not empty.

    Returns:
        float32 [C, H, W].
    """
    return np.stack([_comparable(image[..., channel], region) for channel in range(image.shape[-1])])


def _comparable(contrast: np.ndarray, region: np.ndarray) -> np.ndarray:
    contrast = contrast.astype(np.float32)
    finite = np.isfinite(contrast)
    if not finite.all():
        contrast = np.where(finite, contrast, contrast[finite].min() if finite.any() else np.float32(0.0))
    inside = contrast[region]
    lowest = inside.min()
    # Less the minimum first, so that a constant contrast is exactly 0.
    mean, deviation = (function(inside - lowest, dtype=np.float64) for function in (np.mean, np.std))
    if deviation == 0.0:
        return np.zeros_like(contrast)
    return smoothed((contrast - lowest - np.float32(mean)) * np.float32(1.0 / deviation), CONTRAST_SMOOTHING)


def smoothed(values: np.ndarray, length: float, picture: tuple[int, int] | None = None) -> np.ndarray:
    """Smoothed by a Gaussian; the border's pixels go on beyond the border.

    Args:
        values: float32 [H, W].
        length: standard deviation on the grid of 192.
        picture: height and width of the picture of which `values` are a part; default all of it.
    """
    weights = gaussian_weights(length, *(picture or values.shape))
    return cv2.sepFilter2D(values, -1, weights, weights, borderType=cv2.BORDER_REPLICATE)
