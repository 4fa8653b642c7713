"""Files that hold a DICOM data set, with or without the preamble and the mark before it."""

import struct
from typing import Any, BinaryIO

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from kgp.errors import KgpError

_PREAMBLE = 128  # bytes, of any content
_MARK = b"DICM"
HEAD = _PREAMBLE + len(_MARK)  # bytes that tell whether a file is DICOM
_META_GROUP, _FIRST_GROUP = 0x0002, 0x0008
_LONGEST_FIRST_VALUE = 1024  # bytes; ImageType and UIDs are far shorter
_PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # little endian, big endian


def data_start(head: bytes) -> int | None:
    """Where the file meta information or the data set begins; None in a file that is no DICOM file.

    Old scanners write data sets without preamble and mark: they begin with group 2 or 8.

    Args:
        head: the first HEAD bytes of the file, or all of a shorter one.
    """
    if head[_PREAMBLE:] == _MARK:
        return HEAD
    return 0 if _begins_data_set(head) else None


def cut_in_preamble(head: bytes) -> bool:
    """Whether a file ends within the preamble or the mark, with which files of DICOM begin."""
    return 0 < len(head) < HEAD and not any(head[:_PREAMBLE]) and _MARK.startswith(head[_PREAMBLE:])


def read_meta(stream: BinaryIO, start: int) -> Any:
    """The file meta information, empty where there is none (pydicom)."""
    stream.seek(start)
    return read_dataset(stream, False, True, stop_when=lambda tag, *_: tag >> 16 != _META_GROUP)


def read_data_set(stream: BinaryIO, **options: Any) -> Any:
    """The data set with its file meta information (pydicom).

    Args:
        stream: a file of which `data_start` has said that it is DICOM.
        options: of `pydicom.dcmread`.
    """
    stream.seek(0)
    return pydicom.dcmread(stream, force=True, **options)


def stands_before_pixels(stream: BinaryIO) -> bool:
    """Whether the pixels follow where reading a data set stopped."""
    return stream.read(4) in _PIXEL_TAGS


def is_deflated(meta: Any) -> bool:
    """Whether a data set is packed as a whole.

    pydicom would unpack it without a limit, and MR images never are packed so.
    """
    return meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def transfer_syntax(dataset: Any, name: str) -> UID:
    """The transfer syntax; where the file does not say it, as its first element looks.

    Raises:
        KgpError: the file does not say it, and its pixels are compressed.
    """
    if stated := dataset.file_meta.get("TransferSyntaxUID"):
        return UID(stated)
    if dataset["PixelData"].is_undefined_length:
        raise KgpError(f"{name} holds compressed pixels and does not say how (TransferSyntaxUID).")
    is_implicit, is_little_endian = dataset.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little_endian else ExplicitVRBigEndian


def _begins_data_set(head: bytes) -> bool:
    """Whether the first element is one that a data set or its file meta information begins with."""
    if len(head) < 8:
        return False
    group, element, length = struct.unpack("<HHI", head[:8])
    tag = group << 16 | element
    if group not in (_META_GROUP, _FIRST_GROUP) or not (element == 0 or dictionary_has_tag(tag)):
        return False
    expected = "UL" if element == 0 else dictionary_VR(tag)
    is_explicit = head[4:6] == expected.encode()
    return is_explicit or (group == _FIRST_GROUP and length % 2 == 0 and length <= _LONGEST_FIRST_VALUE)
