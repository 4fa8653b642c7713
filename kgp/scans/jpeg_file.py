"""Reading JPEG files.

Source: https://www.w3.org/Graphics/JPEG/itu-t81.pdf (B.1, B.2), and Exif 2.32 for the orientation.
"""

import re
import struct
from pathlib import Path

import numpy as np

from kgp.errors import KgpError
from kgp.scans.picture_decoding import check_size, decode

_START, _END, _SCAN, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_FRAMES = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
# The next marker behind compressed pixels, in which FF stands before 00 or a restart marker only.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ORIENTATION = 0x0112
_UPRIGHT = 1


def read_jpeg(path: Path, content: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Grey values [H, W] or colours [H, W, 3], uint8, and notes.

    The pixels are as they are stored. A camera's tag that asks viewers to turn them is not
    followed, as masks beside the picture have none; a note tells of it.

    Raises:
        KgpError: the file is cut short, damaged or absurdly large.
    """
    segments = _segments(content)
    picture = None
    if segments is not None:  # otherwise the decoder fills up what is missing with grey
        for code, data in segments:
            if code in _FRAMES and len(data) >= 6:
                height, width, components = struct.unpack_from(">HHB", data, 1)
                check_size(path, height * width * components)
        picture = decode(content)
    if segments is None or picture is None:
        raise KgpError(f"{path} is cut short, damaged or not a JPEG file.")
    turns = {_orientation(data) for code, data in segments if code == _APP1} - {_UPRIGHT, 0}
    notes = (
        f"asks viewers to turn it (EXIF orientation {turn}); its pixels are taken as they are stored." for turn in turns
    )
    return picture, tuple(notes)


def _segments(content: bytes) -> list[tuple[int, bytes]] | None:
    """Code and data of each segment up to the closing marker; None where that is never reached."""
    if content[:2] != bytes((0xFF, _START)):
        return None
    segments: list[tuple[int, bytes]] = []
    place = 2
    while place + 1 < len(content) and content[place] == 0xFF:
        code = content[place + 1]
        if code == _END:
            return segments
        if code == 0xFF:  # a marker may be filled up by any number of FF
            place += 1
            continue
        place += 2
        if code in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(content[place : place + 2], "big")
        segments.append((code, content[place + 2 : place + length]))
        place += max(length, 2)
        if code == _SCAN:
            marker = _MARKER.search(content, place)
            if marker is None:
                return None
            place = marker.start()
    return None


def _orientation(data: bytes) -> int:
    """The orientation 1 .. 8 in an APP1 segment; 0 where it holds none."""
    if not data.startswith(b"Exif\0\0"):
        return 0
    tiff = data[6:]
    order = "<" if tiff.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        return 0
    return 0
