"""kgp.data.sources.brats_files: which files are whose."""

import pytest

from kgp.data.sources.brats_files import find_cases, has_masks


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "name",
    [
        "c/c_seg.nii.gz",
        "c/c-seg.nii",
        "c/W39_1998.09.19_Segm.nii",
        "c/c_SEG.NII.GZ",
        "c/c_seg.nii/c_seg.nii",
        "c/c_seg.nii/00000083_final_x.nii",
        "BraTS-MEN-RT-0005-1/BraTS-MEN-RT-0005-1_gtv.nii.gz",
    ],
)
def test_masks_are_known_by_their_names(tmp_path, name):
    touch(tmp_path, name)
    assert has_masks(tmp_path)
    cases, _, faults = find_cases(tmp_path)
    assert [list(files) for files in cases.values()] == [["seg"]] and not faults
    assert list(cases) == [name.split("/")[0]]


@pytest.mark.parametrize(
    "name", ["__MACOSX/c/c_seg.nii", "c/._c_seg.nii.gz", ".trash/c_seg.nii", "c/c_dseg.nii", "c/c_seg.txt"]
)
def test_what_is_no_mask(tmp_path, name):
    touch(tmp_path, name)
    assert not has_masks(tmp_path)
    assert find_cases(tmp_path)[0] == {}


def test_a_lone_file_in_a_folder_of_its_name_and_a_case_that_ends_so(tmp_path):
    touch(tmp_path, "a/a_flair/a_flair.nii.gz", "a/a_seg/a_seg.nii.gz", "p_flair/p_flair.nii", "p_flair/p_seg.nii")
    cases, folders, faults = find_cases(tmp_path)
    assert {case: sorted(files) for case, files in cases.items()} == {
        "a": ["FLAIR", "seg"],
        "p_flair": ["FLAIR", "seg"],
    }
    assert folders["a"] == tmp_path / "a" and not faults


def test_two_files_of_one_contrast(tmp_path):
    touch(tmp_path, "HGG/a/a_t1.nii", "LGG/a/a_t1.nii")
    faults = find_cases(tmp_path)[2]
    assert "are both the T1 of case a" in faults["a"]
