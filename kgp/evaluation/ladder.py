"""The ladder of readings: from one map, masks by one reading after the other, up to the best level
that could be cut. Its steps say whether class, place, extent or level of the masks loses.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.evaluation.bootstrap import FEWEST_PATIENTS, LEVEL, RESAMPLES, draw_counts, interval, median_of_repeated
from kgp.evaluation.median import median_and_mean
from kgp.evaluation.segmentation import MISPLACED
from kgp.evaluation.size_thirds import THIRDS, size_thirds


@dataclasses.dataclass(frozen=True)
class RungMask:
    """How the mask of the likeliest tumour class, by one reading, agrees with the true one.

    Attributes:
        dice: in [0, 1].
        pixels, common: size of the mask, and pixels that it shares with the truth.
        hd95: see `kgp.evaluation.distance.hd95`; None where a mask is empty.
    """

    dice: float
    pixels: int
    common: int
    hd95: float | None


@dataclasses.dataclass(frozen=True)
class LadderSlice:
    """One slice with a true mask.

    Attributes:
        id, patient, group, volume: see `kgp.data.cohort.SliceRow`.
        called: whether the network calls the slice a tumour; where it does not, the mask as
            delivered is empty.
        true_pixels: size of the true mask.
        tumour_share, average_precision, peak_in_tumour: see
            `kgp.evaluation.segmentation.SegmentationRecord`; the precision inside the head.
        rungs: the masks by name of the rung.
    """

    id: str
    patient: str
    group: str
    volume: str
    called: bool
    true_pixels: int
    tumour_share: float
    average_precision: float | None
    peak_in_tumour: bool | None
    rungs: Mapping[str, RungMask]

    def mask(self, rung: str, delivered: bool) -> RungMask:
        """The mask of a rung, as delivered or whatever was called."""
        if delivered and not self.called:
            return RungMask(0.0 if self.true_pixels else 1.0, 0, 0, None)
        return self.rungs[rung]


def rung_figures(slices: Sequence[LadderSlice], rung: str, *, delivered: bool) -> dict[str, Any]:
    """The figures of one rung, as a row of the table.

    Args:
        slices: all slices with a true mask, tumour-free ones among them.
        rung: name of the rung.
        delivered: masks as delivered, empty where no tumour was called; else of the likeliest
            tumour class, whatever was called.

    Returns:
        Plain JSON values: dice, volume_dice and hd95 (median, low, high, mean), the median Dice of
        each third by size, dice_below_0.1, empty_share. Volume Dice only as delivered, as whatever
        was called every tumour-free slice has a mask; of patients where slices name no volume.
    """
    tumour = [one for one in slices if one.true_pixels]
    masks, groups = [one.mask(rung, delivered) for one in tumour], [one.group for one in tumour]
    dices = np.array([mask.dice for mask in masks])
    thirds = size_thirds([one.tumour_share for one in tumour])
    with_distance = [(mask.hd95, group) for mask, group in zip(masks, groups, strict=True) if mask.hd95 is not None]
    return {
        "tumour_slices": len(tumour),
        "dice": _spread(list(dices), groups),
        "thirds": {name: _median(dices[thirds == number]) for number, name in enumerate(THIRDS)},
        "dice_below_0.1": float(np.mean(dices < MISPLACED)) if len(dices) else None,
        "empty_share": float(np.mean([mask.pixels == 0 for mask in masks])) if masks else None,
        "volume_dice": _volume_dice(slices, rung) if delivered else None,
        "hd95": _spread([distance for distance, _ in with_distance], [group for _, group in with_distance]),
    }


def map_figures(slices: Sequence[LadderSlice]) -> dict[str, Any]:
    """What the map itself is worth, before any cut: precision inside the head, hits of its peak."""
    tumour = [one for one in slices if one.true_pixels]
    ranked = [(one.average_precision, one.group) for one in tumour if one.average_precision is not None]
    peaks = [one.peak_in_tumour for one in tumour if one.peak_in_tumour is not None]
    return {
        "average_precision_in_head": _spread([value for value, _ in ranked], [group for _, group in ranked]),
        "peak_hit_rate": float(np.mean(peaks)) if peaks else None,
        "called_share": float(np.mean([one.called for one in tumour])) if tumour else None,
    }


def rung_difference(
    first: Sequence[LadderSlice],
    second: Sequence[LadderSlice],
    rung: str,
    *,
    delivered: bool,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Second less first of one rung, on the same tumour slices, with a paired patient bootstrap.

    Returns:
        For "median" and "mean" Dice the difference, low and high; these None with fewer than 5
        patients.

    Raises:
        KgpError: the two are not of the same slices, persons and true masks.
    """
    pairs = _paired(first, second)
    values = np.array([[one.mask(rung, delivered).dice for one in pair] for pair in pairs]).reshape(-1, 2)
    names, patient = np.unique([pair[0].group for pair in pairs], return_inverse=True)
    if not len(values):
        return {key: {"difference": None, "low": None, "high": None} for key in ("median", "mean")}
    times = draw_counts(len(names), resamples, seed)[:, patient] if len(names) >= FEWEST_PATIENTS else None
    result = {}
    for key, statistic in (("median", _resampled_medians), ("mean", _resampled_means)):
        low, high = None, None
        if times is not None:
            low, high = interval(statistic(values[:, 1], times) - statistic(values[:, 0], times), LEVEL)
        once = np.ones((1, len(values)), int)
        difference = float((statistic(values[:, 1], once) - statistic(values[:, 0], once))[0])
        result[key] = {"difference": difference, "low": low, "high": high}
    return result


def _paired(first: Sequence[LadderSlice], second: Sequence[LadderSlice]) -> list[tuple[LadderSlice, LadderSlice]]:
    """The tumour slices of both, by id."""
    ones, others = ({one.id: one for one in slices if one.true_pixels} for slices in (first, second))
    if set(ones) != set(others):
        alone = sorted(set(ones) ^ set(others))
        raise KgpError(f"The two sets do not judge the same tumour slices: {len(alone)} differ, such as {alone[0]}.")
    for identifier, one in ones.items():
        other = others[identifier]
        if (one.group, one.true_pixels) != (other.group, other.true_pixels):
            raise KgpError(f"The two sets know slice {identifier} with other persons or true masks.")
    return [(ones[identifier], others[identifier]) for identifier in sorted(ones)]


def _volume_dice(slices: Sequence[LadderSlice], rung: str) -> dict[str, Any]:
    volumes: dict[str, list[LadderSlice]] = {}
    for one in slices:
        volumes.setdefault(one.volume or one.patient, []).append(one)
    dices, groups = [], []
    for pieces in volumes.values():
        masks = [one.mask(rung, True) for one in pieces]
        true = sum(one.true_pixels for one in pieces)
        if true:
            common, found = sum(mask.common for mask in masks), sum(mask.pixels for mask in masks)
            dices.append(2.0 * common / (true + found))
            groups.append(pieces[0].group)
    return _spread(dices, groups)


def _spread(values: Sequence[float], groups: Sequence[str]) -> dict[str, Any]:
    return median_and_mean(values, groups, RESAMPLES, 0)


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def _resampled_medians(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The median of values [N] in each resample, which takes each value so many times [R, N]."""
    order = np.argsort(values)
    return np.array([median_of_repeated(values[order], drawn[order]) for drawn in times])


def _resampled_means(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    return times @ values / np.maximum(times.sum(axis=1), 1)
