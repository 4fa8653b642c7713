"""How source slices are turned for the eye: the radiological convention, and the letters at the edges."""

import dataclasses

import numpy as np

from kgp.scans.dicom.slice_stack import SliceStack

# Directions of DICOM's patient axes and against them: left and right, back and front, head and feet.
_ALONG, _AGAINST = "LPH", "RAF"
_OPPOSITE = str.maketrans(_ALONG + _AGAINST, _AGAINST + _ALONG)
_SLANTED = 0.25  # component of a direction from which its letter is named
_LEFT, _BACK, _FEET = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, -1.0])
# To the right and downwards in a picture, by the patient axis that the normal is nearest to.
_CONVENTION = ((_BACK, _FEET), (_LEFT, _FEET), (_LEFT, _BACK))


@dataclasses.dataclass(frozen=True)
class RadiologicalView:
    """How the pixels of source slices become a picture; `radiological_view` makes it.

    Attributes:
        transposed: whether rows and columns change places; the flips come after that.
        rows_flipped: whether the last row comes first.
        columns_flipped: whether the last column comes first.
        right: where the right edge of the picture lies in the patient, as the letters of DICOM's
            PatientOrientation: L, R, A, P, H, F, several where the direction is slanted.
        down: the same of the lower edge.
    """

    transposed: bool
    rows_flipped: bool
    columns_flipped: bool
    right: str
    down: str

    @property
    def left(self) -> str:
        """Letters of the left edge."""
        return self.right.translate(_OPPOSITE)

    @property
    def up(self) -> str:
        """Letters of the upper edge."""
        return self.down.translate(_OPPOSITE)

    def turn(self, slices: np.ndarray) -> np.ndarray:
        """Turns slices [S, H, W] into pictures, [S, W, H] where `transposed`."""
        turned = slices.swapaxes(1, 2) if self.transposed else slices
        return turned[:, :: -1 if self.rows_flipped else 1, :: -1 if self.columns_flipped else 1]

    def turn_point(self, row: float, column: float, shape: tuple[int, int]) -> tuple[float, float]:
        """Row and column of a point of a slice in its picture, whose shape is (rows, columns)."""
        row, column = (column, row) if self.transposed else (row, column)
        return (
            shape[0] - 1 - row if self.rows_flipped else row,
            shape[1] - 1 - column if self.columns_flipped else column,
        )


def radiological_view(geometry: SliceStack) -> RadiologicalView:
    """The view in which radiologists expect the slices of a series, however they are stored.

    Axial slices have the patient's front up and the right side on the left, coronal ones the head up
    and the right side on the left, sagittal ones the head up and the front on the left. Oblique ones
    are shown as the nearest of these, turned and mirrored, never interpolated.
    """
    across, down = geometry.along_row, geometry.along_column
    right, below = _CONVENTION[int(np.abs(np.cross(across, down)).argmax())]
    transposed = abs(across @ right) + abs(down @ below) < abs(down @ right) + abs(across @ below)
    if transposed:
        across, down = down, across
    columns_flipped, rows_flipped = bool(across @ right < 0), bool(down @ below < 0)
    return RadiologicalView(
        transposed=bool(transposed),
        rows_flipped=rows_flipped,
        columns_flipped=columns_flipped,
        right=_letters(-across if columns_flipped else across),
        down=_letters(-down if rows_flipped else down),
    )


def _letters(direction: np.ndarray) -> str:
    """The letters of a direction, the main one first."""
    axes = np.argsort(-np.abs(direction), kind="stable")
    return "".join(
        (_ALONG if direction[axis] > 0 else _AGAINST)[axis] for axis in axes if abs(direction[axis]) >= _SLANTED
    )
