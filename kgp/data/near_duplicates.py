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
_CELLS = 1 << 24  # correlations held at once


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
    person, waves = person[detailed], waves[detailed]
    found = []
    rows = max(1, _CELLS // max(len(detailed), 1))
    for start in range(0, len(detailed), rows):
        block = slice(start, min(start + rows, len(detailed)))
        best = _best_partners(waves, person, block)
        for later, partners in zip(range(block.start, block.stop), best, strict=True):
            earlier = _verified(pictures, detailed, later, partners)
            if earlier is not None:
                found.append((int(detailed[later]), int(detailed[earlier])))
    return found


def _best_partners(waves: np.ndarray, person: np.ndarray, block: slice) -> np.ndarray:
    """For each slice of a block and each turn the earlier slice of another person whose low waves
    are most alike; -1 where there is none [rows, turns].
    """
    flat = waves.reshape(len(waves), -1)
    same = person[block, None] == person[None, : block.stop]
    same |= np.arange(block.stop)[None] >= np.arange(block.start, block.stop)[:, None]
    partners = np.empty((same.shape[0], _TURNS), np.int64)
    for turn in range(_TURNS):
        likeness = _turned_waves(waves[block], turn).reshape(same.shape[0], -1) @ flat[: block.stop].T
        likeness[same] = -1
        best = likeness.argmax(axis=1)
        highest = np.take_along_axis(likeness, best[:, None], axis=1)[:, 0]
        partners[:, turn] = np.where(highest > LEAST_CORRELATION - 0.1, best, -1)
    return partners


def _verified(pictures: Sequence[np.ndarray], detailed: np.ndarray, later: int, partners: np.ndarray) -> int | None:
    """The first of the partners, one for each turn, that has the same detail as a slice."""
    for turn, earlier in enumerate(partners):
        if earlier >= 0:
            one, other = _detail(_turned(pictures[detailed[later]], turn)), _detail(pictures[detailed[earlier]])
            if float((one * other).sum()) >= LEAST_CORRELATION:
                return int(earlier)
    return None


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
