"""A map of the network's grid brought to the slice's own grid, and cut there.

The one map that a reading cuts is selected on the network's grid and then interpolated linearly, so
that one channel is brought back, however many classes there are. For the channel of a class, and
for its distance to "no tumour", this is the same as bringing back every channel first; only for the
distance to the highest of several other classes it is not quite, where these cross between two
pixels.
"""

import dataclasses

import numpy as np

from kgp.heatmap.reading import Reading
from kgp.heatmap.threshold import MaskResult, cut_mask, select_map
from kgp.scans.fit import restore_map


def map_on_grid(
    heatmap: np.ndarray,
    class_index: int,
    shape: tuple[int, ...],
    reading: Reading,
    no_tumour_class: int | None,
    spacing: tuple[float, float] | None = None,
) -> np.ndarray:
    """The map that a reading cuts for a class, on the grid of the slice before it was fitted.

    Args:
        heatmap: raw heatmap [h, w, K] on the network's grid.
        class_index: index of the class.
        shape: the slice's own, (H, W, ...).
        reading: its `map` and `clip_negative` are used; negative values are clipped last.
        no_tumour_class: index of the class that means "no tumour", or None.
        spacing: what the slice was fitted with; None for square pixels.

    Returns:
        float32 [H, W]; of a slice that was not fitted the very values of the network's map.
    """
    raw = dataclasses.replace(reading, clip_negative=False)
    selected = restore_map(select_map(heatmap, class_index, raw, no_tumour_class), shape[0], shape[1], spacing)
    return np.maximum(selected, 0.0) if reading.clip_negative else selected


def cut_on_grid(
    heatmap: np.ndarray,
    class_index: int,
    image: np.ndarray,
    reading: Reading,
    no_tumour_class: int | None,
    spacing: tuple[float, float] | None = None,
) -> MaskResult:
    """Cuts the mask of a class on the slice's own grid, with the slice's own intensities.

    Args:
        heatmap, class_index, reading, no_tumour_class, spacing: see `map_on_grid`.
        image: raw intensities [H, W, C] of the slice before it was fitted.

    Returns:
        Mask and map [H, W]; see `kgp.heatmap.threshold.cut_mask`.
    """
    on_grid = map_on_grid(heatmap, class_index, image.shape, reading, no_tumour_class, spacing)
    # To the reading the selected map is that of a network with one class.
    none = 0 if class_index == no_tumour_class else None
    return cut_mask(on_grid[..., None], 0, reading, image=image, no_tumour_class=none)
