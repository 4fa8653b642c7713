"""kgp.data.sources.brats: case folders of all years."""

import nibabel
import numpy as np
import pytest

from kgp.data.sources import open_source
from kgp.data.sources.brats import CONTRASTS, BratsSource
from kgp.errors import KgpError

OLD = {"T1": "_t1", "T2": "_t2", "T1ce": "_t1ce", "FLAIR": "_flair", "seg": "_seg"}
NEW = {"T1": "-t1n", "T2": "-t2w", "T1ce": "-t1c", "FLAIR": "-t2f", "seg": "-seg"}
SLICES = 5  # of a case: empty, healthy, tumour, tumour, nearly empty


def volume(number):
    """A contrast [12, 12, 5] in LPS order, as BraTS has it; the first contrast counts from 0."""
    data = np.zeros((12, 12, SLICES), np.int16)
    data[3:9, 2:9, 1:4] = 100 * (number + 1)
    data[3:5, 2:6, 4] = 100 * (number + 1)
    return data


def write_case(folder, names=OLD, ending=".nii.gz", skip=()):
    """A case with a tumour in the third and fourth slice; `skip` leaves contrasts or "seg" out."""
    folder.mkdir(parents=True)
    seg = np.zeros((12, 12, SLICES), np.uint8)
    seg[4, 5, 2], seg[5, 5, 3] = 1, 4
    for number, contrast in enumerate((*CONTRASTS, "seg")):
        if contrast not in skip:
            data = seg if contrast == "seg" else volume(number)
            nibabel.save(
                nibabel.Nifti1Image(data, np.diag([-1.0, -1.0, 2.0, 1.0])),
                folder / f"{folder.name}{names[contrast]}{ending}",
            )


def pieces(source):
    return {case: list(source.read(case)) for case in source.cases()}


def test_slices_labels_and_masks_of_2018(tmp_path):
    write_case(tmp_path / "HGG" / "Brats18_A_1")
    write_case(tmp_path / "LGG" / "Brats18_B_1")
    source = open_source(tmp_path)
    assert source.name == "brats" and source.contrasts == CONTRASTS
    assert source.cases() == ["Brats18_A_1", "Brats18_B_1"] and source.check() == []
    high, low = pieces(source).values()
    assert [(piece.label, piece.label_name) for piece in high] == [(0, "no_tumour"), (2, "HGG"), (2, "HGG")]
    assert [(piece.label, piece.label_name) for piece in low] == [(0, "no_tumour"), (1, "LGG"), (1, "LGG")]
    assert [piece.index for piece in high] == [1, 2, 3]  # the empty and the nearly empty slice are left out
    assert [piece.id for piece in high] == [f"Brats18_A_1_{index:03d}" for index in (1, 2, 3)]
    for piece in high:
        assert piece.patient == piece.group == piece.volume == "Brats18_A_1"
        assert piece.image.shape == (12, 12, 4) and piece.image.dtype == np.float32 and piece.spacing == (1.0, 1.0)
    # Voxel axes run to the left and back already, so that a slice is the plain transpose.
    np.testing.assert_array_equal(high[0].image[..., 3], volume(3)[:, :, 1].T)
    assert [np.argwhere(piece.mask).tolist() for piece in high] == [[], [[5, 4]], [[5, 5]]]


@pytest.mark.parametrize(("column", "table"), [("BraTS_2020_subject_ID", "name_mapping.csv"), ("case", "cases.csv")])
def test_grades_of_a_table(tmp_path, column, table):
    for name in ("BraTS20_Training_001", "BraTS20_Training_002"):
        write_case(tmp_path / name, ending=".nii")
    (tmp_path / table).write_text(f"Grade,{column}\nHGG,BraTS20_Training_001\nlgg,BraTS20_Training_002\n")
    high, low = pieces(open_source(tmp_path)).values()
    assert {piece.label for piece in high} == {0, 2} and {piece.label for piece in low} == {0, 1}


def test_a_named_table_with_patients(tmp_path):
    for name in ("a", "b"):
        write_case(tmp_path / "data" / name)
    table = tmp_path / "grades.csv"
    table.write_text("case,grade,patient\na,HGG,one\nb,LGG,one\n")
    assert {
        piece.group for slices in pieces(open_source(tmp_path / "data", csv=table)).values() for piece in slices
    } == {"one"}


def test_without_any_grade_it_is_tumour_or_none(tmp_path):
    write_case(tmp_path / "BraTS2021_00001")
    labels = [(piece.label, piece.label_name) for piece in pieces(open_source(tmp_path))["BraTS2021_00001"]]
    assert labels == [(0, "no_tumour"), (1, "tumour"), (1, "tumour")]


def test_names_of_2023_and_visits_of_one_person(tmp_path):
    for name in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001"):
        write_case(tmp_path / name, names=NEW)
    slices = [piece for several in pieces(open_source(tmp_path)).values() for piece in several]
    assert {piece.group for piece in slices} == {"BraTS-GLI-00005"}
    np.testing.assert_array_equal(slices[0].image.max(axis=(0, 1)), [100, 200, 300, 400])


def test_a_resection_cavity_is_no_tumour(tmp_path):
    write_case(tmp_path / "BraTS-GLI-02405-100", names=NEW)  # label 4 in the fourth slice alone
    found = pieces(open_source(tmp_path))["BraTS-GLI-02405-100"]
    assert [(piece.index, piece.label, piece.mask.sum()) for piece in found] == [(1, 0, 0), (2, 1, 1), (3, 0, 0)]


