"""One volume of a NIfTI file that holds several: FILE[2] is the third one of FILE."""

import re
import zlib
from pathlib import Path

import nibabel

from kgp.errors import KgpError
from kgp.scans.grid import MOST_VOXELS

_NUMBERED = re.compile(r"(.+\.nii(?:\.gz)?)\[(\d+)\]", re.IGNORECASE)


def file_of(path: Path) -> Path:
    """The file that a path means: FILE for FILE[2], the path itself where there is no number."""
    return split_number(path)[0]


def split_number(path: Path) -> tuple[Path, int | None]:
    """The file and the number, from 0, of the volume in it; None where the path has no number, or
    a file is called so.
    """
    numbered = None if path.exists() else _NUMBERED.fullmatch(path.name)
    return (path.with_name(numbered[1]), int(numbered[2])) if numbered else (path, None)


def volume_of(image: nibabel.Nifti1Image, file: Path, number: int) -> nibabel.Nifti1Image:
    """One volume of an image [X, Y, Z, N] of a file, read.

    Raises:
        KgpError: the image has not four dimensions, or fewer volumes, or the file is damaged.
    """
    shape = image.shape
    if len(shape) != 4 or number >= shape[3]:
        raise KgpError(
            f"{file} holds {'x'.join(map(str, shape))} values, so there is no volume [{number}] (counted from 0) in it."
        )
    if shape[0] * shape[1] * shape[2] > MOST_VOXELS:
        raise KgpError(f"{file} claims {'x'.join(map(str, shape))} voxels, more than are read.")
    try:
        part = image.slicer[..., number]
    except (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise KgpError(f"{file} is cut short or damaged: {error}.") from None
    part.set_filename(str(file))
    return part
