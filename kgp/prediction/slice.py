"""Prediction of slices: from a runtime and raw intensities to class, map, mask and evidence."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgp.heatmap.evidence import Evidence, evidence_of_map
from kgp.heatmap.reading import Reading
from kgp.heatmap.threshold import MaskResult
from kgp.heatmap.views import average_views
from kgp.prediction.own_grid import cut_on_grid, map_on_grid
from kgp.runtime.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class SlicePrediction:
    """What a network says of one slice, and the mask that a reading cuts from it.

    H and W are the slice's own, h and w those of the network, which may have taken it fitted (see
    `kgp.scans.fit`). Where it was not fitted, both are the same.

    Attributes:
        image: raw intensities [H, W, C] of the slice on its own grid.
        logits: float32 [K].
        heatmap: raw heatmap float32 [h, w, K]; a mean over views, like the logits, where the
            reading asks for it.
        reading: how the mask was cut.
        no_tumour_class: index of the class that means "no tumour", or None.
        mask: bool [H, W], as delivered: empty where "no tumour" is predicted.
        reason: why the mask is empty (one of `kgp.heatmap.threshold.REASONS`), or None.
        map: float32 [H, W], the reading's map for `tumour_class`.
        spacing: what the slice was fitted with: millimetres between rows and between columns, or
            None for square pixels.
        contributions: what each position adds to each logit, [h, w, K], of the slice as it is, also
            where the logits are means over views; None without evidence.
        constants: what belongs to no position, [K]; None without evidence.
    """

    image: np.ndarray
    logits: np.ndarray
    heatmap: np.ndarray
    reading: Reading
    no_tumour_class: int | None
    mask: np.ndarray
    reason: str | None
    map: np.ndarray
    spacing: tuple[float, float] | None = None
    contributions: np.ndarray | None = None
    constants: np.ndarray | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float64 [K]."""
        return softmax(self.logits)

    @property
    def fitted(self) -> bool:
        """Whether the network saw the slice on another grid than its own."""
        row, column = self.spacing or (1.0, 1.0)
        return self.image.shape[:2] != self.heatmap.shape[:2] or row != column

    @property
    def predicted_class(self) -> int:
        """Index of the predicted class."""
        return int(self.logits.argmax())

    @property
    def tumour_class(self) -> int:
        """The likeliest class that means a tumour, whatever class was predicted."""
        return likeliest_tumour_class(self.logits, self.no_tumour_class)

    def evidence(self, class_index: int) -> Evidence:
        """The logit of one class, split exactly into positions.

        Raises:
            ValueError: the slice was predicted without evidence.
        """
        if self.contributions is None or self.constants is None:
            raise ValueError("The slice was predicted without evidence; pass with_evidence=True.")
        return evidence_of_map(self.contributions[..., class_index], self.constants[class_index])

    def class_map(self) -> np.ndarray:
        """The reading's map for the predicted class, float32 [H, W]."""
        if self.predicted_class == self.tumour_class:
            return self.map
        return map_on_grid(
            self.heatmap, self.predicted_class, self.image.shape, self.reading, self.no_tumour_class, self.spacing
        )

    def tumour_mask(self) -> MaskResult:
        """The mask of the likeliest tumour class, whatever class was predicted."""
        return cut_on_grid(
            self.heatmap, self.tumour_class, self.image, self.reading, self.no_tumour_class, self.spacing
        )


def predict_slices(
    runtime: Runtime,
    images: np.ndarray,
    reading: Reading,
    *,
    own_images: Sequence[np.ndarray] | None = None,
    spacing: tuple[float, float] | None = None,
    with_evidence: bool = False,
) -> list[SlicePrediction]:
    """Classifies slices and cuts their masks on the slices' own grids.

    Args:
        runtime: the network.
        images: raw intensities [B, H, W, C] of a size that the runtime takes.
        reading: how the masks are cut, and how many views are averaged.
        own_images: the slices [H, W, C] before they were fitted; None where they are `images`.
        spacing: what they were fitted with.
        with_evidence: split the logits of each slice into positions too. With one view that needs
            no pass of its own.

    Raises:
        KgpError: the slices do not fit the runtime, or a value is not finite.
    """
    explanation = runtime.explain(images) if with_evidence else None
    if explanation is not None and reading.views == 1:
        logits, heatmaps = explanation.logits, explanation.heatmaps
    else:
        logits, heatmaps = predict_views(runtime, images, reading.views)
    no_tumour_class = runtime.description.no_tumour_class
    predictions = [
        read_slice(image, logits[index], heatmaps[index], reading, no_tumour_class, spacing)
        for index, image in enumerate(images if own_images is None else own_images)
    ]
    if explanation is None:
        return predictions
    return [
        dataclasses.replace(
            prediction, contributions=explanation.contributions[index], constants=explanation.constants[index]
        )
        for index, prediction in enumerate(predictions)
    ]


def predict_views(runtime: Runtime, images: np.ndarray, views: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits [B, K] and raw heatmaps [B, H, W, K] of raw slices: of one view, or means over 8."""
    return average_views(runtime.predict, images) if views == 8 else runtime.predict(images)


def read_slice(
    image: np.ndarray,
    logits: np.ndarray,
    heatmap: np.ndarray,
    reading: Reading,
    no_tumour_class: int | None,
    spacing: tuple[float, float] | None = None,
) -> SlicePrediction:
    """Cuts the mask of one slice, on its own grid, from the network's answer.

    Args:
        image: raw intensities [H, W, C] on the slice's own grid.
        logits: [K].
        heatmap: raw heatmap [h, w, K]; averaged over views where the reading asks for it.
        spacing: what the slice was fitted with, where h x w is another grid.
    """
    predicted, tumour = int(logits.argmax()), likeliest_tumour_class(logits, no_tumour_class)
    delivered = cut_on_grid(heatmap, predicted, image, reading, no_tumour_class, spacing)
    shown = delivered.map
    if tumour != predicted:
        shown = map_on_grid(heatmap, tumour, image.shape, reading, no_tumour_class, spacing)
    return SlicePrediction(
        image=image,
        logits=logits,
        heatmap=heatmap,
        reading=reading,
        no_tumour_class=no_tumour_class,
        mask=delivered.mask,
        reason=delivered.reason,
        map=shown,
        spacing=spacing,
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in 64 bits."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def likeliest_tumour_class(logits: np.ndarray, no_tumour_class: int | None) -> int:
    """The likeliest class that means a tumour, whatever class was predicted."""
    allowed = np.array(logits, np.float64)
    if no_tumour_class is not None:
        allowed[no_tumour_class] = -np.inf
    return int(allowed.argmax())
