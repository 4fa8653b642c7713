"""A run folder as a runtime: the network rebuilt from its configuration, on any Keras backend."""

from pathlib import Path

import keras
import numpy as np

from kgp.data.normalise import scale_intensities
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.heatmap.evidence import Evidence, evidence_points
from kgp.heatmap.reading import BEST, PAPER, Reading
from kgp.run_folder import WEIGHTS, Run, build_run_network, read_run
from kgp.runtime.described import DescribedRuntime
from kgp.runtime.description import Description


class KerasRun(DescribedRuntime):
    """See `kgp.runtime.runtime.Runtime`. The weights fit any size that the architecture can take.

    Args:
        folder: a finished run folder.

    Raises:
        KgpError: the folder is no usable run.
    """

    def __init__(self, folder: Path) -> None:
        self.run = read_run(folder)
        super().__init__(str(folder), description_of(self.run), any_size=True)
        self._networks: dict[tuple[int, int], keras.Model] = {}
        self._features: dict[tuple[int, int], keras.Model] = {}

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self._network(*images.shape[1:3]).predict_on_batch(self._normalised(images))
        return outputs["logits"], outputs["heatmap"]

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
        return keras.ops.convert_to_numpy(scale_intensities(images, self.run.config.data.normalisation))


def description_of(run: Run) -> Description:
    """What a finished run is.

    Raises:
        KgpError: its calibration.json is damaged.
    """
    readings, default, masks_used = _calibration(run.folder / "calibration.json")
    return Description(
        arch=run.config.network.arch,
        class_names=run.class_names,
        no_tumour_class=run.no_tumour_class,
        contrasts=run.contrasts,
        shape=run.shape,
        normalisation=run.config.data.normalisation,
        readings=readings,
        default_reading=default,
        masks_used=masks_used,
        weights_sha256=run.manifest["files"][WEIGHTS],
    )


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
