"""The headers of a study's files: which are MR images, and what tells them apart. Pixels are not touched here."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
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
from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.files import StudyFile, printable
from kgp.scans.dicom.place import Place, frame_group, read_frame_places, read_place

MULTIFRAME = (EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
_MR = (MRImageStorage, *MULTIFRAME)
_ENDINGS = ("dcm", "dicom", "ima", "img", "mr")
_HEAD = 1024
_META = 132  # where the file meta information begins
_READ = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "PatientID", "PatientName", "Modality", "ImageType", "SeriesDescription", "SeriesNumber", "EchoTime", "RepetitionTime",
    "InversionTime", "ContrastBolusAgent", "ContrastBolusAgentSequence", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "BitsAllocated", "PixelRepresentation", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "SliceThickness", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_NEEDED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_UID = re.compile(r"[0-9.]{1,64}")
_NO_AGENT = ("", "NONE", "NO", "N", "0")


@dataclass(frozen=True)
class MrHeader:
    """One MR image, single-frame or multi-frame.

    Attributes:
        file: where it lies.
        uid, study, series: SOP instance, study and series UID.
        frame_of_reference: UID, "" where there is none.
        patient: what tells patients apart; never shown.
        multiframe: whether it is an enhanced object.
        description: SeriesDescription, "" where there is none, without the patient's name and number.
        number: SeriesNumber, None where there is none.
        image_type: values of ImageType in upper case.
        echo_time, repetition_time, inversion_time: milliseconds, None where it is not said.
        agent: whether a contrast agent is named.
        kind: what all images of a series must have in common to be read as grey values.
        places: one for each frame; empty where `lost` says why.
        lost: why the place is not known, as a sentence, or "".
    """

    file: StudyFile
    uid: str
    study: str
    series: str
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
    kind: tuple[str, ...]
    places: tuple[Place, ...]
    lost: str


@dataclass(frozen=True)
class OtherObject:
    """Something else that may lie in a study: another modality, a report, a text file.

    Attributes:
        what: its kind in words.
        series: its series UID, "" where it has none.
    """

    what: str
    series: str


def read_header(file: StudyFile) -> MrHeader | OtherObject:
    """Reads what tells one file from others.

    Raises:
        KgpError: the file is a damaged DICOM object, or could be one by its name and is none.
    """
    try:
        with file.open() as stream:
            head = stream.read(_HEAD)
            if head[128:132] != b"DICM":
                return _not_dicom(file, head)
            _refuse_deflated(file, stream)
            stream.seek(0)
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=_READ)
        return _header(file, dataset)
    except KgpError:
        raise
    except RecursionError:
        raise KgpError(f"{file.name} nests sequences too deeply to be read.") from None
    except DAMAGE as error:
        raise KgpError(f"{file.name} is cut short or damaged ({type(error).__name__}).") from None
    except OSError as error:
        raise KgpError(f"{file.name} cannot be read: {error.strerror or type(error).__name__}.") from None


def _refuse_deflated(file: StudyFile, stream: BinaryIO) -> None:
    """Refuses a data set that is packed as a whole: pydicom would unpack it without a limit, and MR images never are."""
    stream.seek(_META)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise KgpError(f"{file.name} is packed as a whole ({DeflatedExplicitVRLittleEndian.name}), which is not read.")


def _not_dicom(file: StudyFile, head: bytes) -> OtherObject:
    """Passes over what is plainly something else; an image cut short must not be missing without a word."""
    ending = file.name.rpartition("/")[2].rpartition(".")[2].lower() if "." in file.name.rpartition("/")[2] else ""
    text = bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)
    if ending in _ENDINGS or not (text or ending.isalpha()):
        raise KgpError(f"{file.name} is cut short or not a DICOM file.")
    return OtherObject("other file", "")


def _header(file: StudyFile, dataset: Any) -> MrHeader | OtherObject:
    kind = _text(dataset, "SOPClassUID")
    declared = str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    if not kind and UID(declared).name in ("Media Storage Directory Storage",):
        kind = declared
    if not kind or (declared and declared != kind):
        raise KgpError(f"{file.name} does not say which kind of object it is; it is damaged.")
    series = _text(dataset, "SeriesInstanceUID")
    modality = _text(dataset, "Modality")
    if kind not in _MR:
        return OtherObject(UID(kind).name if UID(kind).name != kind else "unknown object", series)
    if modality not in ("MR", ""):
        # An image must not be missing without a word because its header was damaged.
        raise KgpError(f"{file.name} is stored as an MR image and says that its modality is another.")
    missing = [name for name in _NEEDED if not _text(dataset, name)]
    if missing:
        raise KgpError(f"{file.name} is an MR image without {', '.join(missing)}.")
    for name in (*_NEEDED, "FrameOfReferenceUID"):
        if not _UID.fullmatch(_text(dataset, name) or "0"):
            raise KgpError(f"{file.name} has a {name} that is no UID; it is damaged.")
    return _mr_header(file, dataset, kind in MULTIFRAME)


def _mr_header(file: StudyFile, dataset: Any, multiframe: bool) -> MrHeader:
    patient = (_text(dataset, "PatientID"), str(dataset.get("PatientName") or ""))
    places, lost = _places(file, dataset, multiframe)
    number = dataset.get("SeriesNumber")
    echo, timing, inversion = dataset, dataset, dataset.get("InversionTime")
    if multiframe:
        echo = frame_group(dataset, 0, "MREchoSequence") or dataset
        timing = frame_group(dataset, 0, "MRTimingAndRelatedParametersSequence") or dataset
        times = (frame_group(dataset, 0, "MRModifierSequence") or {}).get("InversionTimes")
        inversion = times if times is None or isinstance(times, float | int) else next(iter(times), None)
    agent = _text(dataset, "ContrastBolusAgent").strip().upper() not in _NO_AGENT
    return MrHeader(
        file=file,
        uid=_text(dataset, "SOPInstanceUID"),
        study=_text(dataset, "StudyInstanceUID"),
        series=_text(dataset, "SeriesInstanceUID"),
        frame_of_reference=_text(dataset, "FrameOfReferenceUID"),
        patient=patient,
        multiframe=multiframe,
        description=_without(patient, _text(dataset, "SeriesDescription")),
        number=None if number is None or number == "" else int(number),
        image_type=tuple(str(one).upper() for one in _values(dataset, "ImageType")),
        echo_time=_milliseconds(echo.get("EffectiveEchoTime" if multiframe else "EchoTime")),
        repetition_time=_milliseconds(timing.get("RepetitionTime")),
        inversion_time=_milliseconds(inversion),
        agent=agent or bool(dataset.get("ContrastBolusAgentSequence")),
        kind=tuple(
            str(dataset.get(name, ""))
            for name in ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "PixelRepresentation")
        ),
        places=places,
        lost=lost,
    )


def _places(file: StudyFile, dataset: Any, multiframe: bool) -> tuple[tuple[Place, ...], str]:
    """The places of the frames, or why there are none: that matters only where the series is used."""
    try:
        if multiframe:
            return tuple(read_frame_places(dataset, file.name)), ""
        return (read_place(dataset, file.name),), ""
    except KgpError as error:
        return (), str(error)


def _text(dataset: Any, name: str) -> str:
    """The one value of an attribute as text; "" where there is none."""
    value = dataset.get(name)
    return "" if value is None else str(value)


def _values(dataset: Any, name: str) -> Sequence[Any]:
    value = dataset.get(name)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _milliseconds(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _without(patient: tuple[str, str], description: str) -> str:
    """A description for messages and rules, without control characters and the patient's name and number."""
    shown = printable(description)[:64]
    for word in (patient[0], *patient[1].replace("=", "^").split("^")):
        if len(word) > 2:
            start = shown.lower().find(word.lower())
            while start >= 0:
                shown = shown[:start] + "..." + shown[start + len(word) :]
                start = shown.lower().find(word.lower(), start + 3)
    return shown
