"""What extremely randomised trees tell of a class from 12 x 12 pixels, where no tumour's outline is
left to be seen.

P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006), as
scikit-learn has them.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from kgp.data.cohort import Cohort, SliceRow, read_image
from kgp.scans.fit import fit_image

SIDE = 12  # pixels
TREES = 300
MOST_SLICES = 10_000  # to learn from; trees on all of a larger set would take minutes and gigabytes
WHAT = f"extremely randomised trees on {SIDE} x {SIDE} pixels"
_EVEN = 1e-6  # of a contrast's mean; what varies by less is of one value


def small_slices(cohort: Cohort, rows: Sequence[SliceRow], channels: Sequence[int] | None = None) -> np.ndarray:
    """Slices of SIDE x SIDE pixels, each contrast standardised to mean 0 and standard deviation 1.

    Args:
        cohort: the prepared data.
        rows: its slices to read.
        channels: which channel of the cohort is each contrast; default all as they are.

    Returns:
        float32 [N, SIDE * SIDE * C]; 0 all over for a contrast of one value.

    Raises:
        KgpError: a slice cannot be read.
    """
    if not rows:
        return np.zeros((0, 0), np.float32)
    return np.stack([_small(read_image(cohort, row), channels) for row in rows])


def _small(image: np.ndarray, channels: Sequence[int] | None) -> np.ndarray:
    chosen = image if channels is None else image[..., list(channels)]
    small = fit_image(np.nan_to_num(chosen, posinf=0.0, neginf=0.0), SIDE).astype(np.float64)
    mean, deviation = small.mean(axis=(0, 1)), small.std(axis=(0, 1))
    standard = (small - mean) / np.where(deviation > _EVEN * np.abs(mean), deviation, np.inf)
    return np.nan_to_num(standard, posinf=0.0, neginf=0.0).astype(np.float32).ravel()


def slices_to_learn_from(count: int) -> np.ndarray:
    """Which of so many slices the trees learn from: all, or MOST_SLICES drawn by a fixed seed; int,
    ascending.
    """
    if count <= MOST_SLICES:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST_SLICES, replace=False))


def classes_by_trees(known: np.ndarray, targets: Sequence[int], judged: np.ndarray) -> np.ndarray:
    """The class of each judged slice, int [M], by TREES trees that weigh all classes alike.

    Args:
        known: slices to learn from, of `small_slices`, float32 [N, F].
        targets: class index of each of them.
        judged: slices to tell the class of, float32 [M, F].
    """
    # One job: with several, the sums over trees depend on which is done first.
    trees = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=0, n_jobs=1)
    return trees.fit(known, np.asarray(targets, int)).predict(judged).astype(int)
