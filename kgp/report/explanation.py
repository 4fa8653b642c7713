"""One slice explained: contrasts, mask, the map and evidence of every class, and sums in words."""

import numpy as np

from kgp.heatmap.evidence import Evidence
from kgp.prediction.slice import SlicePrediction, predict_slices
from kgp.report.overlay import PANEL, Picture, caption_bar, grey_panel, map_panel, mask_panel, shown_contrast, stacked
from kgp.runtime.description import Description
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image, fit_mask


def explain(
    runtime: Runtime,
    image: np.ndarray,
    reading_name: str,
    *,
    own_image: np.ndarray | None = None,
    spacing: tuple[float, float] | None = None,
    truth: np.ndarray | None = None,
    name: str = "",
    points: int = 12,
) -> tuple[np.ndarray, str]:
    """Shows in a picture and in words why a slice is classified as it is.

    Args:
        image: raw intensities [h, w, C] of a size the runtime takes.
        reading_name: the reading that cuts the mask.
        own_image: the slice [H, W, C] before it was fitted, where the mask is cut; default `image`.
        spacing: what it was fitted with.
        truth: true mask bool [H, W], or None.
        name: what the slice is called.
        points: evidence points drawn for each class and listed for the predicted one.

    Returns:
        The picture RGB uint8: a title, contrasts and mask above, the raw heatmap of each class
        below; and the text.
    """
    network = runtime.description
    own_image = image if own_image is None else own_image
    reading = network.readings[reading_name]
    (prediction,) = predict_slices(
        runtime, image[None], reading, own_images=[own_image], spacing=spacing, with_evidence=True
    )
    evidence = [prediction.evidence(index) for index in range(len(network.class_names))]
    picture = _picture(prediction, evidence, network, reading_name, truth, name, points)
    return picture, "\n".join(_lines(prediction, evidence, network, name, points))


def _picture(
    prediction: SlicePrediction,
    evidence: list[Evidence],
    network: Description,
    reading_name: str,
    truth: np.ndarray | None,
    name: str,
    points: int,
) -> np.ndarray:
    """A title; contrasts and mask above; the heatmap of each class with its evidence below."""
    image, mask, shown = prediction.image, prediction.mask, shown_contrast(network.contrasts)
    if prediction.fitted:  # the panels show the square that the network saw, with the slice's own detail
        image, mask = fit_image(image, PANEL, prediction.spacing), fit_mask(mask, PANEL, prediction.spacing)
        truth = None if truth is None else fit_mask(truth, PANEL, prediction.spacing)
    above = [(grey_panel(image[..., channel]), contrast) for channel, contrast in enumerate(network.contrasts)]
    drawn = Picture(image, shown, prediction.map, mask, truth)
    above.append((mask_panel(above[shown][0], drawn), f"mask, reading {reading_name}"))
    below = []
    for index, class_name in enumerate(network.class_names):
        heatmap = prediction.heatmap[..., index]
        drawn = Picture(image, shown, heatmap, mask, truth, evidence[index].top(points))
        probability = prediction.probabilities[index]
        caption = f"{class_name}: logit {evidence[index].logit:.2f}, p {probability:.2f}"
        below.append((map_panel(above[shown][0], drawn), caption))
    rows = [np.concatenate([caption_bar(panel, caption) for panel, caption in row], axis=1) for row in (above, below)]
    predicted = prediction.predicted_class
    title = f"{name}: {network.class_names[predicted]} ({prediction.probabilities[predicted]:.2f}); research use only"
    return caption_bar(stacked(rows), title)


def _lines(
    prediction: SlicePrediction, evidence: list[Evidence], network: Description, name: str, points: int
) -> list[str]:
    """The sums in words, and the strongest evidence points of the predicted class."""
    predicted = prediction.predicted_class
    lines = [f"{name}: {network.class_names[predicted]} (research use only)"]
    for index, class_name in enumerate(network.class_names):
        split = evidence[index]
        lines.append(
            f"  {class_name}: probability {prediction.probabilities[index]:.4f}, logit {split.logit:.4f} = "
            f"{split.contributions.sum():.4f} from {len(split.rows)} positions + {split.constant:.4f}"
        )
    if prediction.reading.views == 8:
        lines.append("  (probabilities and mask: mean of 8 views; logits and evidence: the slice as it is)")
    lines.append(f"Evidence for {network.class_names[predicted]} (row, column, contribution):")
    lines += [
        f"  {point.row:4d} {point.column:4d} {point.contribution:+.4f}" for point in evidence[predicted].top(points)
    ]
    reason = f", {prediction.reason}" if prediction.reason else ""
    lines.append(f"Mask: {int(prediction.mask.sum())} pixels{reason}")
    return lines