def test_the_mask_of_2020_that_has_a_name_of_its_own(tmp_path):
    folder = tmp_path / "BraTS20_Training_355"
    write_case(folder, ending=".nii")
    (folder / f"{folder.name}_seg.nii").rename(folder / "W39_1998.09.19_Segm.nii")
    source = BratsSource(tmp_path)
    assert source.check() == [] and len(list(source.read(folder.name))) == 3


def test_chosen_contrasts_in_order(tmp_path):
    write_case(tmp_path / "a", skip=("T1", "T2"))
    source = open_source(tmp_path, contrasts=("FLAIR", "T1ce"))
    assert source.contrasts == ("FLAIR", "T1ce") and source.check() == []
    np.testing.assert_array_equal(next(source.read("a")).image.max(axis=(0, 1)), [400, 300])


@pytest.mark.parametrize(
    ("skip", "message"),
    [
        (("T2",), "the contrast T2 is missing in .*b"),
        (("seg",), r"the mask \(seg\) is missing in .*b, so no slice has a label"),
    ],
)
def test_a_missing_file_concerns_its_case(tmp_path, skip, message):
    write_case(tmp_path / "a")
    write_case(tmp_path / "b", skip=skip)
    source = BratsSource(tmp_path)
    with pytest.raises(KgpError, match=f"case b: {message}"):
        list(source.read("b"))
    assert [(fault.severity, fault.where) for fault in source.check()] == [("error", "b")]
    assert len(list(source.read("a"))) == 3


def test_a_missing_grade(tmp_path):
    write_case(tmp_path / "HGG" / "a")
    write_case(tmp_path / "other" / "b")
    source = BratsSource(tmp_path)
    with pytest.raises(KgpError, match="case b: no grade is known from the folder or the table"):
        list(source.read("b"))
    assert [fault.what for fault in source.check()] == ["no grade is known from the folder or the table."]


def test_a_folder_and_a_table_that_disagree(tmp_path):
    write_case(tmp_path / "HGG" / "a")
    write_case(tmp_path / "LGG" / "b")
    (tmp_path / "cases.csv").write_text("case,grade\na,LGG\nb, lgg \n")
    source = BratsSource(tmp_path)
    assert [(found.where, found.what) for found in source.check()] == [
        ("a", "the folder says HGG, but the table says LGG.")
    ]
    with pytest.raises(KgpError, match="case a: the folder says HGG, but the table says LGG"):
        list(source.read("a"))
    assert {piece.label for piece in source.read("b")} == {0, 1}


def test_folders_and_hidden_files_with_the_name_of_a_contrast(tmp_path):
    write_case(tmp_path / "a")
    (tmp_path / "a" / "more_t1.nii").mkdir()
    (tmp_path / "a" / "._a_t2.nii.gz").write_bytes(b"x")
    (tmp_path / "__MACOSX" / "a").mkdir(parents=True)
    for name in ("._a_t2.nii.gz", "a_t1.nii.gz"):
        (tmp_path / "__MACOSX" / "a" / name).write_bytes(b"x")
    source = BratsSource(tmp_path)
    assert source.cases() == ["a"] and source.check() == [] and len(list(source.read("a"))) == 3


def test_a_mask_on_another_grid(tmp_path):
    write_case(tmp_path / "a")
    nibabel.save(nibabel.Nifti1Image(np.zeros((12, 12, 4), np.uint8), np.eye(4)), tmp_path / "a" / "a_seg.nii.gz")
    with pytest.raises(
        KgpError,
        match=r"a_seg.nii.gz is not on the grid of its contrasts \(12x12x4 against 12x12x5 voxels\): .* mm apart",
    ):
        list(BratsSource(tmp_path).read("a"))


def test_folders_of_one_name(tmp_path):
    write_case(tmp_path / "HGG" / "a")
    write_case(tmp_path / "LGG" / "a")
    write_case(tmp_path / "LGG" / "b")
    source = BratsSource(tmp_path)
    assert [(found.severity, found.where) for found in source.check()] == [("error", "a")]
    with pytest.raises(KgpError, match="a_flair.nii.gz and .*a_flair.nii.gz are both the FLAIR of case a"):
        list(source.read("a"))
    assert len(list(source.read("b"))) == 3


def test_nothing_there_and_unknown_contrasts(tmp_path):
    with pytest.raises(KgpError, match="No data found in .*: no folder holds BraTS contrasts"):
        BratsSource(tmp_path)
    write_case(tmp_path / "a")
    with pytest.raises(KgpError, match="--contrasts must be of T1, T2, T1ce, FLAIR for BraTS data, not 'PD'"):
        BratsSource(tmp_path, ("T1", "PD"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,label\na,1\n", "needs the columns grade and one of case, .*; it has case, label"),
        ("case,grade\na,HGG\na,LGG\n", "lists case a more than once"),
        ("", "needs the columns grade"),
        (b"\xff\xfe\x00", "is not a table"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    write_case(tmp_path / "a")
    (tmp_path / "cases.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(KgpError, match=f"cases.csv {message}"):
        BratsSource(tmp_path)
    with pytest.raises(KgpError, match="t.csv is missing"):
        BratsSource(tmp_path, csv_path=tmp_path / "t.csv")


def test_a_short_row_of_the_table_is_a_missing_grade(tmp_path):
    write_case(tmp_path / "a")
    write_case(tmp_path / "b")
    (tmp_path / "cases.csv").write_text("case,grade\na,HGG\nb\n")
    assert [fault.where for fault in BratsSource(tmp_path).check()] == ["b"]
