"""Pictures of the source slices for viewers without segmentations: map and mask."""

from collections.abc import Sequence

import numpy as np

from kgp.prediction.stack import StackPoint
from kgp.report.overlay import PANEL, grey_panel, map_panel, mask_panel, panel_picture


def slice_overlays(
    images: np.ndarray,
    masks: np.ndarray,
    maps: np.ndarray,
    points: Sequence[Sequence[StackPoint]],
    spacing: tuple[float, float],
) -> np.ndarray:
    """Pictures of all slices, uint8 [S, PANEL, 2 * PANEL, 3]; all have the same colour scale.

    Args:
        images: one contrast, [S, H, W].
        masks: bool [S, H, W].
        maps: float32 [S, H, W].
        points: evidence points of each slice.
        spacing: millimetres between rows and between columns.
    """
    limit = float(np.abs(maps).max())
    drawn = np.empty((len(images), PANEL, 2 * PANEL, 3), np.uint8)
    for index, image in enumerate(images):
        picture = panel_picture(image, maps[index], masks[index], points[index], spacing, limit=limit)
        grey = grey_panel(picture.image[..., 0])
        drawn[index] = np.concatenate([map_panel(grey, picture), mask_panel(grey, picture)], axis=1)
    return drawn
