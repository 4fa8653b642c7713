"""kgp.scans.grid: sizes of voxels, and what one grid covers of another."""

import itertools

import numpy as np
import pytest
from nibabel.orientations import apply_orientation, inv_ornt_aff

from kgp.scans.grid import Grid, on_grid, resample


def moved(z):
    """An affine with voxels of 1 x 1 x 2 mm, moved up by z millimetres."""
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[2, 3] = z
    return affine


def test_spacing_and_volume_of_a_voxel():
    grid = Grid(np.diag([-1.0, 2.0, 3.0, 1.0]), (4, 5, 6))
    assert grid.spacing == (1.0, 2.0, 3.0) and grid.voxel_mm3 == pytest.approx(6.0)


def test_a_voxel_of_a_sheared_stack_has_its_height_times_its_base():
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[1, 2] = 4.0  # each slice lies 4 mm further aside, so that neighbours are 5 mm apart and 3 mm high
    grid = Grid(affine, (1, 1, 1))
    assert grid.spacing == (1.0, 2.0, 5.0) and grid.voxel_mm3 == pytest.approx(6.0)


def test_what_a_grid_covers_of_another():
    grid = Grid(moved(0.0), (4, 4, 5))
    two_slices_up, far_up = Grid(moved(4.0), (4, 4, 5)), Grid(moved(100.0), (4, 4, 5))
    assert grid.share_inside(grid) == 1.0
    assert two_slices_up.share_inside(grid) == pytest.approx(3 / 5)
    assert Grid(moved(0.0), (8, 4, 5)).share_inside(grid) == pytest.approx(1 / 2)
    assert far_up.share_inside(grid) == 0.0


def test_the_same_grid_is_not_resampled():
    data = np.arange(80.0).reshape(4, 4, 5)
    assert resample(data, Grid(moved(0.0), data.shape), Grid(moved(0.0005), data.shape)) is data
    one_slice_up = resample(data, Grid(moved(0.0), data.shape), Grid(moved(2.0), data.shape))
    np.testing.assert_allclose(one_slice_up[:, :, :4], data[:, :, 1:])
    assert (one_slice_up[:, :, 4] == data.min()).all()


@pytest.mark.parametrize(
    ("affine", "distance"),
    [(moved(0.0), 0.0), (moved(0.002), 0.002), (moved(3.0), 3.0), (np.diag([1.0, 1.0, 2.2, 1.0]), 0.9)],
)
def test_distance_of_corners(affine, distance):
    # Outer corners: voxels reach from -0.5 to 4.5 along z.
    assert Grid(moved(0.0), (4, 4, 5)).corner_distance(Grid(affine, (4, 4, 5))) == pytest.approx(distance, abs=1e-9)


@pytest.mark.parametrize(
    ("spacing", "shift", "same"),
    [(1.0, 0.002, True), (1.0, 0.04, True), (1.0, 0.06, False), (0.2, 0.008, True), (0.2, 0.03, False), (5, 0.2, True)],
)
def test_the_tolerance_is_a_share_of_a_voxel(spacing, shift, same):
    affine = np.diag([spacing, spacing, 2 * spacing, 1.0])
    other = affine.copy()
    other[0, 3] += shift
    assert Grid(affine, (4, 4, 5)).is_same(Grid(other, (4, 4, 5))) is same
    assert not Grid(affine, (4, 4, 5)).is_same(Grid(affine, (4, 4, 6)))


ORIENTATIONS = [
    np.stack([order, signs], axis=1)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
OBLIQUE = np.array([[0.96, -0.28, 0.0, -7.0], [0.28, 0.96, 0.0, 3.0], [0.0, 0.0, 2.0, 11.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_axes_in_any_order_and_direction_are_turned_exactly(orientation):
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    target = Grid(OBLIQUE, data.shape)
    stored = apply_orientation(data, orientation)
    grid = Grid(OBLIQUE @ inv_ornt_aff(orientation, data.shape), stored.shape)
    for turned in (on_grid(stored, grid, target), resample(stored, grid, target)):
        assert turned.dtype == np.float32
        np.testing.assert_array_equal(turned, data)


def test_what_is_more_than_a_turn_is_none():
    data = np.zeros((4, 4, 4))
    grid = Grid(np.eye(4), (4, 4, 4))
    shifted, oblique = np.eye(4), np.eye(4)
    shifted[0, 3] = 0.5
    oblique[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]
    for affine in (shifted, oblique, np.diag([-1.0, 1.0, 1.0, 1.0]), np.diag([1.0, 1.0, 1.2, 1.0])):
        assert on_grid(data, Grid(affine, (4, 4, 4)), grid) is None
    assert on_grid(np.zeros((4, 4, 5)), Grid(np.eye(4), (4, 4, 5)), grid) is None


def test_a_border_slice_that_rounding_puts_outside_keeps_its_values():
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1
    shifted = np.eye(4)
    shifted[:3, 3] = 0.1, -0.1, 0.4  # of a voxel, beyond the first or the last centre
    np.testing.assert_allclose(
        resample(data, Grid(np.eye(4), data.shape), Grid(shifted, data.shape))[-1, 0, -1], data[-1, 0, -1]
    )
    shifted[:3, 3] = 0.6, 0, 0
    assert (resample(data, Grid(np.eye(4), data.shape), Grid(shifted, data.shape))[-1] == data.min()).all()
