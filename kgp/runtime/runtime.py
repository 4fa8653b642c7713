"""A trained network that takes raw intensities, whatever holds it."""

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kgp.errors import KgpError
from kgp.runtime.description import Description
from kgp.runtime.images import number_array

if TYPE_CHECKING:
    from kgp.run_folder import Run


@dataclasses.dataclass(frozen=True)
class Explanation:
    """The answer to B slices, with each logit split exactly into positions.

    Attributes:
        logits: float32 [B, K].
        heatmaps: raw heatmaps float32 [B, H, W, K].
        contributions: what each position adds to each logit, [B, H, W, K].
        constants: what belongs to no position, [B, K]; with it the contributions add up to the
            logits.
    """

    logits: np.ndarray
    heatmaps: np.ndarray
    contributions: np.ndarray
    constants: np.ndarray


class Runtime:
    """A trained network. A subclass implements `_predict` and `_explain`.

    Attributes:
        name: its path or address, for messages and reports.
        description: what the network is: classes, contrasts, size, readings.
        run: the run it is, or None for an export or a served model.
        manifest: the manifest of an export, or None.

    Args:
        any_size: whether it takes slices of other sizes than it was made for.
    """

    batch: ClassVar[int] = 16  # slices that go through the network at a time

    def __init__(
        self,
        name: str,
        description: Description,
        *,
        run: "Run | None" = None,
        manifest: dict[str, Any] | None = None,
        any_size: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.run = run
        self.manifest = manifest
        self._any_size = any_size

    @property
    def identity(self) -> str:
        """SHA-256 over what decides the answers: weights, readings and the files of an export.

        A run and its exports have different ones, as their numbers differ a little.
        """
        files = dict(self.manifest["files"]) if self.manifest else {}
        content = json.dumps([self.description.to_dict(), files], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [B, K] and raw heatmaps [B, H, W, K] of raw intensities [B, H, W, C].

        Raises:
            KgpError: there is no slice, the number of channels or the size does not fit, or a value is
                not finite.
        """
        answers = [self._predict(part) for part in self._batches(images)]
        logits, heatmaps = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        self._check_finite(logits)
        return logits, heatmaps

    def explain(self, images: np.ndarray) -> Explanation:
        """As `predict`, with each logit split exactly into positions.

        Raises:
            KgpError: see `predict`.
        """
        parts = [self._explain(part) for part in self._batches(images)]
        names = [field.name for field in dataclasses.fields(Explanation)]
        explanation = Explanation(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
        self._check_finite(explanation.logits)
        return explanation

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`predict` for one batch, float32, already checked."""
        raise NotImplementedError

    def _explain(self, images: np.ndarray) -> Explanation:
        """`explain` for one batch, float32, already checked."""
        raise NotImplementedError

    def _batches(self, images: np.ndarray) -> list[np.ndarray]:
        images = number_array(images)
        self._check_images(images)
        images = images.astype(np.float32, copy=False)
        return [images[start : start + self.batch] for start in range(0, len(images), self.batch)]

    def _check_images(self, images: np.ndarray) -> None:
        height, width, channels = self.description.shape
        if images.ndim != 4 or images.shape[3] != channels:
            raise KgpError(
                f"{self.name} takes slices with the {channels} contrasts "
                f"{', '.join(self.description.contrasts)}, not an array of shape {images.shape}."
            )
        if not self._any_size and images.shape[1:3] != (height, width):
            raise KgpError(
                f"{self.name} takes slices of {height} x {width} pixels, not {images.shape[1]} x {images.shape[2]}."
            )
        if not np.isfinite(images).all():
            raise KgpError("The slices hold values that are not finite (NaN or infinity).")

    def _check_finite(self, logits: np.ndarray) -> None:
        if not np.isfinite(logits).all():
            raise KgpError(
                f"The network of {self.name} answers with values that are not finite; its training diverged."
            )
