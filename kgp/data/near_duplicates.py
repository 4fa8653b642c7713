"""Slices of different persons that are the same picture: mirrored, turned, resized, padded,
recompressed or with another brightness.

Public collections hold many such copies, and a copy of a training slice in the test part makes
figures too good. Two slices are compared as small pictures whose fine detail alone counts, as the
outlines of any two heads are alike; once as they are, and once cut to what they show.
"""

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 48  # pixels a side of the small pictures
# The correlation from which two small pictures are called near duplicates. Slices of different
# patients reach 0.88 (unregistered heads) to 0.92 (brains registered to one atlas); copies mirrored,
# resized, padded, saved as JPEG and brightened have more in 95 of 100 cases.
LEAST_CORRELATION = 0.95
# Pixels; detail between these two blurs counts, in whole pictures and in those cut to what they
# show, whose edges are less sure.
_BANDS = ((0.5, 1.5), (1.0, 2.0))
_LEAST_DETAIL = 60  # pixels that carry the detail; with fewer, any two slices are alike
_SHOWN = 0.3  # of the range of grey values: what differs by more from the background is shown
_LEAST_SHOWN = 0.25  # share of the sides, below which a picture is not cut
_WAVES = 8  # lowest waves along each side that pictures are first compared by
_TURNS = 8  # four turns, each as it is and mirrored
_TINY = 1e-30
_ROWS, _COLUMNS = 512, 2048  # of the correlations held at once


def small_pictures(image: np.ndarray) -> np.ndarray:
    """A slice [H, W, C] as two grey pictures, whole and cut to what it shows, in which all contrasts
    weigh alike: uint8 [2, SIDE, SIDE].
    """
    grey: np.ndarray = np.zeros(image.shape[:2], np.float32)
    for channel in range(image.shape[2]):
        plane = image[..., channel].astype(np.float32)
        grey += plane / max(float(plane.std(dtype=np.float64)), _TINY)
    return np.stack([_shrunk(grey), _shrunk(_shown(grey))])


def _shrunk(grey: np.ndarray) -> np.ndarray:
    """A picture as uint8 [SIDE, SIDE] from its darkest to its brightest."""
    how = cv2.INTER_AREA if min(grey.shape) >= SIDE else cv2.INTER_LINEAR
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=how)
    small = small - small.min()
    return (small * (255 / max(float(small.max()), _TINY))).round().astype(np.uint8)


def _shown(grey: np.ndarray) -> np.ndarray:
    """The part of a picture that differs from its background, the usual value of its edge."""
    blurred = cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 128)
    background = np.median(np.concatenate([blurred[0], blurred[-1], blurred[:, 0], blurred[:, -1]]))
    bright = np.abs(blurred - background) > _SHOWN * (np.percentile(blurred[::4, ::4], 99) - background)
    rows, columns = (np.flatnonzero(bright.mean(axis=axis) > 0.02) for axis in (1, 0))
    if len(rows) < _LEAST_SHOWN * grey.shape[0] or len(columns) < _LEAST_SHOWN * grey.shape[1]:
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def find_near_duplicates(pictures: Sequence[np.ndarray], persons: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (later, earlier) of slices of different persons that are near duplicates, sorted.

    At most one pair a slice. The time grows with the square of the number of slices: seconds for
    10,000, minutes for 100,000; memory with the number, 6 kB a slice.

    Args:
        pictures: of `small_pictures`, one pair a slice.
        persons: whose slice each is.
    """
    person = np.unique(np.array(persons, dtype=object).astype(str), return_inverse=True)[1]
    found: dict[int, int] = {}
    for number, band in enumerate(_BANDS):
        waves = np.zeros((len(pictures), _WAVES, _WAVES), np.float32)
        for index, pair in enumerate(pictures):
            waves[index] = _low_waves(_detail(pair[number], band))
        detailed = np.flatnonzero(waves.any(axis=(1, 2)))
        partners = _likeliest_partners(waves[detailed], person[detailed])
        for later, partner in zip(detailed.tolist(), partners.tolist(), strict=True):
            if partner >= 0 and later not in found:
                earlier = int(detailed[partner])
                if _same_detail(pictures[later][number], pictures[earlier][number], band):
                    found[later] = earlier
    return sorted(found.items())


def _likeliest_partners(waves: np.ndarray, person: np.ndarray) -> np.ndarray:
    """For each slice the earlier one of another person whose low waves, in some turn, are most
    alike; -1 where none is nearly alike.
    """
    flat = waves.reshape(len(waves), _WAVES * _WAVES)
    turned = [_turned_waves(waves, turn).reshape(flat.shape) for turn in range(_TURNS)]
    numbers = np.arange(len(waves))
    highest = np.full(len(waves), LEAST_CORRELATION - 0.1, np.float32)
    partners = np.full(len(waves), -1)
    for rows in _blocks(len(waves), _ROWS):
        for columns in _blocks(rows.stop, _COLUMNS):
            likeness = turned[0][rows] @ flat[columns].T
            for turn in turned[1:]:
                np.maximum(likeness, turn[rows] @ flat[columns].T, out=likeness)
            likeness -= 3.0 * (person[rows, None] == person[None, columns])
            if columns.stop > rows.start:
                likeness -= 3.0 * (numbers[None, columns] >= numbers[rows, None])
            best = likeness.argmax(axis=1)
            values = likeness[np.arange(len(best)), best]
            better = values > highest[rows]
            partners[rows][better] = best[better] + columns.start
            highest[rows][better] = values[better]
    return partners


def _blocks(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _same_detail(one: np.ndarray, other: np.ndarray, band: tuple[float, float]) -> bool:
    """Whether a picture, in some turn, has the detail of another."""
    detail, wanted = _detail(one, band), _detail(other, band)
    return any(float(np.vdot(_turned(detail, turn), wanted)) >= LEAST_CORRELATION for turn in range(_TURNS))


def _detail(picture: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    """The fine detail of a small picture, of length 1; zeros where there is too little of it."""
    plane = picture.astype(np.float32)
    fine, coarse = band
    detail = cv2.GaussianBlur(plane, (0, 0), fine) - cv2.GaussianBlur(plane, (0, 0), coarse)
    detail -= detail.mean()
    squares = detail.astype(np.float64) ** 2
    total = float(squares.sum())
    if not total or total**2 < _LEAST_DETAIL * float((squares**2).sum()):
        return np.zeros_like(detail)
    return detail / np.sqrt(total)


def _low_waves(detail: np.ndarray) -> np.ndarray:
    """The lowest waves of a detail [waves, waves], of length 1 or 0."""
    low = cv2.dct(detail)[:_WAVES, :_WAVES]
    return low / max(float(np.sqrt((low**2).sum())), _TINY)


def _turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """Turn 0 to 7 of pictures [..., H, W]: bit 4 transposes, bits 1 and 2 then mirror columns and
    rows.
    """
    turned = np.swapaxes(picture, -1, -2) if turn & 4 else picture
    return np.ascontiguousarray(turned[..., :: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1])


def _turned_waves(waves: np.ndarray, turn: int) -> np.ndarray:
    """What the waves of a turned picture are: mirroring changes the sign of the odd ones."""
    turned = np.swapaxes(waves, -1, -2) if turn & 4 else waves
    sign = (-1.0) ** np.arange(_WAVES, dtype=np.float32)
    if turn & 2:
        turned = turned * sign[:, None]
    if turn & 1:
        turned = turned * sign
    return turned
