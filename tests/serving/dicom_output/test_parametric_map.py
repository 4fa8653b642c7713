"""serving.dicom_output.parametric_map: every value, its place and its meaning come back."""

import highdicom
import numpy as np
import pydicom
import pytest

from serving.dicom_output.writer import write_dicom


def test_values_and_affine_come_back(study_result, orientation, kind, affine_of, tmp_path):
    result = study_result(orientation, kind)
    write_dicom(result, tmp_path / "out")
    volume = highdicom.imread(tmp_path / "out" / "heatmap.dcm").get_volume(apply_real_world_transform=False)
    array, affine = volume.array, volume.affine
    if np.dot(affine[:3, 0], affine_of(orientation)[:3, 0]) < 0:  # slices the other way round
        affine = affine @ np.array([[-1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        array = array[::-1]
    np.testing.assert_allclose(affine, affine_of(orientation), atol=1e-6)
    np.testing.assert_array_equal(array, result.heatmap)


def test_pixels_are_float32_and_positions_their_own(study_result, tmp_path):
    result = study_result("oblique")
    write_dicom(result, tmp_path / "out")
    made = pydicom.dcmread(tmp_path / "out" / "heatmap.dcm")
    frames = np.frombuffer(made.FloatPixelData, "<f4").reshape(6, 20, 14)
    assert "PixelData" not in made
    by_position = {tuple(source.ImagePositionPatient): index for index, source in enumerate(result.sources)}
    for frame, item in zip(frames, made.PerFrameFunctionalGroupsSequence, strict=True):
        index = by_position[tuple(item.PlanePositionSequence[0].ImagePositionPatient)]
        np.testing.assert_array_equal(frame, result.heatmap[index])
        reference = item.DerivationImageSequence[0].SourceImageSequence[0]
        assert reference.ReferencedSOPInstanceUID == result.sources[index].SOPInstanceUID


def test_values_mean_class_activation(study_result, tmp_path):
    result = study_result()
    write_dicom(result, tmp_path / "out")
    made = pydicom.dcmread(tmp_path / "out" / "heatmap.dcm")
    mapping = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert mapping.DoubleFloatRealWorldValueFirstValueMapped == result.heatmap.min()
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == result.heatmap.max()
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
    assert (quantity.CodeValue, quantity.CodingSchemeDesignator) == ("130402", "DCM")
    assert made.ContentQualification == "RESEARCH"
    assert "Research use only" in made.ContentDescription and "Research use only" in made.SeriesDescription
    assert made.FrameOfReferenceUID == result.sources[0].FrameOfReferenceUID


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_a_constant_map_is_written(value, study_result, tmp_path):
    write_dicom(study_result(heatmap=np.full((6, 20, 14), value, np.float32)), tmp_path / "out")
    made = highdicom.imread(tmp_path / "out" / "heatmap.dcm")
    assert (made.get_volume(apply_real_world_transform=True).array == value).all()


def test_it_names_anatomy_and_creator(study_result, tmp_path):
    write_dicom(study_result(), tmp_path / "out")
    made = pydicom.dcmread(tmp_path / "out" / "heatmap.dcm")
    (anatomy,) = made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence
    assert (anatomy.FrameLaterality, anatomy.AnatomicRegionSequence[0].CodeValue) == ("U", "12738006")
    creators = [
        pydicom.dcmread(tmp_path / "out" / name).ContentCreatorName for name in ("heatmap.dcm", "segmentation.dcm")
    ]
    assert [creator.family_name for creator in creators] == ["kgp", "kgp"]
