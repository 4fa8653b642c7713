"""Reading PNG files: values, transparency, and the numbers of a palette's colours.

Source: https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.errors import KgpError
from kgp.scans.picture_decoding import check_size, decode

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE, _GREY_WITH_ALPHA = 0, 3, 4  # colour types
_DEPTH, _COLOUR_TYPE = 24, 25  # bytes of the file


def read_png(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Grey values [H, W] or colours [H, W, 3], and the alpha channel [H, W] where there is one.

    Raises:
        KgpError: the file is cut short, damaged or absurdly large.
    """
    picture = None
    # The decoder prints messages of its own about a damaged file, so it does not get one.
    if _is_whole(content):
        width, height = struct.unpack(">II", content[16:24])
        check_size(path, width * height)
        picture = decode(content)
    if picture is None:
        raise KgpError(f"{path} is cut short, damaged or not a PNG file.")
    if picture.ndim == 2 or picture.shape[2] != 4:
        return picture, None
    grey = content[_COLOUR_TYPE] == _GREY_WITH_ALPHA
    return picture[..., 0] if grey else picture[..., :3], picture[..., 3]


def palette_numbers(content: bytes) -> np.ndarray | None:
    """The numbers [H, W] uint8 of the colours in a PNG with a palette; None for any other PNG.

    Args:
        content: a file that `read_png` could read.
    """
    if content[_COLOUR_TYPE] != _PALETTE:
        return None
    # The same pixels without their palette are a grey picture; the decoder stretches it to 0 .. 255.
    header = bytearray(content[16:29])
    header[_COLOUR_TYPE - 16] = _GREY
    grey = _SIGNATURE + _chunk(b"IHDR", bytes(header))
    for kind, data in _chunks(content):
        if kind in (b"IDAT", b"IEND"):
            grey += _chunk(kind, data)
    numbers = decode(grey)
    return None if numbers is None else numbers // (255 // ((1 << content[_DEPTH]) - 1))


def _is_whole(content: bytes) -> bool:
    """Whether the header comes first, and all chunks up to the closing one have their checksums."""
    if not content.startswith(_SIGNATURE) or content[12:16] != b"IHDR":
        return False
    start = len(_SIGNATURE)
    while start + 12 <= len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        end = start + 8 + length
        if zlib.crc32(content[start + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            return False
        if content[start + 4 : start + 8] == b"IEND":
            return True
        start = end + 4
    return False


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk of a whole file."""
    start = len(_SIGNATURE)
    while start + 12 <= len(content):
        end = start + 8 + int.from_bytes(content[start : start + 4], "big")
        yield content[start + 4 : start + 8], content[start + 8 : end]
        start = end + 4


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
