"""Pictures of the source slices for viewers without segmentations: map and mask."""

from collections.abc import Sequence

import cv2
import numpy as np

from kgp.prediction.stack import StackPoint
from kgp.report.overlay import PANEL, grey_panel, map_panel, mask_panel, panel_picture
from serving.dicom_output.radiological_view import RadiologicalView

_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
_EDGE = 6  # pixels between a letter and its edge
_BAR = 28  # pixels at the right edge of the map that its colour bar and the numbers need
_LETTERS = (255, 255, 255)


def slice_overlays(
    images: np.ndarray,
    masks: np.ndarray,
    maps: np.ndarray,
    points: Sequence[Sequence[StackPoint]],
    spacing: tuple[float, float],
    view: RadiologicalView,
) -> np.ndarray:
    """Pictures of all slices, uint8 [S, PANEL, 2 * PANEL, 3]; all have the same colour scale.

    They are turned as radiologists expect them, and the letters of the patient's directions stand at
    the edges of both panels.

    Args:
        images: one contrast, [S, H, W].
        masks: bool [S, H, W].
        maps: float32 [S, H, W].
        points: evidence points of each slice.
        spacing: millimetres between rows and between columns.
        view: how the slices are turned.
    """
    limit = float(np.abs(maps).max())
    images, masks, maps = (view.turn(values) for values in (images, masks, maps))
    spacing = spacing[::-1] if view.transposed else spacing
    drawn = np.empty((len(images), PANEL, 2 * PANEL, 3), np.uint8)
    for index, image in enumerate(images):
        turned = [
            StackPoint(*view.turn_point(point.row, point.column, image.shape), point.contribution)
            for point in points[index]
        ]
        picture = panel_picture(image, maps[index], masks[index], turned, spacing, limit=limit)
        grey = grey_panel(picture.image[..., 0])
        left, right = map_panel(grey, picture), mask_panel(grey, picture)
        _draw_letters(left, view, _BAR)
        _draw_letters(right, view, 0)
        drawn[index] = np.concatenate([left, right], axis=1)
    return drawn


def _draw_letters(panel: np.ndarray, view: RadiologicalView, margin: int) -> None:
    """Draws the patient's directions at the middle of each edge, `margin` pixels off the right one."""
    height, width = panel.shape[:2]
    for text, across, down in (
        (view.left, 0.0, 0.5), (view.right, 1.0, 0.5), (view.up, 0.5, 0.0), (view.down, 0.5, 1.0),
    ):  # fmt: skip
        (length, tall), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
        right_edge = width - 2 * _EDGE - margin if across == 1 else width - 2 * _EDGE
        start = (
            _EDGE + round(across * (right_edge - length)),
            _EDGE + tall + round(down * (height - 2 * _EDGE - tall)),
        )
        cv2.putText(panel, text, start, _FONT, _FONT_SCALE, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(panel, text, start, _FONT, _FONT_SCALE, _LETTERS, 1, cv2.LINE_AA)
