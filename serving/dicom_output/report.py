"""The findings as a Structured Report, TID 1500.

Its groups are the class of the study with the evidence points behind it, the segmented region with
its measurements, and the region's centroid. The report of a study without a tumour has the first
group alone.
"""

from collections.abc import Sequence

import numpy as np
import pydicom
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from kgp.research_use import NOT_FOR_CARE, RESEARCH_USE
from kgp.scans.dicom.study import series_in_words
from serving.dicom_output.identity import (
    BRAIN,
    NEOPLASM,
    Uids,
    algorithm_of_report,
    device_uid,
    equipment,
    plain,
)
from serving.dicom_output.measurements import (
    StudyFinding,
    centroid_mm,
    laterality,
    longest_diameter_mm,
    study_finding,
    volume_mm3,
)
from serving.dicom_output.segmentation import SEGMENT, TRACKING_ID
from serving.dicom_output.study_result import StudyResult

_SERIES_NUMBER = 9703
_SCHEME = "99KGP"
_CLASS_OF_MODEL = CodedConcept("CLASS", _SCHEME, "Class called by the model")
_MOST_DIGITS = 6
_Group = (
    sr.MeasurementsAndQualitativeEvaluations
    | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
    | sr.PlanarROIMeasurementsAndQualitativeEvaluations
)


def report(
    result: StudyResult,
    headers: Sequence[pydicom.Dataset],
    segmentation: pydicom.Dataset | None,
    uids: Uids,
    predecessor: pydicom.Dataset | None = None,
) -> sr.Comprehensive3DSR:
    """Makes the Comprehensive 3D SR object.

    Args:
        result: what inference found.
        headers: `derivation_headers` of it.
        segmentation: the object that holds the mask; None where the mask is empty.
        uids: makes the UIDs.
        predecessor: an earlier report of the study, which this one names and takes the place of.
    """
    groups: list[_Group] = [_class_of_study(result, uids)]
    if segmentation is not None and result.mask.any():
        groups += [_region(result, segmentation, uids), _centroid(result, uids)]
    predecessors = [] if predecessor is None else [predecessor]
    content = sr.MeasurementReport(
        observation_context=_observer(result),
        procedure_reported=codes.LN.BrainMRI,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    return sr.Comprehensive3DSR(
        evidence=[*headers, *([] if segmentation is None else [segmentation])],
        content=content,
        series_instance_uid=uids.make("series of reports"),
        series_number=_SERIES_NUMBER,
        # Remark and predecessor are in the report alone, and another content needs another UID.
        sop_instance_uid=uids.make("report", result.remark, *(one.SOPInstanceUID for one in predecessors)),
        instance_number=1,
        is_complete=True,
        previous_versions=predecessors or None,
        series_description=f"kgp report. {RESEARCH_USE}",
        coding_schemes=[_coding_scheme()],
        **equipment(result),
    )


def sentence(result: StudyResult, finding: StudyFinding) -> str:
    """The class of the study in words.

    Slices are numbered as the overlays are, along the normal; viewers may number those of the
    source the other way round.

    Args:
        result: what inference found.
        finding: the class of the study.
    """
    count, name = len(result.predicted), result.class_names[finding.class_index]
    if not finding.tumour:
        return (
            f"No tumour found: none of {count} slices was called one (probability of {name} at least "
            f"{finding.probability:.3f} in each)."
        )
    empty = "" if result.mask.any() else " No region could be segmented."
    return (
        f"Called {name}: {finding.tumour_slices} of {count} slices were called a tumour; "
        f"highest probability {finding.probability:.3f}, in slice {finding.slice_index + 1} of the overlays.{empty}"
    )


def _observer(result: StudyResult) -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(result),
        name="kgp",
        manufacturer_name="kgp",
        model_name=plain(result.model["name"]),
        serial_number=plain(result.model["sha256"]),
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _class_of_study(result: StudyResult, uids: Uids) -> sr.MeasurementsAndQualitativeEvaluations:
    """The group with the class of the study, its probability, and the evidence points.

    Only the points of slices called a tumour are in it.
    """
    finding = study_finding(result)
    name = plain(result.class_names[finding.class_index])
    measurements = [sr.Measurement(_concept(codes.DCM.Probability), _rounded(finding.probability), codes.UCUM.NoUnits)]
    if finding.tumour:
        measurements += _evidence(result)
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uids.make("call"), "kgp call of the study"),
        algorithm_id=algorithm_of_report(result),
        finding_sites=[sr.FindingSite(BRAIN)],
        measurements=measurements,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(NEOPLASM, codes.SCT.Present if finding.tumour else codes.SCT.Absent),
            sr.QualitativeEvaluation(_CLASS_OF_MODEL, CodedConcept(f"CLASS{finding.class_index}", _SCHEME, name)),
        ],
        source_images=[sr.SourceImageForMeasurementGroup(*_referenced(result, finding.slice_index))],
    )
    remark = f" {result.remark}" if result.remark else ""
    _comment(group, f"{plain(sentence(result, finding), 1024)}{remark} {RESEARCH_USE}. {NOT_FOR_CARE}")
    for contrast, taken in result.series.items():
        _comment(group, plain(f"{series_in_words(contrast, taken)}.", 1024))
    return group


