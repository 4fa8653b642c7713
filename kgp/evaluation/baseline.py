"""What intensity alone achieves: the numbers that a trained network has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from skimage import filters

from kgp.evaluation.bootstrap import patient_bootstrap
from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import BEST, Cleanup

_CONTRAST = "FLAIR"


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
    inside = head_mask(image)
    if not 0 <= channel < image.shape[-1]:
        raise ValueError(f"The image has {image.shape[-1]} channels, so there is no channel {channel}.")
    values = image[..., channel].astype(np.float32)
    if not inside.any() or np.ptp(values[inside]) == 0:
        return np.zeros(inside.shape, bool)
    bright = inside & (values > filters.threshold_otsu(values[inside]))
    return apply_cleanup(bright, cleanup) & inside


class BaselineScore:
    """The median Dice of the intensity baseline in FLAIR, collected slice by slice.

    Args:
        contrasts: names of the channels; without FLAIR there is no score.
    """

    def __init__(self, contrasts: Sequence[str]) -> None:
        self.channel = contrasts.index(_CONTRAST) if _CONTRAST in contrasts else None
        self.values: list[float] = []
        self.patients: list[str] = []

    def add(self, image: np.ndarray, truth: np.ndarray, patient: str) -> None:
        """Adds a slice [H, W, C] with its true mask bool [H, W]; an empty mask is skipped."""
        if self.channel is not None and truth.any():
            self.values.append(dice(intensity_baseline(image, self.channel), truth))
            self.patients.append(patient)

    def summary(self) -> dict[str, Any] | None:
        """What metrics.json says of it; None without a slice."""
        if not self.values:
            return None
        median, low, high = patient_bootstrap(self.values, self.patients)
        return {
            "what": f"Otsu on {_CONTRAST} inside the head, with clean-up",
            "median_dice": median,
            "low": low,
            "high": high,
        }
