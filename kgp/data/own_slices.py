"""Slices with a true mask on their own grid, kept beside the ones that preparation resized.

A training reads the resized slices alone. Masks are judged on these, so that figures of networks of
different sizes are comparable.
"""

import dataclasses
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from kgp.data.cohort import Cohort, SliceRow, read_image, read_mask
from kgp.errors import KgpError

_LEVEL = 1  # of compression: 5 ms a slice of 240 x 240 with four contrasts, a quarter of its bytes or less


@dataclasses.dataclass(frozen=True)
class OwnSlice:
    """A slice on the grid that its mask is judged on.

    Attributes:
        image: raw intensities float32 [H, W, C].
        mask: the true mask, bool [H, W]; None where the source has none.
        spacing: millimetres between rows and between columns, or None where unknown.
        fitted: whether the prepared slice was fitted to another grid, with this spacing.
    """

    image: np.ndarray
    mask: np.ndarray | None
    spacing: tuple[float, float] | None
    fitted: bool

    @property
    def fit_spacing(self) -> tuple[float, float] | None:
        """The spacing that brings a map of the prepared slice's grid back to this one."""
        return self.spacing if self.fitted else None


def write_own_slice(path: Path, image: np.ndarray, mask: np.ndarray) -> None:
    """Writes image [H, W, C] and mask [H, W] as the arrays "image" and "mask" of a .npz file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, array in (("image", image), ("mask", mask.astype(np.uint8))):
            entry = zipfile.ZipInfo(f"{name}.npy")  # without the time, so that equal slices are equal files
            entry.compress_type = zipfile.ZIP_DEFLATED
            values = io.BytesIO()
            np.save(values, np.ascontiguousarray(array))
            archive.writestr(entry, values.getbuffer(), compresslevel=_LEVEL)
    path.write_bytes(content.getbuffer())


def read_own_slice(cohort: Cohort, row: SliceRow) -> OwnSlice:
    """A slice on its own grid; the prepared slice where that is on it, or no other was kept.

    Raises:
        KgpError: the file is missing, damaged, or does not fit the cohort.
    """
    if not row.own:
        image, mask = read_image(cohort, row), read_mask(cohort, row)
        return OwnSlice(image, mask, _both(row.spacing_row, row.spacing_column), fitted=False)
    path = cohort.folder / row.own
    try:
        with np.load(path, allow_pickle=False) as arrays:
            image, mask = arrays["image"], arrays["mask"] > 0
    except FileNotFoundError:
        raise KgpError(f"{path} is missing; prepare the data again.") from None
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise KgpError(f"{path} cannot be read as a slice ({error}); prepare the data again.") from None
    if image.ndim != 3 or image.shape[2] != cohort.shape[2] or mask.shape != image.shape[:2]:
        raise KgpError(
            f"{path} has an image of shape {image.shape} and a mask of shape {mask.shape} where "
            f"{cohort.shape[2]} channels are expected."
        )
    return OwnSlice(image.astype(np.float32), mask, _both(row.own_spacing_row, row.own_spacing_column), fitted=True)


def _both(row: float | None, column: float | None) -> tuple[float, float] | None:
    return (row, column) if row and column else None
