"""Reading one picture file: PNG, TIFF or NPY."""

from pathlib import Path

import cv2
import numpy as np

from kgp.errors import KgpError

ENDINGS = (".png", ".tif", ".tiff", ".npy")
_MOST_PIXELS = 1 << 26


def read_picture(path: Path) -> np.ndarray:
    """A picture as [H, W, C] in its own type; colours in the order red, green, blue.

    Raises:
        KgpError: the file is missing, cut short, of another kind, or absurdly large.
    """
    if not path.is_file():
        raise KgpError(f"{path} is missing.")
    if path.suffix.lower() not in ENDINGS:
        raise KgpError(f"{path} is not one of {', '.join(ENDINGS)}.")
    picture = _read_array(path) if path.suffix.lower() == ".npy" else _read_image(path)
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.size == 0:
        raise KgpError(f"{path} has shape {picture.shape} where [H, W] or [H, W, C] is expected.")
    return picture


def _read_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise KgpError(f"{path} cannot be read as an array: {error}.") from None
    if array.size > _MOST_PIXELS or array.dtype.kind not in "buif":
        raise KgpError(f"{path} holds {array.size} values of type {array.dtype}, which is no picture.")
    return np.array(array)


def _read_image(path: Path) -> np.ndarray:
    content = np.frombuffer(path.read_bytes(), np.uint8)
    if path.suffix.lower() == ".png" and content[-8:-4].tobytes() != b"IEND":
        raise KgpError(f"{path} is cut short or is not a PNG file.")
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    except cv2.error:
        picture = None
    if picture is None:
        raise KgpError(f"{path} cannot be read as a picture; it is damaged or of another kind.")
    if picture.ndim == 3 and picture.shape[2] == 4:
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if picture.ndim == 3 and picture.shape[2] == 3 else picture
