"""Slices of different persons that are the same picture: mirrored, turned, resized, recompressed or
with another brightness.

Public collections hold many such copies, and a copy of a training slice in the test part makes
figures too good. Two slices are compared as small pictures whose fine detail alone counts, as the
outlines of any two heads are alike. A copy that was cropped or shifted is not found.
"""

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 48  # pixels a side of the small pictures
# The correlation from which two small pictures are called near duplicates. Slices of different
# patients reach 0.80 (unregistered heads) to 0.92 (brains registered to one atlas); copies mirrored,
# resized, saved as JPEG and brightened have 0.96 and more in 95 of 100 cases.
LEAST_CORRELATION = 0.95
_FINE, _COARSE = 0.5, 1.5  # pixels; detail between these two blurs counts
_LEAST_DETAIL = 60  # pixels that carry the detail; with fewer, any two slices are alike
_WAVES = 8  # lowest waves along each side that pictures are first compared by
_TURNS = 8  # four turns, each as it is and mirrored
_TINY = 1e-30
_ROWS, _COLUMNS = 512, 2048  # of the correlations held at once


def small_picture(image: np.ndarray) -> np.ndarray:
    """A slice [H, W, C] as a grey picture [SIDE, SIDE], uint8, in which all contrasts weigh alike."""
    height, width = image.shape[:2]
    shrunk = cv2.INTER_AREA if min(height, width) >= SIDE else cv2.INTER_LINEAR
    grey: np.ndarray = np.zeros((SIDE, SIDE), np.float32)
    for channel in range(image.shape[2]):
        plane = np.ascontiguousarray(image[..., channel], np.float32)
        plane = cv2.resize(plane, (SIDE, SIDE), interpolation=shrunk)
        grey += plane / max(float(plane.std()), _TINY)
    grey -= grey.min()
    return (grey * (255 / max(float(grey.max()), _TINY))).round().astype(np.uint8)


def find_near_duplicates(pictures: Sequence[np.ndarray], persons: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (later, earlier) of slices of different persons that are near duplicates.

    At most one pair a slice. The time grows with the square of the number of slices: seconds for
    10,000, minutes for 100,000; memory with the number, 3 kB a slice.

    Args:
        pictures: of `small_picture`, one a slice.
        persons: whose slice each is.
    """
    person = np.unique(np.array(persons, dtype=object).astype(str), return_inverse=True)[1]
    waves = _all_waves(pictures)
    detailed = np.flatnonzero(waves.any(axis=(1, 2)))
    partners = _likeliest_partners(waves[detailed], person[detailed])
    found = []
    for later, partner in enumerate(partners):
        pair = (int(detailed[later]), int(detailed[partner]))
        if partner >= 0 and _same_detail(pictures[pair[0]], pictures[pair[1]]):
            found.append(pair)
    return found


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


def _same_detail(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a picture, in some turn, has the detail of another."""
    detail, wanted = _detail(one), _detail(other)
    return any(float(np.vdot(_turned(detail, turn), wanted)) >= LEAST_CORRELATION for turn in range(_TURNS))


def _detail(picture: np.ndarray) -> np.ndarray:
    """The fine detail of a small picture, of length 1; zeros where there is too little of it."""
    plane = picture.astype(np.float32)
    detail = cv2.GaussianBlur(plane, (0, 0), _FINE) - cv2.GaussianBlur(plane, (0, 0), _COARSE)
    detail -= detail.mean()
    squares = detail.astype(np.float64) ** 2
    total = float(squares.sum())
    if not total or total**2 < _LEAST_DETAIL * float((squares**2).sum()):
        return np.zeros_like(detail)
    return detail / np.sqrt(total)


def _all_waves(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The lowest waves of each picture's detail [N, waves, waves], of length 1 or 0."""
    waves = np.zeros((len(pictures), _WAVES, _WAVES), np.float32)
    for number, picture in enumerate(pictures):
        low = cv2.dct(_detail(picture))[:_WAVES, :_WAVES]
        length = float(np.sqrt((low**2).sum()))
        if length:
            waves[number] = low / length
    return waves


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
