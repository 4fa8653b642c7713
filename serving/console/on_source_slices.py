"""Findings on axial slices, brought to the slices of the source series for DICOM objects."""

from collections.abc import Mapping, Sequence

import numpy as np

from kgp.prediction.stack import StackPoint, StackPrediction, inside
from kgp.runtime.description import Description
from kgp.scans.dicom.study import Study
from kgp.scans.grid import Grid
from kgp.scans.volume import to_volume, to_voxels
from serving.console.overlays import slice_overlays
from serving.dicom_output.radiological_view import radiological_view
from serving.dicom_output.study_result import StudyResult

NOT_AXIAL = (
    "The series is not axial: the model read axial cuts through it. A slice of the series stands for the cut called a tumour "
    "with the highest probability among those whose mask or evidence points lie in it, and where there is none for the most "
    "suspicious cut not called a tumour."
)
_MOST_POINTS = 5  # evidence points of a slice that go into DICOM objects
_SourcePoint = tuple[float, float, float, float]  # source slice, row, column, contribution


def on_source_slices(
    study: Study,
    grid: Grid,
    prediction: StackPrediction,
    network: Description,
    reading_name: str,
    model: Mapping[str, str],
    shown: np.ndarray,
) -> StudyResult:
    """The findings slice by slice of the source series.

    Where the source slices are axial, each is one slice that the network saw. Otherwise see
    `NOT_AXIAL`.

    Args:
        study: the headers of the reference series.
        grid: its grid.
        prediction: of the axial slices of that grid, with evidence.
        network: what the network is.
        reading_name: name of the reading.
        model: name, version and SHA-256 of the network's file.
        shown: the contrast of the overlays on the axial slices, float32 [D, H, W].
    """
    arrays = (prediction.masks, prediction.maps, shown)
    mask, heatmap, picture = (_on_source(values, grid) for values in arrays)
    probabilities, predicted = _classes_of_slices(prediction, network)
    is_tumour = predicted != network.no_tumour_class
    points_of_cuts = _points_of_cuts(prediction, is_tumour, grid)
    cuts, axial = _cut_of_source(prediction, probabilities, is_tumour, points_of_cuts, grid)
    points: list[list[StackPoint]] = [[] for _ in range(len(mask))]
    for source, row, column, contribution in (point for cut in points_of_cuts for point in cut):
        points[round(source)].append(StackPoint(row, column, contribution))
    spacing = (grid.spacing[1], grid.spacing[0])
    return StudyResult(
        sources=study.headers,
        frames=study.frames,
        geometry=study.geometry,
        mask=mask,
        heatmap=heatmap,
        probabilities=probabilities[cuts],
        predicted=predicted[cuts],
        class_names=network.class_names,
        no_tumour_class=network.no_tumour_class,
        points=points,
        overlays=slice_overlays(picture, mask, heatmap, points, spacing, radiological_view(study.geometry)),
        model=model,
        reading=reading_name,
        remark="" if axial else NOT_AXIAL,
        instances=study.instances,
        series=study.series,
    )


def _on_source(stack: np.ndarray, grid: Grid) -> np.ndarray:
    """Axial slices [D, H, W] on the source's slices [S, rows, columns]."""
    return np.ascontiguousarray(to_volume(stack, grid).transpose(2, 1, 0))


def _classes_of_slices(prediction: StackPrediction, network: Description) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [D, K] and class [D] of each axial slice.

    A black slice is called "no tumour". Where no class means that, it gets the class of most slices
    and even probabilities.
    """
    classes = len(network.class_names)
    if network.no_tumour_class is None:
        black_class = int(np.bincount([call.predicted_class for call in prediction.calls if call]).argmax())
        black_probabilities = np.full(classes, 1.0 / classes)
    else:
        black_class = network.no_tumour_class
        black_probabilities = np.eye(classes)[network.no_tumour_class]
    # With the digits of slices.csv, so that both choose the same slice among equals.
    probabilities = [call.probabilities.round(6) if call else black_probabilities for call in prediction.calls]
    predicted = [call.predicted_class if call else black_class for call in prediction.calls]
    return np.array(probabilities, np.float64), np.array(predicted)


def _points_of_cuts(prediction: StackPrediction, is_tumour: np.ndarray, grid: Grid) -> list[list[_SourcePoint]]:
    """The strongest evidence points of each slice called a tumour, in the source series."""
    shape = prediction.masks.shape
    points_of_cuts: list[list[_SourcePoint]] = []
    for index, call in enumerate(prediction.calls):
        strongest = call.points[:_MOST_POINTS] if call and call.points and is_tumour[index] else ()
        points = inside(strongest, shape[1:])
        voxels = to_voxels(np.array([(index, point.row, point.column) for point in points]).reshape(-1, 3), shape, grid)
        points_of_cuts.append(
            [(z, y, x, point.contribution) for (x, y, z), point in zip(voxels.tolist(), points, strict=True)]
        )
    return points_of_cuts


def _cut_of_source(
    prediction: StackPrediction,
    probabilities: np.ndarray,
    is_tumour: np.ndarray,
    points_of_cuts: Sequence[Sequence[_SourcePoint]],
    grid: Grid,
) -> tuple[np.ndarray, bool]:
    """The axial slice that each source slice stands for, and whether the series is axial."""
    shape = prediction.masks.shape
    own = _on_source(np.broadcast_to(np.arange(shape[0])[:, None, None], shape), grid)
    if (own == own[:, :1, :1]).all():
        return own[:, 0, 0], True
    certainty = probabilities.max(axis=1)
    # Among slices called "no tumour" the most suspicious is the one with the lowest probability of
    # it.
    most_suspicious = int(np.where(is_tumour & ~is_tumour.all(), 2.0, certainty).argmin())
    touched = np.zeros((len(own), shape[0]), bool)
    mask = _on_source(prediction.masks, grid)
    for source in range(len(own)):
        touched[source, np.unique(own[source][mask[source]])] = True
    for cut, points in enumerate(points_of_cuts):
        touched[[round(point[0]) for point in points], cut] = True
    surest_tumour = np.where(touched, certainty, -1.0).argmax(axis=1)
    return np.where(touched.any(axis=1), surest_tumour, most_suspicious), False
