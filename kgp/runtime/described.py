"""What all runtimes share: the facts about the network, checks of the input, and work in batches."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.evidence import Evidence
from kgp.runtime.description import Description

BATCH = 16


class DescribedRuntime:
    """See `kgp.runtime.runtime.Runtime`; what is left to a back end is `evidence` and `_predict`.

    Args:
        name: what it is, for messages and reports.
        description: what the network is.
        any_size: whether it takes slices of other sizes than it was made for.
        files: SHA-256 of each file of an export.
    """

    batch = BATCH

    def __init__(
        self, name: str, description: Description, any_size: bool = False, files: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.description = description
        self.class_names = description.class_names
        self.no_tumour_class = description.no_tumour_class
        self.contrasts = description.contrasts
        self.size = description.shape[0] if description.shape[0] == description.shape[1] else 0
        self.readings = dict(description.readings)
        self.default_reading = description.default_reading
        self.masks_used = description.masks_used
        self._any_size = any_size
        self._files = dict(files or {})

    @property
    def identity(self) -> str:
        """SHA-256 over what decides the answers: weights, normalisation and readings, and the files of an export.

        A run and its exports have different ones, as their numbers differ a little.
        """
        content = json.dumps([self.description.to_dict(), self._files], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [B, K] and raw heatmaps [B, H, W, K] of raw intensities [B, H, W, C]."""
        self._check(images)
        images = images.astype(np.float32, copy=False)
        answers = [self._predict(images[start : start + self.batch]) for start in range(0, len(images), self.batch)]
        logits, heatmaps = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        if not np.isfinite(logits).all():
            raise KgpError(
                f"The network of {self.name} answers with values that are not finite; its training diverged."
            )
        return logits, heatmaps

    def evidence(self, image: np.ndarray, class_index: int) -> Evidence:
        """The logit of one class of one raw slice [H, W, C], split exactly into positions."""
        raise NotImplementedError

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same for one batch, float32, already checked."""
        raise NotImplementedError

    def _check(self, images: np.ndarray) -> None:
        height, width, channels = self.description.shape
        if images.ndim != 4 or images.shape[3] != channels:
            raise KgpError(
                f"{self.name} takes slices with the {channels} contrasts "
                f"{', '.join(self.contrasts)}, not an array of shape {images.shape}."
            )
        if not self._any_size and images.shape[1:3] != (height, width):
            raise KgpError(
                f"{self.name} takes slices of {height} x {width} pixels, not {images.shape[1]} x {images.shape[2]}."
            )
        if not np.isfinite(images).all():
            raise KgpError("The slices hold values that are not finite (NaN or infinity).")
