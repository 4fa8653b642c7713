"""Where the slices of a series lie as a whole: their plane, their distance and how far they reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgp.scans.dicom.place import SlicePlace

PLANES = ("sagittal", "coronal", "axial")  # by the axis of the patient that the normal is nearest to
SEVERAL = "several"


@dataclass(frozen=True)
class Slab:
    """The slices of a series as a whole.

    Attributes:
        plane: one of PLANES, "several" where slices lie in several, "" where no place is known.
        distance: millimetres between neighbouring slices, or their thickness where there is one; 0
            where that is not known.
        height: millimetres from the lowest to the highest pixel centre, foot to head.
    """

    plane: str
    distance: float
    height: float


def slab_of(places: Sequence[SlicePlace]) -> Slab:
    """The slab of a series.

    Args:
        places: of its slices, in any order.
    """
    if not places:
        return Slab("", 0.0, 0.0)
    orientations = np.array([place.orientation for place in places])
    positions = np.array([place.position for place in places])
    normals = np.cross(orientations[:, :3], orientations[:, 3:])
    planes = np.unique(np.abs(normals).argmax(axis=1))
    along = np.unique(np.round(positions @ normals[0], 3))
    distance = float(np.median(np.diff(along))) if len(along) > 1 else places[0].thickness
    extents = np.array([place.spacing * (np.array(place.shape) - 1) for place in places])
    across, down = orientations[:, 2] * extents[:, 1], orientations[:, 5] * extents[:, 0]
    corners = positions[:, 2] + np.stack([0 * across, across, down, across + down])
    plane = PLANES[int(planes[0])] if len(planes) == 1 else SEVERAL
    return Slab(plane, distance, float(corners.max() - corners.min()))
