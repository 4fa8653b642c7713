"""A trained network in Python: what `kgp.load_run` and `kgp.train` give."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgp.errors import KgpError
from kgp.files import read_json
from kgp.image_prediction import ImagePrediction, predict_images
from kgp.runtime import load_runtime
from kgp.runtime.images import number_array
from kgp.runtime.runtime import Runtime

if TYPE_CHECKING:
    from kgp.evaluation.known_slices import KnownSlice


class TrainedNetwork:
    """A run, an export, or a served model.

    Attributes:
        runtime: the network behind it.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def __repr__(self) -> str:
        return f"TrainedNetwork({self.name!r}, classes={self.class_names}, contrasts={self.contrasts})"

    @property
    def name(self) -> str:
        """Where it lies."""
        return self.runtime.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the K classes, in the order of the logits."""
        return self.runtime.description.class_names

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Names of the C input channels, in order."""
        return self.runtime.description.contrasts

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the slices it was made for; other sizes are fitted."""
        return self.runtime.description.shape

    @property
    def readings(self) -> tuple[str, ...]:
        """Names of the readings; the first argument of `predict` after the image takes one."""
        return tuple(self.runtime.description.readings)

    @property
    def folder(self) -> Path | None:
        """The run folder; None for an export or a served model."""
        return self.runtime.run.folder if self.runtime.run else None

    @property
    def metrics(self) -> dict[str, Any] | None:
        """What metrics.json of the run says; None where it was not evaluated."""
        path = self.folder / "metrics.json" if self.folder else None
        return read_json(path) if path and path.is_file() else None

    def predict(
        self, image: np.ndarray | Sequence[Any], reading: str | None = None, spacing: tuple[float, float] | None = None
    ) -> ImagePrediction | list[ImagePrediction]:
        """Classifies an image, or each of a batch, and says where.

        Args:
            image: raw intensities [H, W, C] or [B, H, W, C], in the order of `contrasts`; any size.
                A list of images of one size is a batch.
            reading: name of the reading that cuts the mask; default the run's.
            spacing: millimetres between rows and between columns, or None for square pixels.

        Returns:
            One prediction, or a list of them for a batch.

        Raises:
            KgpError: the array is no image with these contrasts, there is no such reading, or the
                spacing is not two positive numbers.
        """
        image = number_array(image)
        contrasts = self.contrasts
        if image.ndim not in (3, 4) or image.shape[-1] != len(contrasts):
            raise KgpError(
                f"{self.name} takes images [H, W, {len(contrasts)}] with the contrasts {', '.join(contrasts)}, or a "
                f"batch of them, not an array of shape {image.shape}."
            )
        reading_name = reading or self.runtime.description.default_reading
        if image.ndim == 3:
            return predict_images(self.runtime, image[None], reading_name, spacing)[0]
        return predict_images(self.runtime, image, reading_name, spacing)

    def known_slices(self, part: str = "test") -> Iterator["KnownSlice"]:
        """Slices of one part of the run's own split, with true masks and predictions.

        Args:
            part: "train", "validation" or "test".

        Raises:
            KgpError: there is no such part, this is no run, or its prepared data are gone.
        """
        from kgp.data.parts import part_of_run
        from kgp.data.split import PARTS
        from kgp.evaluation.known_slices import predict_known

        if part not in PARTS:
            raise KgpError(f"The part must be one of {', '.join(PARTS)}, not {part!r}.")
        if self.runtime.run is None:
            raise KgpError(f"{self.name} is no run folder, so it has no {part} part.")
        cohort, rows, _ = part_of_run(self.runtime.run, part)
        return predict_known(self.runtime, cohort, rows, self.runtime.description.readings)


def load_run(path_or_address: str | Path) -> TrainedNetwork:
    """Loads a run folder, an export (SavedModel or .tflite), or a model behind an address.

    Args:
        path_or_address: see `kgp.runtime.load_runtime`.

    Raises:
        KgpError: there is no usable network.
    """
    return TrainedNetwork(load_runtime(path_or_address))
