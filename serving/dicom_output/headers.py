"""Headers of the reference series made fit for highdicom: complete and of one geometry."""

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

from kgp.scans.dicom.place import frame_group
from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.study_result import StudyResult

_log = logging.getLogger(__name__)
# Attributes that a derived object has at least empty (type 2).
_PATIENT_AND_STUDY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
_SEXES = {"", "M", "F", "O"}
_PIXELS = 0x7FE0
_UTF_8 = "ISO_IR 192"
_CHARACTER_SETS = {character_set.value for character_set in SpecificCharacterSetValues}
_PLAIN_SETS: tuple[list[str], ...] = ([], [""], ["ISO_IR 6"], ["ISO 2022 IR 6"])


def derivation_headers(result: StudyResult) -> list[pydicom.Dataset]:
    """Copies the source headers; what is changed in a copy stays as it is in the source.

    Orientation and pixel measures are those of the result's geometry throughout: highdicom asks
    slices for equal directions to the last digit, and SpacingBetweenSlices of a scanner is at times
    the gap. Empty values stand for those of patient and study that are missing or cannot be read;
    the log names the attribute, never the value.
    """
    headers = [_copy_of(source) for source in result.sources]
    for number, header in enumerate(headers):
        _choose_character_set(header)
        for name in _PATIENT_AND_STUDY:
            if not _readable(header, name):
                if number == 0 and name in header:
                    _log.warning("%s of the reference series cannot be read and is left empty.", name)
                header.add_new(name, dictionary_VR(name), "")
        if result.frames[0] is None:
            _set_geometry(header, result.geometry)
        else:
            _set_geometry_of_frames(header, result.geometry)
    return headers


def pixel_measures(geometry: SliceStack) -> PixelMeasuresSequence:
    """Spacing and thickness of the slices, in at most 16 characters a number."""
    return PixelMeasuresSequence(geometry.spacing, geometry.thickness, _between_slices(geometry))


def plane_orientation(geometry: SliceStack) -> PlaneOrientationSequence:
    """Directions of the slices."""
    return PlaneOrientationSequence("PATIENT", [*map(float, geometry.along_row), *map(float, geometry.along_column)])


def plane_positions(geometry: SliceStack) -> list[PlanePositionSequence]:
    """Position of each slice."""
    return [PlanePositionSequence("PATIENT", [float(value) for value in position]) for position in geometry.positions]


def keep_named_frames(made: pydicom.Dataset, result: StudyResult) -> None:
    """Removes references to frames of an enhanced source other than those that were read.

    highdicom refers to every frame at a position.

    Args:
        made: a multi-frame object, changed in place.
        result: names the frame that was read for each slice; without frame numbers nothing is
            removed.
    """
    if result.frames[0] is None:
        return
    positions = result.geometry.positions
    for item in made.PerFrameFunctionalGroupsSequence:
        position = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        frame = result.frames[int(np.linalg.norm(positions - position, axis=1).argmin())]
        for derivation in item.DerivationImageSequence:
            derivation.SourceImageSequence = [
                reference for reference in derivation.SourceImageSequence if reference.ReferencedFrameNumber == frame
            ]


def _copy_of(source: pydicom.Dataset) -> pydicom.Dataset:
    """A copy without pixels and private elements."""
    copied = pydicom.Dataset()
    for tag in source.keys():  # noqa: SIM118 - iterating a Dataset gives elements
        if not tag.is_private and tag.group != _PIXELS:
            element = source[tag]
            copied[tag] = DataElement(element.tag, element.VR, element.value, already_converted=True)
    return copied


def _choose_character_set(header: pydicom.Dataset) -> None:
    """Keeps the source's character set where highdicom knows it, and otherwise takes UTF-8."""
    value = header.get("SpecificCharacterSet") or []
    names = [value] if isinstance(value, str) else list(value)
    if names in _PLAIN_SETS:
        header.pop("SpecificCharacterSet", None)
    elif not set(names) <= _CHARACTER_SETS:
        header.add_new("SpecificCharacterSet", "CS", _UTF_8)


def _readable(header: pydicom.Dataset, name: str) -> bool:
    """Whether an attribute has a value that its value representation allows."""
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


def _set_geometry(header: pydicom.Dataset, geometry: SliceStack) -> None:
    """Writes directions and measures into the header of one slice."""
    cosines = [*geometry.along_row, *geometry.along_column]
    header.add_new("ImageOrientationPatient", "DS", [format_number_as_ds(float(value)) for value in cosines])
    header.add_new("PixelSpacing", "DS", [format_number_as_ds(value) for value in geometry.spacing])
    header.add_new("SliceThickness", "DS", format_number_as_ds(geometry.thickness))
    header.add_new("SpacingBetweenSlices", "DS", format_number_as_ds(_between_slices(geometry)))


def _between_slices(geometry: SliceStack) -> float:
    """Millimetres between slices; of a single slice its thickness, where highdicom would write 1."""
    return geometry.thickness if geometry.between_slices is None else geometry.between_slices


def _set_geometry_of_frames(header: pydicom.Dataset, geometry: SliceStack) -> None:
    """Writes functional groups that hold directions and measures, and each frame's own position."""
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = pixel_measures(geometry)
    shared.PlaneOrientationSequence = plane_orientation(geometry)
    groups = []
    for frame in range(len(header.PerFrameFunctionalGroupsSequence)):
        group = pydicom.Dataset()
        group.PlanePositionSequence = [frame_group(header, frame, "PlanePositionSequence")]
        groups.append(group)
    header.add_new("SharedFunctionalGroupsSequence", "SQ", [shared])
    header.add_new("PerFrameFunctionalGroupsSequence", "SQ", groups)
    header.add_new("NumberOfFrames", "IS", len(groups))
