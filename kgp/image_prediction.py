"""What a network says of one image of any size, on the image's own pixels."""

import dataclasses
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.evidence import Evidence
from kgp.prediction.slice import SlicePrediction, predict_slices
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image, restore_map, restore_points


@dataclasses.dataclass(frozen=True)
class ImagePrediction:
    """What a network says of one image.

    Attributes:
        image: raw intensities float32 [H, W, C].
        class_names: names of the K classes.
        probabilities: float64 [K], in the order of `class_names`.
        label: name of the predicted class.
        heatmap: raw heatmap float32 [H, W, K]; high where the image speaks for a class. Of images
            that were fitted to the network it is interpolated.
        map: float32 [H, W], the map that the mask is cut from.
        mask: bool [H, W]; empty where "no tumour" is predicted.
        reason: why the mask is empty (one of `kgp.heatmap.threshold.REASONS`), or None.
    """

    image: np.ndarray
    class_names: tuple[str, ...]
    probabilities: np.ndarray
    label: str
    heatmap: np.ndarray
    map: np.ndarray
    mask: np.ndarray
    reason: str | None
    _runtime: Runtime = dataclasses.field(repr=False)
    _reading_name: str = dataclasses.field(repr=False)
    _spacing: tuple[float, float] | None = dataclasses.field(repr=False)

    def evidence(self, label: str | None = None) -> Evidence:
        """The logit of a class, split exactly into positions; asks the network once more.

        Args:
            label: name of the class; default the predicted one.

        Returns:
            Contributions that add up, with the constant, to the logit of the image as it is (also
            where the reading averages views). Rows and columns are those of the image; points in
            what was padded lie outside of it.

        Raises:
            KgpError: there is no such class.
        """
        label = self.label if label is None else label
        if label not in self.class_names:
            raise KgpError(f"The label must be one of {', '.join(self.class_names)}, not {label!r}.")
        network = self._runtime.description
        images = fit_image(self.image, network.size, self._spacing)[None]
        reading = network.readings[self._reading_name]
        (prediction,) = predict_slices(self._runtime, images, reading, with_evidence=True)
        evidence = prediction.evidence(self.class_names.index(label))
        positions = np.stack([evidence.rows, evidence.columns], axis=1)
        height, width = self.image.shape[:2]
        restored = np.rint(restore_points(positions, height, width, network.size, self._spacing)).astype(int)
        return dataclasses.replace(evidence, rows=restored[:, 0], columns=restored[:, 1])

    def plot(self, axes: Any = None, points: int = 12) -> Any:
        """Draws the image, the map with the strongest evidence points, and the mask.

        Args:
            axes: three matplotlib axes to draw into; default a new figure.
            points: how many evidence points are drawn.

        Returns:
            The three axes.
        """
        from kgp.report.image_axes import draw_axes
        from kgp.report.overlay import shown_contrast

        contrasts = self._runtime.description.contrasts
        channel = shown_contrast(contrasts)
        reason = f"; no mask: {self.reason}" if self.reason else ""
        called = f"{self.label} ({self.probabilities[self.class_names.index(self.label)]:.2f}){reason}"
        titles = (contrasts[channel], "map that is cut, and evidence", called)
        return draw_axes(self.image[..., channel], self.map, self.mask, self.evidence().top(points), titles, axes)


def predict_images(
    runtime: Runtime, images: np.ndarray, reading_name: str, spacing: tuple[float, float] | None = None
) -> list[ImagePrediction]:
    """Predicts images of any one size, fitted to the network and brought back, batch by batch.

    Args:
        runtime: the network.
        images: raw intensities [B, H, W, C], in the runtime's order of contrasts.
        reading_name: the reading that cuts the masks.
        spacing: millimetres between rows and between columns, or None for square pixels.

    Raises:
        KgpError: there is no such reading, the spacing is not two positive numbers, or a value is
            not finite.
    """
    network = runtime.description
    spacing = _checked_spacing(spacing)
    if not isinstance(reading_name, str) or reading_name not in network.readings:
        raise KgpError(f"The reading must be one of {', '.join(network.readings)}, not {reading_name!r}.")
    spacing = spacing if network.size else None  # images that are not fitted are not brought back either
    predicted: list[ImagePrediction] = []
    for start in range(0, len(images), runtime.batch):
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            batch = images[start : start + runtime.batch].astype(np.float32)
        fitted = np.stack([fit_image(image, network.size, spacing) for image in batch])
        reading = network.readings[reading_name]
        predictions = predict_slices(runtime, fitted, reading, own_images=list(batch), spacing=spacing)
        predicted += [_on_image(prediction, runtime, reading_name) for prediction in predictions]
    return predicted


def _checked_spacing(spacing: Any) -> tuple[float, float] | None:
    if spacing is None:
        return None
    try:
        rows, columns = (float(value) for value in spacing)
    except (TypeError, ValueError):
        raise KgpError(
            f"The spacing is two numbers, millimetres between rows and between columns, not {spacing!r}."
        ) from None
    return rows, columns


def _on_image(prediction: SlicePrediction, runtime: Runtime, reading_name: str) -> ImagePrediction:
    """A prediction with its heatmap on the image's own pixels."""
    height, width = prediction.image.shape[:2]
    class_names = runtime.description.class_names
    return ImagePrediction(
        image=prediction.image,
        class_names=class_names,
        probabilities=prediction.probabilities,
        label=class_names[prediction.predicted_class],
        heatmap=restore_map(prediction.heatmap, height, width, prediction.spacing),
        map=prediction.map,
        mask=prediction.mask,
        reason=prediction.reason,
        _runtime=runtime,
        _reading_name=reading_name,
        _spacing=prediction.spacing,
    )
