"""One DICOM study: its MR series, which contrasts they are, and these as one volume."""

import collections
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.contrast_rules import ContrastRules
from kgp.scans.dicom.files import StudyFile, open_study
from kgp.scans.dicom.header import ImageHeader, OtherObject
from kgp.scans.dicom.images import left_out_in_words, read_images, refuse_other_slices, tell_what_is_left_out
from kgp.scans.dicom.privacy import quiet_libraries
from kgp.scans.dicom.series import Series, arrange_series, read_intensities
from kgp.scans.dicom.series_choice import choose_series
from kgp.scans.dicom.slice_stack import SliceStack
from kgp.scans.grid import resample
from kgp.scans.volume import Volume

_log = logging.getLogger(__name__)
_LEAST_SHARE = 0.5  # of the reference's voxels that a series must cover
_WHOLE_SHARE = 0.999  # from which on nothing is said of it


@dataclass(frozen=True)
class Study:
    """The contrasts of one study.

    Attributes:
        volume: intensities on the grid of the reference series; voxel axes are column, row, slice.
        headers: of the reference series without pixels (pydicom): one a slice in order along the
            normal, or the one of an enhanced object.
        frames: for each slice the 1-based number of its frame in an enhanced object, else None.
        geometry: where the slices of the reference series lie.
        series: what was taken for each contrast: series number, description without what tells who
            the patient is, why it was chosen, number of slices, whether it was resampled, and the
            share of the reference's voxels that it covers.
        instances: SOPInstanceUID of every image that was read, contrast by contrast.
    """

    volume: Volume
    headers: list[Any]
    frames: list[int | None]
    geometry: SliceStack
    series: Mapping[str, Mapping[str, Any]]
    instances: tuple[str, ...]


def read_study(
    sources: Sequence[Path],
    contrasts: Sequence[str],
    rules: ContrastRules,
    reference: str,
    assigned: Mapping[str, str] | None = None,
) -> Study:
    """Reads the contrasts of a study: all headers, then the pixels of the series that are needed.

    Args:
        sources: folders, zip archives and files that hold one study of one patient.
        contrasts: names of the contrasts, in the order of the channels.
        rules: which series is which contrast.
        reference: the contrast on whose grid the others are brought by their affines, where they
            differ.
        assigned: series numbers or SeriesInstanceUIDs by contrast, which need no rule.

    Raises:
        KgpError: there is no MR image; the files belong to several patients or studies; a contrast
            is missing or ambiguous, or an assigned series is; a series does not make one straight
            stack; the series do not lie in one frame of reference; or pixels cannot be read.
    """
    with quiet_libraries(), open_study(sources) as files:
        images, others = _images_by_series(files, _in_words(sources))
        chosen = choose_series(images, contrasts, rules, assigned or {})
        for choice in chosen.values():
            refuse_other_slices(choice.images, others)
        _check_frames_of_reference({contrast: choice.images for contrast, choice in chosen.items()})
        series = {contrast: arrange_series(choice.images) for contrast, choice in chosen.items()}
        return _read_onto(series, reference, {contrast: choice.why for contrast, choice in chosen.items()})


def series_in_words(contrast: str, taken: Mapping[str, Any]) -> str:
    """What was taken for a contrast and why, for people: an item of `Study.series`."""
    number = "a series without number" if taken["series"] is None else f"series {taken['series']}"
    return f"{contrast} is {number} '{taken['description']}': {taken['why']}"


