"""Where slices lie in the patient: what each header says, and the straight stack that they make together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgp.errors import KgpError

MOST_VOXELS = 1 << 28  # 1 GiB of float32
_PARALLEL = 1e-3
_RIGHT_ANGLE = 1e-2  # direction cosines are often written with three decimals
_GAP = 0.05  # tolerated difference of slice distances, as a share of their median
_SAME_MM = 1e-4


@dataclass(frozen=True)
class Place:
    """The place of one slice in DICOM's patient coordinates: x to the left, y to the back, z to the head, in millimetres.

    Attributes:
        name: how messages call the slice.
        position: centre of the first pixel, [3].
        orientation: directions of a row and of a column, [6].
        spacing: between rows and between columns, [2].
        shape: (rows, columns).
        thickness: 0 where it is not said.
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


def read_place(dataset: Any, name: str) -> Place:
    """The place of a single-frame image.

    Raises:
        KgpError: a position, orientation, spacing or size is missing or cannot be.
    """
    return _place(name, dataset, dataset, dataset, dataset)


def read_frame_places(dataset: Any, name: str) -> list[Place]:
    """The place of each frame of an enhanced multi-frame image.

    Raises:
        KgpError: as `read_place`, or the frames are not described one by one.
    """
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or []
    count = int(dataset.get("NumberOfFrames") or 0)
    if count < 1 or len(groups) != count:
        raise KgpError(f"{name} claims {count} frames and describes {len(groups)}.")
    named = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
    return [
        _place(f"{name}, frame {frame + 1},", dataset, *(frame_group(dataset, frame, group) or {} for group in named))
        for frame in range(count)
    ]


def frame_group(dataset: Any, frame: int, group: str) -> Any:
    """The one item of a functional group of a frame (from 0), its own or the shared one; None where there is neither."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for item in (*own[frame : frame + 1], *shared[:1]):
        if item.get(group):
            return item[group].value[0]
    return None


def stack(where: str, places: Sequence[Place]) -> tuple[list[int], np.ndarray]:
    """Orders slices along their normal and checks that they make one straight stack without gaps.

    Args:
        where: how messages call the series.
        places: one for each slice, in any order.

    Returns:
        The order, as indices into `places`, and the affine [4, 4] from (column, row, slice) to millimetres,
        right-anterior-superior.

    Raises:
        KgpError: slices differ in matrix, spacing or orientation, are doubled, missing or shifted; the depth of a single one is
            not known; or there are too many voxels.
    """
    first = places[0]
    rows, columns = first.shape
    if rows * columns * len(places) > MOST_VOXELS:
        raise KgpError(f"{where} claims {rows}x{columns}x{len(places)} voxels, more than are read.")
    for place in places:
        if not np.allclose(place.orientation, first.orientation, rtol=0, atol=_PARALLEL):
            raise KgpError(f"{place.name} is not parallel to the other slices of {where}.")
        if place.shape != first.shape or not np.allclose(place.spacing, first.spacing, rtol=0, atol=_SAME_MM):
            raise KgpError(f"{place.name} has another matrix or pixel spacing than the other slices of {where}.")
    depth = [float(first.normal @ place.position) for place in places]
    order = sorted(range(len(places)), key=depth.__getitem__)
    step = _step(where, [places[index] for index in order])
    affine = np.eye(4)
    # The spacing is (between rows, between columns); along a row the column index grows.
    affine[:3, 0] = first.orientation[:3] * first.spacing[1]
    affine[:3, 1] = first.orientation[3:] * first.spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = places[order[0]].position
    # DICOM's patient axes run to left and back; ours to right and front.
    return order, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _place(name: str, image: Any, position: Any, orientation: Any, measures: Any) -> Place:
    shape = (int(_numbers(image, "Rows", 1, name)[0]), int(_numbers(image, "Columns", 1, name)[0]))
    thickness = measures.get("SliceThickness")
    place = Place(
        name,
        _numbers(position, "ImagePositionPatient", 3, name),
        _numbers(orientation, "ImageOrientationPatient", 6, name),
        _numbers(measures, "PixelSpacing", 2, name),
        shape,
        float(_numbers(measures, "SliceThickness", 1, name)[0]) if thickness else 0.0,
    )
    if min(shape) < 1:
        raise KgpError(f"{name} has a matrix of {shape[0]}x{shape[1]} pixels.")
    if (place.spacing <= 0).any():
        raise KgpError(f"{name} has the PixelSpacing {_shown(place.spacing)} where millimetres are expected.")
    directions = place.orientation.reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=_RIGHT_ANGLE):
        raise KgpError(
            f"{name} has the ImageOrientationPatient {_shown(place.orientation)} where two directions of length 1 at right "
            "angles are expected."
        )
    return place


def _numbers(dataset: Any, attribute: str, count: int, name: str) -> np.ndarray:
    try:
        value = dataset.get(attribute)
        numbers = np.atleast_1d(np.array([] if value is None or value == "" else value, float))
    except (ValueError, TypeError):
        raise KgpError(f"{name} has text for {attribute} where numbers are expected.") from None
    if numbers.size == 0:
        raise KgpError(f"{name} has no {attribute}, so its place in space is not known.")
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise KgpError(f"{name} has the {attribute} {_shown(numbers)} where {count} finite number(s) are expected.")
    return numbers


def _shown(numbers: np.ndarray) -> str:
    return "[" + ", ".join(f"{number:g}" for number in numbers.ravel()[:8]) + "]"


def _step(where: str, places: Sequence[Place]) -> np.ndarray:
    """The vector from one slice of an ordered stack to the next."""
    positions = np.array([place.position for place in places])
    normal = places[0].normal
    if len(places) == 1:
        if places[0].thickness <= 0:
            raise KgpError(f"{places[0].name} is a single slice without SliceThickness, so its depth is not known.")
        return normal * places[0].thickness
    steps = np.diff(positions, axis=0)
    distances = steps @ normal
    median = float(np.median(distances))
    if distances.min() < _GAP * median or median == 0:
        raise KgpError(f"{where} has two slices at one position; give a folder with one series of one time point.")
    if np.abs(distances - median).max() > _GAP * median:
        place = int(np.argmax(np.abs(distances - median)))
        raise KgpError(
            f"{where} has a gap of {distances[place]:.2f} mm between slices {place + 1} and {place + 2} where "
            f"the others are {median:.2f} mm apart; a slice is missing."
        )
    aside = np.linalg.norm(steps - np.median(steps, axis=0), axis=1)
    if aside.max() > _GAP * median:
        place = int(np.argmax(aside))
        raise KgpError(
            f"{where} has slices that do not lie in one straight stack: slice {place + 2} is shifted against slice "
            f"{place + 1} otherwise than the others are."
        )
    return (positions[-1] - positions[0]) / (len(positions) - 1)
