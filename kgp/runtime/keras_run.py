"""A run folder as a runtime: the network rebuilt from its configuration, on any Keras backend."""

from pathlib import Path

import keras
import numpy as np

from kgp.data.normalise import normalise
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.heatmap.evidence import Evidence, evidence_points
from kgp.heatmap.reading import BEST, PAPER, Reading
from kgp.run_folder import build_run_network, read_run

_BATCH = 16


class KerasRun:
    """See `kgp.runtime.runtime.Runtime`. The weights fit any size that the architecture can take.

    Args:
        folder: a finished run folder.

    Raises:
        KgpError: the folder is no usable run.
    """

    def __init__(self, folder: Path) -> None:
        self.run = read_run(folder)
        self.name = str(folder)
        self.class_names = self.run.class_names
        self.no_tumour_class = self.run.no_tumour_class
        self.contrasts = self.run.contrasts
        self.size = self.run.shape[0] if self.run.shape[0] == self.run.shape[1] else 0
        self.readings, self.default_reading, self.masks_used = _calibration(folder / "calibration.json")
        self._networks: dict[tuple[int, int], keras.Model] = {}
        self._features: dict[tuple[int, int], keras.Model] = {}

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [B, K] and raw heatmaps [B, H, W, K] of raw intensities [B, H, W, C]."""
        self._check(images)
        network = self._network(*images.shape[1:3])
        logits, heatmaps = [], []
        for start in range(0, len(images), _BATCH):
            outputs = network.predict_on_batch(self._normalised(images[start : start + _BATCH]))
            logits.append(outputs["logits"])
            heatmaps.append(outputs["heatmap"])
        if not all(np.isfinite(values).all() for values in logits):
            raise KgpError(
                f"The network of {self.name} answers with values that are not finite; its training diverged."
            )
        return np.concatenate(logits), np.concatenate(heatmaps)

    def evidence(self, image: np.ndarray, class_index: int) -> Evidence:
        """The logit of one class of one raw slice [H, W, C], split exactly into positions."""
        self._check(image[None])
        height, width = image.shape[:2]
        network = self._network(height, width)
        if (height, width) not in self._features:
            # A model of its own: predict would otherwise bring every feature map back from the device.
            self._features[height, width] = keras.Model(network.input, network.get_layer("features").output)
        features = self._features[height, width].predict_on_batch(self._normalised(image[None]))[0]
        kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in network.get_layer("head").weights)
        config = self.run.config.network
        return evidence_points(
            features,
            kernel.reshape(features.shape[-1], -1),
            bias,
            class_index,
            head_order=config.head_order,
            pooling=config.pooling,
            pooling_value=config.pooling_value,
        )

    def _network(self, height: int, width: int) -> keras.Model:
        if (height, width) not in self._networks:
            self._networks[height, width] = build_run_network(self.run, height, width)
        return self._networks[height, width]

    def _normalised(self, images: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(normalise(images, self.run.config.data.normalisation))

    def _check(self, images: np.ndarray) -> None:
        if images.ndim != 4 or images.shape[3] != len(self.contrasts):
            raise KgpError(
                f"{self.name} takes slices with the {len(self.contrasts)} contrasts "
                f"{', '.join(self.contrasts)}, not an array of shape {images.shape}."
            )
        if not np.isfinite(images).all():
            raise KgpError("The slices hold values that are not finite (NaN or infinity).")


def _calibration(path: Path) -> tuple[dict[str, Reading], str, tuple[str, ...]]:
    """Readings, default and those that used masks; the uncalibrated ones where the file does not exist yet."""
    if not path.is_file():
        return {"paper": PAPER, "best": BEST}, "best", ()
    content = read_json(path)
    try:
        readings = {name: Reading.from_dict(values) for name, values in content["readings"].items()}
        return readings, content["default"], tuple(name for name, used in content["masks_used"].items() if used)
    except (KeyError, TypeError, AttributeError) as error:
        raise KgpError(f"{path} is not a calibration of this format: {error}.") from None
