"""One DICOM study: its MR series, the contrasts among them, and these as a volume on the grid of one of them."""

import collections
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.contrast_rules import ContrastRules
from kgp.scans.dicom.damage import quiet_libraries
from kgp.scans.dicom.files import StudyFile, open_study
from kgp.scans.dicom.header import MrHeader, OtherObject, read_header
from kgp.scans.dicom.pixels import read_pixels
from kgp.scans.dicom.place import stack
from kgp.scans.volume import Volume, coverage, on_grid

_log = logging.getLogger(__name__)
_LEAST_COVERAGE = 0.5
_ALL = 0.999


@dataclass(frozen=True)
class Study:
    """The contrasts of one study.

    Attributes:
        volume: intensities on the grid of the reference series; voxel axes are column, row, slice.
        headers: of the reference series without pixels (pydicom): one a slice in order along the normal, or the one of an
            enhanced object.
        frames: for each slice the 1-based number of its frame in an enhanced object, else None.
        series: what was taken for each contrast: series number, number of slices, whether it was resampled, and the share of
            the reference's voxels that it covers.
        instances: SOPInstanceUID of every image that was read, contrast by contrast.
    """

    volume: Volume
    headers: list[Any]
    frames: list[int | None]
    series: Mapping[str, Mapping[str, Any]]
    instances: tuple[str, ...]


@dataclass(frozen=True)
class _Stack:
    """One series in order.

    Attributes:
        images: single-frame images in order, or the one enhanced object.
        order: order of the frames, as indices; of the images where they have one each.
        affine: [4, 4] from (column, row, slice) to millimetres, right-anterior-superior.
    """

    images: list[MrHeader]
    order: list[int]
    affine: np.ndarray


def read_study(sources: Sequence[Path], contrasts: Sequence[str], rules: ContrastRules, reference: str) -> Study:
    """Reads the contrasts of a study, headers first and only then the pixels of the series that are needed.

    Args:
        sources: folders, zip archives and files that hold one study of one patient.
        contrasts: names of the contrasts, in the order of the channels.
        rules: which series is which contrast.
        reference: the contrast on whose grid the others are brought by their affines, where they differ.

    Raises:
        KgpError: there is no MR image; the files belong to several patients or studies; a contrast is missing or ambiguous; a
            series does not make one straight stack; the series do not lie in one frame of reference; or pixels cannot be read.
    """
    with quiet_libraries(), open_study(sources) as files:
        series = _series(files, " and ".join(map(str, sources)))
        chosen = _choose(series, contrasts, rules)
        frames_of_reference = {header.frame_of_reference for images in chosen.values() for header in images}
        if frames_of_reference == {""} or len(frames_of_reference) > 1:
            raise KgpError(
                f"The series for {', '.join(contrasts)} do not lie in one frame of reference (FrameOfReferenceUID), so they "
                "cannot be laid over each other."
            )
        stacks = {contrast: _stack(images) for contrast, images in chosen.items()}
        return _assemble(stacks, reference)


def _series(files: Sequence[StudyFile], where: str) -> dict[str, list[MrHeader]]:
    """The MR images by series UID, all of one patient and study."""
    series: dict[str, list[MrHeader]] = collections.defaultdict(list)
    others: list[OtherObject] = []
    for file in files:
        header = read_header(file)
        if isinstance(header, OtherObject):
            others.append(header)
        else:
            series[header.series].append(header)
    kinds = collections.Counter(other.what for other in others)
    left = ", ".join(f"{count} x {what}" for what, count in sorted(kinds.items()))
    if not series:
        raise KgpError(f"{where} holds no MR image" + (f"; it holds {left}." if left else "; it holds no file at all."))
    mixed = {other.series for other in others} & set(series)
    if mixed:
        first = series[mixed.pop()][0]
        raise KgpError(f"The series of {first.file.name} mixes MR images with other objects ({left}).")
    headers = [header for images in series.values() for header in images]
    patients = {header.patient[0] or header.patient[1] for header in headers}
    studies = {header.study for header in headers}
    if len(patients) > 1:
        raise KgpError(
            f"{where} holds images of {len(patients)} patients; those of one study of one patient are expected."
        )
    if len(studies) > 1:
        raise KgpError(f"{where} holds images of {len(studies)} studies; those of one are expected.")
    if left:
        _log.info("Left out: %s.", left)
    return series


