"""What readers of picture files share: the limit of size, and OpenCV's decoder."""

from pathlib import Path

import cv2
import numpy as np

from kgp.errors import KgpError

# To refuse a file that is no picture before it fills the memory.
MOST_VALUES = 1 << 26


def check_size(path: Path, values: int) -> None:
    """Refuses a picture of more than MOST_VALUES values.

    Raises:
        KgpError: see above.
    """
    if values > MOST_VALUES:
        raise KgpError(f"{path} claims {values} values, which is no picture.")


def decode(content: bytes) -> np.ndarray | None:
    """The picture as OpenCV reads it, with the file's order of colours; None where it cannot.

    The pixels are as they are stored: a tag that asks for a turn is not followed.
    """
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if picture is None or picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)