def _evidence(result: StudyResult) -> list[sr.Measurement]:
    """One measurement for each point: its contribution to the logit, at the centre of its pixel."""
    return [
        sr.Measurement(
            _concept(codes.DCM.ClassActivation),
            _rounded(contribution),
            codes.UCUM.NoUnits,
            referenced_coordinates=[
                sr.CoordinatesForMeasurement(
                    "POINT",
                    # In a report the corner of the first pixel is 0, 0 and its centre 0.5, 0.5.
                    np.array([[column + 0.5, row + 0.5]]),
                    sr.SourceImageForRegion(*_referenced(result, index)),
                )
            ],
        )
        for index, points in enumerate(result.points)
        if result.predicted[index] != result.no_tumour_class
        for row, column, contribution in points
    ]


def _region(
    result: StudyResult, segmentation: pydicom.Dataset, uids: Uids
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """The group with the segment, its volume and its longest diameter."""
    side = laterality(result.mask, result.geometry)
    sides = {"left": codes.SCT.Left, "right": codes.SCT.Right}
    sources = [_referenced(result, int(index)) for index in np.flatnonzero(result.mask.any(axis=(1, 2)))]
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(uids),
        referenced_segment=sr.ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            SEGMENT,
            source_images=[sr.SourceImageForSegmentation(*source) for source in sources],
        ),
        finding_type=NEOPLASM,
        finding_category=codes.SCT.MorphologicallyAbnormalStructure,
        finding_sites=[sr.FindingSite(BRAIN, laterality=sides[side] if side else None)],
        algorithm_id=algorithm_of_report(result),
        measurements=[
            sr.Measurement(
                _concept(codes.SCT.Volume),
                _rounded(volume_mm3(result.mask, result.geometry)),
                codes.UCUM.CubicMillimeter,
            ),
            sr.Measurement(
                _concept(codes.SCT.LongAxis),
                _rounded(longest_diameter_mm(result.mask, result.geometry)),
                codes.UCUM.Millimeter,
            ),
        ],
    )
    _comment(
        group,
        "Longest diameter: largest distance between pixel centres of one connected region within one slice. "
        f"Volume: pixels times area times distance of slices. {RESEARCH_USE}. {NOT_FOR_CARE}",
    )
    return group


def _centroid(result: StudyResult, uids: Uids) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """The group with the segment's centre of mass as a point of the frame of reference."""
    point = np.array([[_rounded(value) for value in centroid_mm(result.mask, result.geometry)]])
    region = sr.ImageRegion3D("POINT", point, str(result.sources[0].FrameOfReferenceUID))
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(uids),
        referenced_region=region,
        finding_type=NEOPLASM,
        finding_sites=[sr.FindingSite(BRAIN)],
        geometric_purpose=codes.DCM.CenterOfMass,
        algorithm_id=algorithm_of_report(result),
    )
    _comment(group, f"Centre of mass of the segmented region. {RESEARCH_USE}. {NOT_FOR_CARE}")
    return group


def _tracking(uids: Uids) -> sr.TrackingIdentifier:
    """The identity of the tumour, the same as the segment's."""
    return sr.TrackingIdentifier(uids.make("tumour"), TRACKING_ID)


def _referenced(result: StudyResult, index: int) -> tuple[str, str, list[int] | None]:
    """Class, UID and frame numbers of the source of a slice."""
    source, frame = result.source_of(index), result.frames[index]
    return source.SOPClassUID, source.SOPInstanceUID, None if frame is None else [frame]


def _comment(group: _Group, text: str) -> None:
    group[0].ContentSequence.append(
        sr.TextContentItem(_concept(codes.DCM.Comment), text, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    )


def _concept(code: Code) -> CodedConcept:
    return CodedConcept.from_code(code)


def _coding_scheme() -> pydicom.Dataset:
    return CodingSchemeIdentificationItem(_SCHEME, name="Class names of kgp models")


def _rounded(value: float) -> float:
    """A number that fits a decimal string of 16 characters."""
    return round(float(value), _MOST_DIGITS)
