"""Refuses a result that cannot be written as DICOM, in one sentence and without a word about the patient."""

import numpy as np
import pydicom
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from kgp.errors import KgpError
from serving.dicom_output.study_result import ConsoleResult

_SINGLE = {MRImageStorage}
_MULTIFRAME = {EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage}
_ONE = {
    "StudyInstanceUID": "studies",
    "SeriesInstanceUID": "series",
    "FrameOfReferenceUID": "frames of reference",
    "PatientID": "patients",
}
_MODEL = ("name", "version", "sha256")


def check_result(result: ConsoleResult) -> None:
    """Checks sources and arrays against each other.

    Raises:
        KgpError: the sources are not MR images of one series and one frame of reference, or lack a UID; an array has another
            shape, type or range than `ConsoleResult` says; or the model is not named in full.
    """
    if len(result.sources) == 0 or len(result.frames) == 0:
        raise KgpError("The reference series has no slice.")
    _check_sources(result)
    _check_arrays(result)
    _check_classes(result)
    missing = [name for name in _MODEL if not result.model.get(name)]
    if missing:
        raise KgpError(f"The model is described without {', '.join(missing)}; name, version and sha256 are expected.")


def _check_sources(result: ConsoleResult) -> None:
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        if not all(isinstance(source.get(name), str) and source.get(name) for source in result.sources):
            raise KgpError(f"A slice of the reference series has not one {name}, so results cannot refer to it.")
    for name, plural in _ONE.items():
        count = len({str(source.get(name) or "") for source in result.sources})
        if count > 1:
            raise KgpError(f"The sources belong to {count} {plural}; the slices of one series are expected.")
    if len({source.SOPInstanceUID for source in result.sources}) < len(result.sources):
        raise KgpError("Two slices of the reference series have the same SOPInstanceUID.")
    allowed = _SINGLE if result.frames[0] is None else _MULTIFRAME
    kinds = {UID(str(source.get("SOPClassUID") or "")) for source in result.sources} - allowed
    if kinds:
        raise KgpError(f"The sources are {kinds.pop().name or 'of no SOP class'}; MR images are expected.")
    if len(set(result.frames)) < len(result.frames) and result.frames[0] is not None:
        raise KgpError("Two slices name the same frame of the reference series.")


def _check_arrays(result: ConsoleResult) -> None:
    source = result.sources[0]
    expected = (len(result.frames), _whole(source, "Rows"), _whole(source, "Columns"))
    for name, array, kind in (("mask", result.mask, np.bool_), ("heatmap", result.heatmap, np.float32)):
        if array.shape != expected or array.dtype != kind:
            raise KgpError(
                f"The {name} is {array.dtype} {list(array.shape)} where {np.dtype(kind)} {list(expected)} is expected, a pixel "
                "for each of the reference series."
            )
    if not np.isfinite(result.heatmap).all():
        raise KgpError("The heatmap holds values that are not finite (NaN or infinity).")
    shape, count = result.overlays.shape, expected[0]
    if len(shape) != 4 or shape[0] != count or shape[3] != 3 or result.overlays.dtype != np.uint8 or 0 in shape:
        raise KgpError(
            f"The overlays are {result.overlays.dtype} {list(shape)} where uint8 [{count}, h, w, 3] is expected."
        )


def _whole(source: pydicom.Dataset, name: str) -> int:
    """The one whole number of an attribute, or 0."""
    value = source.get(name)
    return value if isinstance(value, int) else 0


def _check_classes(result: ConsoleResult) -> None:
    count, names = len(result.frames), len(result.class_names)
    if result.probabilities.shape != (count, names):
        raise KgpError(
            f"The probabilities have shape {list(result.probabilities.shape)} where {[count, names]} is expected."
        )
    if not ((result.probabilities >= 0) & (result.probabilities <= 1)).all():
        raise KgpError("The probabilities are not all between 0 and 1.")
    if len(result.predicted) != count or not np.isin(result.predicted, np.arange(names)).all():
        raise KgpError(f"The classes called are not {count} numbers from 0 to {names - 1}.")
    if result.no_tumour_class is not None and not 0 <= result.no_tumour_class < names:
        raise KgpError(f"no_tumour_class is {result.no_tumour_class} where 0 to {names - 1} is expected.")
    if len(result.points) != count:
        raise KgpError(f"There are evidence points for {len(result.points)} slices where {count} are expected.")
    height, width = result.mask.shape[1:]
    for row, column, contribution in (point for points in result.points for point in points):
        if not (0 <= row <= height - 1 and 0 <= column <= width - 1 and np.isfinite(contribution)):
            raise KgpError(
                f"An evidence point lies at row {row}, column {column} with the contribution {contribution} where a finite "
                f"one within {height}x{width} pixels is expected."
            )
