"""How far the stated probabilities are from the truth: reliability, calibration error, Brier score."""

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 15


def bins_of(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The confidence of each slice and the number of its bin, from probabilities [N, K].

    The confidence is the highest probability. Bins are of equal width and closed above: (0, 1/15],
    (1/15, 2/15] and so on.

    Returns:
        Two arrays [N].
    """
    confidence = probabilities.max(axis=1)
    return confidence, np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def reliability(targets: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Confidence against share of right answers in each bin that is not empty.

    Args:
        targets: true class indices [N].
        probabilities: [N, K].
    """
    right = probabilities.argmax(axis=1) == targets
    confidence, index = bins_of(probabilities)
    return [
        {
            "confidence": float(confidence[index == number].mean()),
            "accuracy": float(right[index == number].mean()),
            "slices": int((index == number).sum()),
        }
        for number in np.unique(index)
    ]


def calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """Mean distance of confidence and share of right answers, over the slices of all bins."""
    slices = sum(entry["slices"] for entry in bins)
    return float(sum(entry["slices"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins) / slices)


def brier_terms(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared distance of the probabilities [N, K] from the one-hot truth of each slice [N], in
    [0, 2].
    """
    return np.asarray(((probabilities - np.eye(probabilities.shape[1])[targets]) ** 2).sum(axis=1))
