"""The geometry of one series: parallel slices in one straight stack."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.place import SlicePlace
from kgp.scans.dicom.slice_steps import check_steps
from kgp.scans.grid import MOST_VOXELS, Grid

_PARALLEL = 2e-3  # tolerated difference of direction cosines, which may be rounded to three decimals
_SAME_SPACING = 2e-3  # tolerated difference of pixel spacings as a share, a pixel over a wide matrix
# DICOM's patient axes run to the left and the back, those of a grid to the right and the front.
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class SliceStack:
    """The slices of one series in order along their normal; `stack_slices` makes it.

    Coordinates are DICOM's of the patient; see `kgp.scans.dicom.place.SlicePlace`.

    Attributes:
        places: one for each of the S slices, ascending along the normal.
    """

    places: tuple[SlicePlace, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return (len(self.places), *self.places[0].shape)

    @property
    def positions(self) -> np.ndarray:
        """Centre of the first pixel of each slice, [S, 3] in millimetres."""
        return np.array([place.position for place in self.places])

    @property
    def along_row(self) -> np.ndarray:
        """Direction in which the column index grows, [3]."""
        return self.places[0].orientation[:3]

    @property
    def along_column(self) -> np.ndarray:
        """Direction in which the row index grows, [3]."""
        return self.places[0].orientation[3:]

    @property
    def spacing(self) -> tuple[float, float]:
        """Millimetres (between rows, between columns)."""
        rows, columns = self.places[0].spacing
        return float(rows), float(columns)

    @property
    def depths(self) -> np.ndarray:
        """Millimetres along the normal that each slice stands for, [S].

        Between neighbours that is half of the distance to either, at the ends the whole distance to
        the next, and for a single slice its thickness.
        """
        if len(self.places) == 1:
            return np.array([self.places[0].thickness])
        return np.gradient(self.positions @ self.places[0].normal)

    @property
    def thickness(self) -> float:
        """SliceThickness of the first slice in millimetres; where it is missing, the mean depth."""
        thickness = self.places[0].thickness
        return thickness if thickness > 0 else float(self.depths.mean())

    @property
    def between_slices(self) -> float | None:
        """Mean distance of neighbouring slices in millimetres; None for a single slice."""
        heights = self.positions @ self.places[0].normal
        return None if len(heights) == 1 else float(np.diff(heights).mean())

    @property
    def grid(self) -> Grid:
        """The grid of a volume with the axes (column, row, slice)."""
        positions = self.positions
        affine = np.eye(4)
        affine[:3, 0] = self.along_row * self.spacing[1]
        affine[:3, 1] = self.along_column * self.spacing[0]
        if len(self.places) == 1:
            affine[:3, 2] = self.places[0].normal * self.places[0].thickness
        else:
            affine[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
        affine[:3, 3] = positions[0]
        slices, rows, columns = self.shape
        return Grid(_TO_RAS @ affine, (columns, rows, slices))

    def to_patient(self, slices: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Patient coordinates [N, 3] in millimetres of N pixels; whole numbers are pixel centres.

        Args:
            slices: slice indices, int [N].
            rows: row indices [N], from 0.
            columns: column indices [N], from 0.
        """
        across = np.outer(columns, self.along_row * self.spacing[1])
        down = np.outer(rows, self.along_column * self.spacing[0])
        return self.positions[slices] + across + down


def stack_slices(where: str, places: Sequence[SlicePlace]) -> tuple[list[int], SliceStack]:
    """Orders slices along their normal and checks that they make one straight stack without gaps.

    Args:
        where: how messages call the series.
        places: one for each slice, in any order.

    Returns:
        The order, as indices into `places`, and the stack in that order.

    Raises:
        KgpError: slices differ in matrix, spacing or orientation, are doubled, missing or shifted;
            the depth of a single one is not known; or there are too many voxels.
    """
    first = places[0]
    rows, columns = first.shape
    if rows * columns * len(places) > MOST_VOXELS:
        raise KgpError(f"{where} claims {rows}x{columns}x{len(places)} voxels, more than are read.")
    others = f"the other slices of {where[0].lower()}{where[1:]}"
    for place in places:
        if not np.allclose(place.orientation, first.orientation, rtol=0, atol=_PARALLEL):
            raise KgpError(f"{place.name} is not parallel to {others}.")
        if place.shape != first.shape or not np.allclose(place.spacing, first.spacing, rtol=_SAME_SPACING, atol=0):
            raise KgpError(f"{place.name} has another matrix or pixel spacing than {others}.")
    if len(places) == 1 and first.thickness <= 0:
        raise KgpError(f"{first.name} is a single slice without a SliceThickness above 0, so its depth is not known.")
    heights = [float(first.normal @ place.position) for place in places]
    order = sorted(range(len(places)), key=heights.__getitem__)
    stack = SliceStack(tuple(places[index] for index in order))
    if len(places) > 1:
        check_steps(where, stack.positions, first.normal)
    return order, stack
