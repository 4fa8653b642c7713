import numpy as np
import pytest
import tensorflow as tf
from skimage import filters

from export.graph.thresholds import histogram, multiotsu, otsu, quantile


@pytest.fixture(scope="module")
def values():
    """Rows of different shape and scale, and a region that leaves out a third of them."""
    rng = np.random.default_rng(5)
    rows = [
        rng.normal(0.0, 1.0, 900),
        np.concatenate([rng.normal(-3.0, 0.5, 500), rng.normal(2.0, 1.0, 300), rng.normal(9.0, 0.3, 100)]),
        rng.exponential(1e-3, 900),
        rng.integers(0, 5, 900).astype(float),
    ]
    return np.stack(rows).astype(np.float32), rng.random((4, 900)) < 0.67


def test_counts_are_numpys(values):
    rows, region = values
    counts, centres = (array.numpy() for array in histogram(rows, region))
    for row, inside, count, centre in zip(rows, region, counts, centres, strict=True):
        wanted, edges = np.histogram(row[inside].astype(np.float64), bins=256)
        np.testing.assert_array_equal(count, wanted)
        np.testing.assert_allclose(centre, (edges[:-1] + edges[1:]) / 2, rtol=1e-12)


def test_otsu_is_scikit_images(values):
    rows, region = values
    for row, inside, actual in zip(rows, region, otsu(rows, region).numpy(), strict=True):
        assert actual == pytest.approx(filters.threshold_otsu(row[inside].astype(np.float64)), rel=1e-9)


def test_multiotsu_is_scikit_images(values):
    rows, region = values
    actual, filled = multiotsu(rows, region)
    for row, inside, threshold, bins in zip(rows, region, actual.numpy(), filled.numpy(), strict=True):
        inside = row[inside].astype(np.float64)
        wanted = filters.threshold_multiotsu(inside, classes=3)[-1]
        assert threshold == pytest.approx(wanted, abs=1.01 * np.ptp(inside) / 256)  # one bin: theirs sums in 32 bits
        assert bins == np.count_nonzero(np.histogram(inside, bins=256)[0])


def test_multiotsu_of_three_levels_lies_on_the_middle_one():
    levels = tf.constant([[0.0] * 5 + [1.0] * 3 + [4.0]])
    threshold, filled = multiotsu(levels, tf.ones_like(levels, tf.bool))
    assert filled.numpy() == [3] and 1.0 <= threshold.numpy()[0] < 4.0


def test_multiotsu_with_most_values_in_the_lowest_bin_is_scikit_images():
    rng = np.random.default_rng(8)
    rows = np.maximum(rng.normal(-1.0, 1.5, (6, 2000)), 0.0)
    actual, _ = multiotsu(rows, np.ones_like(rows, bool))
    wanted = [filters.threshold_multiotsu(row, classes=3)[-1] for row in rows]
    np.testing.assert_allclose(actual, wanted, rtol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.9, 1.0])
def test_quantiles_are_numpys(values, share):
    rows, region = values
    wanted = [np.quantile(row[inside].astype(np.float64), share) for row, inside in zip(rows, region, strict=True)]
    np.testing.assert_allclose(quantile(rows, region, share), wanted, rtol=1e-6, atol=1e-9)