def _choose(
    series: Mapping[str, list[MrHeader]], contrasts: Sequence[str], rules: ContrastRules
) -> dict[str, list[MrHeader]]:
    """The one series of each contrast."""
    unknown = [contrast for contrast in contrasts if contrast not in rules.contrasts]
    if unknown:
        raise KgpError(
            f"The rules have no section for {', '.join(unknown)}, which the model needs; give one with --rules."
        )
    if all(rules.is_left_out(images[0]) for images in series.values()):
        raise KgpError(f"The study holds localisers and computed series only: {_listed(series, rules)}.")
    could_be = {uid: rules.contrasts_of(images[0]) & set(contrasts) for uid, images in series.items()}
    found = {contrast: [uid for uid in series if contrast in could_be[uid]] for contrast in contrasts}
    complaints = [f"{len(uids) or 'no'} series for {contrast}" for contrast, uids in found.items() if len(uids) != 1]
    complaints += [f"one series for {' and '.join(sorted(could))}" for could in could_be.values() if len(could) > 1]
    if complaints:
        raise KgpError(
            f"The study has {' and '.join(complaints)} where one for each of {', '.join(contrasts)} is expected; it holds "
            f"{_listed(series, rules)}. A file of rules (--rules) can tell them apart."
        )
    return {contrast: series[uids[0]] for contrast, uids in found.items()}


def _listed(series: Mapping[str, list[MrHeader]], rules: ContrastRules) -> str:
    """The series with what the rules look at."""
    lines = []
    for images in sorted(series.values(), key=lambda images: (images[0].number or 0, images[0].series)):
        first = images[0]
        numbers = {"TE": first.echo_time, "TR": first.repetition_time, "TI": first.inversion_time}
        words = [f"{name} {value:g}" for name, value in numbers.items() if value is not None]
        words += ["contrast agent"] if first.agent else []
        could = sorted(rules.contrasts_of(first)) or ["left out" if rules.is_left_out(first) else "no rule fits"]
        about = ", ".join([f"{sum(len(image.places) for image in images)} slices", *words])
        number = "without number" if first.number is None else str(first.number)
        lines.append(f"series {number} '{first.description}' ({about}: {' or '.join(could)})")
    return "; ".join(lines)


def _stack(images: list[MrHeader]) -> _Stack:
    """One series in order along its normal."""
    first = images[0]
    where = f"The series of {first.file.name}"
    for image in images:
        if image.lost:
            raise KgpError(image.lost)
        if image.kind != first.kind or image.multiframe != first.multiframe:
            raise KgpError(f"{image.file.name} holds another kind of pixels than {first.file.name} of the same series.")
    if first.multiframe and len(images) > 1:
        raise KgpError(f"{where} has {len(images)} multi-frame objects where one is expected.")
    doubled = [uid for uid, count in collections.Counter(image.uid for image in images).items() if count > 1]
    if doubled:
        names = [image.file.name for image in images if image.uid == doubled[0]]
        raise KgpError(f"{names[0]} and {names[1]} are the same image (SOPInstanceUID).")
    order, affine = stack(where, [place for image in images for place in image.places])
    return _Stack(images if first.multiframe else [images[index] for index in order], order, affine)


def _assemble(stacks: Mapping[str, _Stack], reference: str) -> Study:
    target = stacks[reference]
    rows, columns = target.images[0].places[0].shape
    shape = (columns, rows, len(target.order))
    data = np.empty((*shape, len(stacks)), np.float32)
    headers: list[Any] = []
    series = {}
    for channel, (contrast, one) in enumerate(stacks.items()):
        values, read = _read(one)
        share = coverage(values.shape, one.affine, shape, target.affine)
        if share < _LEAST_COVERAGE:
            raise KgpError(
                f"The series for {contrast} covers {share:.0%} of the one for {reference}; half is the least."
            )
        data[..., channel], resampled = on_grid(values, one.affine, shape, target.affine)
        if contrast == reference:
            headers = read
        number = one.images[0].number
        series[contrast] = {
            "series": number,
            "slices": len(one.order),
            "resampled": resampled,
            "covers": round(share, 3),
        }
        _log.info(
            "%s is series %s, %d slices%s.",
            contrast,
            number,
            len(one.order),
            f", resampled to {reference}" if resampled else "",
        )
        if share < _ALL:
            _log.warning(
                "%s covers %.0f %% of %s; the rest is filled with its lowest value.", contrast, 100 * share, reference
            )
    frames = [index + 1 if target.images[0].multiframe else None for index in target.order]
    instances = tuple(image.uid for one in stacks.values() for image in one.images)
    return Study(Volume(data, target.affine, tuple(stacks)), headers, frames, series, instances)


def _read(one: _Stack) -> tuple[np.ndarray, list[Any]]:
    """Intensities [columns, rows, slices] of a series, and its headers."""
    headers = []
    rows, columns = one.images[0].places[0].shape
    values = np.empty((len(one.order), rows, columns), np.float32)
    if one.images[0].multiframe:
        intensities, header = read_pixels(one.images[0])
        values[:] = intensities[one.order]
        headers.append(header)
    else:
        for index, image in enumerate(one.images):
            intensities, header = read_pixels(image)
            values[index] = intensities[0]
            headers.append(header)
    return values.transpose(2, 1, 0), headers
