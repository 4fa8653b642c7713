"""Pixels of DICOM images as rescaled intensities."""

import math
from typing import Any

import numpy as np
import pydicom
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
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.place import frame_group

_GREY = ("1", "MONOCHROME2")
_DEPTHS = ("8", "16")
# The compressions that are read where a decoder of pydicom is installed.
COMPRESSIONS = (
    *JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K,
    RLELossless,
)  # fmt: skip


def read_pixels(header: ImageHeader) -> tuple[np.ndarray, Any]:
    """Reads one image whose place is known.

    Returns:
        Intensities float32 [frames, rows, columns] in the order of the frames, and the whole header
        without the pixels, every value of it readable.

    Raises:
        KgpError: the pixels are not one grey value each, are cut short, or cannot be decoded.
    """
    name = header.file.name
    if header.pixel_kind[:2] != _GREY or header.pixel_kind[2] not in _DEPTHS:
        raise KgpError(
            f"{name} holds pixels of the kind {' '.join(header.pixel_kind[:3])}, not grey values of 8 or 16 bits."
        )
    try:
        with header.file.open() as stream:
            dataset = pydicom.dcmread(stream)
        if "PixelData" not in dataset or str(dataset.SOPInstanceUID) != header.instance_uid:
            raise KgpError(f"{name} is an image without pixels; it may be cut short.")
        _check_packing(dataset, name)
        pixels = dataset.pixel_array.reshape(len(header.places), *header.places[0].shape)
        intensities = _rescale(dataset, pixels, name)
        del dataset.PixelData
        for element in dataset.iterall():
            _ = element.value  # a value that cannot be read fails here and not when results are written
    except KgpError:
        raise
    except RecursionError:
        raise KgpError(f"{name} nests sequences too deeply to be read.") from None
    except DAMAGE as error:
        raise KgpError(f"{name}: the pixels or a header cannot be read ({type(error).__name__}).") from None
    return intensities, dataset


def _rescale(dataset: Any, pixels: np.ndarray, name: str) -> np.ndarray:
    """Stored values [frames, rows, columns] with slope and intercept of each frame, float32.

    Raises:
        KgpError: a slope or intercept is not a usable number.
    """
    intensities = pixels.astype(np.float32)
    multiframe = "PerFrameFunctionalGroupsSequence" in dataset
    for frame, values in enumerate(intensities):
        group = frame_group(dataset, frame, "PixelValueTransformationSequence") if multiframe else None
        slope = _number(group or dataset, "RescaleSlope", 1.0)
        intercept = _number(group or dataset, "RescaleIntercept", 0.0)
        if slope == 0 or not math.isfinite(slope) or not math.isfinite(intercept):
            raise KgpError(f"{name} rescales its values with slope {slope:g} and intercept {intercept:g}.")
        with np.errstate(over="ignore"):  # what is too large is refused below
            values *= slope
            values += intercept
    if not np.isfinite(intensities).all():
        raise KgpError(f"{name} holds values that are not finite after rescaling.")
    return intensities


def _number(dataset: Any, attribute: str, default: float) -> float:
    value = dataset.get(attribute)
    return default if value is None or value == "" else float(value)


def _check_packing(dataset: Any, name: str) -> None:
    """Refuses compressed pixels without a decoder, and others that do not fill the matrix.

    One byte of padding may follow.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        if syntax not in COMPRESSIONS or not get_decoder(syntax).is_available:
            raise KgpError(
                f"{name} is compressed as {syntax.name}, for which there is no decoder here; pip install 'kgp[console]' "
                "brings the usual ones."
            )
        return
    frames = int(dataset.get("NumberOfFrames") or 1)
    expected = frames * int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) not in (expected, expected + expected % 2):
        raise KgpError(f"{name} holds {len(dataset.PixelData)} bytes of pixels where {expected} are expected.")
