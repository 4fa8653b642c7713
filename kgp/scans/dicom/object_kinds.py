"""Kinds of DICOM objects: MR images, other images, and what holds no image."""

from typing import Any

from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MediaStorageDirectoryStorage,
    MRImageStorage,
)

MULTIFRAME = (EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
MR = (MRImageStorage, *MULTIFRAME)
DIRECTORY = MediaStorageDirectoryStorage


def kind_in_words(kind: str) -> str:
    """The name of a SOP class."""
    name = UID(kind).name
    return name if name != kind else "unknown object"


def is_image(kind: str, has_pixels: bool) -> bool:
    """Whether an object is an image: by its SOP class or, where that is private, by its pixels.

    Raw data and spectra have rows and columns and are none; so do the objects made from images
    (segmentations, parametric maps), which are no slices.
    """
    name = UID(kind).name
    return has_pixels if name == kind else "Image Storage" in name


def is_surely_no_image(kind: str) -> bool:
    """Whether a SOP class alone says that an object is no image.

    A class that is not known may be the rest of one that was cut short.
    """
    return UID(kind).name != kind and not is_image(kind, True)


def could_be_slice(kind: str, dataset: Any, has_pixels: bool) -> bool:
    """Whether an object in a series of MR images could be a slice under another name.

    A picture in colour without a position (a screen shot) could not.
    """
    is_colour = str(dataset.get("SamplesPerPixel") or "") == "3"
    return is_image(kind, has_pixels) and not (is_colour and not dataset.get("ImagePositionPatient"))
