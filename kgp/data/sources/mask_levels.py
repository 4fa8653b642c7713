"""Levels of a mask whose values resampling, blurring or JPEG spread."""

import itertools

import numpy as np

_BINS = 10  # of the upper half of the values
_USUAL = (1.0, 255.0, 65535.0)
# Where no level stands out in a highest value from, to: the level that such a mask had before it was
# blurred.
_BLURRED = ((200.0, 340.0, 255.0), (50_000.0, 80_000.0, 65535.0))
# Least number of the very highest value, and least share of the upper half.
_PLATEAUS = ((2, 0.25), (4, 0.1))
_NEAR_THE_CUT = (0.35, 0.65)  # shares of the upper level
# Shares of the upper level between which a value is near neither level; ringing of JPEG stays
# outside.
BETWEEN = (0.15, 0.85)
BELOW = (0.0, 0.15)


def upper_level(others: np.ndarray, top: float) -> float | None:
    """The upper of two levels around and between which values lie; None where none stands out.

    Args:
        others: the values that are not 0.
        top: the highest, above 0.
    """
    upper_half = others[others > top / 2]
    at_top = int((upper_half == top).sum())
    if any(at_top >= count and at_top >= share * len(upper_half) for count, share in _PLATEAUS):
        return _usual(top)
    counts, edges = np.histogram(upper_half, bins=_BINS, range=(top / 2, top))
    peak = int(counts.argmax())
    around = upper_half[(upper_half >= edges[max(peak - 1, 0)]) & (upper_half <= edges[min(peak + 2, _BINS)])]
    if 2 * len(around) >= len(upper_half):
        values, counts = np.unique(around, return_counts=True)
        return _usual(float(values[counts.argmax()] if counts.max() > 1 else np.median(around)))
    level = float(np.median(upper_half))
    if 10 * _within(others, level, _NEAR_THE_CUT).sum() <= len(upper_half):
        return _usual(level)  # where the cut goes matters little
    return next((before for low, high, before in _BLURRED if low <= top <= high), None)


def share_between(others: np.ndarray, level: float) -> float:
    """The share of the values that are not 0 and near neither 0 nor the upper level."""
    return float(_within(others, level, BETWEEN).mean())


def regions_between(
    values: np.ndarray, level: float, tolerance: float, shares: tuple[float, float] = BETWEEN
) -> tuple[float, int]:
    """How many of the values between two levels lie in regions of their own, and not on borders.

    Inside a region and on its straight border two thirds of the 3 x 3 (x 3) values around a value
    are equal to it; of what interpolation puts between two regions, one third at most.

    Args:
        values: [H, W] or [X, Y, Z].
        level: the upper level.
        tolerance: by which share of it values of one region may differ.
        shares: of it, between which values are looked at.

    Returns:
        A share in 0 .. 1 of the values looked at, and the number of these.
    """
    between = _within(values, level, shares)
    places = np.argwhere(between)
    if len(places) == 0:
        return 0.0, 0
    box = tuple(slice(max(low - 1, 0), high + 2) for low, high in zip(places.min(0), places.max(0), strict=True))
    values, between = values[box], between[box]
    padded = np.pad(values, 1, constant_values=int(-level))
    equal = np.zeros(values.shape, np.int8)
    for offset in itertools.product(range(3), repeat=values.ndim):
        neighbour = padded[tuple(slice(start, start + size) for start, size in zip(offset, values.shape, strict=True))]
        equal += np.abs(neighbour - values) <= tolerance * level
    # Each is equal to itself, too; on a straight border of a region two thirds are.
    regions = (3 * equal >= 2 * 3**values.ndim) & between
    return float(regions.sum() / len(places)), len(places)


def _within(values: np.ndarray, level: float, shares: tuple[float, float]) -> np.ndarray:
    return (values > shares[0] * level) & (values < shares[1] * level)


def _usual(level: float) -> float:
    """The level that nearly all masks have, where it is as near as ringing leaves it."""
    return next((usual for usual in _USUAL if abs(level - usual) <= 0.1 * usual), level)
