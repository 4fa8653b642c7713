"""What dcmqi (behind 3D Slicer) and SimpleITK (ITK) read: every pixel at its place in the patient."""

import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from kgp.scans.dicom.place import read_place
from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.segmentation import relative_map
from serving.dicom_output.writer import write_dicom

SimpleITK = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")


def dcmqi(program, file):
    """The image that a program of dcmqi makes of an object; skips where dcmqi is not installed."""
    found = importlib.util.find_spec("dcmqi")
    if found is None:
        pytest.skip("dcmqi is not installed")
    folder = file.with_suffix("")
    folder.mkdir()
    command = [Path(found.origin).parent / "bin" / program, "--inputDICOM", file, "--outputDirectory", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == ""
    (image,) = folder.glob("*.nrrd")
    return SimpleITK.ReadImage(str(image))


def on_source(image, geometry, within=1e-3):
    """The values of an image on the slices of the source, `within` so many mm; 0 where it has none."""
    values = np.zeros(geometry.shape)
    rows, columns = geometry.shape[1:]
    for index, pixels in enumerate(SimpleITK.GetArrayFromImage(image)):
        first = np.array(image.TransformIndexToPhysicalPoint((0, 0, index)))
        source = int(np.linalg.norm(geometry.positions - first, axis=1).argmin())
        for row, column in ((0, 0), (rows - 1, 0), (0, columns - 1)):
            place = image.TransformIndexToPhysicalPoint((column, row, index))
            expected = geometry.to_patient(np.array([source]), np.array([row]), np.array([column]))[0]
            np.testing.assert_allclose(place, expected, atol=within)
        values[source] = pixels
    return values


@pytest.mark.parametrize(
    "orientation",
    ["axial", "sagittal", "coronal", "oblique", "negated column", "negated row", "prone", "on the side"],
)
def test_every_pixel_is_read_at_its_place(study_result, orientation, tmp_path):
    mask = study_result().mask.copy()
    mask[3] = False  # a gap in the tumour
    result = study_result(orientation, "enhanced" if orientation == "oblique" else "single", mask=mask)
    write_dicom(result, tmp_path / "out", fractional=True)
    relative = np.around(255 * relative_map(result.heatmap))
    for name, expected in (("segmentation.dcm", 255 * mask), ("segmentation_fractional.dcm", relative)):
        image = SimpleITK.ReadImage(str(tmp_path / "out" / name))
        np.testing.assert_array_equal(on_source(image, result.geometry), expected)
    capture = SimpleITK.ReadImage(str(tmp_path / "out" / "capture_001.dcm"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(capture)[0, -40:], result.overlays[0])
    for program, name, expected in (
        ("segimage2itkimage", "segmentation.dcm", mask),
        ("paramap2itkimage", "heatmap.dcm", result.heatmap),
    ):
        np.testing.assert_array_equal(on_source(dcmqi(program, tmp_path / "out" / name), result.geometry), expected)


def test_a_tumour_in_one_slice_keeps_its_spacing(study_result, tmp_path):
    mask = study_result().mask.copy()
    mask[[2, 4]] = False
    result = study_result("sagittal", mask=mask)
    write_dicom(result, tmp_path / "out")
    for image in (
        SimpleITK.ReadImage(str(tmp_path / "out" / "segmentation.dcm")),
        dcmqi("segimage2itkimage", tmp_path / "out" / "segmentation.dcm"),
    ):
        assert image.GetSize()[2] == 1 and image.GetSpacing() == pytest.approx((0.75, 1.5, 3.25))
        np.testing.assert_array_equal(on_source(image, result.geometry) > 0, mask)


def test_positions_that_a_scanner_rounded_keep_their_spacing(study_result, tmp_path):
    """ITK would take distances of 3.2 and 3.3 mm for no volume at all, and 1 mm for the spacing."""
    result = study_result("oblique")
    for source in result.sources:
        source.ImagePositionPatient = [round(float(value), 1) for value in source.ImagePositionPatient]
    result = study_result(
        sources=result.sources, geometry=SliceStack(tuple(read_place(source, "") for source in result.sources))
    )
    write_dicom(result, tmp_path / "out")
    for image in (
        SimpleITK.ReadImage(str(tmp_path / "out" / "segmentation.dcm")),
        dcmqi("paramap2itkimage", tmp_path / "out" / "heatmap.dcm"),
    ):
        assert image.GetSpacing() == pytest.approx((0.75, 1.5, result.geometry.between_slices))
        on_source(image, result.geometry, within=0.1)
    positions = [
        group.PlanePositionSequence[0].ImagePositionPatient
        for group in pydicom.dcmread(tmp_path / "out" / "heatmap.dcm").PerFrameFunctionalGroupsSequence
    ]
    assert np.ptp(np.diff(np.array(positions, float), axis=0), axis=0).max() < 1e-6
    np.testing.assert_allclose(np.array(positions, float), result.geometry.positions, atol=0.1)
