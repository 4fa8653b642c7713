"""What a user gives as images, as an array of numbers."""

from typing import Any

import numpy as np

from kgp.errors import KgpError


def number_array(images: Any) -> np.ndarray:
    """Images as an array of numbers; a list of images of one size becomes a batch.

    Args:
        images: an array, or nested lists of numbers or arrays.

    Raises:
        KgpError: there are no numbers, images of several sizes, no pixel at all, or masked values.
    """
    try:
        array = np.asarray(images)
    except ValueError:  # NumPy's word for lists of several lengths
        sizes = list(dict.fromkeys(_size(image) for image in images))
        raise KgpError(f"A batch takes images of one size, not of {' and '.join(sizes[:2])}.") from None
    if array.dtype.kind not in "buif":
        given = f"an array of {array.dtype}" if array.ndim else " ".join(repr(images).split())[:80]
        raise KgpError(f"An image of numbers is expected, not {given}.")
    if array.size == 0:
        raise KgpError(
            f"An image with pixels, or a batch with images, is expected, not an array of shape {array.shape}."
        )
    if np.ma.is_masked(images):
        raise KgpError("The image has masked values; an array with a number at every pixel is expected.")
    return array


def _size(image: Any) -> str:
    """The shape of one image of a list, or what it is in the place of an image."""
    try:
        return str(np.shape(image)) if np.ndim(image) else type(image).__name__
    except ValueError:
        return "lists of several lengths"
