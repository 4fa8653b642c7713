"""Where the slices of the reference series lie in the patient, and the way from indices to millimetres."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pydicom

from kgp.errors import KgpError
from kgp.scans.dicom.place import frame_group

_PARALLEL = 1e-3
_RIGHT_ANGLE = 1e-2  # direction cosines are often written with three decimals
_SAME_MM = 1e-4


@dataclasses.dataclass(frozen=True)
class SliceGrid:
    """The grid of the reference series in DICOM's patient coordinates: x to the left, y to the back, z to the head, mm.

    Attributes:
        positions: [S, 3], centre of the first pixel of each slice; ascending along the normal.
        along_row: [3], direction in which the column index grows.
        along_column: [3], direction in which the row index grows.
        spacing: millimetres (between rows, between columns).
        depths: [S], millimetres along the normal that each slice stands for.
        thickness: SliceThickness of the first slice in millimetres; the depth of a slice where the series does not say it.
    """

    positions: np.ndarray
    along_row: np.ndarray
    along_column: np.ndarray
    spacing: tuple[float, float]
    depths: np.ndarray
    thickness: float

    @property
    def between_slices(self) -> float | None:
        """Mean distance of neighbouring slices along the normal in millimetres; None for a single slice."""
        return None if len(self.positions) == 1 else float(self.depths.mean())

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


@dataclasses.dataclass(frozen=True)
class _Place:
    """What one slice says about its place."""

    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    thickness: float


def read_grid(sources: Sequence[pydicom.Dataset], frames: Sequence[int | None]) -> SliceGrid:
    """The grid of a series, from its headers alone.

    Args:
        sources: one data set a slice, or one enhanced multi-frame data set.
        frames: for each slice its 1-based frame number, or None for single-frame data sets.

    Raises:
        KgpError: the two do not fit; a position, orientation or spacing is missing or cannot be; slices are not parallel, not
            in order along the normal, or doubled; or there is a single slice whose thickness is not known.
    """
    if len(sources) == 0 or len(frames) == 0:
        raise KgpError("The reference series has no slice.")
    multiframe = frames[0] is not None
    if any((frame is not None) != multiframe for frame in frames):
        raise KgpError("The slices name frame numbers in part only; all of them or none are expected.")
    if len(sources) != (1 if multiframe else len(frames)):
        raise KgpError(
            f"{len(sources)} source objects stand for {len(frames)} slices; one a slice, or one multi-frame object with "
            "frame numbers, is expected."
        )
    places = [_place(sources[0 if multiframe else index], frame) for index, frame in enumerate(frames)]
    return _assemble(places)


def _assemble(places: Sequence[_Place]) -> SliceGrid:
    first = places[0]
    along_row, along_column = first.orientation.reshape(2, 3)
    for number, place in enumerate(places, 1):
        if not np.allclose(place.orientation, first.orientation, rtol=0, atol=_PARALLEL):
            raise KgpError(f"Slice {number} of the reference series is not parallel to the first.")
        if not np.allclose(place.spacing, first.spacing, rtol=0, atol=_SAME_MM):
            raise KgpError(f"Slice {number} of the reference series has another PixelSpacing than the first.")
    positions = np.array([place.position for place in places])
    projected = positions @ np.cross(along_row, along_column)
    if len(places) > 1 and np.diff(projected).min() < _SAME_MM:
        number = int(np.diff(projected).argmin()) + 1
        raise KgpError(
            f"Slices {number} and {number + 1} of the reference series do not follow each other along the normal; slices "
            "in ascending order at different positions are expected."
        )
    if len(places) == 1 and first.thickness <= 0:
        raise KgpError("The reference series is a single slice without SliceThickness, so its depth is not known.")
    # Between neighbours each slice stands for half of the distance to either; at the ends for the whole distance to the next.
    depths = np.gradient(projected) if len(places) > 1 else np.array([first.thickness])
    thickness = first.thickness if first.thickness > 0 else float(depths.mean())
    spacing = (float(first.spacing[0]), float(first.spacing[1]))
    return SliceGrid(positions, along_row, along_column, spacing, depths, thickness)


def _place(source: pydicom.Dataset, frame: int | None) -> _Place:
    if frame is None:
        position = orientation = measures = source
    else:
        position, orientation, measures = (
            functional_group(source, frame, name)
            for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        )
    place = _Place(
        _numbers(position, "ImagePositionPatient", 3),
        _numbers(orientation, "ImageOrientationPatient", 6),
        _numbers(measures, "PixelSpacing", 2),
        float(_numbers(measures, "SliceThickness", 1)[0]) if measures.get("SliceThickness") else 0.0,
    )
    directions = place.orientation.reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), rtol=0, atol=_RIGHT_ANGLE):
        raise KgpError("ImageOrientationPatient of the reference series is not two directions at right angles.")
    if (place.spacing <= 0).any():
        raise KgpError("PixelSpacing of the reference series is not above 0 mm.")
    return place


def functional_group(source: pydicom.Dataset, frame: int, name: str) -> pydicom.Dataset:
    """The one item of a functional group of a frame, its own or the shared one.

    Args:
        source: an enhanced multi-frame data set.
        frame: 1-based number of the frame.
        name: keyword of the functional group's sequence.

    Raises:
        KgpError: there is no such frame, or it has no such group.
    """
    frames = len(source.get("PerFrameFunctionalGroupsSequence") or [])
    if not 1 <= frame <= frames:
        raise KgpError(f"The reference series has {frames} frames, so there is no frame {frame}.")
    item = frame_group(source, frame - 1, name)
    if item is not None:
        return item
    raise KgpError(f"Frame {frame} of the reference series has no {name}, so its place in space is not known.")


def _numbers(dataset: pydicom.Dataset, name: str, count: int) -> np.ndarray:
    try:
        value = dataset.get(name)
        numbers = np.atleast_1d(np.array([] if value is None else value, float))
    except (ValueError, TypeError):
        raise KgpError(f"{name} of the reference series is text where numbers are expected.") from None
    if numbers.size == 0:
        raise KgpError(f"A slice of the reference series has no {name}, so its place in space is not known.")
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise KgpError(f"{name} of the reference series is not {count} finite number(s).")
    return numbers