def _images_by_series(files: Sequence[StudyFile], where: str) -> tuple[dict[str, list[ImageHeader]], list[OtherObject]]:
    """The MR images by series UID, all of one patient and study, and what else there is."""
    images, others = read_images(files)
    if not images:
        left_out = left_out_in_words(others)
        rest = f"it holds {left_out}" if left_out else "it holds no file at all, or hidden ones only"
        raise KgpError(f"{where} holds no MR image; {rest}.")
    patients = _count_patients(images)
    if any(image.patient == ("", "") for image in images) and patients > 1:
        raise KgpError(f"{where} holds images that name no patient beside such that do; those of one are expected.")
    studies = {image.study_uid for image in images}
    if patients > 1:
        raise KgpError(f"{where} holds images of {patients} patients; those of one study of one patient are expected.")
    if len(studies) > 1:
        raise KgpError(f"{where} holds images of {len(studies)} studies; those of one are expected.")
    tell_what_is_left_out(others)
    by_series: dict[str, list[ImageHeader]] = collections.defaultdict(list)
    for image in images:
        by_series[image.series_uid].append(image)
    return by_series, others


def _in_words(sources: Sequence[Path]) -> str:
    return str(sources[0]) if len(sources) == 1 else f"{sources[0]} with {len(sources) - 1} more"


def _count_patients(images: Sequence[ImageHeader]) -> int:
    """How many patients there are by their numbers and, of images without one, by their names."""
    numbers = {number for number, _ in (image.patient for image in images) if number}
    named = {name for number, name in (image.patient for image in images) if number}
    nameless = {name for number, name in (image.patient for image in images) if not number}
    return len(numbers) + len(nameless - named)


def _check_frames_of_reference(chosen: Mapping[str, Sequence[ImageHeader]]) -> None:
    """Refuses series that cannot be laid over each other, or results over them."""
    for contrast, one_series in chosen.items():
        silent = [image.file.name for image in one_series if not image.frame_of_reference]
        if silent:
            raise KgpError(f"{silent[0]} does not say in which frame of reference it lies (FrameOfReferenceUID).")
        if len({image.frame_of_reference for image in one_series}) > 1:
            raise KgpError(
                f"The images of the series for {contrast} do not lie in one frame of reference (FrameOfReferenceUID)."
            )
    if len({one_series[0].frame_of_reference for one_series in chosen.values()}) > 1:
        raise KgpError(
            f"The series for {', '.join(chosen)} do not lie in one frame of reference (FrameOfReferenceUID), so "
            "they cannot be laid over each other."
        )


def _read_onto(series: Mapping[str, Series], reference: str, why: Mapping[str, str]) -> Study:
    """Reads the pixels of all contrasts onto the grid of one; `why` says why each was chosen."""
    target = series[reference].geometry.grid
    data = np.empty((*target.shape, len(series)), np.float32)
    headers: list[Any] = []
    taken = {}
    for channel, (contrast, one_series) in enumerate(series.items()):
        intensities, read_headers = read_intensities(one_series)
        grid = one_series.geometry.grid
        share = target.share_inside(grid)
        if share < _LEAST_SHARE:
            raise KgpError(
                f"The series for {contrast} covers {share:.0%} of the one for {reference}; half is the least."
            )
        data[..., channel] = resample(intensities, grid, target)
        if contrast == reference:
            headers = read_headers
        taken[contrast] = {
            "series": one_series.images[0].number,
            "description": one_series.images[0].description,
            "why": why[contrast],
            "slices": len(one_series.frames),
            "resampled": not grid.is_same(target),
            "covers": round(share, 3),
        }
        _log_taken(contrast, taken[contrast], reference)
        if share < _WHOLE_SHARE:
            _log.warning(
                "%s covers %.0f %% of %s; the rest is filled with its lowest value.", contrast, 100 * share, reference
            )
    return Study(
        volume=Volume(data, target.affine, tuple(series)),
        headers=headers,
        frames=series[reference].frames,
        geometry=series[reference].geometry,
        series=taken,
        instances=tuple(image.instance_uid for one_series in series.values() for image in one_series.images),
    )


def _log_taken(contrast: str, taken: Mapping[str, Any], reference: str) -> None:
    """Without the description, as logs hold no text of a header."""
    resampled = f", resampled to {reference}" if taken["resampled"] else ""
    _log.info("%s is series %s, %d slices%s: %s.", contrast, taken["series"], taken["slices"], resampled, taken["why"])
