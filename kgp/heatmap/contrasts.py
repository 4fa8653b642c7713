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
        float32 [H, W, C].
    """
    contrasts = image.astype(np.float64)
    finite = np.isfinite(contrasts)
    if not finite.all():
        lowest = np.where(finite, contrasts, np.inf).min(axis=(0, 1))
        contrasts = np.where(finite, contrasts, np.where(np.isfinite(lowest), lowest, 0.0))
    # Less the minimum first, so that a constant contrast is exactly 0.
    contrasts = contrasts - contrasts[region].min(axis=0)
    inside = contrasts[region]
    deviation = inside.std(axis=0)
    contrasts = (contrasts - inside.mean(axis=0)) * np.where(deviation > 0.0, 1.0 / np.maximum(deviation, 1e-300), 0.0)
    return smoothed(contrasts.astype(np.float32), CONTRAST_SMOOTHING)


def smoothed(values: np.ndarray, length: float, picture: tuple[int, int] | None = None) -> np.ndarray:
    """Smoothed by a Gaussian; the border's pixels go on beyond the border.

    Args:
        values: float32 [H, W] or [H, W, C].
        length: standard deviation on the grid of 192.
        picture: height and width of the picture of which `values` are a part; default all of it.
    """
    weights = gaussian_weights(length, *(picture or values.shape[:2]))
    result = cv2.sepFilter2D(values, -1, weights, weights, borderType=cv2.BORDER_REPLICATE)
    return result.reshape(values.shape)
