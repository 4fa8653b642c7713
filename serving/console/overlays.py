"""A picture of each source slice for viewers that know nothing else: the map with evidence points, and the mask beside it."""

from collections.abc import Sequence

import numpy as np

from kgp.heatmap.evidence import EvidencePoint
from kgp.report.case_files import fit_map
from kgp.report.overlay import PANEL, Picture, grey_panel, map_panel, mask_panel
from kgp.scans.fit import fit_image, fit_mask, fit_points


def slice_overlays(
    images: np.ndarray,
    masks: np.ndarray,
    maps: np.ndarray,
    points: Sequence[Sequence[tuple[float, float, float]]],
    spacing: tuple[float, float],
) -> np.ndarray:
    """Pictures of all slices, uint8 [S, PANEL, 2 * PANEL, 3]; the colours of the maps mean the same in all.

    Args:
        images: one contrast, [S, H, W].
        masks: bool [S, H, W].
        maps: float32 [S, H, W].
        points: for each slice (row, column, contribution).
        spacing: millimetres between rows and between columns.
    """
    height, width = masks.shape[1:]
    limit = float(np.abs(maps).max())
    drawn = np.empty((len(images), PANEL, 2 * PANEL, 3), np.uint8)
    for index, image in enumerate(images):
        places = np.array([point[:2] for point in points[index]]).reshape(-1, 2)
        fitted = fit_points(places, height, width, PANEL, spacing)
        picture = Picture(
            image=fit_image(image[..., None], PANEL, spacing),
            channel=0,
            map=fit_map(maps[index], PANEL, spacing),
            mask=fit_mask(masks[index], PANEL, spacing),
            points=[
                EvidencePoint(round(row), round(column), point[2])
                for (row, column), point in zip(fitted.tolist(), points[index], strict=True)
            ],
            limit=limit,
        )
        grey = grey_panel(picture.image[..., 0])
        drawn[index] = np.concatenate([map_panel(grey, picture), mask_panel(grey, picture)], axis=1)
    return drawn
