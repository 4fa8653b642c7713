"""kgp.scans.grid: sizes of voxels, and what one grid covers of another."""

import numpy as np
import pytest

from kgp.scans.grid import Grid, resample


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
