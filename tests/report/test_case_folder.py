import csv
import os

import cv2
import nibabel
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.files import read_json
from kgp.report.case_folder import check_pictures, write_case_folder


def write_pictures(folder, **highest):
    """Pictures whose FLAIR is dark but for one pixel."""
    folder.mkdir()
    for name, value in highest.items():
        image = np.full((16, 16, 2), min(value, 90.0), np.float32)
        image[5, 6, 1] = value
        np.save(folder / f"{name}.npy", image)
    return folder


def probability(flair):
    """Of "tumour", by the bright runtime's rule."""
    return 1 / (1 + np.exp(1.5 - flair / 100))


@pytest.mark.parametrize(
    ("highest", "name", "called", "likely"),
    [
        ({"a": 100.0, "b": 250.0, "c": 200.0}, "b.npy", "tumour", probability(250)),
        ({"a": 100.0, "b": 120.0}, "b.npy", "no_tumour", 1 - probability(120)),
    ],
)
def test_the_strongest_slice(bright_runtime, tmp_path, highest, name, called, likely):
    folder = write_pictures(tmp_path / "p1", **highest)
    summary = write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero")
    assert summary == read_json(tmp_path / "out" / "summary.json")
    expected = {"slice": name, "class": called, "probability": pytest.approx(likely, abs=1e-6)}
    assert summary["strongest_slice"] == expected


def test_black_pictures_have_no_strongest_slice(bright_runtime, tmp_path):
    summary = write_case_folder(bright_runtime(), write_pictures(tmp_path / "p1", a=0.0), tmp_path / "out", "zero")
    assert summary["strongest_slice"] is None


def test_failed_pictures_are_told(bright_runtime, tmp_path):
    folder = write_pictures(tmp_path / "p1", a=250.0)
    (folder / "b.png").write_bytes(b"\x89PNG")
    with pytest.raises(KgpError, match=r"1 of 2 pictures failed: .*b\.png is cut short"):
        check_pictures(write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero"))
    assert (tmp_path / "out" / "a_mask.png").is_file()


def test_a_picture_whose_name_is_in_another_encoding(bright_runtime, tmp_path):
    folder = write_pictures(tmp_path / "p1", a=250.0)
    os.rename(folder / "a.npy", os.fsencode(folder) + b"/M\xfcller.npy")
    write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero")
    with open(tmp_path / "out" / "slices.csv", newline="", encoding="utf-8") as stream:
        assert [line["file"] for line in csv.DictReader(stream)] == ["M?ller.npy"]
    assert cv2.imread(str(tmp_path / "out" / "overlay.png")) is not None


def test_previews_beside_nifti_files_are_no_case(bright_runtime, tmp_path):
    folder = write_pictures(tmp_path / "p1", preview=250.0)
    for contrast in ("t1", "flair"):
        nibabel.save(
            nibabel.Nifti1Image(np.full((16, 16, 2), 90, np.float32), np.eye(4)), folder / f"{contrast}.nii.gz"
        )
    write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero")
    assert (tmp_path / "out" / "mask.nii.gz").is_file()


def test_hidden_pictures_are_passed_over(bright_runtime, tmp_path):
    folder = write_pictures(tmp_path / "p1", a=250.0)
    (folder / "._a.png").write_bytes(b"what a Mac leaves behind")
    assert write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero")["failed"] == []


def test_volume_of_a_sheared_grid(bright_runtime, tmp_path):
    (tmp_path / "p1").mkdir()
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    affine[1, 2] = 1.0  # slices tilted against their stack, as with a tilted gantry
    data = np.full((16, 16, 2), 90, np.float32)
    data[4:8, 4:12] = 250
    for contrast in ("t1", "flair"):
        nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "p1" / f"{contrast}.nii.gz")
    summary = write_case_folder(bright_runtime(), tmp_path / "p1", tmp_path / "out", "zero")
    voxels = int(np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj).sum())
    assert voxels > 0 and summary["mask_volume_mm3"] == pytest.approx(6.0 * voxels)


def test_grey_pictures_in_colour_are_one_contrast_and_told_once(bright_runtime, tmp_path, caplog):
    folder = tmp_path / "p1"
    folder.mkdir()
    image = np.full((16, 16), 90, np.uint8)
    image[4:9, 6:12] = 250
    for name in ("a.png", "b.png", "c.jpg"):
        cv2.imwrite(str(folder / name), np.dstack([image] * 3))
    cv2.imwrite(str(folder / "d.png"), image)
    runtime = bright_runtime(contrasts=("FLAIR",))
    summary = write_case_folder(runtime, folder, tmp_path / "out", "zero")
    assert summary["slices"] == 4 and summary["failed"] == [] and summary["slices_by_class"]["tumour"] == 4
    np.testing.assert_array_equal(
        np.load(tmp_path / "out" / "a_heatmap.npy"), np.load(tmp_path / "out" / "d_heatmap.npy")
    )
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "a.png (and 2 more) is grey but stored in colour (three equal channels), which count as one contrast."
    ]


def test_a_network_of_three_contrasts_takes_colour_and_grey_in_colour(bright_runtime, tmp_path):
    folder = tmp_path / "p1"
    folder.mkdir()
    image = np.random.default_rng(0).integers(60, 255, (16, 16, 4), np.uint8)
    cv2.imwrite(str(folder / "colour.png"), image[..., :3])
    cv2.imwrite(str(folder / "alpha.png"), image)
    cv2.imwrite(str(folder / "grey.png"), np.dstack([image[..., 0]] * 3))
    runtime = bright_runtime(contrasts=("T1", "T2", "FLAIR"))
    assert write_case_folder(runtime, folder, tmp_path / "out", "zero")["failed"] == []
    colour, alpha = (np.load(tmp_path / "out" / f"{name}_heatmap.npy") for name in ("colour", "alpha"))
    np.testing.assert_array_equal(colour, alpha)
    with pytest.raises(KgpError, match="takes slices with the 1 contrasts FLAIR, not with 3 channels"):
        write_case_folder(bright_runtime(contrasts=("FLAIR",)), folder / "colour.png", tmp_path / "out2", "zero")


def test_previews_beside_dicom_files_are_no_case(bright_runtime, tmp_path):
    folder = write_pictures(tmp_path / "p1", a=250.0)
    (folder / "IM1.dcm").write_bytes(b"")
    with pytest.raises(KgpError, match="holds no NIfTI file"):
        write_case_folder(bright_runtime(), folder, tmp_path / "out", "zero")


def test_a_header_that_contradicts_itself_is_told(bright_runtime, tmp_path, caplog):
    image = nibabel.Nifti1Image(np.full((16, 16, 2), 90, np.float32), np.eye(4))
    image.set_sform(np.eye(4), 1)
    image.set_qform(np.diag([-1.0, 1.0, 1.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "scan.nii.gz")
    write_case_folder(bright_runtime(contrasts=("FLAIR",)), tmp_path / "scan.nii.gz", tmp_path / "out", "zero")
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told.startswith("scan.nii.gz has a qform and an sform that contradict each other (scan.nii.gz by up to ")
    written = nibabel.load(tmp_path / "out" / "mask.nii.gz")
    np.testing.assert_array_equal(written.affine, image.affine)
    np.testing.assert_array_equal(written.get_qform(), image.get_qform())
