"""Headers of DICOM files: which are images, and what distinguishes them. No pixels are read."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom import acquisition, without_patient
from kgp.scans.dicom.acquisition import Acquisition, read_acquisition, read_image_type
from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.data_set_file import (
    HEAD,
    cut_in_preamble,
    data_start,
    is_deflated,
    read_data_set,
    read_meta,
    stands_before_pixels,
)
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.object_kinds import (
    DIRECTORY,
    MR,
    MULTIFRAME,
    could_be_slice,
    is_image,
    is_surely_no_image,
    kind_in_words,
)
from kgp.scans.dicom.place import SlicePlace, frame_group, read_frame_places, read_place
from kgp.scans.dicom.values import all_numbers, whole_number

PIXEL_KIND = ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "PixelRepresentation")
_DIRECTORY_NAME = "DICOMDIR"  # of the table of contents of a disc, which may be damaged without harm
EMPTY, OTHER_FILE = "empty file", "other file"
DICOM_ENDINGS = (".dcm", ".dicom", ".ima", ".img", ".mr")
_ATTRIBUTES: list[Any] = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "PatientID", "PatientName", "Modality", "ImageType", "SeriesDescription", "SeriesNumber",
    "EchoTime", "RepetitionTime", "InversionTime", "ContrastBolusAgent", "ContrastBolusAgentSequence", "Rows",
    "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
    "PixelRepresentation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *acquisition.ATTRIBUTES, *without_patient.ATTRIBUTES,
]  # fmt: skip
_NEEDED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_UID = re.compile(r"[0-9.]{1,64}")
_NO_AGENT = ("", "NONE", "NO", "N", "0", "NIL", "N/A", "NA", "-", "?", "UNKNOWN", "KEIN", "KEINE", "KEINES", "AUCUN")


@dataclass(frozen=True)
class ImageHeader:
    """One image, single-frame or multi-frame.

    Attributes:
        file: the file it is in.
        instance_uid, study_uid, series_uid: SOPInstanceUID, StudyInstanceUID and SeriesInstanceUID.
        frame_of_reference: FrameOfReferenceUID, "" where there is none.
        patient: PatientID and PatientName, which distinguish patients; never shown.
        multiframe: whether it is an enhanced object.
        description: SeriesDescription, or ProtocolName where there is none, without what tells who
            the patient is.
        number: SeriesNumber, None where there is none, or no number.
        image_type: values of ImageType in upper case, and what else enhanced MR says of the type.
        echo_time, repetition_time, inversion_time: milliseconds, None where the header lacks it,
            NaN where it says something else than one number.
        agent: whether an attribute for contrast agents names something.
        pixel_kind: SamplesPerPixel, PhotometricInterpretation, BitsAllocated and
            PixelRepresentation as text, which all images of a series must have in common.
        places: one for each frame; empty where `why_no_places` says why.
        why_no_places: why the place is not known, as a sentence, or "".
        acquisition: what else the header says of how the image was taken.
    """

    file: StudyFile
    instance_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference: str
    patient: tuple[str, str]
    multiframe: bool
    description: str
    number: int | None
    image_type: tuple[str, ...]
    echo_time: float | None
    repetition_time: float | None
    inversion_time: float | None
    agent: bool
    pixel_kind: tuple[str, ...]
    places: tuple[SlicePlace, ...]
    why_no_places: str
    acquisition: Acquisition = field(default=Acquisition(), repr=False)


@dataclass(frozen=True)
class OtherObject:
    """Something else that may lie in a study: another modality, a report, a text file.

    Attributes:
        kind: in words.
        series_uid: SeriesInstanceUID, "" where there is none.
        could_be_slice: whether it would be missing in a series of MR images that it is in.
        file: the file it is in.
    """

    kind: str
    series_uid: str
    could_be_slice: bool = field(default=False, compare=False)
    file: StudyFile | None = field(default=None, compare=False)


def read_header(file: StudyFile, *, mr_only: bool = True) -> ImageHeader | OtherObject:
    """Reads the header of a file.

    Args:
        file: the file.
        mr_only: take images of other modalities for other objects.

    Raises:
        KgpError: the file is a damaged DICOM object, or could be one by its name or first bytes and
            is none.
    """
    try:
        if file.location.name.upper() == _DIRECTORY_NAME:
            return OtherObject(kind_in_words(DIRECTORY), "", file=file)
        head = file.head(HEAD)
        start = data_start(head)
        if start is None:
            return _not_dicom(file, head)
        with file.open() as stream:
            meta = read_meta(stream, start)
            declared = str(meta.get("MediaStorageSOPClassUID") or "")
            if declared == DIRECTORY:
                return OtherObject(kind_in_words(DIRECTORY), "", file=file)
            if is_deflated(meta):
                raise KgpError(
                    f"{file.name} is packed as a whole (Deflated Explicit VR Little Endian), which is not read."
                )
            return _read_object(file, stream, declared, mr_only)
    except KgpError:
        raise
    except RecursionError:
        raise KgpError(f"{file.name} nests sequences too deeply to be read.") from None
    except DAMAGE as error:
        raise KgpError(f"{file.name} is cut short or damaged ({type(error).__name__}).") from None
    except OSError as error:
        raise KgpError(f"{file.name} cannot be read: {error.strerror or type(error).__name__}.") from None


def _not_dicom(file: StudyFile, head: bytes) -> OtherObject:
    """Passes over what is something else.

    A slice that was cut short is refused, as otherwise it would be missing.
    """
    ending = file.location.suffix.lower()
    claims_to_be_dicom = ending in DICOM_ENDINGS and head
    if claims_to_be_dicom or (cut_in_preamble(head) and not ending[1:].isalpha()):
        raise KgpError(f"{file.name} is cut short or not a DICOM file.")
    return OtherObject(OTHER_FILE if head else EMPTY, "", file=file)


def _read_object(file: StudyFile, stream: BinaryIO, declared: str, mr_only: bool) -> ImageHeader | OtherObject:
    """Reads the object in a file whose meta information declares a SOP class, or none ("").

    Damage of an object that is no image does not matter, as long as nothing in it speaks of one.
    """
    damage = None
    try:
        dataset = read_data_set(stream, stop_before_pixels=True, specific_tags=_ATTRIBUTES)
        kind, series_uid = _text(dataset, "SOPClassUID"), _text(dataset, "SeriesInstanceUID")
    except DAMAGE as error:
        kind, series_uid, damage = "", "", error
    if kind in ("", declared) and is_surely_no_image(declared):
        return OtherObject(kind_in_words(declared), series_uid, file=file)
    if damage is not None:
        raise damage
    return _classified(file, dataset, declared, stands_before_pixels(stream), mr_only)


def _classified(
    file: StudyFile, dataset: Any, declared: str, has_pixels: bool, mr_only: bool
) -> ImageHeader | OtherObject:
    """An image that has what every image must have, or another object."""
    kind = _text(dataset, "SOPClassUID")
    if not kind:
        raise KgpError(f"{file.name} does not say which kind of object it is (SOPClassUID); it may be cut short.")
    if declared not in ("", kind) and (not mr_only or declared in MR or kind in MR):
        raise KgpError(
            f"{file.name} says two kinds of object: {kind_in_words(declared)} in its file meta information and "
            f"{kind_in_words(kind)} in its data set."
        )
    if kind not in MR and (mr_only or not is_image(kind, has_pixels)):
        series_uid = _text(dataset, "SeriesInstanceUID")
        return OtherObject(kind_in_words(kind), series_uid, could_be_slice(kind, dataset, has_pixels), file)
    if kind in MR and _text(dataset, "Modality") not in ("MR", ""):
        # Taken for another object, a damaged image would be a slice that is missing.
        raise KgpError(f"{file.name} is stored as an MR image and says that its modality is another.")
    missing = [attribute for attribute in _NEEDED if not _text(dataset, attribute)]
    if missing:
        raise KgpError(
            f"{file.name} is an {'MR ' if kind in MR else ''}image without {', '.join(missing)}; it may be cut short."
        )
    for attribute in (*_NEEDED, "FrameOfReferenceUID"):
        if not _UID.fullmatch(_text(dataset, attribute) or "0"):
            raise KgpError(f"{file.name} has a {attribute} that is no UID (at most 64 digits and dots).")
    for attribute in ("Rows", "Columns"):
        # At once, and not only if the series is used: the UID of the series may have been cut, too.
        if not _text(dataset, attribute):
            raise KgpError(f"{file.name} has no {attribute}, so its place in space is not known; it may be cut short.")
    return _image_header(file, dataset, kind in MULTIFRAME)


def _image_header(file: StudyFile, dataset: Any, multiframe: bool) -> ImageHeader:
    patient = (_text(dataset, "PatientID"), str(dataset.get("PatientName") or ""))
    places, why_no_places = _places(file, dataset, multiframe)
    echo, timing, inversion = dataset, dataset, dataset
    if multiframe:
        echo = frame_group(dataset, 0, "MREchoSequence") or dataset
        timing = frame_group(dataset, 0, "MRTimingAndRelatedParametersSequence") or dataset
        inversion = frame_group(dataset, 0, "MRModifierSequence") or {}
    agent = _text(dataset, "ContrastBolusAgent").strip().upper() not in _NO_AGENT
    taken = read_acquisition(dataset)
    return ImageHeader(
        file=file,
        instance_uid=_text(dataset, "SOPInstanceUID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        frame_of_reference=_text(dataset, "FrameOfReferenceUID"),
        patient=patient,
        multiframe=multiframe,
        description=without_patient.without_patient(taken.description, without_patient.patient_values(dataset)),
        number=_series_number(dataset),
        image_type=read_image_type(dataset),
        echo_time=_milliseconds(echo, "EffectiveEchoTime" if multiframe else "EchoTime"),
        repetition_time=_milliseconds(timing, "RepetitionTime"),
        inversion_time=_milliseconds(inversion, "InversionTimes" if multiframe else "InversionTime"),
        agent=agent or bool(dataset.get("ContrastBolusAgentSequence")),
        pixel_kind=tuple(_text(dataset, name) for name in PIXEL_KIND),
        places=places,
        why_no_places=why_no_places,
        acquisition=taken,
    )


def _places(file: StudyFile, dataset: Any, multiframe: bool) -> tuple[tuple[SlicePlace, ...], str]:
    """The places of the frames, or why they are not known; that matters only in a series that is
    used.
    """
    try:
        if multiframe:
            return tuple(read_frame_places(dataset, file.name)), ""
        return (read_place(dataset, file.name),), ""
    except KgpError as error:
        return (), str(error)


def _text(dataset: Any, name: str) -> str:
    """The value of an attribute as text; "" where there is none."""
    value = dataset.get(name)
    return "" if value is None else str(value)


def _series_number(dataset: Any) -> int | None:
    try:
        return whole_number(dataset, "SeriesNumber", "")
    except KgpError:
        return None


def _milliseconds(dataset: Any, attribute: str) -> float | None:
    """A time, of InversionTimes the first; NaN, which no rule takes, where it is not one number."""
    try:
        values = all_numbers(dataset, attribute, "")
    except KgpError:
        return math.nan
    if values.size == 0:
        return None
    usable = np.isfinite(values[0]) and (values.size == 1 or attribute == "InversionTimes")
    return float(values[0]) if usable else math.nan
