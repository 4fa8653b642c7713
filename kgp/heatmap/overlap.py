"""How much two masks overlap."""

import numpy as np


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Dice coefficient of two bool masks [H, W]; 1 where both are empty, 0 where one is."""
    total = np.count_nonzero(mask) + np.count_nonzero(truth)
    return 2.0 * np.count_nonzero(mask & truth) / total if total else 1.0


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two bool masks [H, W]; 1 where both are empty, 0 where one is."""
    union = np.count_nonzero(mask | truth)
    return np.count_nonzero(mask & truth) / union if union else 1.0
