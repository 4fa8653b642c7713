"""Bringing slices of any size and pixel spacing to squares, and results back.

A slice is padded to a physical square first, so that the anatomy keeps its proportions, and then
resized.
"""

import cv2
import numpy as np

from kgp.errors import KgpError

# Length over width of a pixel; the square around a slice of longer pixels could fill the memory.
LONGEST_PIXEL = 50.0


def fit_image(image: np.ndarray, size: int, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """Brings a slice to a square.

    Args:
        image: [H, W, C] of any numeric type.
        size: side of the result in pixels; 0 keeps the slice's own size.
        spacing: millimetres between rows and between columns; None for square pixels.

    Returns:
        float32 [size, size, C]; the padding has each contrast's lowest value. Shrinking averages,
        growing interpolates.

    Raises:
        KgpError: the pixels are more than `LONGEST_PIXEL` times as long as wide.
    """
    image = image.astype(np.float32)
    if keeps_grid(image.shape[0], image.shape[1], size, spacing):
        return image
    top, left, height, width = _square(image.shape[0], image.shape[1], spacing)
    padded = np.broadcast_to(image.min(axis=(0, 1)), (height, width, image.shape[2])).copy()
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    return _resized(padded, size, size)


def keeps_grid(height: int, width: int, size: int, spacing: tuple[float, float] | None = None) -> bool:
    """Whether `fit_image` keeps every pixel of a slice of height x width pixels as it is."""
    return size == 0 or ((height, width) == (size, size) == _square(height, width, spacing)[2:])


def fit_mask(mask: np.ndarray, size: int, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """Brings a mask to a square as `fit_image` does its slice.

    Args:
        mask: bool [H, W].
        size, spacing: see `fit_image`.

    Returns:
        bool [size, size]; a pixel is mask where at least half of it was. A mask that is not empty
        keeps at least one pixel.
    """
    share = fit_image(mask[..., None], size, spacing)[..., 0]
    fitted = share >= 0.5
    return fitted if fitted.any() or not mask.any() else share == share.max()


def fit_map(values: np.ndarray, size: int, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """A map [H, W] as `fit_image` fits its slice, but 0 in what was padded; float32 [size, size]."""
    # By parts, as `fit_image` pads with the lowest value.
    positive, negative = (
        fit_image(np.maximum(part, 0.0)[..., None], size, spacing)[..., 0] for part in (values, -values)
    )
    return positive - negative


def fitted_spacing(height: int, width: int, size: int, spacing: tuple[float, float]) -> tuple[float, float]:
    """Spacing of the pixels of a slice of height x width pixels after `fit_image`."""
    if size == 0:
        return spacing
    side = max(height * spacing[0], width * spacing[1])
    return side / size, side / size


def restore_map(values: np.ndarray, height: int, width: int, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """The inverse of `fit_image` for a heatmap: interpolation to the padded square, then cropping.

    Args:
        values: [size, size] or [size, size, K]; values that are not square were never fitted and
            are returned as they are.
        height, width: size of the original slice.
        spacing: as given to `fit_image`; None where size was 0.

    Returns:
        float32 [height, width] or [height, width, K].
    """
    values = values.astype(np.float32)
    if values.shape[0] != values.shape[1]:
        return values
    top, left, square_height, square_width = _square(height, width, spacing)
    return _resized(values, square_height, square_width)[top : top + height, left : left + width]


def restore_mask(mask: np.ndarray, height: int, width: int, spacing: tuple[float, float] | None = None) -> np.ndarray:
    """A mask bool [size, size] on the original slice's grid, bool [height, width]."""
    return restore_map(mask.astype(np.float32), height, width, spacing) >= 0.5


def fit_points(
    points: np.ndarray, height: int, width: int, size: int, spacing: tuple[float, float] | None = None
) -> np.ndarray:
    """Where points of a slice of height x width pixels lie after `fit_image`.

    Args:
        points: (row, column), [N, 2]; whole numbers are pixel centres.
        height, width: size of the slice.
        size, spacing: see `fit_image`.
    """
    if size == 0:
        return points.astype(np.float64)
    top, left, square_height, square_width = _square(height, width, spacing)
    return (points + (top + 0.5, left + 0.5)) * (size / square_height, size / square_width) - 0.5


def restore_points(
    points: np.ndarray, height: int, width: int, size: int, spacing: tuple[float, float] | None = None
) -> np.ndarray:
    """The inverse of `fit_points`; points in the padding lie outside of the slice."""
    if size == 0:
        return points.astype(np.float64)
    top, left, square_height, square_width = _square(height, width, spacing)
    return (points + 0.5) * (square_height / size, square_width / size) - (top + 0.5, left + 0.5)


def _square(height: int, width: int, spacing: tuple[float, float] | None) -> tuple[int, int, int, int]:
    """Top and left padding, and height and width of the physical square around a slice, in pixels.

    Raises:
        KgpError: see `fit_image`.
    """
    row, column = spacing or (1.0, 1.0)
    if not 0 < max(row, column) <= LONGEST_PIXEL * min(row, column):
        raise KgpError(f"Pixels of {row:g} x {column:g} mm cannot be brought to squares.")
    side = max(height * row, width * column)
    square_height, square_width = max(height, round(side / row)), max(width, round(side / column))
    return (square_height - height) // 2, (square_width - width) // 2, square_height, square_width


def _resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    if values.shape[:2] == (height, width):
        return values
    shrinks = height * width < values.shape[0] * values.shape[1]
    resized = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.reshape(height, width, *values.shape[2:])
