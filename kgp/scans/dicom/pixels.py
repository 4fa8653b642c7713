"""Pixels of DICOM images as rescaled intensities."""

import math
from typing import Any

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from kgp.errors import KgpError
from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.data_set_file import read_data_set, transfer_syntax
from kgp.scans.dicom.files import shown_text
from kgp.scans.dicom.header import PIXEL_KIND, ImageHeader
from kgp.scans.dicom.place import frame_group
from kgp.scans.dicom.stored_values import stored_values
from kgp.scans.dicom.values import leave_out_unreadable, number, whole_number

_GREY = ("1", "MONOCHROME2")
_DEPTHS = ("8", "16")
# The compressions that are read where a decoder of pydicom is installed.
COMPRESSIONS = (
    *JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K,
    RLELossless,
)  # fmt: skip


def read_pixels(header: ImageHeader) -> tuple[np.ndarray, Any, set[str]]:
    """Reads one image whose place is known.

    Returns:
        Intensities float32 [frames, rows, columns] in the order of the frames, NaN where the image
        is padded (PixelPaddingValue); the header without the pixels; and the attributes whose
        values could not be read and are not in it.

    Raises:
        KgpError: the pixels are not one grey value each, are cut short, or cannot be decoded.
    """
    name = header.file.name
    _check_kind(header)
    try:
        with header.file.open() as stream:
            dataset = read_data_set(stream)
        if "PixelData" not in dataset:
            raise KgpError(f"{name} is an image without pixels; it may be cut short.")
        if str(dataset.SOPInstanceUID) != header.instance_uid:
            raise KgpError(f"{name} was changed while it was read.")
        dataset.file_meta.TransferSyntaxUID = transfer_syntax(dataset, name)
        _check_packing(dataset, len(header.places), name)
        intensities = _rescale(dataset, *stored_values(dataset, len(header.places), name), name)
        del dataset.PixelData
        unreadable = leave_out_unreadable(dataset)
    except KgpError:
        raise
    except RecursionError:
        raise KgpError(f"{name} nests sequences too deeply to be read.") from None
    except DAMAGE as error:
        raise KgpError(f"{name}: the pixels or a header cannot be read ({type(error).__name__}).") from None
    return intensities, dataset, unreadable


def _check_kind(header: ImageHeader) -> None:
    kind = header.pixel_kind
    for attribute, value in zip(PIXEL_KIND, kind, strict=True):
        if not value:
            raise KgpError(f"{header.file.name} has no {attribute}.")
    if kind[:2] != _GREY or kind[2] not in _DEPTHS:
        raise KgpError(
            f"{header.file.name} holds pixels of the kind {' '.join(kind[:3])}, not grey values of 8 or 16 bits in "
            "which more is brighter (MONOCHROME2)."
        )


def _rescale(dataset: Any, values: np.ndarray, padded: np.ndarray, name: str) -> np.ndarray:
    """Stored values [frames, rows, columns] with slope and intercept of each frame, float32; NaN
    where they are padding.

    Raises:
        KgpError: a slope or intercept is not a usable number.
    """
    intensities = values.astype(np.float32)
    multiframe = "PerFrameFunctionalGroupsSequence" in dataset
    for frame, rescaled in enumerate(intensities):
        group = frame_group(dataset, frame, "PixelValueTransformationSequence") if multiframe else None
        slope = number(group or dataset, "RescaleSlope", name, 1.0)
        intercept = number(group or dataset, "RescaleIntercept", name, 0.0)
        if slope == 0:
            raise KgpError(f"{name} rescales its values with slope {slope:g} and intercept {intercept:g}.")
        with np.errstate(over="ignore"):  # what is too large is refused below
            rescaled *= slope
            rescaled += intercept
    if not np.isfinite(intensities).all():
        raise KgpError(f"{name} holds values that are not finite after rescaling.")
    intensities[padded] = math.nan
    return intensities


def _check_packing(dataset: Any, expected_frames: int, name: str) -> None:
    """Refuses another number of frames than is known, compressed pixels without a decoder, and
    others that do not fill the matrix.

    Zeros may follow, as old applications pad with them (PS3.5 8.1.1).
    """
    frames = whole_number(dataset, "NumberOfFrames", name, 1)
    if frames != expected_frames:
        raise KgpError(f"{name} claims {frames} frames where {expected_frames} are expected.")
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise KgpError(f"{name} is stored in the transfer syntax {shown_text(syntax)}, which is not known.")
    if syntax.is_encapsulated:
        if syntax not in COMPRESSIONS or not get_decoder(syntax).is_available:
            raise KgpError(
                f"{name} is compressed as {syntax.name}, for which there is no decoder here; pip install 'kgp[console]' "
                "brings the usual ones."
            )
        return
    expected = frames * int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) < expected or any(dataset.PixelData[expected:]):
        raise KgpError(f"{name} holds {len(dataset.PixelData)} bytes of pixels where {expected} are expected.")
