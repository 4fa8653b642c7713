"""Where one slice lies in the patient, as its header says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom

from kgp.errors import KgpError
from kgp.scans.dicom.values import in_words, number, numbers, whole_number

_RIGHT_ANGLE = 1e-2  # direction cosines are often written with three decimals


@dataclass(frozen=True)
class SlicePlace:
    """The place of one slice.

    Coordinates are DICOM's of the patient: x to the left, y to the back, z to the head, in
    millimetres.

    Attributes:
        name: how messages call the slice.
        position: centre of the first pixel, [3].
        orientation: directions of a row and of a column, [6].
        spacing: between rows and between columns, [2].
        shape: (rows, columns).
        thickness: 0 where the header does not say it.
    """

    name: str
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    shape: tuple[int, int]
    thickness: float

    @property
    def normal(self) -> np.ndarray:
        """The direction that slices are stacked in, [3]."""
        return np.cross(self.orientation[:3], self.orientation[3:])


def read_place(dataset: Any, name: str) -> SlicePlace:
    """The place of a single-frame image.

    Args:
        dataset: its header (pydicom).
        name: how messages call it.

    Raises:
        KgpError: a position, orientation, spacing or size is missing or cannot be.
    """
    return _checked_place(name, dataset, dataset, dataset, dataset)


def read_frame_places(dataset: Any, name: str) -> list[SlicePlace]:
    """The place of each frame of an enhanced multi-frame image.

    Raises:
        KgpError: as `read_place`, or the frames are not described one by one.
    """
    groups = _items(dataset, "PerFrameFunctionalGroupsSequence")
    count = whole_number(dataset, "NumberOfFrames", name, 0)
    if count < 1 or len(groups) != count:
        raise KgpError(f"{name} claims {count} frames and describes {len(groups)}.")
    names = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    return [
        _checked_place(
            f"{name}, frame {frame + 1},", dataset, *(frame_group(dataset, frame, group) or {} for group in names)
        )
        for frame in range(count)
    ]


def frame_group(dataset: Any, frame: int, group: str) -> Any:
    """The one item of a frame's functional group, its own or the shared one.

    Args:
        dataset: an enhanced multi-frame image.
        frame: index of the frame, from 0.
        group: keyword of the group's sequence.

    Returns:
        The item, or None where there is neither.
    """
    own = _items(dataset, "PerFrameFunctionalGroupsSequence")
    shared = _items(dataset, "SharedFunctionalGroupsSequence")
    for item in (*own[frame : frame + 1], *shared[:1]):
        if found := _items(item, group):
            return found[0]
    return None


def _items(dataset: Any, sequence: str) -> Sequence[Any]:
    """The items of a sequence; none where there is no such sequence or it is something else."""
    value = dataset.get(sequence)
    return value if isinstance(value, pydicom.Sequence) else ()


def _checked_place(name: str, image: Any, position: Any, orientation: Any, measures: Any) -> SlicePlace:
    """A place from the data sets that hold its matrix, position, orientation and pixel measures."""
    rows, columns = (int(numbers(image, attribute, 1, name)[0]) for attribute in ("Rows", "Columns"))
    place = SlicePlace(
        name=name,
        position=numbers(position, "ImagePositionPatient", 3, name),
        orientation=numbers(orientation, "ImageOrientationPatient", 6, name),
        spacing=numbers(measures, "PixelSpacing", 2, name),
        shape=(rows, columns),
        thickness=number(measures, "SliceThickness", name, 0.0),
    )
    if min(rows, columns) < 1:
        raise KgpError(f"{name} has a matrix of {rows}x{columns} pixels.")
    if (place.spacing <= 0).any():
        raise KgpError(f"{name} has the PixelSpacing {in_words(place.spacing)} where millimetres are expected.")
    directions = place.orientation.reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=_RIGHT_ANGLE):
        raise KgpError(
            f"{name} has the ImageOrientationPatient {in_words(place.orientation)} where two directions of length 1 "
            "at right angles are expected."
        )
    return place
