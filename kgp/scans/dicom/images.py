"""The images among the files of a study, and what lies there beside them and is left out."""

import collections
import logging
import re
from collections.abc import Sequence

from kgp.errors import KgpError
from kgp.scans.dicom.copies import without_copies
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import DICOM_ENDINGS, EMPTY, OTHER_FILE, ImageHeader, OtherObject, read_header

_log = logging.getLogger(__name__)
_COUNTED = re.compile(r"[0-9a-f]{6,}|[0-9][0-9a-z]*")  # what differs between the names of the files of one series
_MOST_NAMED = 3  # files in one sentence


def read_images(files: Sequence[StudyFile], *, mr_only: bool = True) -> tuple[list[ImageHeader], list[OtherObject]]:
    """Reads the headers of all files.

    Args:
        files: of one study or one series.
        mr_only: take images of other modalities for other objects.

    Returns:
        The images, each once however many copies there are, and what else there is, copies too.

    Raises:
        KgpError: a file is damaged, or could be an image by its first bytes or its name and is
            none.
    """
    headers = [read_header(file, mr_only=mr_only) for file in files]
    images = [header for header in headers if isinstance(header, ImageHeader)]
    others = [header for header in headers if isinstance(header, OtherObject)]
    _refuse_lost_images(images, others)
    kept = without_copies(images)
    return kept, others + (len(images) - len(kept)) * [OtherObject("identical copy", "")]


def left_out_in_words(others: Sequence[OtherObject]) -> str:
    """How many objects of which kinds there are beside the images, "" where there are none."""
    kinds = collections.Counter(other.kind for other in others)
    return ", ".join(f"{count} x {what}" for what, count in sorted(kinds.items()))


def tell_what_is_left_out(others: Sequence[OtherObject]) -> None:
    """Logs what lies beside the images; empty files that may have been images by name."""
    if others:
        _log.info("Left out: %s.", left_out_in_words(others))
    empty = [
        other.file.name
        for other in others
        if other.kind == EMPTY and other.file and other.file.location.suffix.lower() in DICOM_ENDINGS
    ]
    if empty:
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        _log.warning("Empty: %s%s; if these were images, fetch the series again.", ", ".join(empty[:_MOST_NAMED]), more)


def refuse_other_slices(images: Sequence[ImageHeader], others: Sequence[OtherObject]) -> None:
    """Refuses a series with an image of another kind in it, without which a slice could be missing.

    Raises:
        KgpError: there is one.
    """
    for other in others:
        if other.could_be_slice and other.series_uid == images[0].series_uid and other.file:
            raise KgpError(
                f"The series of {images[0].file.name} mixes MR images with other objects that could be slices: "
                f"{other.file.name} is stored as {other.kind}."
            )


def _refuse_lost_images(images: Sequence[ImageHeader], others: Sequence[OtherObject]) -> None:
    """Refuses a file without an object that is named as the images beside it are.

    Raises:
        KgpError: there is one; its content was lost, and a slice could be missing.
    """
    names = {_kind_of_name(image.file) for image in images}
    for other in others:
        if other.kind in (EMPTY, OTHER_FILE) and other.file and _kind_of_name(other.file) in names:
            what = "is empty" if other.kind == EMPTY else "is no DICOM file"
            raise KgpError(f"{other.file.name} {what} and is named as the images beside it are; its content was lost.")


def _kind_of_name(file: StudyFile) -> tuple[str, str]:
    """The folder of a file and its name without counters."""
    return str(file.location.parent), _COUNTED.sub("#", file.location.name.lower())
