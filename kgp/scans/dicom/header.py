"""Headers of DICOM files: which are images, and what distinguishes them. No pixels are read."""

import math
import re
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pydicom
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from kgp.errors import KgpError
from kgp.scans.dicom import acquisition, without_patient
from kgp.scans.dicom.acquisition import Acquisition, read_acquisition, read_image_type
from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.files import META_START, StudyFile, is_dicom
from kgp.scans.dicom.place import SlicePlace, frame_group, read_frame_places, read_place

_MULTIFRAME = (EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
_MR = (MRImageStorage, *_MULTIFRAME)
_DIRECTORY = "Media Storage Directory Storage"
_DICOM_ENDINGS = ("dcm", "dicom", "ima", "img", "mr")
_BYTES_LOOKED_AT = 1024  # to tell text from binary data
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
        number: SeriesNumber, None where there is none.
        image_type: values of ImageType in upper case, and what else enhanced MR says of the type.
        echo_time, repetition_time, inversion_time: milliseconds, None where the header lacks it.
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
    """

    kind: str
    series_uid: str


def read_header(file: StudyFile, *, mr_only: bool = True) -> ImageHeader | OtherObject:
    """Reads the header of a file.

    Args:
        file: the file.
        mr_only: take images of other modalities for other objects.

    Raises:
        KgpError: the file is a damaged DICOM object, or could be one by its name and is none.
    """
    try:
        with file.open() as stream:
            if not is_dicom(stream):
                stream.seek(0)
                return _not_dicom(file, stream.read(_BYTES_LOOKED_AT))
            _refuse_deflated(file, stream)
            stream.seek(0)
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_ATTRIBUTES)
        return _classified(file, dataset, mr_only)
    except KgpError:
        raise
    except RecursionError:
        raise KgpError(f"{file.name} nests sequences too deeply to be read.") from None
    except DAMAGE as error:
        raise KgpError(f"{file.name} is cut short or damaged ({type(error).__name__}).") from None
    except OSError as error:
        raise KgpError(f"{file.name} cannot be read: {error.strerror or type(error).__name__}.") from None


def _refuse_deflated(file: StudyFile, stream: BinaryIO) -> None:
    """Refuses a data set that is packed as a whole.

    pydicom would unpack it without a limit, and MR images never are packed so.
    """
    stream.seek(META_START)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise KgpError(f"{file.name} is packed as a whole ({DeflatedExplicitVRLittleEndian.name}), which is not read.")


def _not_dicom(file: StudyFile, head: bytes) -> OtherObject:
    """Passes over what is clearly something else.

    An image that was cut short is refused, as otherwise a slice would be missing.
    """
    _, dot, ending = file.name.rpartition("/")[2].lower().rpartition(".")
    ending = ending if dot else ""
    is_text = bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)
    if ending in _DICOM_ENDINGS or not (is_text or ending.isalpha()):
        raise KgpError(f"{file.name} is cut short or not a DICOM file.")
    return OtherObject("other file", "")


def _classified(file: StudyFile, dataset: Any, mr_only: bool) -> ImageHeader | OtherObject:
    """An image that has what every image must have, or another object."""
    kind = _text(dataset, "SOPClassUID")
    declared = str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    if not kind and UID(declared).name == _DIRECTORY:
        kind = declared
    if not kind or (declared and declared != kind):
        raise KgpError(f"{file.name} does not say which kind of object it is; it is damaged.")
    name = UID(kind).name
    is_image = "Image Storage" in name or "Rows" in dataset
    if kind not in _MR and (mr_only or not is_image):
        return OtherObject(name if name != kind else "unknown object", _text(dataset, "SeriesInstanceUID"))
    if kind in _MR and _text(dataset, "Modality") not in ("MR", ""):
        # Taken for another object, a damaged image would be a slice that is missing.
        raise KgpError(f"{file.name} is stored as an MR image and says that its modality is another.")
    missing = [attribute for attribute in _NEEDED if not _text(dataset, attribute)]
    if missing:
        raise KgpError(f"{file.name} is an {'MR ' if kind in _MR else ''}image without {', '.join(missing)}.")
    for attribute in (*_NEEDED, "FrameOfReferenceUID"):
        if not _UID.fullmatch(_text(dataset, attribute) or "0"):
            raise KgpError(f"{file.name} has a {attribute} that is no UID; it is damaged.")
    return _image_header(file, dataset, kind in _MULTIFRAME)


def _image_header(file: StudyFile, dataset: Any, multiframe: bool) -> ImageHeader:
    patient = (_text(dataset, "PatientID"), str(dataset.get("PatientName") or ""))
    places, why_no_places = _places(file, dataset, multiframe)
    number = dataset.get("SeriesNumber")
    echo, timing, inversion = dataset, dataset, dataset.get("InversionTime")
    if multiframe:
        echo = frame_group(dataset, 0, "MREchoSequence") or dataset
        timing = frame_group(dataset, 0, "MRTimingAndRelatedParametersSequence") or dataset
        times = (frame_group(dataset, 0, "MRModifierSequence") or {}).get("InversionTimes")
        inversion = times if times is None or isinstance(times, float | int) else next(iter(times), None)
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
        number=None if number is None or number == "" else int(number),
        image_type=read_image_type(dataset),
        echo_time=_milliseconds(echo.get("EffectiveEchoTime" if multiframe else "EchoTime")),
        repetition_time=_milliseconds(timing.get("RepetitionTime")),
        inversion_time=_milliseconds(inversion),
        agent=agent or bool(dataset.get("ContrastBolusAgentSequence")),
        pixel_kind=tuple(
            str(dataset.get(name, ""))
            for name in ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "PixelRepresentation")
        ),
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


def _milliseconds(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None
