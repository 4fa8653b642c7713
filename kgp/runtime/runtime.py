"""What everything downstream of a network relies on."""

from typing import Protocol

import numpy as np

from kgp.heatmap.evidence import Evidence
from kgp.heatmap.reading import Reading


class Runtime(Protocol):
    """A trained network that takes raw intensities.

    Attributes:
        name: what it is, for messages and reports.
        class_names: K class names in the order of the logits.
        no_tumour_class: index of the class that means "no tumour", or None.
        contrasts: names of the C input channels, in order.
        size: side in pixels that slices are fitted to; 0 where the network takes the data's own size.
        readings: readings by name, as calibrated.
        default_reading: name of the reading that is used where none is named.
        masks_used: names of readings that looked at masks to be set.
    """

    name: str
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    contrasts: tuple[str, ...]
    size: int
    readings: dict[str, Reading]
    default_reading: str
    masks_used: tuple[str, ...]

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [B, K] and raw heatmaps [B, H, W, K] of raw intensities [B, H, W, C].

        Raises:
            KgpError: the number of channels or the size does not fit, or a value is not finite.
        """

    def evidence(self, image: np.ndarray, class_index: int) -> Evidence:
        """The logit of one class of one raw slice [H, W, C], split exactly into positions."""


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in 64 bits."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def tumour_class(logits: np.ndarray, no_tumour_class: int | None) -> int:
    """The likeliest class that means a tumour, whatever class was predicted."""
    allowed = np.array(logits, np.float64)
    if no_tumour_class is not None:
        allowed[no_tumour_class] = -np.inf
    return int(allowed.argmax())
