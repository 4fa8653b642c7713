"""What inference found in one study: what the DICOM objects are written from."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from kgp.errors import KgpError
from kgp.scans.dicom.place import frame_group
from kgp.scans.dicom.slice_stack import SliceStack

_SINGLE_FRAME = {MRImageStorage}
_MULTIFRAME = {EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage}
_REFERRED_TO = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_COMMON = {
    "StudyInstanceUID": "studies",
    "SeriesInstanceUID": "series",
    "FrameOfReferenceUID": "frames of reference",
    "PatientID": "patients",
}
_MODEL = ("name", "version", "sha256")


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """What inference found in one study, on the grid of its reference series.

    Attributes:
        sources: header data sets (pydicom, without pixels) of the reference series, one a slice, in
            order along the normal; for an enhanced multi-frame object one data set (frame order in
            `frames`).
        frames: for slice i, the 1-based frame number within its source object, or None for
            single-frame series.
        geometry: where the S slices lie.
        mask: bool [S, H, W] in rows and columns of the source images.
        heatmap: float32 [S, H, W], the reading's map.
        probabilities: float64 [S, K].
        predicted: int [S], class index by slice.
        class_names: K names.
        no_tumour_class: index, or None.
        points: for each slice the strongest evidence points as (row, column, contribution) in
            source pixels.
        overlays: uint8 [S, h, w, 3] pictures for viewers that know nothing else, turned as
            `serving.dicom_output.radiological_view` says.
        model: name, version and SHA-256 of the model (dict of str).
        reading: name of the reading.
        remark: a sentence for the report on how the numbers of a slice came about, or "".
        instances: SOPInstanceUID of every image that was read, those of the other contrasts too;
            UIDs on request follow from them.
        series: what was taken for each contrast, see `kgp.scans.dicom.study.Study`.

    Raises:
        KgpError: the sources are not MR images of one series and one frame of reference, lack a
            UID, or lie elsewhere than the geometry says; an array has another shape, type or range
            than said here; or the model is not named in full. No message names the patient.
    """

    sources: Sequence[pydicom.Dataset]
    frames: Sequence[int | None]
    geometry: SliceStack
    mask: np.ndarray
    heatmap: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    class_names: Sequence[str]
    no_tumour_class: int | None
    points: Sequence[Sequence[tuple[float, float, float]]]
    overlays: np.ndarray
    model: Mapping[str, str]
    reading: str
    remark: str = ""
    instances: Sequence[str] = ()
    series: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_frames()
        self._check_sources()
        self._check_positions()
        self._check_pixels()
        self._check_classes()
        self._check_points()
        missing = [name for name in _MODEL if not self.model.get(name)]
        if missing:
            raise KgpError(
                f"The model is described without {', '.join(missing)}; name, version and sha256 are expected."
            )

    def source_of(self, index: int) -> pydicom.Dataset:
        """The header of the object that slice `index` is in."""
        return self.sources[0 if len(self.sources) == 1 else index]

    def _check_frames(self) -> None:
        if len(self.sources) == 0 or len(self.frames) == 0:
            raise KgpError("The reference series has no slice.")
        multiframe = self.frames[0] is not None
        if any((frame is not None) != multiframe for frame in self.frames):
            raise KgpError("The slices name frame numbers in part only; all of them or none are expected.")
        if len(self.sources) != (1 if multiframe else len(self.frames)):
            raise KgpError(
                f"{len(self.sources)} source objects stand for {len(self.frames)} slices; one a slice, or one "
                "multi-frame object with frame numbers, is expected."
            )
        if multiframe and len(set(self.frames)) < len(self.frames):
            raise KgpError("Two slices name the same frame of the reference series.")
        count = len(self.geometry.places)
        if count != len(self.frames):
            raise KgpError(f"The geometry has {count} slices where {len(self.frames)} are expected.")

    def _check_sources(self) -> None:
        for name in _REFERRED_TO:
            if not all(isinstance(source.get(name), str) and source.get(name) for source in self.sources):
                raise KgpError(f"A slice of the reference series has not one {name}, so results cannot refer to it.")
        for name, plural in _COMMON.items():
            count = len({str(source.get(name) or "") for source in self.sources})
            if count > 1:
                raise KgpError(f"The sources belong to {count} {plural}; the slices of one series are expected.")
        if len({source.SOPInstanceUID for source in self.sources}) < len(self.sources):
            raise KgpError("Two slices of the reference series have the same SOPInstanceUID.")
        allowed = _SINGLE_FRAME if self.frames[0] is None else _MULTIFRAME
        wrong = {UID(str(source.get("SOPClassUID") or "")) for source in self.sources} - allowed
        if wrong:
            raise KgpError(f"The sources are {wrong.pop().name or 'of no SOP class'}; MR images are expected.")

    def _check_positions(self) -> None:
        for index, place in enumerate(self.geometry.places):
            header, frame = self.source_of(index), self.frames[index]
            if frame is not None:
                header = frame_group(header, frame - 1, "PlanePositionSequence") or pydicom.Dataset()
            if not np.array_equal(np.array(header.get("ImagePositionPatient"), float), place.position):
                raise KgpError(f"Slice {index + 1} of the reference series does not lie where the geometry has it.")

    def _check_pixels(self) -> None:
        expected = self.geometry.shape
        for name, array, kind in (("mask", self.mask, np.bool_), ("heatmap", self.heatmap, np.float32)):
            if array.shape != expected or array.dtype != kind:
                raise KgpError(
                    f"The {name} is {array.dtype} {list(array.shape)} where {np.dtype(kind)} {list(expected)} is "
                    "expected, a pixel for each of the reference series."
                )
        if not np.isfinite(self.heatmap).all():
            raise KgpError("The heatmap holds values that are not finite (NaN or infinity).")
        shape, count = self.overlays.shape, expected[0]
        if len(shape) != 4 or shape[0] != count or shape[3] != 3 or self.overlays.dtype != np.uint8 or 0 in shape:
            raise KgpError(
                f"The overlays are {self.overlays.dtype} {list(shape)} where uint8 [{count}, h, w, 3] is expected."
            )

    def _check_classes(self) -> None:
        expected = (len(self.frames), len(self.class_names))
        count, names = expected
        if self.probabilities.shape != expected:
            raise KgpError(
                f"The probabilities have shape {list(self.probabilities.shape)} where {list(expected)} is expected."
            )
        if not ((self.probabilities >= 0) & (self.probabilities <= 1)).all():
            raise KgpError("The probabilities are not all between 0 and 1.")
        if len(self.predicted) != count or not np.isin(self.predicted, np.arange(names)).all():
            raise KgpError(f"The classes called are not {count} numbers from 0 to {names - 1}.")
        if self.no_tumour_class is not None and not 0 <= self.no_tumour_class < names:
            raise KgpError(f"no_tumour_class is {self.no_tumour_class} where 0 to {names - 1} is expected.")

    def _check_points(self) -> None:
        if len(self.points) != len(self.frames):
            raise KgpError(
                f"There are evidence points for {len(self.points)} slices where {len(self.frames)} are expected."
            )
        _, height, width = self.geometry.shape
        for row, column, contribution in (point for points in self.points for point in points):
            if not (0 <= row <= height - 1 and 0 <= column <= width - 1 and np.isfinite(contribution)):
                raise KgpError(
                    f"An evidence point lies at row {row}, column {column} with the contribution {contribution} "
                    f"where a finite one within {height}x{width} pixels is expected."
                )
