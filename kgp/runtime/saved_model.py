"""An exported SavedModel as a runtime."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from kgp.errors import KgpError
from kgp.runtime.artifact import check_signatures, read_version
from kgp.runtime.runtime import Explanation, Runtime


class SavedModel(Runtime):
    """A SavedModel in this process.

    Args:
        folder: a version folder that `kgp export` wrote.

    Raises:
        KgpError: there is no such export, or a file of it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        description, manifest = read_version(folder)
        super().__init__(str(folder), description, manifest=manifest)
        try:
            self._loaded = tf.saved_model.load(str(folder))  # holds the variables, so it must stay alive
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise KgpError(f"{folder} cannot be loaded as a SavedModel: {error}.") from None
        check_signatures(folder, self._loaded.signatures)

    def call(self, signature: str, images: np.ndarray) -> dict[str, np.ndarray]:
        """The named outputs of a signature for raw intensities float32 [B, H, W, C]."""
        outputs = self._loaded.signatures[signature](images=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    def masks(self, images: np.ndarray) -> np.ndarray:
        """Masks bool [B, H, W] of the default reading, cut by the network's own graph."""
        return np.concatenate([self.call("segment", part)["mask"] for part in self._batches(images)]) > 0

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self.call("serving_default", images)
        return outputs["logits"], outputs["heatmap"].astype(np.float32)

    def _explain(self, images: np.ndarray) -> Explanation:
        outputs = self.call("explain", images)
        heatmaps = outputs["heatmap"].astype(np.float32)
        return Explanation(outputs["logits"], heatmaps, outputs["contributions"], outputs["constant"])
