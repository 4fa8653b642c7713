import numpy as np
import pytest

from kgp.evaluation.calibration_error import BINS, bins_of, brier_terms, calibration_error, reliability


def test_bins_are_closed_above():
    confidence, bins = bins_of(np.array([[1.0, 0.0], [0.5, 0.5], [0.6, 0.4]]))
    np.testing.assert_array_equal(confidence, [1.0, 0.5, 0.6])
    np.testing.assert_array_equal(bins, [BINS - 1, 7, 8])  # 0.6 is the upper end of the ninth


def test_calibration_error_by_hand():
    found = reliability(np.array([0, 1]), np.array([[0.8, 0.2], [0.8, 0.2]]))
    assert found == [{"confidence": 0.8, "accuracy": 0.5, "slices": 2}]
    assert calibration_error(found) == pytest.approx(0.3)


def test_brier_terms_by_hand():
    np.testing.assert_allclose(brier_terms(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]])), [0.0, 2.0])
