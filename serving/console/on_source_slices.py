"""What was found on axial slices, told of the slices of the source series: the shape that DICOM objects are written from."""

from collections.abc import Mapping, Sequence

import numpy as np

from kgp.prediction.stack import CaseResult
from kgp.runtime.runtime import Runtime
from kgp.scans.dicom.study import Study
from kgp.scans.grid import Grid
from kgp.scans.volume import to_volume, to_voxels
from serving.console.inference import Findings
from serving.console.overlays import slice_overlays
from serving.dicom_output.study_result import StudyResult

CUTS = (
    "The series is not axial: the model read axial cuts through it. A slice of the series stands for the cut called a tumour "
    "with the highest probability among those whose mask or evidence points lie in it, and where there is none for the most "
    "suspicious cut not called a tumour."
)
_Point = tuple[float, float, float]


def tell_of_sources(
    study: Study,
    grid: Grid,
    findings: Findings,
    runtime: Runtime,
    reading: str,
    model: Mapping[str, str],
    shown: np.ndarray,
) -> StudyResult:
    """The findings slice by slice of the source series.

    Where the source slices are axial, each is one slice that the network saw. Otherwise see `CUTS`.

    Args:
        study: the headers of the reference series.
        grid: its grid.
        findings: on the axial slices of that grid.
        shown: the contrast of the overlays on the axial slices, float32 [D, H, W].
    """
    case = findings.case
    mask, heatmap, picture = (_sliced(values, grid) for values in (case.masks, case.maps, shown))
    probabilities, predicted = _calls(case, runtime)
    places = _places(findings, grid)
    called = predicted != runtime.no_tumour_class
    chosen, axial = _cut_of_source(case, probabilities, called, places, grid)
    points: list[list[_Point]] = [[] for _ in range(len(mask))]
    for found in places:
        for source, row, column, contribution in found:
            points[round(source)].append((row, column, contribution))
    spacing = (grid.spacing[1], grid.spacing[0])
    return StudyResult(
        sources=study.headers,
        frames=study.frames,
        geometry=study.geometry,
        mask=mask,
        heatmap=heatmap,
        probabilities=probabilities[chosen],
        predicted=predicted[chosen],
        class_names=runtime.class_names,
        no_tumour_class=runtime.no_tumour_class,
        points=points,
        overlays=slice_overlays(picture, mask, heatmap, points, spacing),
        model=model,
        reading=reading,
        remark="" if axial else CUTS,
        instances=study.instances,
    )


def _sliced(stack: np.ndarray, grid: Grid) -> np.ndarray:
    """Axial slices [D, H, W] on the source's slices [S, rows, columns]."""
    return np.ascontiguousarray(to_volume(stack, grid).transpose(2, 1, 0))


def _calls(case: CaseResult, runtime: Runtime) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [D, K] and class [D] of each axial slice.

    A black slice is called "no tumour"; where no class means that, what most slices are called, with even probabilities.
    """
    names = list(runtime.class_names)
    none = runtime.no_tumour_class
    lit = [line for line in case.table if line["class"]]
    usual = np.bincount([names.index(line["class"]) for line in lit]).argmax() if none is None else none
    black = np.full(len(names), 1.0 / len(names)) if none is None else np.eye(len(names))[none]
    probabilities = [[line[f"p_{name}"] for name in names] if line["class"] else black for line in case.table]
    predicted = [names.index(line["class"]) if line["class"] else int(usual) for line in case.table]
    return np.array(probabilities, np.float64), np.array(predicted)


def _places(findings: Findings, grid: Grid) -> list[list[tuple[float, float, float, float]]]:
    """For each axial slice its evidence points as (source slice, row, column, contribution)."""
    shape = findings.case.masks.shape
    told = []
    for index, points in enumerate(findings.points):
        voxels = to_voxels(np.array([(index, row, column) for row, column, _ in points]).reshape(-1, 3), shape, grid)
        told.append([(z, y, x, point[2]) for (x, y, z), point in zip(voxels.tolist(), points, strict=True)])
    return told


def _cut_of_source(
    case: CaseResult,
    probabilities: np.ndarray,
    called: np.ndarray,
    places: Sequence[Sequence[tuple[float, float, float, float]]],
    grid: Grid,
) -> tuple[np.ndarray, bool]:
    """The axial slice that each source slice stands for, and whether that is simply itself; see `CUTS`."""
    shape = case.masks.shape
    own = _sliced(np.broadcast_to(np.arange(shape[0])[:, None, None], shape), grid)
    if (own == own[:, :1, :1]).all():
        return own[:, 0, 0], True
    certainty = probabilities.max(axis=1)
    # Among slices called "no tumour" the most suspicious is the one with the lowest probability of it.
    quiet = int(np.where(called & ~called.all(), 2.0, certainty).argmin())
    touched = np.zeros((len(own), shape[0]), bool)
    mask = _sliced(case.masks, grid)
    for source in range(len(own)):
        touched[source, np.unique(own[source][mask[source]])] = True
    for cut, found in enumerate(places):
        touched[[round(place[0]) for place in found], cut] = True
    loudest = np.where(touched, certainty, -1.0).argmax(axis=1)
    return np.where(touched.any(axis=1), loudest, quiet), False
