"""How far outlines lie apart, and what a missed or a spurious mask counts."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from kgp.heatmap.head_mask import head_mask


def hd95(mask: np.ndarray, truth: np.ndarray, spacing: Sequence[float] | None = None) -> float | None:
    """95 % Hausdorff distance between the outlines of two bool masks, [H, W] or [D, H, W].

    The larger of the two directed 95th percentiles of the distance from each outline pixel of one
    mask to the nearest outline pixel of the other. Outline pixels belong to the mask and touch,
    over an edge (in a volume: over a face), a pixel that does not.

    Args:
        spacing: millimetres between pixel centres along each axis; None for distances in pixels.

    Returns:
        The distance in millimetres or pixels; None where a mask is empty.
    """
    if not mask.any() or not truth.any():
        return None
    box = ndimage.find_objects((mask | truth).astype(np.uint8))[0]  # outside it nothing can be nearest
    first, second = _outline(mask[box]), _outline(truth[box])
    sampling = (1.0,) * mask.ndim if spacing is None else tuple(spacing)
    to_second = ndimage.distance_transform_edt(~second, sampling=sampling)[first]
    to_first = ndimage.distance_transform_edt(~first, sampling=sampling)[second]
    return float(max(np.percentile(to_second, 95), np.percentile(to_first, 95)))


def distance_with_misses(mask: np.ndarray, truth: np.ndarray, distance: float | None, diagonal: float) -> float | None:
    """The HD95 of two bool masks where a missed and a spurious mask count with the head's diagonal.

    No distance counts more than the diagonal, so that an empty mask never has a smaller one than
    any other.

    Args:
        distance: `hd95` of the masks.
        diagonal: see `head_diagonal`, in the unit of the distance.

    Returns:
        None where both masks are empty, as nothing was to be found and nothing was.
    """
    if not mask.any() and not truth.any():
        return None
    return diagonal if distance is None else min(distance, diagonal)


def head_diagonal(image: np.ndarray, spacing: tuple[float, float] | None = None) -> float:
    """The diagonal of the box around the head in one slice, or of the slice where none is seen.

    Args:
        image: raw intensities [H, W, C].
        spacing: millimetres between rows and between columns; None for pixels.
    """
    return box_diagonal(head_mask(image), spacing)


def box_diagonal(head: np.ndarray, spacing: tuple[float, float] | None = None) -> float:
    """The diagonal of the box around a head mask, bool [H, W], or of the slice where it is empty."""
    rows, columns = np.nonzero(head)
    height, width = head.shape
    if rows.size:
        height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    row, column = (1.0, 1.0) if spacing is None else spacing
    return math.hypot(height * row, width * column)


def _outline(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)
