"""kgp.scans.dicom.series: one series as a volume."""

import sys

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.dicom.series import read_dicom_series
from kgp.scans.volume import axial_slices

pydicom = pytest.importorskip("pydicom")

AXIAL = (1, 0, 0, 0, 1, 0)
SERIES = "1.2.3.4"
COUNT = 4


def pixels(number):
    """Rows [5, 6] of slice `number`, counted from below."""
    return (np.arange(30).reshape(5, 6) + 100 * number).astype(np.uint16)


def dataset(number, orientation=AXIAL, step=3.0, **changes):
    """Slice `number` of a series with pixels of 1.5 mm (between rows) x 0.5 mm; a change to None removes an element."""
    normal = np.cross(orientation[:3], orientation[3:])
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made = pydicom.Dataset()
    made.file_meta = meta
    values = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "SeriesInstanceUID": SERIES,
        "SeriesDescription": "t1 axial",
        "InstanceNumber": COUNT - number,
        "ImageOrientationPatient": [float(value) for value in orientation],
        "ImagePositionPatient": [float(value) for value in np.array([-10.0, -20.0, 30.0]) + number * step * normal],
        "PixelSpacing": [1.5, 0.5],
        "Rows": 5,
        "Columns": 6,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": pixels(number).tobytes(),
    } | changes
    for name, value in values.items():
        if value is not None:
            setattr(made, name, value)
    return made


def write_series(folder, numbers=range(COUNT), changed=(), names="dcba", **options):
    """Files in another order than the slices lie; slices in `changed` get the options."""
    for number in numbers:
        made = dataset(number, **(options if number in changed else {}))
        made.save_as(folder / f"{names[number]}.dcm", enforce_file_format=True)
    return folder


