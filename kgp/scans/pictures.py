"""Reading one picture file: PNG, TIFF or NPY."""

import io
import struct
import tokenize
import zlib
from pathlib import Path

import cv2
import numpy as np
import tifffile

from kgp.errors import KgpError

ENDINGS = (".png", ".tif", ".tiff", ".npy")
# To refuse a file that is no picture before it fills the memory: 64 M values, and 512 MB of file.
_MOST_VALUES = 1 << 26
_MOST_BYTES = 1 << 29
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_GREY_WITH_ALPHA = 4  # colour type, byte 25 of the file
_NPY_SIGNATURE = b"\x93NUMPY"
_TIFF_ERRORS = (
    tifffile.TiffFileError,
    zlib.error,
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
)


def read_picture(path: Path) -> np.ndarray:
    """A picture as [H, W, C] in its own type; colours in the order red, green, blue.

    Raises:
        KgpError: the file is missing, cut short, damaged, of another kind, or absurdly large.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise KgpError(f"{path} is not one of {', '.join(ENDINGS)}.")
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise KgpError(f"{path} has {size} bytes, which is no picture.")
        content = path.read_bytes()
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except OSError as error:
        raise KgpError(f"{path} cannot be read: {error.strerror}.") from None
    picture = {".npy": _read_npy, ".png": _read_png}.get(ending, _read_tiff)(path, content)
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.size == 0:
        raise KgpError(f"{path} has shape {picture.shape} where [H, W] or [H, W, C] is expected.")
    _check_size(path, picture.size)
    if picture.dtype.kind not in "buif":
        raise KgpError(f"{path} holds values of type {picture.dtype}, which is no picture.")
    return picture


def _check_size(path: Path, values: int) -> None:
    if values > _MOST_VALUES:
        raise KgpError(f"{path} claims {values} values, which is no picture.")


def _read_npy(path: Path, content: bytes) -> np.ndarray:
    if not content.startswith(_NPY_SIGNATURE):  # np.load takes archives too
        raise KgpError(f"{path} cannot be read as an array: it is cut short or not an NPY file.")
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, tokenize.TokenError) as error:
        raise KgpError(f"{path} cannot be read as an array: {error}.") from None


def _read_png(path: Path, content: bytes) -> np.ndarray:
    picture = None
    # The decoder prints messages of its own about a damaged file, so it does not get one.
    if _is_whole_png(content):
        width, height = struct.unpack(">II", content[16:24])
        _check_size(path, width * height)
        picture = _decode(content)
    if picture is None:
        raise KgpError(f"{path} is cut short, damaged or not a PNG file.")
    if content[25] == _PNG_GREY_WITH_ALPHA and picture.ndim == 3:
        return picture[..., [0, 3]]
    return picture


def _is_whole_png(content: bytes) -> bool:
    """Whether the header comes first, and all chunks up to the closing one have their checksums."""
    if not content.startswith(_PNG_SIGNATURE) or content[12:16] != b"IHDR":
        return False
    start = len(_PNG_SIGNATURE)
    while start + 12 <= len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        end = start + 8 + length
        if zlib.crc32(content[start + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            return False
        if content[start + 4 : start + 8] == b"IEND":
            return True
        start = end + 4
    return False


def _read_tiff(path: Path, content: bytes) -> np.ndarray:
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            page, pages = tiff.pages.first, len(tiff.pages)
            planes_first = page.axes == "SYX"
            _check_size(path, page.size)
            picture = _decode(content) if page.compression == tifffile.COMPRESSION.LZW else page.asarray()
    except KgpError:
        raise
    except _TIFF_ERRORS as error:
        raise KgpError(f"{path} is cut short, damaged or not a TIFF file ({error}).") from None
    if pages != 1:
        raise KgpError(f"{path} has {pages} pages where one is expected.")
    # OpenCV knows LZW, which tifffile does not, but takes extra samples for transparency.
    if picture is None or picture.shape != page.shape:
        raise KgpError(f"{path} is damaged, or a TIFF of a kind that cannot be read; save it as PNG or NPY.")
    return np.moveaxis(picture, 0, -1) if planes_first else picture


def _decode(content: bytes) -> np.ndarray | None:
    """The picture as OpenCV reads it, with the file's order of colours; None where it cannot."""
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if picture is None or picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)
