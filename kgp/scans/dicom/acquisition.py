"""What the header of an MR image says of how it was taken, as the rules for contrasts look at it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.tag import Tag

from kgp.scans.dicom.place import frame_group

_MOSAIC_CREATOR, _IMAGES_IN_MOSAIC = Tag(0x00190010), Tag(0x0019100A)
ATTRIBUTES = [
    "ProtocolName", "StudyDescription", "ScanningSequence", "AcquisitionContrast", "ComplexImageComponent",
    "VolumeBasedCalculationTechnique", "BodyPartExamined", "AnatomicRegionSequence", "ContrastBolusVolume", "AngioFlag",
    "EchoPulseSequence", "EchoPlanarPulseSequence", "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime",
    _MOSAIC_CREATOR, _IMAGES_IN_MOSAIC,
]  # fmt: skip
_PULSES = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}


@dataclass(frozen=True)
class Acquisition:
    """What a header says of how an image was taken. Texts are as they stand there; never shown.

    Attributes:
        description: SeriesDescription, or ProtocolName where there is none.
        other_descriptions: StudyDescription and ProtocolName, which may name the part of the body.
        body_parts: BodyPartExamined and the meaning of each AnatomicRegionSequence.
        scanning_sequence: values of ScanningSequence, or what the like of enhanced MR comes to.
        contrast: AcquisitionContrast of enhanced MR, "MIXED" where frames differ, "" where it is
            not known.
        agent: names of contrast agents.
        agent_volume: millilitres of it; 0 where the header does not say it.
        angiography: whether AngioFlag says so.
        mosaic: whether one picture holds many slices (Siemens).
        acquired: date and time, comparable as text; "" where they are not both known.
    """

    description: str = ""
    other_descriptions: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    scanning_sequence: tuple[str, ...] = ()
    contrast: str = ""
    agent: str = ""
    agent_volume: float = 0.0
    angiography: bool = False
    mosaic: bool = False
    acquired: str = ""


def read_acquisition(dataset: Any) -> Acquisition:
    """Reads it from a header with the elements ATTRIBUTES (pydicom), classic or enhanced."""
    frame_types = list(_items(dataset, "MRImageFrameTypeSequence"))
    contrasts = {value for item in (dataset, *frame_types) for value in _texts(item, "AcquisitionContrast")}
    contrasts -= {"UNKNOWN"}
    regions = [dataset, *_items(dataset, "FrameAnatomySequence")]
    meanings = [
        text for item in regions for code in item.get("AnatomicRegionSequence") or [] for text in _meaning(code)
    ]
    agents = [text for code in dataset.get("ContrastBolusAgentSequence") or [] for text in _meaning(code)]
    study, protocol = _text(dataset, "StudyDescription"), _text(dataset, "ProtocolName")
    return Acquisition(
        description=_text(dataset, "SeriesDescription") or protocol,
        other_descriptions=tuple(filter(None, (study, protocol))),
        body_parts=tuple(dict.fromkeys((*_texts(dataset, "BodyPartExamined"), *meanings))),
        scanning_sequence=tuple(_sequence(dataset)),
        contrast="MIXED" if len(contrasts) > 1 else next(iter(contrasts), ""),
        agent=" ".join(filter(None, (_text(dataset, "ContrastBolusAgent"), *agents))),
        agent_volume=_number(dataset, "ContrastBolusVolume"),
        angiography=_text(dataset, "AngioFlag").upper() == "Y",
        mosaic="MOSAIC" in _texts(dataset, "ImageType") or _images_in_mosaic(dataset) > 1,
        acquired=_acquired(dataset),
    )


def read_image_type(dataset: Any) -> tuple[str, ...]:
    """The values of ImageType, and after them what else is said of the type, in upper case.

    That is the type of each frame, its complex component and the technique of its calculation.
    """
    values = _texts(dataset, "ImageType")
    for item in (dataset, *_items(dataset, "MRImageFrameTypeSequence")):
        for name in ("FrameType", "ComplexImageComponent", "VolumeBasedCalculationTechnique"):
            values += _texts(item, name)
    return tuple(dict.fromkeys(values))


def _sequence(dataset: Any) -> Iterator[str]:
    """SE, GR, EP and IR, of ScanningSequence or of the attributes that enhanced MR has instead."""
    yield from _texts(dataset, "ScanningSequence")
    yield from _PULSES.get(_text(dataset, "EchoPulseSequence").upper(), ())
    if _text(dataset, "EchoPlanarPulseSequence").upper() == "YES":
        yield "EP"


def _images_in_mosaic(dataset: Any) -> int:
    creator, count = dataset.get(_MOSAIC_CREATOR), dataset.get(_IMAGES_IN_MOSAIC)
    if count is None or creator is None or "SIEMENS" not in str(creator.value).upper():
        return 0
    if isinstance(count.value, bytes):  # of a private element whose kind the file does not say
        return int.from_bytes(count.value[:2], "little")
    return count.value if isinstance(count.value, int) else 0


def _acquired(dataset: Any) -> str:
    together = _text(dataset, "AcquisitionDateTime")
    date, time = _text(dataset, "AcquisitionDate"), _text(dataset, "AcquisitionTime")
    return together or (date + time if date and time else "")


def _items(dataset: Any, group: str) -> Iterator[Any]:
    """A functional group of each frame; one that all share comes once."""
    seen = set()
    for frame in range(len(dataset.get("PerFrameFunctionalGroupsSequence") or [])):
        item = frame_group(dataset, frame, group)
        if item is not None and id(item) not in seen:
            seen.add(id(item))
            yield item


def _number(dataset: Any, name: str) -> float:
    """A number that is of use but that nothing depends on; 0 where there is none or text."""
    try:
        return float(dataset.get(name))
    except (TypeError, ValueError):
        return 0.0


def _meaning(code: Any) -> Sequence[str]:
    return _texts(code, "CodeMeaning")


def _text(dataset: Any, name: str) -> str:
    value = dataset.get(name)
    return "" if value is None else str(value).strip()


def _texts(dataset: Any, name: str) -> list[str]:
    """The values of an attribute in upper case; none for one that is missing or empty."""
    value = dataset.get(name)
    values = [] if value is None else [value] if isinstance(value, str) else list(value)
    return [str(one).strip().upper() for one in values if str(one).strip()]
