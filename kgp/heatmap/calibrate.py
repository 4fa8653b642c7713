"""Calibration of a reading's offset on the masks of validation patients."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import DEFAULT, NAMED, PAPER, Reading, named_readings
from kgp.heatmap.threshold import finish_cut, prepare_cut

# The scale of a raw heatmap differs from network to network, so the candidates span three orders of
# magnitude.
_STEPS = np.geomspace(0.02, 20.0, 25)
OFFSETS = tuple(float(value) for value in np.concatenate([-_STEPS[::-1], [0.0], _STEPS]))


class OffsetSearch:
    """The Dice coefficient of every candidate offset, collected slice by slice; no heatmap is kept.

    Slices without a mask, with an empty one, or predicted as "no tumour" say nothing about the
    offset and are skipped.

    Args:
        reading: the reading whose offset is searched; its own offset is ignored.
        no_tumour_class: index of the class that means "no tumour", or None.
        candidates: offsets in heatmap units.

    Raises:
        ValueError: the reading's rule has no offset, or there is no candidate.
    """

    def __init__(self, reading: Reading, no_tumour_class: int | None, candidates: Sequence[float] = OFFSETS) -> None:
        if reading.rule not in ("multiotsu", "otsu"):
            raise ValueError(f"The rule {reading.rule!r} has no offset to calibrate.")
        if len(candidates) == 0:
            raise ValueError("At least one candidate offset is needed.")
        self.reading = reading
        self.no_tumour_class = no_tumour_class
        # Sorted by size: among equally good offsets the smallest is taken.
        self.candidates = sorted((float(candidate) for candidate in candidates), key=abs)
        self.patients: set[str] = set()
        self._dice: list[np.ndarray] = []

    def add(
        self, heatmap: np.ndarray, predicted_class: int, image: np.ndarray, truth: np.ndarray | None, patient: str
    ) -> np.ndarray | None:
        """Takes one slice into account.

        Args:
            heatmap: raw heatmap [H, W, K]; averaged over views where the reading asks for it.
            predicted_class: index of the predicted class.
            image: raw intensities [H, W, C].
            truth: true mask bool [H, W], or None where there is none.
            patient: patient identifier.

        Returns:
            The Dice of each candidate, float32 [candidates]; None where the slice is skipped.
        """
        if truth is None or not truth.any() or predicted_class == self.no_tumour_class:
            return None
        cut = prepare_cut(heatmap, predicted_class, self.reading, image=image, no_tumour_class=self.no_tumour_class)
        masks = (finish_cut(cut, dataclasses.replace(self.reading, offset=offset)).mask for offset in self.candidates)
        dices = np.array([dice(mask, truth) for mask in masks], np.float32)
        self.add_dice(dices, patient)
        return dices

    def add_dice(self, dices: np.ndarray, patient: str) -> None:
        """Takes a slice into account whose Dice of each candidate [candidates] is known."""
        self._dice.append(dices)
        self.patients.add(patient)

    @property
    def slices(self) -> int:
        """How many slices were taken into account."""
        return len(self._dice)

    def best(self) -> tuple[float, float | None]:
        """The offset of the highest median Dice, and that Dice; 0 and None without a mask."""
        if not self._dice:
            return 0.0, None
        medians = np.median(np.stack(self._dice), axis=0)
        index = int(np.argmax(medians))
        return self.candidates[index], float(medians[index])


def calibration(search: OffsetSearch, trained_pixels: bool = False) -> dict[str, Any]:
    """The content of a run's `calibration.json`: the named readings and which of them used masks.

    "paper" has the offset that gives the highest median Dice; the others are the same for every
    run whose training had as many stages.

    Args:
        search: for the offset of the reading `PAPER`, over slices of validation patients.
        trained_pixels: see `kgp.heatmap.reading.named_readings`.

    Returns:
        A dict of plain JSON values with the keys default, readings, masks_used, and patients and
        slices: how many gave a usable mask.
    """
    paper = dataclasses.replace(PAPER, offset=search.best()[0])
    return {
        "default": DEFAULT,
        "readings": {
            name: reading.to_dict() for name, reading in (named_readings(trained_pixels) | {"paper": paper}).items()
        },
        "masks_used": {name: name == "paper" and search.slices > 0 for name in NAMED},
        "patients": len(search.patients),
        "slices": search.slices,
    }
