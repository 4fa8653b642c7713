"""A slice, its map with evidence points, and its mask on matplotlib axes, for notebooks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kgp.heatmap.evidence import EvidencePoint
from kgp.research_use import RESEARCH_USE


def draw_axes(
    contrast: np.ndarray,
    tumour_map: np.ndarray,
    mask: np.ndarray,
    points: Sequence[EvidencePoint],
    titles: tuple[str, str, str],
    axes: Any = None,
) -> Any:
    """Draws one contrast, the map over it with evidence points, and the mask over it.

    Args:
        contrast: raw intensities [H, W].
        tumour_map: the map that the mask is cut from, [H, W].
        mask: bool [H, W].
        points: circled, larger for larger contributions; white where they speak for the class.
        titles: of the three axes.
        axes: three matplotlib axes, or None for a new figure.

    Returns:
        The three axes.
    """
    if axes is None:
        from matplotlib import pyplot

        _, axes = pyplot.subplots(1, 3, figsize=(10.5, 3.8), layout="constrained")
    low, high = np.percentile(contrast, (1.0, 99.5))
    for panel, title in zip(axes, titles, strict=True):
        panel.imshow(contrast, cmap="gray", vmin=low, vmax=high)
        panel.set_axis_off()
        panel.set_title(title)
    _, map_axes, mask_axes = axes
    limit = float(np.abs(tumour_map).max()) or 1.0
    shown = map_axes.imshow(tumour_map, cmap="coolwarm", vmin=-limit, vmax=limit, alpha=0.65)
    map_axes.figure.colorbar(shown, ax=map_axes, shrink=0.7)
    _circle(points, map_axes)
    if mask.any():
        mask_axes.contourf(mask, levels=(0.5, 1.5), colors=["#ffaa1e"], alpha=0.5)
    map_axes.figure.suptitle(RESEARCH_USE, fontsize="small")
    return axes


def _circle(points: Sequence[EvidencePoint], axes: Any) -> None:
    largest = max((abs(point.contribution) for point in points), default=0.0)
    if largest:
        axes.scatter(
            [point.column for point in points],
            [point.row for point in points],
            s=[10.0 + 70.0 * abs(point.contribution) / largest for point in points],
            facecolors="none",
            edgecolors=["white" if point.contribution >= 0 else "deepskyblue" for point in points],
        )
