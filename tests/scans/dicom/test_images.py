"""kgp.scans.dicom.images: what is read, left out with a word, or refused among the files of a study."""

import logging

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.files import open_study  # noqa: E402
from kgp.scans.dicom.images import (  # noqa: E402
    left_out_in_words,
    read_images,
    refuse_other_slices,
    tell_what_is_left_out,
)

RAW_DATA, PRESENTATION = "1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.5.1.4.1.1.11.1"
SPECTRUM, SEGMENTATION = "1.2.840.10008.5.1.4.1.1.4.2", "1.2.840.10008.5.1.4.1.1.66.4"
PRIVATE, CAPTURE = "1.3.46.670589.11.0.0.12.1", pydicom.uid.SecondaryCaptureImageStorage


@pytest.fixture
def disc(phantom_study, tmp_path):
    """Three slices in DICOM/I000000 to I000002; `add` puts a slice of another kind beside them."""
    made = phantom_study(contrasts=("T1",))
    folder = tmp_path / "DICOM"
    folder.mkdir()

    def add(name, index=0, **changes):
        made.slice("T1", index, **changes).save_as(folder / name, enforce_file_format=True)

    for index in range(3):
        add(f"I00000{index}", index)
    return folder, add


def read(folder):
    with open_study([folder]) as files:
        images, others = read_images(files)
    refuse_other_slices(images, others)
    return images, left_out_in_words(others)


def test_what_lies_on_a_disc_is_left_out(disc):
    folder, _ = disc
    contents = {
        "LOCKFILE": b"", "DICOM/EMPTY": b"", "empty.dcm": b"", "VIEWER/run.exe": b"MZ\x90\0", "VIEWER/v1.2": b"\1\2\3",
        "VIEWER/viewer": b"\x7fELF", "autorun.inf": b"[autorun]", "DICOM/I000003.jpg": b"\xff\xd8\xff\0",
        "library.so.6": bytes(500),
        "DICOMDIR": (folder / "I000000").read_bytes()[:200],
    }  # fmt: skip
    for name, content in contents.items():
        path = folder.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with open(folder.parent / "film.avi", "wb") as stream:
        stream.truncate(3 << 30)  # takes no room on the disk
    images, left_out = read(folder.parent)
    assert len(images) == 3
    assert left_out == "1 x Media Storage Directory Storage, 3 x empty file, 7 x other file"


@pytest.mark.parametrize("content", [b"", bytes(3000), b"\x7fELF\1\2"])
@pytest.mark.parametrize("name", ["I000003", "I00000A"])
def test_a_file_without_an_image_that_is_named_as_the_images_are(disc, name, content):
    folder, _ = disc
    (folder / name).write_bytes(content)
    with pytest.raises(
        KgpError, match=rf"{name} is (empty|no DICOM file) and is named as the images beside it are; its"
    ):
        read(folder)


def test_empty_files_that_may_have_been_images_are_named(disc, caplog):
    folder, _ = disc
    (folder / "LOCKFILE").touch()
    for number in range(5):
        (folder / f"slice{number}.dcm").touch()
    with open_study([folder]) as files:
        _, others = read_images(files)
    with caplog.at_level(logging.INFO):
        tell_what_is_left_out(others)
    assert "Left out: 6 x empty file." in caplog.text
    assert "slice2.dcm and 2 more; if these were images, fetch the series again." in caplog.text
    assert "LOCKFILE" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (RAW_DATA, {"Rows": None, "Columns": None, "PixelData": None}, "Raw Data Storage"),
        (RAW_DATA, {"PixelData": None}, "Raw Data Storage"),
        (PRESENTATION, {"PixelData": None, "Modality": "PR"}, "Grayscale Softcopy Presentation State Storage"),
        (SPECTRUM, {"PixelData": None}, "MR Spectroscopy Storage"),
        (SEGMENTATION, {}, "Segmentation Storage"),
        (PRIVATE, {"PixelData": None}, "unknown object"),
        (CAPTURE, {"SamplesPerPixel": 3, "ImagePositionPatient": None}, "Secondary Capture Image Storage"),
    ],
)
def test_objects_in_a_series_that_are_no_slices(disc, kind, changes, words):
    folder, add = disc
    add("XX_0001", SOPClassUID=kind, SOPInstanceUID="1.9", **changes)
    images, left_out = read(folder)
    assert len(images) == 3 and left_out == f"1 x {words}"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (pydicom.uid.CTImageStorage, {}),
        (PRIVATE, {}),
        (CAPTURE, {}),
        (CAPTURE, {"ImagePositionPatient": None}),
        (CAPTURE, {"SamplesPerPixel": 3}),
    ],
)
def test_objects_in_a_series_that_could_be_slices(disc, kind, changes):
    folder, add = disc
    add("IM4", 3, SOPClassUID=kind, **changes)
    with pytest.raises(
        KgpError, match=r"I000000 mixes MR images with other objects that could be slices: .*IM4 is stored"
    ):
        read(folder)


def test_a_damaged_object_that_is_no_image(disc):
    folder, add = disc
    add("XX_0001", SOPClassUID=RAW_DATA, SOPInstanceUID="1.9", PixelData=None)
    content = (folder / "XX_0001").read_bytes()
    samples = b"\x28\0\2\0US\2\0\1\0"
    assert samples in content
    (folder / "XX_0001").write_bytes(content.replace(samples, b"\x28\0\2\0US\3\0\1\0\0"))
    assert read(folder)[1] == "1 x Raw Data Storage"


def test_identical_copies_count_once(disc):
    folder, _ = disc
    (folder / "copy").write_bytes((folder / "I000001").read_bytes())
    images, left_out = read(folder)
    assert len(images) == 3 and left_out == "1 x identical copy"
