import numpy as np
import pytest

from kgp.evaluation.size_thirds import size_thirds


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.3, 0.1, 0.2], [2, 0, 1]),
        ([0.01, 0.02, 0.03, 0.04, 0.05, 0.06], [0, 0, 1, 1, 2, 2]),
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 2]),  # the border 0.2 belongs to the smaller third
        ([0.5, 0.5, 0.5], [0, 0, 0]),
        ([0.5], [0]),
        ([], []),
    ],
)
def test_thirds_by_hand(shares, expected):
    assert size_thirds(shares).tolist() == expected


def test_thirds_do_not_depend_on_the_order():
    shares = np.random.default_rng(0).random(50)
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(size_thirds(shares)[order], size_thirds(shares[order]))
