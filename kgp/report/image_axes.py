"""One predicted image on matplotlib axes, for notebooks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kgp.image_prediction import ImagePrediction
from kgp.report.overlay import shown_contrast
from kgp.research_use import RESEARCH_USE


def draw_axes(prediction: ImagePrediction, contrasts: Sequence[str], axes: Any, points: int) -> Any:
    """Draws the image, the map with evidence points, and the mask.

    Args:
        prediction: what the network says of the image.
        contrasts: names of the image's channels; FLAIR is shown, or the first.
        axes: three matplotlib axes, or None for a new figure.
        points: how many of the strongest evidence points of the predicted class are drawn.

    Returns:
        The three axes.
    """
    if axes is None:
        from matplotlib import pyplot

        _, axes = pyplot.subplots(1, 3, figsize=(10.5, 3.8), layout="constrained")
    picture, map_axes, mask_axes = axes
    channel = shown_contrast(contrasts)
    contrast = prediction.image[..., channel]
    low, high = np.percentile(contrast, (1.0, 99.5))
    limit = float(np.abs(prediction.map).max()) or 1.0
    for panel in axes:
        panel.imshow(contrast, cmap="gray", vmin=low, vmax=high)
        panel.set_axis_off()
    picture.set_title(contrasts[channel])
    shown = map_axes.imshow(prediction.map, cmap="coolwarm", vmin=-limit, vmax=limit, alpha=0.65)
    map_axes.figure.colorbar(shown, ax=map_axes, shrink=0.7)
    map_axes.set_title("map that is cut, and evidence")
    _draw_points(prediction, map_axes, points)
    if prediction.mask.any():
        mask_axes.contourf(prediction.mask, levels=(0.5, 1.5), colors=["#ffaa1e"], alpha=0.5)
    probability = prediction.probabilities[prediction.class_names.index(prediction.label)]
    reason = f"; no mask: {prediction.reason}" if prediction.reason else ""
    mask_axes.set_title(f"{prediction.label} ({probability:.2f}){reason}")
    map_axes.figure.suptitle(RESEARCH_USE, fontsize="small")
    return axes


def _draw_points(prediction: ImagePrediction, axes: Any, points: int) -> None:
    """Circles where the predicted class's logit comes from, larger for larger contributions."""
    strongest = prediction.evidence().top(points)
    largest = max((abs(point.contribution) for point in strongest), default=0.0)
    if largest:
        axes.scatter(
            [point.column for point in strongest],
            [point.row for point in strongest],
            s=[10.0 + 70.0 * abs(point.contribution) / largest for point in strongest],
            facecolors="none",
            edgecolors=["white" if point.contribution >= 0 else "deepskyblue" for point in strongest],
        )
