"""Against the definition, pair by pair, and values known by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from kgp.evaluation.delong import delong


def by_definition(true, first, second):
    """DeLong et al. 1988, equations for theta, V10, V01, S10 and S01, written as loops over pairs."""

    def psi(x, y):
        return 1.0 if x > y else 0.5 if x == y else 0.0

    of_true, of_false, areas = [], [], []
    for score in (first, second):
        above, below = score[true], score[~true]
        of_true.append([np.mean([psi(x, y) for y in below]) for x in above])
        of_false.append([np.mean([psi(x, y) for x in above]) for y in below])
        areas.append(np.mean([psi(x, y) for x in above for y in below]))
    m, n = len(of_true[0]), len(of_false[0])

    def covariance(values, a, b):
        return sum((x - areas[a]) * (y - areas[b]) for x, y in zip(values[a], values[b], strict=True)) / (
            len(values[a]) - 1
        )

    variance = sum(
        sign * (covariance(of_true, a, b) / m + covariance(of_false, a, b) / n)
        for sign, a, b in ((1, 0, 0), (1, 1, 1), (-2, 0, 1))
    )
    z = (areas[1] - areas[0]) / np.sqrt(variance)
    return areas[1] - areas[0], np.sqrt(variance), 2 * stats.norm.cdf(-abs(z))


@pytest.mark.parametrize("seed", range(10))
def test_equals_the_definition(seed):
    rng = np.random.default_rng(seed)
    true = rng.permutation(np.arange(25) < 11)
    first = np.round(true + 1.2 * rng.normal(size=25), 1)  # with ties
    second = np.round(0.5 * first + 0.6 * true + 0.8 * rng.normal(size=25), seed % 3)
    found = delong(true, first, second)
    assert found == pytest.approx(by_definition(true, first, second), abs=1e-12)
    expected = metrics.roc_auc_score(true, second) - metrics.roc_auc_score(true, first)
    assert found[0] == pytest.approx(expected, abs=1e-12)
    turned = delong(true, second, first)
    assert turned == pytest.approx((-found[0], found[1], found[2]), abs=1e-12)


def test_by_hand():
    """Areas 1 and 3/4; V10 of the second is (1, 1/2), V01 (1/2, 1), so S10 = S01 = 1/8 and the variance 1/8."""
    true = np.array([True, True, False, False])
    difference, error, p = delong(true, np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 2.0, 3.0, 1.0]))
    assert (difference, error) == pytest.approx((-0.25, np.sqrt(1 / 8)))
    assert p == pytest.approx(2 * stats.norm.sf(0.25 / np.sqrt(1 / 8)))


def test_equal_scores_and_too_few_slices():
    true, score = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.5, 0.1])
    assert delong(true, score, score) == (0.0, 0.0, 1.0)
    assert delong(true, score, 3.0 * score + 1.0) == (0.0, 0.0, 1.0)
    assert delong(np.array([True, False, False]), score[:3], score[:3]) is None
    # Always right against always wrong: no variance, and no doubt.
    right = true.astype(float)
    assert delong(true, 1.0 - right, right) == (1.0, 0.0, 0.0)


def test_holds_its_level():
    """Of networks that do not differ, about one in twenty has p below 0.05."""
    rng = np.random.default_rng(0)
    below = 0
    for _ in range(400):
        true = np.arange(80) < 40
        common = true + rng.normal(size=80)
        below += delong(true, common + rng.normal(size=80), common + rng.normal(size=80))[2] < 0.05
    assert 8 <= below <= 34
