"""kgp.scans.dicom.series: the one series in a folder as a volume."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.series import read_dicom_series  # noqa: E402
from kgp.scans.volume import axial_slices  # noqa: E402


@pytest.fixture
def write_series(phantom_study, tmp_path):
    """Writes the series T1 of a study, IM9.dcm the lowest slice to IM4.dcm; gives the folder."""

    def write(study=None, **changes):
        study = study or phantom_study(contrasts=("T1",))
        for index in range(len(study.pixels["T1"])):
            made = study.slice("T1", index, **changes)
            made.save_as(tmp_path / f"IM{9 - index}.dcm", enforce_file_format=True)
        return tmp_path

    return write


@pytest.fixture
def write_with_odd_slice(write_series, phantom_study):
    """Writes the series with changes to its slice 2, which is IM7.dcm."""

    def write(**changes):
        folder = write_series()
        made = phantom_study(contrasts=("T1",)).slice("T1", 2, **changes)
        made.save_as(folder / "IM7.dcm", enforce_file_format=True)
        return folder

    return write


def expected(study):
    return study.pixels["T1"].transpose(2, 1, 0).astype(np.float32)


def test_slices_are_ordered_by_position(phantom_study, write_series):
    study = phantom_study(contrasts=("T1",))
    volume = read_dicom_series(write_series(study), "T1ce")
    assert volume.contrasts == ("T1ce",) and volume.data.shape == (14, 20, 6, 1) and volume.data.dtype == np.float32
    assert volume.spacing == (0.75, 1.5, 3.25) and volume.header is None
    # DICOM's left and back are negative right and front.
    np.testing.assert_array_equal(
        volume.affine, [[-0.75, 0, 0, 40.5], [0, -1.5, 0, 33.25], [0, 0, 3.25, 21], [0, 0, 0, 1]]
    )
    stack, spacing = axial_slices(volume)
    assert spacing == (1.5, 0.75)
    np.testing.assert_array_equal(stack[..., 0], study.pixels["T1"])


def test_values_and_affine_of_an_oblique_series(phantom_study, write_series):
    study = phantom_study("oblique", contrasts=("T1",))
    volume = read_dicom_series(write_series(study), "T1")
    np.testing.assert_array_equal(volume.data[..., 0], expected(study))
    np.testing.assert_allclose(volume.affine, study.affine, atol=1e-6)


def test_an_enhanced_object(phantom_study, tmp_path):
    study = phantom_study(contrasts=("T1",))
    volume = read_dicom_series(study.write(tmp_path, enhanced=True) / "T1", "T1")
    np.testing.assert_array_equal(volume.data[..., 0], 2 * expected(study) - 5)
    np.testing.assert_allclose(volume.affine, study.affine, atol=1e-6)


def test_images_of_another_modality_are_read_too(phantom_study, write_series):
    kind = {"SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage, "Modality": "OT", "FrameOfReferenceUID": None}
    volume = read_dicom_series(write_series(**kind), "T1")
    np.testing.assert_array_equal(volume.data[..., 0], expected(phantom_study(contrasts=("T1",))))


def test_rescaled_intensities_and_other_files_beside_them(phantom_study, write_series):
    folder = write_series(RescaleSlope="2", RescaleIntercept="-5")
    (folder / "notes.txt").write_text("a note that is no image, long enough to be looked at by a reader of files" * 4)
    (folder / "empty").touch()
    (folder / "binary").write_bytes(bytes(300))
    (folder / "more").mkdir()
    values = read_dicom_series(folder, "T1").data[..., 0]
    np.testing.assert_array_equal(values, 2 * expected(phantom_study(contrasts=("T1",))) - 5)


def test_padding_is_air(phantom_study, write_series):
    study = phantom_study(contrasts=("T1",))
    study.pixels["T1"][:, :5] = 63536
    padding = {"PixelPaddingValue": 63536}
    values = read_dicom_series(write_series(study, **padding), "T1").data[..., 0]
    np.testing.assert_array_equal(values[:, :5], 0)
    np.testing.assert_array_equal(values[:, 5:], expected(study)[:, 5:])
    values = read_dicom_series(write_series(study, **padding, RescaleIntercept="-50"), "T1").data[..., 0]
    np.testing.assert_array_equal(values[:, :5], expected(study)[:, 5:].min() - 50)  # below 0, so that 0 is no air


def test_positions_rounded_to_whole_millimetres(phantom_study, tmp_path):
    study = phantom_study("oblique", contrasts=("T1",))
    for index in range(6):
        made = study.slice("T1", index)
        made.ImagePositionPatient = [round(value) for value in made.ImagePositionPatient]
        made.save_as(tmp_path / f"IM{index}", enforce_file_format=True)
    volume = read_dicom_series(tmp_path, "T1")
    np.testing.assert_array_equal(volume.data[..., 0], expected(study))
    np.testing.assert_allclose(volume.affine[:3, 2], study.affine[:3, 2], atol=0.2)


def test_values_that_do_not_matter_are_passed_over(phantom_study, write_series, caplog):
    path = write_series(InstanceNumber="12") / "IM7.dcm"
    content = path.read_bytes()
    number = b"\x20\0\x13\0IS\2\x0012"
    assert number in content
    path.write_bytes(content.replace(number, b"\x20\0\x13\0US\3\x00123"))
    with caplog.at_level("INFO"):
        values = read_dicom_series(path.parent, "T1").data[..., 0]
    np.testing.assert_array_equal(values, expected(phantom_study(contrasts=("T1",))))
    assert "Values that cannot be read are passed over: InstanceNumber." in caplog.text


def test_a_report_beside_the_images_is_passed_over(phantom_study, write_series):
    folder = write_series()
    kind = {"PixelData": None, "Rows": None, "Columns": None, "SOPClassUID": pydicom.uid.BasicTextSRStorage}
    phantom_study(contrasts=("T1",)).slice("T1", 0, **kind).save_as(folder / "report.dcm", enforce_file_format=True)
    assert read_dicom_series(folder, "T1").data.shape[2] == 6


def test_a_single_slice_is_as_deep_as_it_says(write_series):
    folder = write_series()
    for number in range(4, 9):
        (folder / f"IM{number}.dcm").unlink()
    assert read_dicom_series(folder, "T1").spacing == (0.75, 1.5, 3.0)


def test_a_gap(write_series):
    folder = write_series()
    (folder / "IM8.dcm").unlink()
    with pytest.raises(KgpError, match=r"IM.\.dcm has a gap of 6.50 mm between slices 1 and 2 where the others are"):
        read_dicom_series(folder, "T1")


def test_a_slice_twice(write_series, phantom_study):
    folder = write_series()
    study = phantom_study(contrasts=("T1",))
    study.slice("T1", 1, EchoTime="91").save_as(folder / "again.dcm", enforce_file_format=True)
    with pytest.raises(KgpError, match=r"IM8.dcm and .*again.dcm have the same SOPInstanceUID and differ"):
        read_dicom_series(folder, "T1")
    study.slice("T1", 1, SOPInstanceUID="1.9").save_as(folder / "again.dcm", enforce_file_format=True)
    with pytest.raises(KgpError, match="has two slices at one position"):
        read_dicom_series(folder, "T1")


def test_two_series(write_with_odd_slice):
    folder = write_with_odd_slice(SeriesInstanceUID="9.9", SeriesDescription="t2")
    with pytest.raises(KgpError, match=r"holds 2 series \('t1 tra', 't2'\); give a folder with one"):
        read_dicom_series(folder, "T1")


def test_no_image(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(KgpError, match="holds no DICOM image"):
        read_dicom_series(tmp_path, "T1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": None}, "IM7.dcm has no ImagePositionPatient, so its place in space is not known"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6]}, "IM7.dcm is not parallel to the other slices"),
        ({"Rows": 14, "Columns": 20}, "IM7.dcm has another matrix or pixel spacing than the other slices"),
        ({"Rows": None}, "IM7.dcm has no Rows, so its place in space is not known"),
        ({"PixelData": b"\0\0"}, "IM7.dcm holds 2 bytes of pixels where 560 are expected"),
        ({"PixelData": None}, "IM7.dcm is an image without pixels; it may be cut short"),
        ({"SeriesInstanceUID": None}, "IM7.dcm is an MR image without SeriesInstanceUID"),
    ],
)
def test_a_slice_that_does_not_fit(write_with_odd_slice, changes, message):
    with pytest.raises(KgpError, match=message):
        read_dicom_series(write_with_odd_slice(**changes), "T1")


def test_pixels_that_are_not_grey(write_series):
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8}
    folder = write_series(**colour, BitsStored=8, HighBit=7, PixelData=bytes(3 * 280))
    with pytest.raises(KgpError, match=r"IM9.dcm holds pixels of the kind 3 RGB 8, not grey values of 8 or 16 bits"):
        read_dicom_series(folder, "T1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"-40.5\\-33.25", b"-40.5\\-33.2x", "IM7.dcm has text for ImagePositionPatient where numbers"),
        # RescaleSlope
        (
            b"\x28\x00\x53\x10DS\x02\x001 ",
            b"\x28\x00\x53\x10DS\x02\x00xy",
            "IM7.dcm has text for RescaleSlope where numbers",
        ),
        # Rows, of a kind of value that there is not
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00WS", r"IM7.dcm is cut short or damaged \([A-Za-z]+\)\.$"),
    ],
)
def test_a_value_that_cannot_be_read(write_series, old, new, message):
    path = write_series() / "IM7.dcm"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(KgpError, match=message):
        read_dicom_series(path.parent, "T1")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99])
def test_a_file_cut_short(write_series, share):
    folder = write_series()
    for path in (folder / "IM4.dcm", folder / "IM6.dcm", folder / "IM9.dcm"):  # the first, one within, the last
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(KgpError, match=rf"{path.name}"):
            read_dicom_series(folder, "T1")
        path.write_bytes(content)
