"""Measurements of a tumour mask in millimetres of the patient, and the class of the whole study."""

import dataclasses
from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import pdist

from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.study_result import StudyResult

_MIDLINE_MM = 10.0
_TOUCHING = np.ones((3, 3), bool)


@dataclasses.dataclass(frozen=True)
class StudyFinding:
    """The class of the whole study.

    Attributes:
        class_index: the class.
        tumour: whether it means a tumour.
        probability: of that class, in 0 .. 1, in the slice `slice_index`; the model's own, not
            calibrated.
        slice_index: the slice that the probability is taken from.
        tumour_slices: number of slices called a tumour.
    """

    class_index: int
    tumour: bool
    probability: float
    slice_index: int
    tumour_slices: int


def study_finding(result: StudyResult) -> StudyFinding:
    """Derives the class of the study from those of its slices.

    A study has a tumour where at least one slice was called one. Its class is then the tumour class
    that most slices were called, of equally many the one with the higher sum of probabilities, and
    its probability the highest that the class has in a slice so called. Where no slice was called a
    tumour, the probability is the lowest of "no tumour" in any slice.
    """
    tumour = np.array([index != result.no_tumour_class for index in result.predicted])
    count = int(tumour.sum())
    if result.no_tumour_class is not None and count == 0:
        column = result.probabilities[:, result.no_tumour_class]
        slice_index = int(column.argmin())
        return StudyFinding(result.no_tumour_class, False, float(column[slice_index]), slice_index, 0)
    votes = np.bincount(result.predicted[tumour], minlength=len(result.class_names))
    sums = np.where(votes == votes.max(), result.probabilities.sum(axis=0), -np.inf)
    chosen = int(sums.argmax())
    column = np.where(result.predicted == chosen, result.probabilities[:, chosen], -np.inf)
    slice_index = int(column.argmax())
    return StudyFinding(chosen, True, float(column[slice_index]), slice_index, count)


def volume_mm3(mask: np.ndarray, geometry: SliceStack) -> float:
    """Volume of a mask, bool [S, H, W]; 0 where it is empty.

    Each pixel counts its area times the depth of its slice.
    """
    pixels = mask.sum(axis=(1, 2)).astype(np.float64)
    return float((pixels * geometry.depths).sum() * geometry.spacing[0] * geometry.spacing[1])


def longest_diameter_mm(mask: np.ndarray, geometry: SliceStack) -> float:
    """Longest diameter of a mask, bool [S, H, W], within one slice.

    It is the largest distance between two pixel centres of one connected region (pixels that touch
    by side or corner) of one slice. No half pixels are added at the ends, so that a region of one
    pixel has 0 mm; an empty mask has 0 mm too.
    """
    longest = 0.0
    for slice_mask in mask[mask.any(axis=(1, 2))]:
        regions, _ = ndimage.label(slice_mask, structure=_TOUCHING)
        for number, box in enumerate(ndimage.find_objects(regions), 1):
            points = _row_ends(regions[box] == number) * np.array(geometry.spacing)
            if len(points) > 1:
                longest = max(longest, float(pdist(points).max()))
    return longest


def _row_ends(region: np.ndarray) -> np.ndarray:
    """(row, column) of the first and last pixel of each row; the two farthest apart are among them."""
    rows = np.flatnonzero(region.any(axis=1))
    first = region[rows].argmax(axis=1)
    last = region.shape[1] - 1 - region[rows, ::-1].argmax(axis=1)
    return np.unique(np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)]), axis=0)


def centroid_mm(mask: np.ndarray, geometry: SliceStack) -> np.ndarray:
    """Centre of mass [3] of a mask, bool [S, H, W], in DICOM's patient coordinates.

    Raises:
        ValueError: the mask is empty.
    """
    slices, rows, columns = np.nonzero(mask)
    if len(slices) == 0:
        raise ValueError("an empty mask has no centroid")
    return np.average(geometry.to_patient(slices, rows, columns), axis=0, weights=geometry.depths[slices])


def laterality(mask: np.ndarray, geometry: SliceStack) -> Literal["left", "right"] | None:
    """The patient's side on which a mask, bool [S, H, W], lies; None where the geometry leaves it
    open.

    The median plane of the head is not in the headers. Two planes stand for it, x = 0 of the
    patient coordinates and the middle of the imaged volume. A mask lies on a side where each of its
    pixel centres is more than 10 mm to that side of both planes; an empty mask lies on none.
    """
    if not mask.any():
        return None
    depth, height, width = mask.shape
    corners = np.array([(s, r, c) for s in (0, depth - 1) for r in (0, height - 1) for c in (0, width - 1)])
    across = geometry.to_patient(*corners.T)[:, 0]
    middle = float(across.min() + across.max()) / 2
    x = geometry.to_patient(*np.nonzero(mask))[:, 0]
    if x.min() > max(0.0, middle) + _MIDLINE_MM:
        return "left"
    if x.max() < min(0.0, middle) - _MIDLINE_MM:
        return "right"
    return None
