"""Reading one picture file: PNG, JPEG, TIFF or NPY."""

import dataclasses
import io
import struct
import tokenize
import zlib
from pathlib import Path

import numpy as np
import tifffile

from kgp.errors import KgpError
from kgp.scans.jpeg_file import read_jpeg
from kgp.scans.picture_decoding import check_size, decode
from kgp.scans.png_file import palette_numbers, read_png

JPEG_ENDINGS = (".jpg", ".jpeg")
ENDINGS = (".png", *JPEG_ENDINGS, ".tif", ".tiff", ".npy")
_MOST_BYTES = 1 << 29  # to refuse a file that is no picture before it fills the memory
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
_GREY_COPY = "is grey but stored in colour (three equal channels), which count as one contrast."
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)


@dataclasses.dataclass(frozen=True)
class Picture:
    """What a picture file holds.

    Attributes:
        values: [H, W, C] in the file's own type; colours in the order red, green, blue.
        alpha: transparency [H, W], or None where there is none or all is opaque.
        palette_numbers: [H, W], the numbers of a palette's colours, or None without a palette.
        notes: sentences on what was done to read it and may be wrong, each beginning with a verb.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    palette_numbers: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def read_picture(path: Path) -> np.ndarray:
    """A picture as [H, W, C] in its own type; colours in the order red, green, blue.

    Raises:
        KgpError: the file is missing, cut short, damaged, of another kind, or absurdly large.
    """
    return open_picture(path).values


def read_slice(path: Path, channels: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """A picture as a slice for a network of that many channels, and notes on it.

    Returns:
        [H, W, C], where C is the file's own if it is not `channels`; the caller has to check it.

    Raises:
        KgpError: as for `read_picture`.
    """
    picture = open_picture(path)
    if channels == 1 and is_grey_copy(picture.values):
        return picture.values[..., :1], (*picture.notes, _GREY_COPY)
    return picture.values, picture.notes


def is_grey_copy(values: np.ndarray) -> bool:
    """Whether [H, W, C] is a grey picture stored in colour: three channels that are equal.

    JPEG keeps them exactly equal at any quality, so no tolerance is needed.
    """
    return values.shape[2] == 3 and bool((values == values[..., :1]).all())


def open_picture(path: Path) -> Picture:
    """All that a picture file holds; see `read_picture`."""
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
    numbers: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    if ending == ".png":
        values, alpha = read_png(path, content)
        numbers = palette_numbers(content)
    elif ending in JPEG_ENDINGS:
        (values, notes), alpha = read_jpeg(path, content), None
    elif ending == ".npy":
        values, alpha = _read_npy(path, content), None
    else:
        values, alpha = _read_tiff(path, content)
    values = values[..., None] if values.ndim == 2 else values
    _check_values(path, values)
    if alpha is not None and (alpha == _opaque(alpha.dtype)).all():
        alpha = None
    if alpha is not None:
        notes = (
            *notes,
            "has an alpha channel that is not opaque, which is transparency and no contrast; it was dropped.",
        )
    return Picture(values, alpha, numbers, notes)


def _check_values(path: Path, values: np.ndarray) -> None:
    if values.ndim != 3 or values.size == 0:
        raise KgpError(f"{path} has shape {values.shape} where [H, W] or [H, W, C] is expected.")
    check_size(path, values.size)
    if values.dtype.kind not in "buif":
        raise KgpError(f"{path} holds values of type {values.dtype}, which is no picture.")


def _opaque(dtype: np.dtype) -> float:
    """The value of an alpha channel where nothing shows through."""
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0


def _read_npy(path: Path, content: bytes) -> np.ndarray:
    if not content.startswith(_NPY_SIGNATURE):  # np.load takes archives too
        raise KgpError(f"{path} cannot be read as an array: it is cut short or not an NPY file.")
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, tokenize.TokenError) as error:
        raise KgpError(f"{path} cannot be read as an array: {error}.") from None


def _read_tiff(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Values [H, W] or [H, W, C], and the channel that is marked as alpha, if any."""
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            page, pages = tiff.pages.first, len(tiff.pages)
            planes_first = page.axes == "SYX"
            with_alpha = page.extrasamples[-1:] in [(mark,) for mark in _ALPHA]
            check_size(path, page.size)
            picture = decode(content) if page.compression == tifffile.COMPRESSION.LZW else page.asarray()
    except KgpError:
        raise
    except _TIFF_ERRORS as error:
        raise KgpError(f"{path} is cut short, damaged or not a TIFF file ({error}).") from None
    if pages != 1:
        raise KgpError(f"{path} has {pages} pages where one is expected.")
    # OpenCV knows LZW, which tifffile does not, but takes extra samples for transparency.
    if picture is None or picture.shape != page.shape:
        raise KgpError(f"{path} is damaged, or a TIFF of a kind that cannot be read; save it as PNG or NPY.")
    picture = np.moveaxis(picture, 0, -1) if planes_first else picture
    return (picture[..., :-1], picture[..., -1]) if with_alpha and picture.ndim == 3 else (picture, None)
