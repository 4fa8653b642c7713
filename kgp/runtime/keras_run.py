"""A run folder as a runtime: the network rebuilt from its configuration, on any Keras backend."""

from pathlib import Path

import keras
import numpy as np

from kgp.data.normalise import scale_intensities
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.heatmap.evidence import contributions
from kgp.heatmap.reading import DEFAULT, Reading, named_readings
from kgp.run_folder import WEIGHTS, Run, build_run_network, read_run
from kgp.runtime.description import Description
from kgp.runtime.runtime import Explanation, Runtime


class KerasRun(Runtime):
    """A run. Its weights fit any size that the architecture can take.

    Args:
        folder: a finished run folder.

    Raises:
        KgpError: the folder is no usable run.
    """

    run: Run

    def __init__(self, folder: Path) -> None:
        run = read_run(folder)
        super().__init__(str(folder), description_of(run), run=run, any_size=True)
        self._networks: dict[tuple[int, int], keras.Model] = {}
        self._features: dict[tuple[int, int], keras.Model] = {}

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self._network(*images.shape[1:3]).predict_on_batch(self._normalised(images))
        return outputs["logits"], outputs["heatmap"]

    def _explain(self, images: np.ndarray) -> Explanation:
        logits, heatmaps = self._predict(images)
        height, width = images.shape[1:3]
        network = self._network(height, width)
        if (height, width) not in self._features:
            # A model of its own: predict would otherwise bring every feature map back from the
            # device.
            self._features[height, width] = keras.Model(network.input, network.get_layer("features").output)
        features = self._features[height, width].predict_on_batch(self._normalised(images))
        kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in network.get_layer("head").weights)
        config = self.run.config.network
        split = [
            contributions(
                feature_map,
                kernel.reshape(features.shape[-1], -1),
                bias,
                head_order=config.head_order,
                pooling=config.pooling,
                pooling_value=config.pooling_value,
            )
            for feature_map in features
        ]
        maps, constants = np.stack([maps for maps, _ in split]), np.stack([rest for _, rest in split])
        if self.run.config.scales_logits:
            scale, offset = map(keras.ops.convert_to_numpy, network.get_layer("logit_scale").weights)
            maps, constants = scale * maps, scale * constants + offset
        return Explanation(logits, heatmaps, maps, constants)

    def _network(self, height: int, width: int) -> keras.Model:
        if (height, width) not in self._networks:
            self._networks[height, width] = build_run_network(self.run, height, width)
        return self._networks[height, width]

    def _normalised(self, images: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(scale_intensities(images, self.run.config.data.normalisation))


def description_of(run: Run) -> Description:
    """The description of a finished run.

    Raises:
        KgpError: its calibration.json is damaged.
    """
    readings, default_reading, masks_used = _calibration(
        run.folder / "calibration.json", run.config.optimiser.stages == 2
    )
    return Description(
        arch=run.config.network.arch,
        class_names=run.class_names,
        no_tumour_class=run.no_tumour_class,
        contrasts=run.contrasts,
        shape=run.shape,
        normalisation=run.config.data.normalisation,
        readings=readings,
        default_reading=default_reading,
        masks_used=masks_used,
        weights_sha256=run.manifest["files"][WEIGHTS],
    )


def _calibration(path: Path, trained_pixels: bool) -> tuple[dict[str, Reading], str, tuple[str, ...]]:
    """Readings, the default's name, names of those set on masks; uncalibrated without a file."""
    if not path.is_file():
        return named_readings(trained_pixels), DEFAULT, ()
    content = read_json(path)
    try:
        readings = {name: Reading.from_dict(values) for name, values in content["readings"].items()}
        return readings, content["default"], tuple(name for name, used in content["masks_used"].items() if used)
    except (KeyError, TypeError, AttributeError) as error:
        raise KgpError(f"{path} is not a calibration of this format: {error}.") from None
