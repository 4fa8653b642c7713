"""Clean-up of a mask after the cut: opening, small components, holes."""

import cv2
import numpy as np

from kgp.heatmap.reading import Cleanup


def apply_cleanup(mask: np.ndarray, cleanup: Cleanup) -> np.ndarray:
    """The mask after `cleanup`, whose steps run in the order of its fields.

    Components are joined over edges and corners. The picture's border counts as mask in the
    opening, so that it does not eat away what touches the border.

    Args:
        mask: bool [H, W]; left unchanged.
        cleanup: the steps and their sizes.

    Returns:
        bool [H, W].
    """
    mask = mask.astype(bool)
    if cleanup.opening > 0:
        from skimage import morphology  # here, as it would slow the start of a console

        disc = morphology.disk(cleanup.opening)
        mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc) > 0
    if cleanup.minimum_pixels > 0 or cleanup.minimum_share > 0.0 or cleanup.largest_only:
        mask = _keep_components(mask, cleanup)
    return fill_holes(mask) if cleanup.fill_holes else mask


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """The mask bool [H, W] without holes: what no free path over edges joins to the border."""
    free = np.pad(~mask, 1, constant_values=True)
    _, labels = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    return (labels != labels[0, 0])[1:-1, 1:-1]


def _keep_components(mask: np.ndarray, cleanup: Cleanup) -> np.ndarray:
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = statistics[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    largest = sizes.max()
    kept = (sizes >= cleanup.minimum_pixels) & (sizes >= cleanup.minimum_share * largest) & (sizes > 0)
    if cleanup.largest_only:
        # Of several as large the one that begins first; OpenCV's numbers come block by block and do
        # not tell.
        kept &= np.arange(len(sizes)) == labels.flat[np.argmax(sizes[labels])]
    return kept[labels]
