"""One DICOM series in order: its images, where its slices lie, and their intensities.

Slices are ordered by position, never by file name or instance number.
"""

import collections
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.files import StudyFile, shown_text
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.images import read_images, tell_what_is_left_out
from kgp.scans.dicom.pixels import read_pixels
from kgp.scans.dicom.privacy import quiet_libraries
from kgp.scans.dicom.slice_stack import SliceStack, stack_slices
from kgp.scans.hidden_files import visible_entries
from kgp.scans.volume import Volume

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Series:
    """One series in order along its normal.

    Attributes:
        images: single-frame images in the order of the slices, or the one multi-frame object.
        frames: for each slice the 1-based number of its frame in the multi-frame object, else None.
        geometry: where the slices lie.
    """

    images: list[ImageHeader]
    frames: list[int | None]
    geometry: SliceStack


def read_dicom_series(folder: Path, contrast: str) -> Volume:
    """Reads the one series in a folder, without its subfolders.

    Args:
        folder: every image in it must belong to one series; other files are left out.
        contrast: name that the one channel is to have.

    Returns:
        The rescaled intensities with an affine in right-anterior-superior millimetres.

    Raises:
        KgpError: there is no image or there are several series; a position, orientation or spacing
            is missing; slices are doubled, missing, or not parallel; or a file is damaged.
    """
    paths = [path for path in visible_entries(folder) if path.is_file()]
    with quiet_libraries():
        images, others = read_images([StudyFile(shown_text(str(path)), path) for path in paths], mr_only=False)
        if not images:
            raise KgpError(f"{folder} holds no DICOM image.")
        descriptions = {image.series_uid: image.description for image in images}
        if len(descriptions) > 1:
            raise KgpError(
                f"{folder} holds {len(descriptions)} series ({', '.join(map(repr, descriptions.values()))}); give a "
                "folder with one."
            )
        tell_what_is_left_out(others)
        series = arrange_series(images)
        intensities, _ = read_intensities(series)
    return Volume(intensities[..., None], series.geometry.grid.affine, (contrast,))


def arrange_series(images: Sequence[ImageHeader]) -> Series:
    """Puts the images of one series in order along their normal.

    Args:
        images: all images of the series, in any order, without copies.

    Raises:
        KgpError: the images differ in kind, two have one SOPInstanceUID, a place is missing, or the
            slices do not make one straight stack.
    """
    first = images[0]
    where = f"The series of {first.file.name}"
    for image in images:
        if image.why_no_places:
            raise KgpError(image.why_no_places)
        if image.multiframe != first.multiframe:
            raise KgpError(f"{where} mixes single slices with multi-frame objects.")
        if image.pixel_kind != first.pixel_kind:
            raise KgpError(f"{image.file.name} holds another kind of pixels than {first.file.name} of the same series.")
    repeated = [uid for uid, count in collections.Counter(image.instance_uid for image in images).items() if count > 1]
    if repeated:
        names = [image.file.name for image in images if image.instance_uid == repeated[0]]
        raise KgpError(f"{names[0]} and {names[1]} have the same SOPInstanceUID and differ.")
    if first.multiframe and len(images) > 1:
        raise KgpError(f"{where} has {len(images)} multi-frame objects where one is expected.")
    order, geometry = stack_slices(where, [place for image in images for place in image.places])
    if first.multiframe:
        return Series([first], [index + 1 for index in order], geometry)
    return Series([images[index] for index in order], [None] * len(order), geometry)


def read_intensities(series: Series) -> tuple[np.ndarray, list[Any]]:
    """Reads the pixels of a series.

    Returns:
        Rescaled intensities float32 [columns, rows, slices], and the header of each image without
        pixels (pydicom).

    Raises:
        KgpError: the pixels of an image cannot be read.
    """
    stack = np.empty(series.geometry.shape, np.float32)
    headers: list[Any] = []
    unreadable: set[str] = set()
    if series.images[0].multiframe:
        intensities, header, unreadable = read_pixels(series.images[0])
        stack[:] = intensities[[frame - 1 for frame in series.frames if frame is not None]]
        headers.append(header)
    else:
        for index, image in enumerate(series.images):
            intensities, header, unreadable_here = read_pixels(image)
            stack[index] = intensities[0]
            headers.append(header)
            unreadable |= unreadable_here
    if unreadable:
        _log.info("Values that cannot be read are passed over: %s.", ", ".join(sorted(unreadable)))
    _fill_padding(stack)
    return stack.transpose(2, 1, 0), headers


def _fill_padding(stack: np.ndarray) -> None:
    """Makes padding (NaN) air: 0, or the lowest value of the others where that is below 0."""
    padded = np.isnan(stack)
    if padded.any():
        stack[padded] = np.min(stack, initial=0.0, where=~padded)
