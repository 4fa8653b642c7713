"""DeLong's test of two areas under the ROC curve of the same slices.

DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves: a nonparametric approach", Biometrics 44, 837-845, 1988; computed
from midranks as by Sun and Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing
Letters 21, 1389-1393, 2014.
"""

import math

import numpy as np
from scipy import stats


def delong(true: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float, float] | None:
    """The difference of two areas, its standard error, and the two-sided p of no difference.

    Slices are taken as independent. Where those of one patient resemble each other, the standard
    error is too small; `kgp.evaluation.comparison` therefore gives a bootstrap over patients beside
    it.

    Args:
        true: bool [N].
        first, second: scores of two classifiers, higher for what is likelier true, [N].

    Returns:
        Area of the second less area of the first, standard error, p. None with fewer than two
        slices of either kind. Without any variance p is 1 where the areas are equal and 0 else.
    """
    if min(true.sum(), (~true).sum()) < 2:
        return None
    components = [_components(true, score) for score in (first, second)]
    of_true = np.stack([component[0] for component in components])
    of_false = np.stack([component[1] for component in components])
    difference = float(of_true[1].mean() - of_true[0].mean())
    covariance = np.cov(of_true) / of_true.shape[1] + np.cov(of_false) / of_false.shape[1]
    contrast = np.array([-1.0, 1.0])
    error = math.sqrt(max(float(contrast @ covariance @ contrast), 0.0))
    if error < 1e-12:
        return difference, 0.0, 1.0 if abs(difference) < 1e-12 else 0.0
    return difference, error, float(2.0 * stats.norm.sf(abs(difference) / error))


def _components(true: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each true slice the share of false ones below it, and for each false slice the share of
    true ones above it; equal scores count one half. The mean of either is the area.
    """
    above, below = score[true], score[~true]
    ranks = stats.rankdata(score)
    of_true = (ranks[true] - stats.rankdata(above)) / len(below)
    of_false = 1.0 - (ranks[~true] - stats.rankdata(below)) / len(above)
    return of_true, of_false
