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
        series: what was taken for each contrast: series number, number of slices, whether it was
            resampled, and the share of the reference's voxels that it covers.
        instances: SOPInstanceUID of every image that was read, contrast by contrast.
    """

    volume: Volume
    headers: list[Any]
    frames: list[int | None]
    geometry: SliceStack
    series: Mapping[str, Mapping[str, Any]]
    instances: tuple[str, ...]


def read_study(sources: Sequence[Path], contrasts: Sequence[str], rules: ContrastRules, reference: str) -> Study:
    """Reads the contrasts of a study: all headers, then the pixels of the series that are needed.

    Args:
        sources: folders, zip archives and files that hold one study of one patient.
        contrasts: names of the contrasts, in the order of the channels.
        rules: which series is which contrast.
        reference: the contrast on whose grid the others are brought by their affines, where they
            differ.

    Raises:
        KgpError: there is no MR image; the files belong to several patients or studies; a contrast
            is missing or ambiguous; a series does not make one straight stack; the series do not
            lie in one frame of reference; or pixels cannot be read.
    """
    with quiet_libraries(), open_study(sources) as files:
        images, others = _images_by_series(files, _in_words(sources))
        chosen = _images_by_contrast(images, contrasts, rules)
        for one_series in chosen.values():
            refuse_other_slices(one_series, others)
        _check_frames_of_reference(chosen)
        return _read_onto({contrast: arrange_series(images) for contrast, images in chosen.items()}, reference)


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


def _images_by_contrast(
    images: Mapping[str, list[ImageHeader]], contrasts: Sequence[str], rules: ContrastRules
) -> dict[str, list[ImageHeader]]:
    """The images of the one series of each contrast."""
    unknown = [contrast for contrast in contrasts if contrast not in rules.contrasts]
    if unknown:
        raise KgpError(
            f"The rules have no section for {', '.join(unknown)}, which the model needs; give one with --rules."
        )
    if all(rules.is_left_out(one_series[0]) for one_series in images.values()):
        raise KgpError(f"The study holds localisers and computed series only: {_series_in_words(images, rules)}.")
    candidates = {uid: rules.contrasts_of(one_series[0]) & set(contrasts) for uid, one_series in images.items()}
    uids = {contrast: [uid for uid in images if contrast in candidates[uid]] for contrast in contrasts}
    faults = [
        f"{len(fitting) or 'no'} series for {contrast}" for contrast, fitting in uids.items() if len(fitting) != 1
    ]
    faults += [f"one series for {' and '.join(sorted(names))}" for names in candidates.values() if len(names) > 1]
    if faults:
        raise KgpError(
            f"The study has {' and '.join(faults)} where one for each of {', '.join(contrasts)} is expected; it holds "
            f"{_series_in_words(images, rules)}. A file of rules (--rules) can tell them apart."
        )
    return {contrast: images[fitting[0]] for contrast, fitting in uids.items()}


def _series_in_words(images: Mapping[str, list[ImageHeader]], rules: ContrastRules) -> str:
    """The series with what the rules look at."""
    in_words = []
    for one_series in sorted(
        images.values(), key=lambda one_series: (one_series[0].number or 0, one_series[0].series_uid)
    ):
        first = one_series[0]
        times = {"TE": first.echo_time, "TR": first.repetition_time, "TI": first.inversion_time}
        facts = [f"{sum(len(image.places) for image in one_series)} slices"]
        facts += [f"{name} {value:g}" for name, value in times.items() if value is not None]
        facts += ["contrast agent"] if first.agent else []
        names = sorted(rules.contrasts_of(first)) or ["left out" if rules.is_left_out(first) else "no rule fits"]
        number = "without number" if first.number is None else str(first.number)
        in_words.append(f"series {number} '{first.description}' ({', '.join(facts)}: {' or '.join(names)})")
    return "; ".join(in_words)


def _read_onto(series: Mapping[str, Series], reference: str) -> Study:
    """Reads the pixels of all contrasts onto the grid of one."""
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
    resampled = f", resampled to {reference}" if taken["resampled"] else ""
    _log.info("%s is series %s, %d slices%s.", contrast, taken["series"], taken["slices"], resampled)
