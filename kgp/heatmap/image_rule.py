"""Numbers of the readings that look at the image (`image_level`, `refinement`), in one place.

They were chosen on heatmaps of preset `best` for validation patients of LGG (TCGA) slices, whose
grid has 192 x 192 pixels; none of them is fitted to a run. Lengths are in pixels of that grid and
grow with the longer side of the picture, counts of pixels with its square.
"""

import math

import numpy as np

GRID = 192  # side in pixels of the slices on which the lengths were chosen

# The level of the map, in logits of the margin: one of so many from -value to value of the reading.
LEVELS = 33
PRICE_AT_VALUE = 0.3  # what the levels farthest from 0 cost; those between cost their share
LEVEL_RING = 12.0  # a level set is compared with what lies so far around it
LEAST_INSIDE = 10.0
LEAST_AROUND = 20.0
MOST_INSIDE = 0.5  # of the region: the rim of the head differs more from its inside than any tumour

# The refinement of a mask.
RING = 15.0  # pixels around the mask that are its surroundings, and how far a round may take it
LIKELIHOOD_BOUND = 6.0
LIKELIHOOD_SMOOTHING = 1.0  # standard deviation of a Gaussian
# The covariance around the mask counts like that of so many more pixels in it: a few pixels of a
# small tumour do not tell how its tissue varies.
BORROWED_PIXELS = 400.0
LENGTH_OF_DOUBT = 4.0  # so far from the outline, the likelihood must speak with 1 to move it there
LEAST_REFINED = 10.0

# Contrasts have a standard deviation of 1 inside the head. The floor of a variance is that of
# rounding and noise: 2 of 256 grey levels, where the head has a standard deviation of about 35.
CONTRAST_SMOOTHING = 1.0
VARIANCE_FLOOR = 4.0 / 35.0**2


def levels_to(value: float) -> np.ndarray:
    """The levels from -value to value, float32 [LEVELS]."""
    return np.linspace(-value, value, LEVELS).astype(np.float32)


def scale_of(height: int, width: int) -> float:
    """How many pixels of a picture are one of the grid of 192."""
    return max(height, width) / GRID


def pixels_long(length: float, height: int, width: int) -> int:
    """A length in whole pixels of a picture, at least 1."""
    return max(1, round(length * scale_of(height, width)))


def pixel_count(count: float, height: int, width: int) -> int:
    """A number of pixels in a picture, at least 1."""
    return max(1, round(count * scale_of(height, width) ** 2))


def gaussian_weights(length: float, height: int, width: int) -> np.ndarray:
    """Weights of a Gaussian in pixels of a picture, float32 [2 n + 1], cut off at 4 deviations.

    Args:
        length: its standard deviation on the grid of 192.
    """
    deviation = length * scale_of(height, width)
    steps = np.arange(-math.ceil(4.0 * deviation), math.ceil(4.0 * deviation) + 1)
    weights = np.exp(-0.5 * (steps / deviation) ** 2)
    return (weights / weights.sum()).astype(np.float32)
