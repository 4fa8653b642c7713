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
    planes = {PLANES[int(np.abs(place.normal).argmax())] for place in places}
    along = np.unique(np.round([float(place.position @ places[0].normal) for place in places], 3))
    distance = float(np.median(np.diff(along))) if len(along) > 1 else places[0].thickness
    heights = [corner for place in places for corner in _heights(place)]
    return Slab(planes.pop() if len(planes) == 1 else SEVERAL, distance, max(heights) - min(heights))


def _heights(place: SlicePlace) -> list[float]:
    """The height of each corner."""
    rows, columns = place.shape
    across = place.orientation[2] * place.spacing[1] * (columns - 1)
    down = place.orientation[5] * place.spacing[0] * (rows - 1)
    return [float(place.position[2] + right + low) for right in (0.0, across) for low in (0.0, down)]
