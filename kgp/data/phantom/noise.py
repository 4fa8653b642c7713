"""Smooth random fields on a coarse lattice, the same at every resolution they are drawn at."""

import cv2
import numpy as np


def lattice(rng: np.random.Generator, layers: int, rows: int, columns: int) -> np.ndarray:
    """Standard normal values on a lattice, float32 [layers, rows, columns]."""
    return rng.standard_normal((layers, rows, columns)).astype(np.float32)


def layer(values: np.ndarray, position: float) -> np.ndarray:
    """One layer [rows, columns] of a lattice at `position` in [0, 1] along its first axis."""
    offset = position * (len(values) - 1)
    below = min(int(offset), len(values) - 2)
    share = np.float32(offset - below)
    return (1 - share) * values[below] + share * values[below + 1]


def smooth_field(values: np.ndarray, pixels: int) -> np.ndarray:
    """A lattice layer [rows, columns] drawn as a smooth field [pixels, pixels] over the picture."""
    return cv2.resize(values, (pixels, pixels), interpolation=cv2.INTER_CUBIC)


def polar_field(values: np.ndarray, angle: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """A lattice layer [radial, angular] drawn as a smooth field in polar coordinates, without a
    seam.

    Args:
        values: float32 [radial cells, angular cells].
        angle: radians in [-pi, pi].
        radius: in [0, 1]; clipped.
    """
    cells = values.shape[1]
    table = cv2.resize(
        np.hstack([values[:, -4:], values, values[:, :4]]), ((cells + 8) * 16, 96), interpolation=cv2.INTER_CUBIC
    )
    column = ((angle / (2 * np.pi) + 0.5) * cells + 4) * 16 - 0.5
    row = np.clip(radius, 0, 1) * (len(table) - 1)
    return cv2.remap(table, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
