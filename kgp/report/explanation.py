"""One slice explained: contrasts, the map of every class with its evidence, the mask, and the sums in words."""

import numpy as np

from kgp.heatmap.threshold import cut_mask
from kgp.heatmap.views import average_views
from kgp.report.overlay import Picture, caption_bar, grey_panel, map_panel, mask_panel, stacked
from kgp.runtime.runtime import Runtime, probabilities


def explain(
    runtime: Runtime,
    image: np.ndarray,
    reading_name: str,
    *,
    truth: np.ndarray | None = None,
    name: str = "",
    points: int = 12,
) -> tuple[np.ndarray, str]:
    """Draws and tells why a slice is classified as it is.

    Args:
        image: raw intensities [H, W, C] of a size the runtime takes.
        reading_name: the reading that cuts the mask.
        truth: true mask bool [H, W], or None.
        name: what the slice is called.
        points: evidence points drawn for each class and listed for the predicted one.

    Returns:
        The picture RGB uint8: a title, contrasts and mask above, the raw heatmap of each class below; and the text.
    """
    reading = runtime.readings[reading_name]
    predict = runtime.predict
    logits, heatmaps = average_views(predict, image[None]) if reading.views == 8 else predict(image[None])
    score, heatmap = probabilities(logits[0]), heatmaps[0]
    predicted = int(score.argmax())
    result = cut_mask(heatmap, predicted, reading, image=image, no_tumour_class=runtime.no_tumour_class)
    shown = runtime.contrasts.index("FLAIR") if "FLAIR" in runtime.contrasts else 0
    above = [(grey_panel(image[..., channel]), contrast) for channel, contrast in enumerate(runtime.contrasts)]
    drawn = Picture(image, shown, result.map, result.mask, truth)
    above.append((mask_panel(above[shown][0], drawn), f"mask, reading {reading_name}"))
    below, lines = [], [f"{name}: {runtime.class_names[predicted]} (research use only)"]
    for index, class_name in enumerate(runtime.class_names):
        evidence = runtime.evidence(image, index)
        picture = Picture(image, shown, heatmap[..., index], result.mask, truth, evidence.top(points))
        below.append(
            (map_panel(above[shown][0], picture), f"{class_name}: logit {evidence.logit:.2f}, p {score[index]:.2f}")
        )
        lines.append(
            f"  {class_name}: probability {score[index]:.4f}, logit {evidence.logit:.4f} = "
            f"{evidence.contributions.sum():.4f} from {len(evidence.rows)} positions + {evidence.constant:.4f}"
        )
    if reading.views == 8:
        lines.append("  (probabilities and mask: mean of 8 views; logits and evidence: the slice as it is)")
    lines.append(f"Evidence for {runtime.class_names[predicted]} (row, column, contribution):")
    lines += [
        f"  {point.row:4d} {point.column:4d} {point.contribution:+.4f}"
        for point in runtime.evidence(image, predicted).top(points)
    ]
    lines.append(f"Mask: {int(result.mask.sum())} pixels" + (f", {result.reason}" if result.reason else ""))
    rows = [np.concatenate([caption_bar(panel, caption) for panel, caption in row], axis=1) for row in (above, below)]
    title = f"{name}: {runtime.class_names[predicted]} ({score[predicted]:.2f}); research use only"
    return caption_bar(stacked(rows), title), "\n".join(lines)