def test_slices_are_ordered_by_position(tmp_path):
    volume = read_dicom_series(write_series(tmp_path), "T1")
    assert volume.contrasts == ("T1",) and volume.data.shape == (6, 5, COUNT, 1) and volume.data.dtype == np.float32
    assert volume.spacing == (0.5, 1.5, 3.0) and volume.header is None
    # DICOM's left and back are negative right and front.
    np.testing.assert_array_equal(volume.affine, [[-0.5, 0, 0, 10], [0, -1.5, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    stack, spacing = axial_slices(volume)
    assert spacing == (1.5, 0.5)
    np.testing.assert_array_equal(stack[..., 0], np.stack([pixels(number) for number in range(COUNT)]))


@pytest.mark.parametrize(
    "orientation",
    [
        (-1, 0, 0, 0, -1, 0),
        (0, 1, 0, 0, 0, -1),
        (1, 0, 0, 0, 0, -1),
        (np.cos(0.3), np.sin(0.3), 0, -np.sin(0.3), np.cos(0.3), 0),
    ],
)
def test_voxels_stand_where_the_files_say(tmp_path, orientation):
    for number in range(COUNT):
        dataset(number, orientation).save_as(tmp_path / f"{number}", enforce_file_format=True)
    volume = read_dicom_series(tmp_path, "T1")
    along_row, along_column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    for number, row, column in ((0, 0, 0), (2, 3, 1), (3, 4, 5)):
        place = (
            np.array([-10.0, -20.0, 30.0])
            + 3.0 * number * np.cross(along_row, along_column)
            + 0.5 * column * along_row
            + 1.5 * row * along_column
        ) * [-1, -1, 1]
        voxel = np.linalg.solve(volume.affine[:3, :3], place - volume.affine[:3, 3])
        np.testing.assert_allclose(voxel, np.round(voxel), atol=1e-4)
        assert volume.data[(*np.round(voxel).astype(int), 0)] == pixels(number)[row, column]


def test_rescaled_intensities_and_other_files_beside_them(tmp_path):
    write_series(tmp_path, changed=range(COUNT), RescaleSlope=2.0, RescaleIntercept=-5.0)
    (tmp_path / "notes.txt").write_text("a note that is no image, long enough to be looked at by a reader of files" * 4)
    (tmp_path / "empty").touch()
    (tmp_path / "more").mkdir()
    np.testing.assert_array_equal(read_dicom_series(tmp_path, "T1").data[:, :, 1, 0].T, pixels(1) * 2.0 - 5.0)


def test_a_single_slice_is_as_deep_as_it_says(tmp_path):
    write_series(tmp_path, numbers=[0], changed=[0], SliceThickness=4.0)
    assert read_dicom_series(tmp_path, "T1").spacing == (0.5, 1.5, 4.0)


def test_a_single_slice_of_unknown_depth(tmp_path):
    with pytest.raises(KgpError, match="d.dcm is a single slice without SliceThickness"):
        read_dicom_series(write_series(tmp_path, numbers=[0]), "T1")


def test_a_gap(tmp_path):
    with pytest.raises(
        KgpError, match=r"has a gap of 6.00 mm between slices 1 and 2 where the others are 3.00 mm apart"
    ):
        read_dicom_series(write_series(tmp_path, numbers=[0, 2, 3, 4], names="edcba"), "T1")


@pytest.mark.parametrize("numbers", [[0, 1], [0, 1, 2, 3]])
def test_a_slice_twice(tmp_path, numbers):
    write_series(tmp_path, numbers=numbers)
    dataset(1).save_as(tmp_path / "again.dcm", enforce_file_format=True)
    with pytest.raises(KgpError, match="has two slices at one position"):
        read_dicom_series(tmp_path, "T1")


def test_all_slices_at_one_position(tmp_path):
    for name in "abc":
        dataset(0).save_as(tmp_path / name, enforce_file_format=True)
    with pytest.raises(KgpError, match="has two slices at one position"):
        read_dicom_series(tmp_path, "T1")


def write_at(folder, positions):
    for number, position in enumerate(positions):
        dataset(number, ImagePositionPatient=position).save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def test_slices_side_by_side_in_one_plane(tmp_path):
    with pytest.raises(KgpError, match="has two slices at one position"):
        read_dicom_series(write_at(tmp_path, [[3.0 * number, 0.0, 0.0] for number in range(4)]), "T1")


def test_slices_that_zigzag(tmp_path):
    with pytest.raises(KgpError, match="has slices that do not lie in one straight stack: slice . is shifted"):
        read_dicom_series(write_at(tmp_path, [[8.0 * (number % 2), 0.0, 3.0 * number] for number in range(4)]), "T1")


def test_a_tilted_stack_keeps_its_shear(tmp_path):
    volume = read_dicom_series(write_at(tmp_path, [[0.0, 1.0 * number, 3.0 * number] for number in range(4)]), "T1")
    np.testing.assert_allclose(volume.affine[:3, 2], [0.0, -1.0, 3.0])


def test_two_series(tmp_path):
    write_series(tmp_path, changed=[2], SeriesInstanceUID="9.9", SeriesDescription="t2")
    with pytest.raises(KgpError, match=r"holds 2 series \(.*'t2'.*\); give a folder with one"):
        read_dicom_series(tmp_path, "T1")


@pytest.mark.parametrize("name", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_place(tmp_path, name, value):
    with pytest.raises(KgpError, match=f"b.dcm has no {name}, so its place in space is not known"):
        read_dicom_series(write_series(tmp_path, changed=[2], **{name: value}), "T1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ImageOrientationPatient": [1.0, 0, 0, 0, 0.8, 0.6]}, "b.dcm is not parallel to the other slices"),
        ({"PixelSpacing": [1.5, 0.6]}, "b.dcm has another matrix or pixel spacing than the other slices"),
        ({"Rows": 6, "Columns": 5}, "b.dcm has another matrix or pixel spacing"),
        ({"PixelData": b"\0\0"}, "b.dcm: the pixels cannot be read"),
        ({"Rows": None}, "b.dcm has no Rows, so its place in space is not known"),
        ({"PixelSpacing": [1.5, 0.0]}, "b.dcm has the PixelSpacing .* where millimetres are expected"),
        ({"ImagePositionPatient": [1.0, 2.0]}, "b.dcm has the ImagePositionPatient .* where 3 finite number"),
        ({"ImagePositionPatient": [1.0, 2.0, float("nan")]}, "b.dcm has the ImagePositionPatient .* where 3 finite"),
        ({"ImageOrientationPatient": [0.0] * 6}, "b.dcm has the ImageOrientationPatient .* at right angles"),
        (
            {
                "SamplesPerPixel": 3,
                "PhotometricInterpretation": "RGB",
                "BitsAllocated": 8,
                "BitsStored": 8,
                "HighBit": 7,
                "PlanarConfiguration": 0,
                "PixelData": bytes(90),
            },
            "b.dcm holds 3-dimensional pixels where one grey slice",
        ),
    ],
)
def test_a_slice_that_does_not_fit(tmp_path, options, message):
    with pytest.raises(KgpError, match=message):
        read_dicom_series(write_series(tmp_path, changed=[2], **options), "T1")


def test_a_position_that_is_text(tmp_path):
    path = write_series(tmp_path) / "b.dcm"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"-10.0\\-20.0", b"-10.0\\-2x.0"))
    with pytest.raises(KgpError, match="b.dcm has text for ImagePositionPatient where numbers"):
        read_dicom_series(tmp_path, "T1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x28\x00\x53\x10DS\x02\x002 ", b"\x28\x00\x53\x10DS\x02\x00xy"),  # RescaleSlope
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00WS"),  # Rows, of a kind of value that there is not
    ],
)
def test_a_value_that_cannot_be_read(tmp_path, old, new):
    path = write_series(tmp_path, changed=range(COUNT), RescaleSlope="2") / "b.dcm"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(KgpError, match=r"b\.dcm is cut short or damaged: [^\n]+\.$"):
        read_dicom_series(tmp_path, "T1")


def test_a_series_that_claims_too_much(tmp_path):
    with pytest.raises(KgpError, match="claims 60000x60000x1 voxels, more than are read"):
        read_dicom_series(write_series(tmp_path, numbers=[0], changed=[0], Rows=60000, Columns=60000), "T1")


@pytest.mark.parametrize("name", ["a", "b", "d"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99])
def test_a_file_cut_short(tmp_path, name, share):
    path = write_series(tmp_path) / f"{name}.dcm"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        KgpError, match=rf"{name}.dcm( is cut short| is a DICOM image without pixels|: the pixels cannot)"
    ):
        read_dicom_series(tmp_path, "T1")


def test_a_report_beside_the_images_is_passed_over(tmp_path):
    write_series(tmp_path)
    report = dataset(0, PixelData=None, SOPClassUID=pydicom.uid.BasicTextSRStorage)
    report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    assert read_dicom_series(tmp_path, "T1").data.shape[2] == COUNT


def test_no_image(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(KgpError, match="holds no DICOM image"):
        read_dicom_series(tmp_path, "T1")


def test_without_pydicom(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(KgpError, match=r"Reading DICOM needs pydicom; install it with: pip install"):
        read_dicom_series(tmp_path, "T1")
