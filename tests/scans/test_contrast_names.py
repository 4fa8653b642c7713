"""kgp.scans.contrast_names: contrasts told by file names."""

import pytest

from kgp.errors import KgpError
from kgp.scans.contrast_names import contrast_of, find_contrasts


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("BraTS20_001_t1.nii.gz", "T1"),
        ("x-t1n.nii", "T1"),
        ("T1w.nii", "T1"),
        ("x_t1ce.nii.gz", "T1ce"),
        ("x-t1c.nii", "T1ce"),
        ("sub-01_T1Gd.nii.gz", "T1ce"),
        ("x_T2.nii", "T2"),
        ("x-t2f.nii.gz", "FLAIR"),
        ("FLAIR.nii", "FLAIR"),
        ("t2_flair.nii.gz", "FLAIR"),
        ("seg.nii", None),
        ("t1nonsense.nii", None),
    ],
)
def test_contrasts_by_name(name, contrast):
    assert contrast_of(name) == contrast


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_files_of_a_folder(tmp_path):
    touch(tmp_path, "p_t1.nii.gz", "p_flair.nii", "p_seg.nii.gz", "p_dwi.nii", "notes.txt", "t2.txt")
    found = find_contrasts(tmp_path, ("FLAIR", "T1", "DWI"))
    assert {name: path.name for name, path in found.items()} == {
        "FLAIR": "p_flair.nii",
        "T1": "p_t1.nii.gz",
        "DWI": "p_dwi.nii",
    }
    assert list(found) == ["FLAIR", "T1", "DWI"]


@pytest.mark.parametrize("wanted", ["T1Gd", "t1c", "T1ce"])
def test_a_contrast_by_any_of_its_words(tmp_path, wanted):
    touch(tmp_path, "x-t1c.nii", "x-t1n.nii")
    assert find_contrasts(tmp_path, (wanted,))[wanted].name == "x-t1c.nii"


def test_masks_and_hidden_files_are_no_contrasts(tmp_path):
    touch(tmp_path, "p_flair_seg.nii", "flair_mask.nii.gz", "._p_flair.nii")
    with pytest.raises(KgpError, match="has no file for the contrast FLAIR; it holds flair_mask.nii.gz, p_flair_seg"):
        find_contrasts(tmp_path, ("FLAIR",))
    touch(tmp_path, "p_flair.nii")
    assert find_contrasts(tmp_path, ("FLAIR",))["FLAIR"].name == "p_flair.nii"


def test_ambiguous_and_missing_contrasts(tmp_path):
    touch(tmp_path, "a_t1.nii", "b_t1w.nii")
    with pytest.raises(KgpError, match=r"has 2 files \(a_t1.nii, b_t1w.nii\) for the contrast T1"):
        find_contrasts(tmp_path, ("T1",))
    with pytest.raises(KgpError, match="has no file for the contrast T2; it holds a_t1.nii, b_t1w.nii"):
        find_contrasts(tmp_path, ("T2",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(KgpError, match="has no file for the contrast T2; it holds no NIfTI file"):
        find_contrasts(tmp_path / "empty", ("T2",))


def test_a_folder_with_the_name_of_a_file(tmp_path):
    for name in ("c_flair.nii", "c_t1.nii.gz", "c_seg.nii"):
        (tmp_path / name).mkdir()
        touch(tmp_path / name, "00000057_brain_x.nii", "._00000057_brain_x.nii")
    found = find_contrasts(tmp_path, ("T1", "FLAIR"))
    assert found == {
        "T1": tmp_path / "c_t1.nii.gz" / "00000057_brain_x.nii",
        "FLAIR": tmp_path / "c_flair.nii" / "00000057_brain_x.nii",
    }
