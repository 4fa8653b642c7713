"""kgp.scans.case: one patient for prediction."""

import sys

import nibabel
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.case import holds_cases, read_case


def save(path, value, affine=None):
    nibabel.save(
        nibabel.Nifti1Image(np.full((3, 4, 5), value, np.float32), np.eye(4) if affine is None else affine), path
    )
    return path


def test_one_file_is_one_contrast(tmp_path):
    path = save(tmp_path / "any name.nii.gz", 7)
    volume = read_case(("FLAIR",), path)
    assert volume.contrasts == ("FLAIR",) and volume.data.shape == (3, 4, 5, 1) and (volume.data == 7).all()
    with pytest.raises(KgpError, match="is one file, but the contrasts T1, FLAIR are needed; give a folder"):
        read_case(("T1", "FLAIR"), path)


def test_a_folder_with_a_file_for_each(tmp_path):
    save(tmp_path / "p_flair.nii", 2)
    save(tmp_path / "p_t1.nii.gz", 1)
    volume = read_case(("T1", "FLAIR"), tmp_path)
    assert volume.data[0, 0, 0].tolist() == [1, 2]
    with pytest.raises(KgpError, match="has no file for the contrast T2"):
        read_case(("T2",), tmp_path)


def test_resampling_is_passed_on(tmp_path):
    save(tmp_path / "p_flair.nii", 2)
    save(tmp_path / "p_t1.nii", 1, np.diag([0.5, 0.5, 0.5, 1.0]))
    with pytest.raises(KgpError, match="--resample-to"):
        read_case(("T1", "FLAIR"), tmp_path)
    assert read_case(("T1", "FLAIR"), tmp_path, "FLAIR").affine[0, 0] == 1.0


def test_a_dicom_series_is_one_contrast(phantom_study, tmp_path):
    made = phantom_study(contrasts=("T1",))
    folder = made.write(tmp_path) / "T1"
    volume = read_case(("T1ce",), folder)
    assert volume.contrasts == ("T1ce",)
    np.testing.assert_array_equal(volume.data[..., 0], made.pixels["T1"].transpose(2, 1, 0))
    with pytest.raises(KgpError, match="holds no NIfTI file; a DICOM series has one contrast, but T1, T2 are needed"):
        read_case(("T1", "T2"), folder)


def test_dicom_without_pydicom(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(KgpError, match=r"Reading DICOM needs pydicom; install it with: pip install"):
        read_case(("T1",), tmp_path)


def test_a_case_that_is_not_there(tmp_path):
    with pytest.raises(KgpError, match="nowhere does not exist"):
        read_case(("T1",), tmp_path / "nowhere")


def test_a_case_whose_files_have_folders_of_their_own_is_no_folder_of_cases(tmp_path):
    (tmp_path / "case" / "c_flair.nii").mkdir(parents=True)
    assert holds_cases(tmp_path) and not holds_cases(tmp_path / "case")


def test_what_systems_leave_is_neither_a_case_nor_a_file_of_one(tmp_path):
    for name in ("a/t1.nii", "__MACOSX/a/._t1.nii", ".DS_Store", "._a.png", "Thumbs.db", "preview.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert holds_cases(tmp_path)
    save(tmp_path / "a" / "t1.nii", 1)
    (tmp_path / "a" / "._t1.nii").write_bytes(b"what a Mac leaves behind")
    assert read_case(("T1",), tmp_path / "a").data.max() == 1
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "._t1.nii").write_bytes(b"")
    with pytest.raises(KgpError, match=r"b (holds no NIfTI file|holds no DICOM image)"):
        read_case(("T1",), tmp_path / "b")
    (tmp_path / "c.png").write_bytes(b"")
    assert not holds_cases(tmp_path)
