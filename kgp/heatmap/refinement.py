"""The refinement of a mask by the image: formula B. What comes out is map and image together.

Two normal distributions of the contrasts are fitted, one to the mask and one to the ring around it;
the smaller the mask, the more of its covariance is the ring's. A pixel belongs to the refined mask where

    smoothed(clipped log-likelihood ratio) + clipped signed distance / 4  >  0

with the Euclidean distance to the outline of the mask, positive inside. So the outline moves to
where the image changes, as far as the image is clear about it, and never beyond the ring.
"""

import cv2
import numpy as np

from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.contrasts import smoothed
from kgp.heatmap.image_rule import (
    BORROWED_PIXELS,
    LEAST_REFINED,
    LENGTH_OF_DOUBT,
    LIKELIHOOD_BOUND,
    LIKELIHOOD_SMOOTHING,
    RING,
    VARIANCE_FLOOR,
    gaussian_weights,
    pixel_count,
    pixels_long,
    scale_of,
)
from kgp.heatmap.reading import Cleanup


def refined(mask: np.ndarray, contrasts: np.ndarray, region: np.ndarray, times: int, cleanup: Cleanup) -> np.ndarray:
    """The mask after so many rounds of refinement.

    A mask with too few pixels in it or around it stays as it is, and so does one of which a round
    would leave nothing.

    Args:
        mask: bool [H, W], in the region; left unchanged.
        contrasts: as `kgp.heatmap.contrasts.comparable_contrasts` makes them, [C, H, W].
        region: bool [H, W], where the mask may lie.
        times: number of rounds.
        cleanup: what is done to the mask after each round.

    Returns:
        bool [H, W]; empty only where `mask` is.
    """
    height, width = mask.shape
    least = pixel_count(LEAST_REFINED, height, width)
    for _ in range(times):
        if np.count_nonzero(mask) < least:
            break
        proposal = _round(mask, contrasts, region, least)
        proposal = apply_cleanup(proposal, cleanup) & region
        if not proposal.any():
            break
        mask = proposal
    return mask


def _round(mask: np.ndarray, contrasts: np.ndarray, region: np.ndarray, least: int) -> np.ndarray:
    """One round before clean-up; the mask itself where its ring has too few pixels."""
    height, width = mask.shape
    reach = pixels_long(RING, height, width)
    # Nothing changes farther away than the ring, and the smoothing sees a little more.
    seen = reach + len(gaussian_weights(LIKELIHOOD_SMOOTHING, height, width)) // 2
    part = _surroundings(mask, seen)
    inside, pixels = mask[part], contrasts[:, *part].astype(np.float64)
    distance = _signed_distance(inside, reach)
    allowed = (distance > -reach) & region[part]
    ring = allowed & ~inside
    if np.count_nonzero(ring) < least:
        return mask
    mean, covariance = _mean_and_covariance(pixels[:, inside])
    mean_around, covariance_around = _mean_and_covariance(pixels[:, ring])
    own, borrowed = np.count_nonzero(inside), pixel_count(BORROWED_PIXELS, height, width)
    covariance = (own * covariance + borrowed * covariance_around) / (own + borrowed)
    ratio = _log_density(pixels, mean, covariance) - _log_density(pixels, mean_around, covariance_around)
    ratio = np.clip(ratio, -LIKELIHOOD_BOUND, LIKELIHOOD_BOUND).astype(np.float32)
    doubt = np.float32(LENGTH_OF_DOUBT * scale_of(height, width))
    posterior = smoothed(ratio, LIKELIHOOD_SMOOTHING, (height, width)) + distance / doubt
    result = np.zeros_like(mask)
    result[part] = (posterior > 0.0) & allowed
    return result


def _surroundings(mask: np.ndarray, reach: int) -> tuple[slice, slice]:
    """The part of the picture that holds the mask and so many pixels on each side of it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, rows[0] - reach), rows[-1] + reach + 1),
        slice(max(0, columns[0] - reach), columns[-1] + reach + 1),
    )


def _signed_distance(mask: np.ndarray, bound: int) -> np.ndarray:
    """Euclidean distance in pixels to the nearest pixel of the other kind, negative outside the
    mask; from -bound to bound.
    """
    inside, outside = (
        cv2.distanceTransform(kind.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for kind in (mask, ~mask)
    )
    return np.minimum(inside, np.float32(bound)) - np.minimum(outside, np.float32(bound))


def _mean_and_covariance(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [C] and covariance [C, C] of pixels [C, N]."""
    mean = sample.mean(axis=1)
    centred = sample - mean[:, None]
    return mean, centred @ centred.T / sample.shape[1]


def _log_density(pixels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Logarithm, less a constant, of a normal density at pixels [C, h, w]."""
    eigenvalues, vectors = np.linalg.eigh(covariance + VARIANCE_FLOOR * np.eye(len(mean)))
    centred = pixels.reshape(len(mean), -1) - mean[:, None]
    whitened = (vectors / np.sqrt(eigenvalues)).T @ centred
    return -0.5 * (np.square(whitened).sum(axis=0) + np.log(eigenvalues).sum()).reshape(pixels.shape[1:])
