"""An exported SavedModel as a runtime."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from kgp.errors import KgpError
from kgp.heatmap.evidence import Evidence, evidence_of_map
from kgp.runtime.artifact import MANIFEST, read_artifact
from kgp.runtime.described import DescribedRuntime


class SavedModel(DescribedRuntime):
    """See `kgp.runtime.runtime.Runtime`.

    Args:
        folder: a version folder that `kgp export` wrote.

    Raises:
        KgpError: it is not, or a file of it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        description, self.manifest = read_artifact(folder / MANIFEST, folder)
        if "saved_model.pb" not in self.manifest["files"]:
            raise KgpError(f"{folder / MANIFEST} does not list saved_model.pb, so the export cannot be checked.")
        super().__init__(str(folder), description, files=self.manifest["files"])
        try:
            self._loaded = tf.saved_model.load(str(folder))  # holds the variables, so it must stay alive
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise KgpError(f"{folder} cannot be loaded as a SavedModel: {error}.") from None

    def call(self, signature: str, images: np.ndarray) -> dict[str, np.ndarray]:
        """The named outputs of a signature for raw intensities float32 [B, H, W, C]."""
        outputs = self._loaded.signatures[signature](images=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    def masks(self, images: np.ndarray) -> np.ndarray:
        """Masks bool [B, H, W] of the default reading, cut by the network's own graph."""
        self._check(images)
        images = images.astype(np.float32, copy=False)
        parts = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        return np.concatenate([self.call("segment", part)["mask"] for part in parts]) > 0

    def evidence(self, image: np.ndarray, class_index: int) -> Evidence:
        """The logit of one class of one raw slice [H, W, C], split exactly into positions."""
        self._check(image[None])
        outputs = self.call("explain", image[None].astype(np.float32))
        return evidence_of_map(outputs["contributions"][0, ..., class_index], outputs["constant"][0, class_index])

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self.call("serving_default", images)
        return outputs["logits"], outputs["heatmap"].astype(np.float32)
