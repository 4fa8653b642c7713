import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation import ranking
from kgp.evaluation.bootstrap import draw_counts
from kgp.evaluation.ranking import resampled_areas


@pytest.mark.parametrize("levels", [2, 7, 10_000], ids=["almost all equal", "ties", "no ties"])
@pytest.mark.parametrize("at_once", [1, 10**9])
def test_areas_equal_scikit_learn(levels, at_once, monkeypatch):
    monkeypatch.setattr(ranking, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    patient = rng.integers(0, 8, 60)
    true = rng.random(60) < 0.4
    score = np.round((true + rng.normal(size=60)) * levels) / levels
    draws = draw_counts(8, 20, seed=0)
    areas, precisions = resampled_areas(true, score, draws, patient)
    for times, area, precision in zip(draws, areas, precisions, strict=True):
        weight = times[patient]
        assert area == pytest.approx(metrics.roc_auc_score(true, score, sample_weight=weight), abs=1e-12)
        assert precision == pytest.approx(metrics.average_precision_score(true, score, sample_weight=weight), abs=1e-12)


def test_a_resample_of_one_class_has_no_area():
    true, score, patient = np.array([True, False]), np.array([0.9, 0.1]), np.array([0, 1])
    areas, precisions = resampled_areas(true, score, np.array([[2, 0], [0, 2], [1, 1]]), patient)
    np.testing.assert_array_equal(areas, [np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(precisions, [1.0, np.nan, 1.0])
