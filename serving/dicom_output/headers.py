"""Headers of the reference series as highdicom takes them: complete, of one geometry, without what it stumbles over."""

import logging

import numpy as np
import pydicom
from highdicom import (
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
    SpecificCharacterSetValues,
)
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.valuerep import DA, TM, format_number_as_ds

from serving.dicom_output.grid import SliceGrid, functional_group
from serving.dicom_output.study_result import ConsoleResult

_log = logging.getLogger(__name__)
# Attributes that a derived object has at least empty (type 2).
_PATIENT_AND_STUDY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ReferringPhysicianName",
)  # fmt: skip
_SEXES = {"", "M", "F", "O"}
_PIXELS = 0x7FE0
_UTF_8 = "ISO_IR 192"
_CHARACTER_SETS = {one.value for one in SpecificCharacterSetValues}
_PLAIN_SETS: tuple[list[str], ...] = ([], [""], ["ISO_IR 6"], ["ISO 2022 IR 6"])


def derivation_headers(result: ConsoleResult, grid: SliceGrid) -> list[pydicom.Dataset]:
    """Copies of the source headers, none of which shares an element with its source that is changed here.

    Orientation and pixel measures are those of `grid` throughout: highdicom asks slices for equal directions to the last digit,
    and SpacingBetweenSlices of a scanner is at times the gap. Empty values stand for those of patient and study that are
    missing or cannot be read; the log names the attribute, never the value.

    Raises:
        KgpError: a frame of an enhanced object has no position.
    """
    headers = [_copied(source) for source in result.sources]
    for number, header in enumerate(headers):
        _choose_character_set(header)
        for name in _PATIENT_AND_STUDY:
            if not _readable(header, name):
                if number == 0 and name in header:
                    _log.warning("%s of the reference series cannot be read and is left empty.", name)
                header.add_new(name, dictionary_VR(name), "")
        if result.frames[0] is None:
            _place_single(header, grid)
        else:
            _place_frames(header, grid)
    return headers


def pixel_measures(grid: SliceGrid) -> PixelMeasuresSequence:
    """Spacing and thickness of the grid, in at most 16 characters a number."""
    return PixelMeasuresSequence(grid.spacing, grid.thickness, grid.between_slices)


def plane_orientation(grid: SliceGrid) -> PlaneOrientationSequence:
    """Directions of the grid."""
    return PlaneOrientationSequence("PATIENT", [*map(float, grid.along_row), *map(float, grid.along_column)])


def plane_positions(grid: SliceGrid) -> list[PlanePositionSequence]:
    """Position of each slice of the grid."""
    return [PlanePositionSequence("PATIENT", [float(value) for value in position]) for position in grid.positions]


def keep_named_frames(made: pydicom.Dataset, result: ConsoleResult, grid: SliceGrid) -> None:
    """Leaves in each frame's references the frame of the enhanced source that `result` names, and no other at its position."""
    if result.frames[0] is None:
        return
    for item in made.PerFrameFunctionalGroupsSequence:
        position = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        frame = result.frames[int(np.linalg.norm(grid.positions - position, axis=1).argmin())]
        for derivation in item.DerivationImageSequence:
            named = [one for one in derivation.SourceImageSequence if one.ReferencedFrameNumber == frame]
            derivation.SourceImageSequence = named


def _copied(source: pydicom.Dataset) -> pydicom.Dataset:
    copied = pydicom.Dataset()
    for tag in source.keys():  # noqa: SIM118 - iterating a Dataset gives elements
        if not tag.is_private and tag.group != _PIXELS:
            element = source[tag]
            copied[tag] = DataElement(element.tag, element.VR, element.value, already_converted=True)
    return copied


def _choose_character_set(header: pydicom.Dataset) -> None:
    """Keeps the source's character set where highdicom knows it, and otherwise takes UTF-8; the text is decoded by now."""
    value = header.get("SpecificCharacterSet") or []
    names = [value] if isinstance(value, str) else list(value)
    if names in _PLAIN_SETS:
        header.pop("SpecificCharacterSet", None)
    elif not set(names) <= _CHARACTER_SETS:
        header.add_new("SpecificCharacterSet", "CS", _UTF_8)


def _readable(header: pydicom.Dataset, name: str) -> bool:
    """Whether an attribute is there and its value what its value representation allows."""
    if name not in header:
        return False
    value = header[name].value or ""
    try:
        if name == "StudyTime":
            TM(value)
        elif name.endswith("Date"):
            DA(value)
        elif name == "PatientSex":
            return value in _SEXES
    except (ValueError, TypeError):
        return False
    return True


def _place_single(header: pydicom.Dataset, grid: SliceGrid) -> None:
    """Directions and measures of the grid in the header of one slice."""
    cosines = [*grid.along_row, *grid.along_column]
    header.add_new("ImageOrientationPatient", "DS", [format_number_as_ds(float(value)) for value in cosines])
    header.add_new("PixelSpacing", "DS", [format_number_as_ds(value) for value in grid.spacing])
    header.add_new("SliceThickness", "DS", format_number_as_ds(grid.thickness))
    if "SpacingBetweenSlices" in header:
        del header.SpacingBetweenSlices
    if grid.between_slices is not None:
        header.add_new("SpacingBetweenSlices", "DS", format_number_as_ds(grid.between_slices))


def _place_frames(header: pydicom.Dataset, grid: SliceGrid) -> None:
    """Functional groups that hold directions and measures of the grid, and each frame's own position."""
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = pixel_measures(grid)
    shared.PlaneOrientationSequence = plane_orientation(grid)
    groups = []
    for frame in range(1, len(header.PerFrameFunctionalGroupsSequence) + 1):
        group = pydicom.Dataset()
        group.PlanePositionSequence = [functional_group(header, frame, "PlanePositionSequence")]
        groups.append(group)
    header.add_new("SharedFunctionalGroupsSequence", "SQ", [shared])
    header.add_new("PerFrameFunctionalGroupsSequence", "SQ", groups)
    header.add_new("NumberOfFrames", "IS", len(groups))
