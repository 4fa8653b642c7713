"""Tumour slices by the size of their tumours, as a median hides the small ones."""

from collections.abc import Sequence

import numpy as np

THIRDS = ("small", "middle", "large")


def size_thirds(shares: Sequence[float] | np.ndarray) -> np.ndarray:
    """The third that each tumour slice belongs to, 0 (small) to 2 (large), int [N].

    The borders are the quantiles 1/3 and 2/3 of the shares; what lies on a border belongs to the
    smaller third.

    Args:
        shares: share of the head that the true mask covers, of each slice [N].
    """
    shares = np.asarray(shares, np.float64)
    if not shares.size:
        return np.zeros(0, int)
    return np.searchsorted(np.quantile(shares, (1 / 3, 2 / 3)), shares, side="left")
