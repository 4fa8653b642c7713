"""The head mask: which pixels of a slice show the patient and which show air."""

import cv2
import numpy as np

from kgp.heatmap.cleanup import fill_holes
from kgp.heatmap.head_rule import HIGH_PERCENTILE, LOW_PERCENTILE, MOST_OF_BORDER, SHARE_OF_HIGH, SHARE_OF_MAXIMUM


def head_mask(image: np.ndarray) -> np.ndarray:
    """The head in one slice of raw intensities, in arbitrary units for each contrast.

    In each contrast the 5th percentile is subtracted, and what lies above 3 % of the maximum and
    above 15 % of the 99th percentile counts as tissue. The tissue of all contrasts is joined, the
    largest component kept and its holes filled. A union serves best because contrasts of one slice
    may be cut off obliquely, each elsewhere.

    Args:
        image: raw intensities [H, W, C] of any numeric type. Values that are not finite count as
            air.

    Returns:
        bool [H, W]; all False for a slice without any contrast between pixels.

    Raises:
        ValueError: `image` is not [H, W, C].
    """
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"An image of shape [H, W, C] is expected, not {image.shape}.")
    tissue = np.stack([_tissue(image[..., channel]) for channel in range(image.shape[-1])], axis=-1)
    border = np.concatenate([tissue[0], tissue[-1], tissue[:, 0], tissue[:, -1]]).mean(axis=0)
    # Where most of the picture's border looks like tissue, air is brighter than the darkest tissue
    # (a contrast stored with an offset): such a contrast says nothing about the head as long as
    # another one does.
    usable = tissue[..., border <= MOST_OF_BORDER]
    joined = np.asarray(usable.any(axis=-1))
    if not joined.any():
        joined = np.asarray(tissue.any(axis=-1))
    return fill_holes(_largest_component(joined))


def _tissue(contrast: np.ndarray) -> np.ndarray:
    contrast = contrast.astype(np.float32)
    finite = np.isfinite(contrast)
    contrast = np.where(finite, contrast, contrast[finite].min() if finite.any() else np.float32(0.0))
    low, high = np.percentile(contrast, (LOW_PERCENTILE, HIGH_PERCENTILE))
    threshold = max(SHARE_OF_MAXIMUM * (contrast.max() - low), SHARE_OF_HIGH * (high - low), 0.0)
    return contrast - low > threshold


def _largest_component(mask: np.ndarray) -> np.ndarray:
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    return labels == 1 + np.argmax(statistics[1:, cv2.CC_STAT_AREA])
