"""What intensity alone achieves: the numbers a trained network has to beat."""

import numpy as np
from skimage import filters

from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.reading import BEST, Cleanup


def intensity_baseline(image: np.ndarray, channel: int, cleanup: Cleanup = BEST.cleanup) -> np.ndarray:
    """The bright part of one contrast: Otsu's threshold inside the head, then clean-up.

    Args:
        image: raw intensities [H, W, C].
        channel: which contrast; FLAIR shows most of a glioma.
        cleanup: what is done to the mask; by default the same as for the network's masks.

    Returns:
        bool [H, W]; empty where the head is empty or of one intensity.

    Raises:
        ValueError: the image has no such channel or is not [H, W, C].
    """
    head = head_mask(image)
    if not 0 <= channel < image.shape[-1]:
        raise ValueError(f"The image has {image.shape[-1]} channels, so there is no channel {channel}.")
    values = image[..., channel].astype(np.float32)
    if not head.any() or np.ptp(values[head]) == 0:
        return np.zeros(head.shape, bool)
    bright = head & (values > filters.threshold_otsu(values[head]))
    return apply_cleanup(bright, cleanup) & head
