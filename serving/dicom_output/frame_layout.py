"""Frames of multi-frame objects as other readers need them: along the normal, at even distances.

highdicom writes them against the normal, so that the third axis of a volume makes a right-handed
system with rows and columns taken in NumPy's order. ITK and dcmqi, and so 3D Slicer, take the first
frame for the origin and the cross product of the directions for the third axis, and would show the
volume mirrored and displaced. ITK gives up the spacing (1 x 1 x 1 mm) where distances differ by a
thousandth of a millimetre, as they do where a scanner rounds its positions.
"""

import numpy as np
import pydicom
from pydicom.valuerep import format_number_as_ds

from kgp.scans.dicom.slice_stack import SliceStack

_EVEN_MM = 1e-4  # deviation from even distances that ITK tolerates for sure


def put_frames_along_the_normal(made: pydicom.Dataset) -> None:
    """Reverses the frames of an object that highdicom made, in place, where they go against the normal.

    Args:
        made: a Segmentation or Parametric Map with one frame at each position, uncompressed.
    """
    groups = list(made.PerFrameFunctionalGroupsSequence)
    cosines = np.array(
        made.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, float
    )
    positions = np.array([group.PlanePositionSequence[0].ImagePositionPatient for group in groups], float)
    heights = positions @ np.cross(cosines[:3], cosines[3:])
    if heights[-1] >= heights[0]:
        return
    made.PerFrameFunctionalGroupsSequence = groups[::-1]
    for index, group in enumerate(made.PerFrameFunctionalGroupsSequence, 1):
        content = group.FrameContentSequence[0]
        values = np.atleast_1d(content.DimensionIndexValues).tolist()
        content.DimensionIndexValues = [*values[:-1], index]  # the position is the last dimension
    name = "FloatPixelData" if "FloatPixelData" in made else "PixelData"
    setattr(made, name, _reversed_frames(made[name].value, len(groups), made.BitsAllocated, made.Rows * made.Columns))


def space_frames_evenly(made: pydicom.Dataset, geometry: SliceStack) -> None:
    """Moves the frames of an object, in place, onto the even grid of the volume that they make.

    Where the source's positions are even, frames keep them to the last digit. Elsewhere, as with
    positions rounded to 0.1 mm, a frame moves by that much at most.

    Args:
        made: an object whose frames lie at positions of the source's slices.
        geometry: where those slices lie.
    """
    positions = geometry.positions
    share = np.linspace(0.0, 1.0, len(positions))[:, None]
    even = (1 - share) * positions[0] + share * positions[-1]
    if np.abs(even - positions).max() <= _EVEN_MM:
        return
    for group in made.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        own = np.array(place.ImagePositionPatient, float)
        index = int(np.linalg.norm(positions - own, axis=1).argmin())
        place.ImagePositionPatient = [format_number_as_ds(float(value)) for value in even[index]]


def _reversed_frames(data: bytes, count: int, bits: int, pixels: int) -> bytes:
    """Pixel data with the frames in the other order, padded to an even length."""
    values = np.frombuffer(data, np.uint8)
    if bits == 1:  # frames follow each other without a gap, so they need not begin with a byte
        values = np.unpackbits(values, bitorder="little")[: count * pixels]
        values = np.packbits(values.reshape(count, pixels)[::-1], bitorder="little")
    else:
        values = values[: count * pixels * bits // 8].reshape(count, -1)[::-1]
    return values.tobytes() + b"\0" * (values.size % 2)
