"""The level of a map that the image chooses: formula A.

Each level t of the map gives a level set {map > t} and the ring around it. The grey dilation D of
the map has every ring at once: {D > t} without {map > t}. So the sums of 1, x and x x^T over all
sets, x being the contrasts of a pixel, are one matrix product, and no level needs a morphology of
its own. The score of a level is the Mahalanobis distance between the mean contrasts inside and
around, less a price for being away from 0:

    sqrt(d^T (S + f I)^-1 d) - 0.3 |t| / value,   d = mean inside - mean around,

where S is the covariance pooled over both sets and f a floor.
"""

import cv2
import numpy as np

from kgp.heatmap.image_rule import (
    LEAST_AROUND,
    LEAST_INSIDE,
    LEVEL_RING,
    MOST_INSIDE,
    PRICE_AT_VALUE,
    VARIANCE_FLOOR,
    levels_to,
    pixel_count,
    pixels_long,
)

_BELOW_ALL = np.float32(np.finfo(np.float32).min)


def best_level(selected: np.ndarray, contrasts: np.ndarray, region: np.ndarray, value: float) -> float | None:
    """The level whose level set differs most from its surroundings in the contrasts.

    Args:
        selected: the map, float32 [H, W].
        contrasts: as `kgp.heatmap.contrasts.comparable_contrasts` makes them, [C, H, W].
        region: bool [H, W]; sets and rings lie in it.
        value: levels from -value to value are compared.

    Returns:
        The level; None where no level has pixels enough inside and around it, and at most half of
        the region inside.
    """
    height, width = selected.shape
    reach = pixels_long(LEVEL_RING, height, width)
    inside_map = np.where(region, selected, _BELOW_ALL)
    around_map = cv2.dilate(inside_map, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    levels = levels_to(value)
    seen = region & (around_map > levels[0])  # what lies above no level is in no set
    moments = _moments(contrasts[:, seen])
    above = _above(np.stack([inside_map[seen], around_map[seen]]), levels)
    inside, both = above @ moments.T
    around = both - inside
    usable = inside[:, 0] >= pixel_count(LEAST_INSIDE, height, width)
    usable &= around[:, 0] >= pixel_count(LEAST_AROUND, height, width)
    usable &= inside[:, 0] <= MOST_INSIDE * np.count_nonzero(region)
    if not usable.any():
        return None
    levels = levels[usable]
    price = PRICE_AT_VALUE / value * np.abs(levels.astype(np.float64))
    scores = _distances(inside[usable], around[usable], len(contrasts)) - price
    return float(levels[scores.argmax()])


def _above(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where values [2, N] lie above each level, float64 [2, levels, N]."""
    return (values[:, None] > levels[:, None]).astype(np.float64)


def _moments(pixels: np.ndarray) -> np.ndarray:
    """1, x and x x^T of each pixel [C, N], float64 [1 + C + C^2, N]."""
    channels, count = pixels.shape
    moments = np.empty((1 + channels + channels**2, count))
    moments[0], moments[1 : 1 + channels] = 1.0, pixels
    own = moments[1 : 1 + channels]
    np.multiply(own[:, None], own[None], out=moments[1 + channels :].reshape(channels, channels, count))
    return moments


def _distances(inside: np.ndarray, around: np.ndarray, channels: int) -> np.ndarray:
    """Mahalanobis distances [sets] of the mean contrasts of two kinds of sets from their moments."""
    within = sum(_scatter(moments, channels) for moments in (inside, around))
    total = inside[:, 0] + around[:, 0]
    pooled = within / total[:, None, None] + VARIANCE_FLOOR * np.eye(channels)
    difference = _mean(inside, channels) - _mean(around, channels)
    solved = np.linalg.solve(pooled, difference[..., None])[..., 0]
    return np.sqrt(np.maximum((difference * solved).sum(axis=1), 0.0))


def _mean(moments: np.ndarray, channels: int) -> np.ndarray:
    return moments[:, 1 : 1 + channels] / moments[:, :1]


def _scatter(moments: np.ndarray, channels: int) -> np.ndarray:
    """Sum over the pixels of (x - mean) (x - mean)^T, [sets, C, C]."""
    mean = _mean(moments, channels)
    products = moments[:, 1 + channels :].reshape(-1, channels, channels)
    return products - moments[:, 0, None, None] * mean[:, :, None] * mean[:, None, :]
