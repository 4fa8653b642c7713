"""serving.dicom_output.capture: the pictures come back, below a notice."""

import numpy as np
import pydicom
import pytest

from serving.dicom_output.capture import with_notice
from serving.dicom_output.writer import write_dicom


def test_pictures_and_references_come_back(study_result, kind, tmp_path):
    result = study_result(kind=kind)
    files = [path for path in write_dicom(result, tmp_path / "out") if path.name.startswith("capture_")]
    assert [path.name for path in files] == [f"capture_{number:03d}.dcm" for number in range(1, 7)]
    made = [pydicom.dcmread(path) for path in files]
    assert len({one.SeriesInstanceUID for one in made}) == 1 and len({one.SOPInstanceUID for one in made}) == 6
    for index, one in enumerate(made):
        np.testing.assert_array_equal(one.pixel_array[-40:], result.overlays[index])
        reference = one.SourceImageSequence[0]
        source = result.sources[0 if kind == "enhanced" else index]
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        assert reference.get("ReferencedFrameNumber") == result.frames[index]
        assert (one.InstanceNumber, one.BurnedInAnnotation, one.PatientAge) == (index + 1, "NO", "054Y")
        assert one.PatientOrientation == ["L", "P"]
        assert "Research use only" in one.SeriesDescription and "Research use only" in one.ImageComments


@pytest.mark.parametrize("width", [16, 56, 600])
def test_the_notice_fits_above_the_picture(width):
    picture = np.full((30, width, 3), 7, np.uint8)
    made = with_notice(picture)
    np.testing.assert_array_equal(made[-30:], picture)
    band = made[:-30]
    assert band.any() and not band[:, -1].any()  # letters, and all of them


def test_slanted_pictures_say_so(study_result, tmp_path):
    write_dicom(study_result("oblique"), tmp_path / "out")
    assert pydicom.dcmread(tmp_path / "out" / "capture_001.dcm").PatientOrientation == ["LP", "PFR"]
