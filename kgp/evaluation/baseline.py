"""What intensity alone achieves: the numbers that a trained network has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from skimage import filters

from kgp.evaluation.bootstrap import patient_bootstrap
from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import CLEANUP, Cleanup

_CONTRAST = "FLAIR"


def intensity_baseline(image: np.ndarray, channel: int, cleanup: Cleanup = CLEANUP) -> np.ndarray:
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
    inside = head_mask(image)
    if not 0 <= channel < image.shape[-1]:
        raise ValueError(f"The image has {image.shape[-1]} channels, so there is no channel {channel}.")
    values = image[..., channel].astype(np.float32)
    if not inside.any() or np.ptp(values[inside]) == 0:
        return np.zeros(inside.shape, bool)
    bright = inside & (values > filters.threshold_otsu(values[inside]))
    return apply_cleanup(bright, cleanup) & inside


def baseline_dice(image: np.ndarray, truth: np.ndarray, contrasts: Sequence[str]) -> float | None:
    """Dice of the intensity baseline in FLAIR.

    Args:
        image: raw intensities [H, W, C].
        truth: true mask bool [H, W].
        contrasts: names of the channels.

    Returns:
        None without FLAIR, or where no pixel is true.
    """
    if _CONTRAST not in contrasts or not truth.any():
        return None
    return dice(intensity_baseline(image, list(contrasts).index(_CONTRAST)), truth)


def baseline_summary(dices: Sequence[tuple[float, str]]) -> dict[str, Any] | None:
    """What metrics.json says of the baseline.

    Args:
        dices: Dice and patient of each tumour slice.

    Returns:
        None without a slice.
    """
    if not dices:
        return None
    median, low, high = patient_bootstrap([value for value, _ in dices], [patient for _, patient in dices])
    return {
        "what": f"Otsu on {_CONTRAST} inside the head, with clean-up",
        "median_dice": median,
        "low": low,
        "high": high,
    }
