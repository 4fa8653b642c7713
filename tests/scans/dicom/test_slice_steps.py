"""kgp.scans.dicom.slice_steps: rounded positions are no missing slice, and missing slices are none that is rounded."""

import numpy as np
import pytest

pytest.importorskip("pydicom")

from kgp.errors import KgpError
from kgp.scans.dicom.slice_steps import check_steps

TILTED = np.array([0.0, -0.134158, 0.990960])
STEEP = np.array([0.36, -0.48, 0.8])


def positions(step, normal, unit, count=24, without=()):
    """Even positions, rounded to a unit, but for some slices."""
    indices = np.setdiff1d(np.arange(count), without)
    exact = np.array([-103.3594, -90.51, 0.53]) + np.outer(indices * step, normal)
    return np.round(exact / unit) * unit


CASES = [
    (1.5, TILTED, 0.1), (1.5, STEEP, 0.1), (0.5, STEEP, 0.1), (0.9, TILTED, 0.01), (5.0, STEEP, 1.0), (3.25, TILTED, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("step", "normal", "unit"), CASES)
def test_rounded_positions(step, normal, unit):
    check_steps("here", positions(step, normal, unit), normal)


@pytest.mark.parametrize(("step", "normal", "unit"), CASES)
@pytest.mark.parametrize("without", [[1], [12], [22], [12, 13]])
def test_missing_slices_among_rounded_positions(step, normal, unit, without):
    with pytest.raises(KgpError, match=r"apart; (a slice is|slices are) missing\.$"):
        check_steps("here", positions(step, normal, unit, without=without), normal)


def heights(*values):
    return np.outer(values, [0, 0, 1.0]) + [-40.5, -33.25, 0.125]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 3, 6, 10, 13), "gap of 4.00 mm between slices 3 and 4 where the others are 3.00 mm apart; slices at uneven"),
        ((0, 3, 4, 7, 10), "gap of 1.00 mm between slices 2 and 3 where the others are 3.00 mm apart; slices at uneven"),
        ((0, 3.3, 6.6, 11.88), "gap of 5.28 mm .* slices at uneven distances are not read"),  # 1.6 steps
        ((0, 3, 6, 12, 15), "gap of 6.00 mm between slices 3 and 4 where the others are 3.00 mm apart; a slice is missing"),
        ((0, 3, 6, 15, 18), "gap of 9.00 mm .*; slices are missing"),
        ((0, 3, 6, 9, 9.3, 18.3, 27.3), "gap of 9.00 mm .*; slices at uneven distances"),  # another thickness
    ],
)  # fmt: skip
def test_uneven_positions(values, message):
    with pytest.raises(KgpError, match=message):
        check_steps("here", heights(*values), np.array([0, 0, 1.0]))


def test_positions_that_are_too_coarse_to_tell():
    rounded = np.outer([0, 1, 3, 4, 6, 7], [0, 0, 1.0])  # of 1.4 mm
    with pytest.raises(KgpError, match="whole multiples of 1 mm do not say whether a slice is missing"):
        check_steps("here", rounded, np.array([0, 0, 1.0]))
