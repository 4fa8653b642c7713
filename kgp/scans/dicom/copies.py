"""Copies of one image, which count once."""

from collections.abc import Sequence
from typing import Any

from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.data_set_file import read_data_set
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import ImageHeader

_PADDING = 0xFFFCFFFC  # DataSetTrailingPadding


def without_copies(images: Sequence[ImageHeader]) -> list[ImageHeader]:
    """The images without those that have the SOPInstanceUID and the content of an earlier one.

    Images with one SOPInstanceUID and different content are all kept.
    """
    kept: dict[str, list[ImageHeader]] = {}
    for image in images:
        same_uid = kept.setdefault(image.instance_uid, [])
        if not any(_is_copy(image.file, other.file) for other in same_uid):
            same_uid.append(image)
    remaining = {id(image) for same_uid in kept.values() for image in same_uid}
    return [image for image in images if id(image) in remaining]


def _is_copy(one: StudyFile, other: StudyFile) -> bool:
    """Whether two files are equal byte by byte, or hold equal data sets."""
    try:
        with one.open() as stream, other.open() as other_stream:
            if stream.read() == other_stream.read():
                return True
            return bool(_content(stream) == _content(other_stream))
    except (*DAMAGE, OSError):
        return False


def _content(stream: Any) -> Any:
    """The data set without what says nothing: lengths of groups and padding at the end."""
    dataset = read_data_set(stream)
    for tag in list(dataset.keys()):
        if tag.element == 0 or tag == _PADDING:
            del dataset[tag]
    return dataset
