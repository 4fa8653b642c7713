import pytest

from kgp.evaluation.median import median_and_mean


@pytest.mark.parametrize(
    ("values", "patients", "expected"),
    [
        ([], "", (None, None, None, None)),
        ([1.0, 2.0, 6.0], "abb", (2.0, None, None, 3.0)),
        ([3.0] * 5, "abcde", (3.0, 3.0, 3.0, 3.0)),
    ],
)
def test_median_and_mean(values, patients, expected):
    found = median_and_mean(values, list(patients), 20, 0)
    assert tuple(found[name] for name in ("median", "low", "high", "mean")) == expected
