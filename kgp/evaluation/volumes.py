"""How well masks agree volume by volume, where slices form volumes."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import SliceRow
from kgp.evaluation.bootstrap import RESAMPLES
from kgp.evaluation.distance import distance_with_misses, hd95
from kgp.evaluation.judged_slice import JudgedSlice, VolumeDistance
from kgp.evaluation.median import median_and_mean


class VolumeDistances:
    """Collects the masks of each volume, whose slices may come in any order, until it is whole.

    A volume has distances where its slices say how far apart they are (`spacing_slice`) and the
    judged ones lie side by side, without a gap.

    Args:
        rows: all slices that will be added.
    """

    def __init__(self, rows: Sequence[SliceRow]) -> None:
        self._awaited = Counter(row.volume for row in rows if row.volume)
        self._gaps = _volumes_with_gaps(rows)
        self._pieces: dict[str, list[tuple[int, np.ndarray, dict[str, np.ndarray], float]]] = {}

    def add(
        self,
        row: SliceRow,
        truth: np.ndarray | None,
        masks: Mapping[str, np.ndarray],
        diagonal: float,
        spacing: tuple[float, float] | None = None,
    ) -> dict[str, VolumeDistance]:
        """Takes one slice.

        Args:
            truth: true mask bool [H, W], or None where there is none.
            masks: bool [H, W] by name of the reading.
            diagonal: the head's in this slice, in millimetres.
            spacing: millimetres between rows and between columns of the masks; default the row's.

        Returns:
            The distances of each reading where the slice is the last one of its volume; else empty.
        """
        if not row.volume or row.volume in self._gaps:
            return {}
        self._awaited[row.volume] -= 1
        pieces = self._pieces.setdefault(row.volume, [])
        if truth is not None:
            pieces.append((row.index, truth, dict(masks), diagonal))
        if self._awaited[row.volume] or not self._pieces.pop(row.volume):
            return {}
        pieces.sort(key=lambda piece: piece[0])
        if len({piece[1].shape for piece in pieces}) > 1:
            return {}  # slices of several sizes are no volume
        steps = (row.spacing_slice or 1.0, *(spacing or (row.spacing_row or 1.0, row.spacing_column or 1.0)))
        whole = np.stack([piece[1] for piece in pieces])
        largest = math.hypot(max(piece[3] for piece in pieces), len(pieces) * steps[0])
        distances = {}
        for name in masks:
            mask = np.stack([piece[2][name] for piece in pieces])
            distance = hd95(mask, whole, steps)
            distances[name] = VolumeDistance(distance, distance_with_misses(mask, whole, distance, largest))
        return distances


def volume_metrics(
    slices: Sequence[JudgedSlice], name: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any] | None:
    """Dice and HD95 of whole volumes for one reading, as delivered.

    The Dice of a volume is that of all its judged slices laid together: twice the pixels that mask
    and truth share, over the pixels of both. Volumes without a true tumour enter the counts only,
    but for the HD95 in which spurious masks count.

    Returns:
        A dict of plain JSON values; None where no slice with a true mask belongs to a volume.
    """
    volumes: dict[str, list[JudgedSlice]] = {}
    for judged in slices:
        if judged.row.volume and judged.segmentations:
            volumes.setdefault(judged.row.volume, []).append(judged)
    if not volumes:
        return None
    dices, tumour_groups, spurious = _dices_laid_together(volumes, name)
    return {
        "volumes": len(volumes),
        "tumour_volumes": len(dices),
        "patients": len({pieces[0].row.group for pieces in volumes.values()}),
        "tumour_free_volumes_with_mask": spurious,
        "dice": median_and_mean(dices, tumour_groups, resamples, seed),
        **_distances(volumes, name, resamples, seed),
    }


def patient_dice(
    slices: Sequence[JudgedSlice], name: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Dice of all judged slices of a patient laid together, as delivered, for one reading.

    It stands for the Dice of volumes where slices name none. Patients without a true tumour enter
    the counts only.
    """
    patients: dict[str, list[JudgedSlice]] = {}
    for judged in slices:
        if judged.segmentations:
            patients.setdefault(judged.row.patient, []).append(judged)
    dices, tumour_groups, spurious = _dices_laid_together(patients, name)
    return {
        "patients": len(patients),
        "tumour_patients": len(dices),
        "tumour_free_patients_with_mask": spurious,
        "dice": median_and_mean(dices, tumour_groups, resamples, seed),
    }


def _dices_laid_together(pieces_of: Mapping[str, list[JudgedSlice]], name: str) -> tuple[list[float], list[str], int]:
    """Dice and person of each volume with a true tumour, and how many others have a mask."""
    dices, tumour_groups, spurious = [], [], 0
    for pieces in pieces_of.values():
        records = [judged.segmentations[name] for judged in pieces]
        true, found = (
            sum(pixels) for pixels in zip(*((r.true_pixels, r.delivered.pixels) for r in records), strict=True)
        )
        if true:
            dices.append(2.0 * sum(record.delivered.common for record in records) / (true + found))
            tumour_groups.append(pieces[0].row.group)
        spurious += bool(found and not true)
    return dices, tumour_groups, spurious


def _distances(volumes: Mapping[str, list[JudgedSlice]], name: str, resamples: int, seed: int) -> dict[str, Any]:
    judged = [
        (piece.volume_distances[name], piece.row.group)
        for pieces in volumes.values()
        for piece in pieces
        if name in piece.volume_distances
    ]
    if not judged:
        return {
            "hd95": None,
            "hd95_with_misses": None,
            "why_no_hd95": "The slices do not say how far apart they are (spacing_slice), or lie side by side in no volume.",
        }
    result: dict[str, Any] = {}
    for key in ("hd95", "hd95_with_misses"):
        pairs = [(value, group) for distance, group in judged if (value := getattr(distance, key)) is not None]
        result[key] = {
            **median_and_mean([value for value, _ in pairs], [group for _, group in pairs], resamples, seed),
            "volumes": len(pairs),
        }
    return result | {"distance_unit": "mm"}


def _volumes_with_gaps(rows: Sequence[SliceRow]) -> set[str]:
    """Volumes whose slices lack a spacing or a neighbour."""
    indices: dict[str, list[int]] = {}
    unusable = set()
    for row in rows:
        indices.setdefault(row.volume, []).append(row.index)
        if not (row.spacing_slice and row.spacing_row and row.spacing_column):
            unusable.add(row.volume)
    for volume, found in indices.items():
        if sorted(found) != list(range(min(found), min(found) + len(found))):
            unusable.add(volume)
    return unusable
