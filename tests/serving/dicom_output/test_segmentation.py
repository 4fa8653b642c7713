"""serving.dicom_output.segmentation: written and read back, to the voxel and the affine."""

import highdicom
import numpy as np
import pydicom
import pytest

from serving.dicom_output.segmentation import relative_map
from serving.dicom_output.writer import write_dicom


def affine_of_volume(volume, orientation_affine):
    """The affine of a read volume and the index of each of its slices in the series."""
    first = np.linalg.inv(orientation_affine) @ volume.affine @ [0, 0, 0, 1]
    second = np.linalg.inv(orientation_affine) @ volume.affine @ [1, 0, 0, 1]
    return first[:3], (second - first)[:3]


def test_masks_and_affines_come_back(study_result, orientation, kind, affine_of, tmp_path):
    result = study_result(orientation, kind)
    write_dicom(result, tmp_path / "out", fractional=True)
    for name, expected in (
        ("segmentation.dcm", result.mask.astype(float)),
        ("segmentation_fractional.dcm", np.around(255 * relative_map(result.heatmap)) / 255),
    ):
        made = highdicom.seg.segread(tmp_path / "out" / name)
        volume = made.get_volume(combine_segments=False)
        array = volume.array[..., 0]
        start, step = affine_of_volume(volume, affine_of(orientation))
        np.testing.assert_allclose(start, [round(start[0]), 0, 0], atol=1e-6)
        np.testing.assert_allclose(step, [round(step[0]), 0, 0], atol=1e-6)
        expected = expected[round(start[0]) :: round(step[0])][: len(array)]
        np.testing.assert_allclose(array, expected, atol=1e-6)
        assert array.sum() == pytest.approx(expected.sum()) and expected.any()
        assert made.FrameOfReferenceUID == result.sources[0].FrameOfReferenceUID


def test_frames_refer_to_their_slices(study_result, tmp_path):
    result = study_result("oblique")
    write_dicom(result, tmp_path / "out")
    made = highdicom.seg.segread(tmp_path / "out" / "segmentation.dcm")
    assert made.NumberOfFrames == 3
    found = made.get_pixels_by_source_instance(
        [source.SOPInstanceUID for source in result.sources], assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(found[..., 0], result.mask)


def test_frames_refer_to_the_frame_that_was_read(study_result, tmp_path):
    result = study_result("oblique", "enhanced")
    write_dicom(result, tmp_path / "out")
    made = highdicom.seg.segread(tmp_path / "out" / "segmentation.dcm")
    found = made.get_pixels_by_source_frame(
        result.sources[0].SOPInstanceUID, result.frames, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(found[..., 0], result.mask)
    named = [item.DerivationImageSequence[0].SourceImageSequence for item in made.PerFrameFunctionalGroupsSequence]
    assert all(len(references) == 1 for references in named)
    assert {references[0].ReferencedFrameNumber for references in named} == set(result.frames[2:5])


def test_positions_are_the_sources_to_the_last_digit(study_result, orientation, tmp_path):
    result = study_result(orientation)
    write_dicom(result, tmp_path / "out")
    made = pydicom.dcmread(tmp_path / "out" / "segmentation.dcm")
    shared = made.SharedFunctionalGroupsSequence[0]
    assert shared.PlaneOrientationSequence[0].ImageOrientationPatient == result.sources[0].ImageOrientationPatient
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [1.5, 0.75]
    assert shared.PixelMeasuresSequence[0].SpacingBetweenSlices == pytest.approx(
        3.25
    )  # not the gap that the sources give
    positions = [
        list(item.PlanePositionSequence[0].ImagePositionPatient) for item in made.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(positions) == sorted(list(source.ImagePositionPatient) for source in result.sources[2:5])


def test_it_says_what_it_is(study_result, tmp_path):
    result = study_result()
    write_dicom(result, tmp_path / "out", fractional=True)
    made = highdicom.seg.segread(tmp_path / "out" / "segmentation.dcm")
    segment = made.get_segment_description(1)
    assert (
        segment.segmented_property_type.value == "108369006" and segment.segmented_property_type.meaning == "Neoplasm"
    )
    assert segment.anatomic_regions[0].value == "12738006"
    algorithm = segment.algorithm_identification
    assert (algorithm.name, algorithm.version) == ("kgp", made.SoftwareVersions[0])
    assert algorithm.parameters["model_sha256"] == "ab" * 32 and algorithm.parameters["reading"] == "best"
    assert "Research use only" in made.ContentDescription and "Research use only" in made.SeriesDescription
    assert (made.PatientID, str(made.PatientName), made.StudyInstanceUID) == (
        "PHANTOM-7",
        "Müller^Anna",
        "1.2.840.99.1.1",
    )
    assert made.SeriesInstanceUID != result.sources[0].SeriesInstanceUID
    fractional = pydicom.dcmread(tmp_path / "out" / "segmentation_fractional.dcm")
    assert fractional.SegmentationType == "FRACTIONAL" and "no probability" in fractional.ContentDescription
    assert fractional.SeriesInstanceUID == made.SeriesInstanceUID
    assert fractional.SegmentSequence[0].TrackingUID == made.SegmentSequence[0].TrackingUID


def test_an_empty_slice_inside_the_tumour_is_a_frame(study_result, kind, tmp_path):
    mask = study_result().mask.copy()
    mask[3] = False
    result = study_result("oblique", kind, mask=mask)
    write_dicom(result, tmp_path / "out")
    made = highdicom.seg.segread(tmp_path / "out" / "segmentation.dcm")
    np.testing.assert_array_equal(made.pixel_array, mask[2:5])
    named = [item.DerivationImageSequence[0].SourceImageSequence for item in made.PerFrameFunctionalGroupsSequence]
    assert all(len(references) == 1 for references in named)
    assert [references[0].ReferencedSOPInstanceUID for references in named] == [
        result.source_of(index).SOPInstanceUID for index in (2, 3, 4)
    ]


def test_relative_map():
    heatmap = np.array([[[-2.0, 0.0, 1.0, 4.0]]], np.float32)
    assert relative_map(heatmap).tolist() == [[[0, 0, 0.25, 1]]]
    assert relative_map(-np.abs(heatmap)).tolist() == [[[0, 0, 0, 0]]]


def test_an_empty_mask_is_written_on_request_only(tumour_free_result, tmp_path):
    files = write_dicom(tumour_free_result, tmp_path / "without", fractional=True)
    assert [path.name for path in files[:2]] == ["heatmap.dcm", "report.dcm"]
    write_dicom(tumour_free_result, tmp_path / "with", empty_segmentation=True)
    made = highdicom.seg.segread(tmp_path / "with" / "segmentation.dcm")
    assert made.NumberOfFrames == 6 and not made.pixel_array.any()
