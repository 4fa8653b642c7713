"""serving.dicom_output.report: every number, point and code comes back through highdicom."""

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from kgp.scans.dicom.place import read_place
from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.measurements import study_finding
from serving.dicom_output.report import sentence
from serving.dicom_output.writer import write_dicom


def content(result, folder, **options):
    write_dicom(result, folder, **options)
    return highdicom.sr.srread(folder / "report.dcm")


def concept(code):
    return highdicom.sr.CodedConcept.from_code(code)


def evaluation(group, name):
    """The coded answer to a question of a group."""
    items = [item for item in group[0].ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == name]
    assert len(items) == 1
    return items[0].ConceptCodeSequence[0]


def comments(report):
    return [
        item.TextValue
        for group in report.content[0].ContentSequence[-1].ContentSequence
        for item in group.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Comment"
    ]


def test_the_call_of_the_study(study_result, kind, tmp_path):
    result = study_result(kind=kind)
    report = content(result, tmp_path / "out")
    (group,) = report.content.get_image_measurement_groups()
    (probability,) = group.get_measurements(name=concept(codes.DCM.Probability))
    assert probability.value == 0.95 and probability.unit == codes.UCUM.NoUnits
    assert evaluation(group, "108369006").CodeMeaning == "Present"
    assert evaluation(group, "CLASS").CodeMeaning == "tumour"
    assert group.finding_sites[0].value == codes.SCT.Brain
    (source,) = group.source_images
    assert source.referenced_sop_instance_uid == result.sources[0 if kind == "enhanced" else 3].SOPInstanceUID
    assert source.referenced_frame_numbers == (None if kind == "single" else [result.frames[3]])


def test_evidence_points_lie_on_their_slices(study_result, kind, tmp_path):
    result = study_result(kind=kind)
    report = content(result, tmp_path / "out")
    (group,) = report.content.get_image_measurement_groups()
    points = group.get_measurements(name=concept(codes.DCM.ClassActivation))
    assert [point.value for point in points] == [3.5, -1.25]
    (first,), (second,) = (point.referenced_coordinates for point in points)
    assert first.GraphicType == "POINT"
    assert list(first.GraphicData) == [2.5, 4.5] and list(second.GraphicData) == [
        7.5,
        11.5,
    ]  # column, row of the centre
    for point in (first, second):
        reference = point.ContentSequence[0].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == result.sources[0 if kind == "enhanced" else 3].SOPInstanceUID
        assert reference.get("ReferencedFrameNumber") == result.frames[3]


def test_measurements_of_the_region(study_result, kind, affine_of, tmp_path):
    result = study_result("oblique", kind)
    report = content(result, tmp_path / "out")
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    (volume,) = group.get_measurements(name=concept(codes.SCT.Volume))
    (diameter,) = group.get_measurements(name=concept(codes.SCT.LongAxis))
    assert volume.value == pytest.approx(41 * 1.5 * 0.75 * 3.25) and volume.unit == codes.UCUM.CubicMillimeter
    # In slice 3 from (3, 2) to (11, 7).
    assert diameter.value == pytest.approx(np.hypot(8 * 1.5, 5 * 0.75)) and diameter.unit == codes.UCUM.Millimeter
    made = pydicom.dcmread(tmp_path / "out" / "segmentation.dcm")
    assert group.referenced_segment.referenced_sop_instance_uid == made.SOPInstanceUID
    assert group.tracking_uid == made.SegmentSequence[0].TrackingUID
    assert group.finding_type == codes.SCT.Neoplasm
    (point,) = report.content.get_planar_roi_measurement_groups()
    centre = affine_of("oblique") @ [*np.argwhere(result.mask).mean(axis=0), 1]
    np.testing.assert_allclose(point.roi.value, [centre[:3]], atol=1e-4)
    assert point.roi.frame_of_reference_uid == result.sources[0].FrameOfReferenceUID
    assert point.tracking_uid == group.tracking_uid


def test_the_side_is_given_where_the_geometry_says_it(study_result, tmp_path):
    sides = {}
    for name, orientation in (("right", "axial"), ("no", "sagittal")):
        result = study_result(orientation)
        if name == "right":  # spread over the head: the columns run from x = -65 to 65
            for source in result.sources:
                source.PixelSpacing = [10, 10]
                source.ImagePositionPatient = [-65, -95, source.ImagePositionPatient[2]]
            geometry = SliceStack(tuple(read_place(source, "") for source in result.sources))
            mask = np.zeros_like(result.mask)
            mask[2:4, 5:7, 2:4] = True
            result = study_result(sources=result.sources, geometry=geometry, mask=mask)
        (group,) = content(result, tmp_path / name).content.get_volumetric_roi_measurement_groups()
        sides[name] = group.finding_sites[0].laterality
    assert sides["right"] == codes.SCT.Right and sides["no"] is None


def test_no_tumour_is_a_result(tumour_free_result, tmp_path):
    report = content(tumour_free_result, tmp_path / "out")
    assert not report.content.get_volumetric_roi_measurement_groups()
    assert not report.content.get_planar_roi_measurement_groups()
    (group,) = report.content.get_image_measurement_groups()
    assert evaluation(group, "108369006").CodeMeaning == "Absent"
    assert evaluation(group, "CLASS").CodeMeaning == "no tumour"
    (probability,) = group.get_measurements()
    assert probability.value == 0.8
    (text,) = comments(report)
    assert text.startswith("No tumour found: none of 6 slices was called one") and "Research use only" in text


def test_a_tumour_without_a_region(study_result, tmp_path):
    result = study_result(mask=np.zeros((6, 20, 14), bool))
    report = content(result, tmp_path / "out", empty_segmentation=True)
    assert not report.content.get_volumetric_roi_measurement_groups()
    assert "No region could be segmented" in comments(report)[0]


def test_it_is_for_research_and_unverified(study_result, tmp_path):
    result = study_result()
    report = content(result, tmp_path / "out")
    assert len(comments(report)) == 3 and all("Research use only" in text for text in comments(report))
    assert "Research use only" in report.SeriesDescription
    (procedure,) = [item for item in report.ContentSequence if item.name.meaning == "Procedure reported"]
    assert procedure.value.value == "24590-2"  # LOINC: MRI of the brain
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == (
        "UNVERIFIED", "COMPLETE", "PRELIMINARY",
    )  # fmt: skip
    evidence = {
        one.ReferencedSOPInstanceUID
        for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert {source.SOPInstanceUID for source in result.sources} < evidence


def test_the_finding_in_words(study_result, tumour_free_result):
    result = study_result()
    assert sentence(result, study_finding(result)) == (
        "Called tumour: 3 of 6 slices were called a tumour; highest probability 0.950, in slice 4 of the overlays."
    )
    assert sentence(tumour_free_result, study_finding(tumour_free_result)) == (
        "No tumour found: none of 6 slices was called one (probability of no tumour at least 0.800 in each)."
    )
