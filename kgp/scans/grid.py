"""Grids of voxels: where they lie, what one covers of another, and resampling."""

import dataclasses

import nibabel
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from kgp.errors import KgpError

MOST_VOXELS = 1 << 28  # 1 GiB of float32 for each contrast
# Grids are one where no corner lies farther off than this share of the smallest side of a voxel:
# what rounding leaves when an affine goes through a quaternion or a few digits of text, and no scan
# is aligned better.
SAME_SHARE = 0.05
_EDGE = 1e-3  # voxels, for a centre on the edge of another grid's voxels
# A voxel axis farther than this from every anatomical axis is not left-right, front-back or up-down.
_LEAST_COSINE = 0.75


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume lie.

    Attributes:
        affine: [4, 4] from voxel indices to millimetres, right-anterior-superior.
        shape: number of voxels along the three axes.
        header: NIfTI header whose codes and units a file on this grid keeps, or None where the
            source is not NIfTI.
    """

    affine: np.ndarray
    shape: tuple[int, int, int]
    header: nibabel.Nifti1Header | None = None

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxel centres along the three voxel axes."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(x), float(y), float(z))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel; in a sheared stack its height times its base."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def corners(self) -> np.ndarray:
        """Where the eight outer corners of the volume lie, [8, 3] in millimetres."""
        ends = np.stack(np.meshgrid(*((-0.5, size - 0.5) for size in self.shape), indexing="ij"), axis=-1)
        return ends.reshape(8, 3) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def corner_distance(self, other: "Grid") -> float:
        """Largest distance in millimetres between corners of the same indices."""
        return float(np.linalg.norm(self.corners - other.corners, axis=1).max())

    def is_same(self, other: "Grid") -> bool:
        """Whether both have one shape, and corners within SAME_SHARE of the smallest side of a voxel."""
        return self.shape == other.shape and self.corner_distance(other) <= SAME_SHARE * min(
            *self.spacing, *other.spacing
        )

    def share_inside(self, other: "Grid") -> float:
        """Share in 0 .. 1 of this grid's voxel centres that lie inside the voxels of another grid."""
        return 1.0 if self.is_same(other) else float(self.inside(other).mean())

    def inside(self, other: "Grid") -> np.ndarray:
        """Which of this grid's voxel centres lie inside the voxels of another grid, bool [X, Y, Z]."""
        to_other = np.linalg.inv(other.affine) @ self.affine
        inside = np.ones(self.shape, bool)
        axes = np.ogrid[tuple(slice(size) for size in self.shape)]
        for row, size in zip(to_other[:3], other.shape, strict=True):
            index = sum(factor * axis for factor, axis in zip(row[:3], axes, strict=True)) + row[3]
            inside &= (index > -0.5 - _EDGE) & (index < size - 0.5 + _EDGE)
        return inside


def on_grid(data: np.ndarray, grid: Grid, target: Grid) -> np.ndarray | None:
    """The very values of `data` on another grid, where that needs no interpolation.

    Args:
        data: [X, Y, Z] on `grid`.
        target: the other grid.

    Returns:
        `data` itself where the grids are the same; its axes permuted and flipped where they differ
        by that alone; None where they differ by more.
    """
    if grid.is_same(target):
        return data
    orientation = io_orientation(np.linalg.inv(target.affine) @ grid.affine)
    if np.isnan(orientation).any():
        return None
    order = np.argsort(orientation[:, 0])
    x, y, z = (grid.shape[axis] for axis in order)
    turned = Grid(grid.affine @ inv_ornt_aff(orientation, grid.shape), (x, y, z))
    return np.ascontiguousarray(apply_orientation(data, orientation)) if turned.is_same(target) else None


def resample(data: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """Values at the voxel centres of another grid.

    Args:
        data: [X, Y, Z] on `grid`.
        target: the other grid.

    Returns:
        The very values where `on_grid` has them; otherwise the linear interpolation, within the outer
        half of a border voxel its value, and the lowest value of `data` outside.
    """
    exact = on_grid(data, grid, target)
    if exact is not None:
        return exact
    from scipy import ndimage  # here, as it would slow the start of a console

    to_source = np.linalg.inv(grid.affine) @ target.affine
    values = ndimage.affine_transform(
        data, to_source[:3, :3], to_source[:3, 3], output_shape=target.shape, order=1, mode="nearest"
    )
    values[~target.inside(grid)] = data.min()
    return values


def display_axes(affine: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """How voxel axes become axial slices as a radiologist looks at them.

    Args:
        affine: [4, 4] from voxel indices to millimetres, right-anterior-superior.

    Returns:
        The voxel axes that become (slice, row, column), and which of these three are then to be
        flipped.

    Raises:
        KgpError: the volume lies too obliquely for its axes to be told apart.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    orientation = io_orientation(affine)
    largest_cosines = np.abs(directions).max(axis=0)
    if np.isnan(orientation).any() or (largest_cosines < _LEAST_COSINE).any():
        raise KgpError(
            "The volume lies too obliquely to cut axial slices: a voxel axis is "
            f"{np.degrees(np.arccos(largest_cosines.min())):.0f} degrees off every anatomical axis."
        )
    axis_of = {int(anatomical): voxel for voxel, (anatomical, _) in enumerate(orientation)}
    permutation = (axis_of[2], axis_of[1], axis_of[0])
    # Slices run upwards (+S); rows run from front to back (-A), columns from right to left (-R).
    wanted_signs = (1.0, -1.0, -1.0)
    flips = tuple(
        index
        for index, (axis, sign) in enumerate(zip(permutation, wanted_signs, strict=True))
        if orientation[axis][1] != sign
    )
    return permutation, flips
