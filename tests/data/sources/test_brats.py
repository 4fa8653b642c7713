"""kgp.data.sources.brats: case folders of all years."""

from pathlib import Path

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


def errors(source):
    return [fault for fault in source.check() if fault.severity == "error"]


def warnings(source):
    return [fault.what for fault in source.check() if fault.severity == "warning"]


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
    assert errors(source) == [] and len(list(source.read(folder.name))) == 3


def test_chosen_contrasts_in_order(tmp_path):
    write_case(tmp_path / "a", skip=("T1", "T2"))
    source = open_source(tmp_path, contrasts=("FLAIR", "T1ce"))
    assert source.contrasts == ("FLAIR", "T1ce") and errors(source) == []
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
    assert [(fault.severity, fault.where) for fault in errors(source)] == [("error", "b")]
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
    assert source.cases() == ["a"] and errors(source) == [] and len(list(source.read("a"))) == 3


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


KAGGLE = Path("b20/BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData")
MAPPING = "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID\n"


def kaggle_2020(tmp_path, names=OLD):
    """The layout of Kaggle's BraTS 2020: two folders between the archive's and the cases."""
    for number in (1, 2):
        write_case(tmp_path / KAGGLE / f"BraTS20_Training_00{number}", ending=".nii", names=names)
    rows = "HGG,NA,NA,NA,NA,BraTS20_Training_001\nLGG,NA,NA,NA,NA,BraTS20_Training_002\n"
    (tmp_path / KAGGLE / "name_mapping.csv").write_text(MAPPING + rows)
    (tmp_path / KAGGLE / "name_mapping_validation_data.csv").write_text(
        MAPPING.replace("Grade,", "") + "NA,NA,NA,NA,x\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    "named",
    [
        ".",
        "b20",
        "b20/BraTS2020_TrainingData",
        str(KAGGLE),
        str(KAGGLE / "BraTS20_Training_001"),
    ],
)
def test_any_folder_of_kaggles_2020_may_be_named(tmp_path, named):
    source = open_source(kaggle_2020(tmp_path) / named)
    assert source.check() == []
    found = pieces(source)
    assert {piece.label_name for piece in found["BraTS20_Training_001"]} == {"no_tumour", "HGG"}
    assert named.endswith("001") or {piece.label_name for piece in found["BraTS20_Training_002"]} == {
        "no_tumour",
        "LGG",
    }


def test_a_relative_folder_finds_the_table_above(tmp_path, monkeypatch):
    monkeypatch.chdir(kaggle_2020(tmp_path) / KAGGLE / "BraTS20_Training_001")
    source = BratsSource(Path())
    assert source.cases() == ["BraTS20_Training_001"] and source.check() == []


def test_the_validation_part_beside_the_training_part_is_passed_over(tmp_path):
    kaggle_2020(tmp_path)
    part = tmp_path / "b20" / "BraTS2020_ValidationData" / "MICCAI_BraTS2020_ValidationData"
    write_case(part / "BraTS20_Validation_001", ending=".nii", skip=("seg",))
    source = open_source(tmp_path / "b20")
    assert source.cases() == ["BraTS20_Training_001", "BraTS20_Training_002"] and errors(source) == []
    assert warnings(source) == [
        "1 case(s) of a validation part have no masks and are passed over, such as BraTS20_Validation_001."
    ]
    alone = BratsSource(part)
    assert [fault.where for fault in errors(alone)] == ["BraTS20_Validation_001"]


def test_that_no_grades_were_found_is_said(tmp_path):
    write_case(tmp_path / "BraTS2021_00001")
    (warning,) = warnings(open_source(tmp_path))
    assert warning.startswith("no grades were found for the 1 case(s) (no folder HGG or LGG, and no name_mapping.csv")
    assert "all slices with tumour are of one class, 'tumour'" in warning and "with --csv" in warning


def test_a_table_without_grades_for_the_cases_is_said(tmp_path):
    write_case(tmp_path / "a")
    (tmp_path / "cases.csv").write_text("case,grade\na,NA\n")
    assert "cases.csv names neither HGG nor LGG for them" in warnings(BratsSource(tmp_path))[0]
    table = tmp_path / "other.csv"
    table.write_text("case,grade\nx,HGG\n")
    with pytest.raises(KgpError, match=r"other.csv lists none of the 1 cases in .*, such as a"):
        BratsSource(tmp_path, csv_path=table)


def test_which_of_several_tables_is_taken_is_said(tmp_path):
    write_case(tmp_path / "a")
    write_case(tmp_path / "b")
    (tmp_path / "name_mapping.csv").write_text("grade,case\nHGG,a\n")
    (tmp_path / "cases.csv").write_text("case,grade\na,LGG\nb,LGG\n")
    source = BratsSource(tmp_path)
    assert [fault.what for fault in source.check()] == [
        f"the grades are those of {tmp_path / 'cases.csv'}; {tmp_path / 'name_mapping.csv'} lists cases too and is not "
        "used (--csv names a table)."
    ]


def test_one_person_by_two_names_of_the_table_is_one_group(tmp_path):
    for name in ("BraTS20_Training_001", "Brats18_CBICA_AAB_1", "BraTS20_Training_002"):
        write_case(tmp_path / name)
    (tmp_path / "name_mapping.csv").write_text(
        MAPPING + "HGG,NA,Brats18_CBICA_AAB_1,NA,NA,BraTS20_Training_001\nLGG,NA,NA,TCGA-1,NA,BraTS20_Training_002\n"
    )
    groups = {case: slices[0].group for case, slices in pieces(BratsSource(tmp_path)).items()}
    assert groups["BraTS20_Training_001"] == groups["Brats18_CBICA_AAB_1"] != groups["BraTS20_Training_002"]


def test_one_person_of_2021_and_2023_is_one_group(tmp_path):
    write_case(tmp_path / "BraTS2021_00006")
    write_case(tmp_path / "BraTS-GLI-00006-000", names=NEW)
    groups = {slices[0].group for slices in pieces(BratsSource(tmp_path)).values()}
    assert len(groups) == 1


def test_one_patient_with_two_grades_is_said(tmp_path):
    write_case(tmp_path / "HGG" / "a")
    write_case(tmp_path / "LGG" / "b")
    (tmp_path / "cases.csv").write_text("case,grade,patient\na,HGG,p\nb,LGG,p\n")
    assert warnings(BratsSource(tmp_path)) == ["patient p has cases of two grades: a HGG, b LGG."]


@pytest.mark.parametrize(
    ("inner", "ending"),
    [("{name}.nii", ".nii"), ("{name}.nii.gz", ".nii.gz"), ("00000057_brain_x.nii", ".nii"), ("{name}.nii.gz", "")],
)
def test_a_folder_for_each_file(tmp_path, inner, ending):
    write_case(tmp_path / "plain" / "BraTS2021_00001")
    for file in (tmp_path / "plain" / "BraTS2021_00001").iterdir():
        name = file.name.removesuffix(".nii.gz")
        folder = tmp_path / "odd" / "BraTS2021_00001" / f"{name}{ending}"
        folder.mkdir(parents=True)
        nibabel.save(nibabel.load(file), folder / inner.format(name=name))
    plain, odd = (pieces(open_source(tmp_path / part))["BraTS2021_00001"] for part in ("plain", "odd"))
    assert [piece.id for piece in plain] == [piece.id for piece in odd]
    for one, other in zip(plain, odd, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)


def test_a_folder_for_a_file_that_holds_another_contrast(tmp_path):
    write_case(tmp_path / "a")
    (tmp_path / "a" / "a_t2.nii.gz").rename(tmp_path / "a" / "x")
    (tmp_path / "a" / "a_t2.nii").mkdir()
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "a_t2.nii" / "a_t1ce.nii.gz")
    (fault,) = errors(BratsSource(tmp_path))
    assert fault.what.endswith("is the T1ce by its own name, but the T2 by its folder's.")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a Git LFS pointer"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (bytes(1024), "holds nothing but zeros"),
        (b"placeholder" * 90, "does not begin as a NIfTI file"),
    ],
)
def test_what_stands_instead_of_volumes_is_said_once_for_a_case(tmp_path, content, what):
    write_case(tmp_path / "a")
    write_case(tmp_path / "b")
    for file in (tmp_path / "b").iterdir():
        file.write_bytes(content)
    source = open_source(tmp_path)
    (fault,) = errors(source)
    assert (fault.where, "b_t1.nii.gz " + what in fault.what) == ("b", True)
    assert "4 more of its 5 files cannot be read" in fault.what
    with pytest.raises(KgpError, match=f"case b: b_t1.nii.gz {what}"):
        list(source.read("b"))
    assert len(list(source.read("a"))) == 3


def test_a_link_without_a_target_is_said(tmp_path):
    write_case(tmp_path / "a")
    (tmp_path / "a" / "a_t1.nii.gz").unlink()
    (tmp_path / "a" / "a_t1.nii.gz").symlink_to(tmp_path / "nowhere")
    assert "a_t1.nii.gz is a link to a file that is not there" in errors(BratsSource(tmp_path))[0].what


@pytest.mark.parametrize(
    ("name", "label_4", "label"),
    [
        ("BraTS-GLI-02405-100", 0, (1, "glioma")),
        ("BraTS-MET-00002-000", 0, (3, "metastasis")),
        ("BraTS-PED-00001-000", 1, (4, "paediatric_tumour")),
        ("BraTS-MEN-00004-000", 1, (2, "meningioma")),
        ("BraTS-SSA-00002-000", 1, (1, "glioma")),
        ("BraTS-MEN-RT-0005-1", 1, (2, "meningioma")),
        ("BraTS2021_00001", 1, (1, "glioma")),
        ("BraTS20_Training_001", 1, (1, "glioma")),
        ("Brats18_2013_2_1", 1, (1, "glioma")),
    ],
)
def test_the_kind_says_which_label_is_a_cavity_and_which_tumour_it_is(tmp_path, name, label_4, label):
    write_case(tmp_path / name, names=NEW)  # label 1 in the third slice, 4 in the fourth
    found = pieces(open_source(tmp_path))[name]
    assert [int(piece.mask.sum()) for piece in found] == [0, 1, label_4]
    found = pieces(open_source(tmp_path, "brats-tumour-types"))[name]
    assert {(piece.label, piece.label_name) for piece in found} == {(0, "no_tumour"), label}


def test_kinds_in_one_folder(tmp_path):
    for name in ("BraTS-GLI-00001-000", "BraTS-MEN-00001-000", "BraTS-MET-00001-000", "BraTS-PED-00001-000"):
        write_case(tmp_path / name, names=NEW)
    source = open_source(tmp_path)
    assert any("--kind brats-tumour-types makes a class of each tumour" in warning for warning in warnings(source))
    assert any("1 BraTS-GLI, 1 BraTS-MEN, 1 BraTS-MET, 1 BraTS-PED" in warning for warning in warnings(source))
    source = open_source(tmp_path, "brats-tumour-types")
    assert source.name == "brats-tumour-types" and source.check() == []
    assert [max(piece.label for piece in slices) for slices in pieces(source).values()] == [1, 2, 3, 4]


@pytest.mark.parametrize("folder", ["a", "BraTS-GoAT-00001", "51_OtherNeoplasms/BraTS-SSA-00009-000"])
def test_a_tumour_that_the_name_does_not_say(tmp_path, folder):
    write_case(tmp_path / folder, names=NEW)
    source = open_source(tmp_path, "brats-tumour-types")
    assert [fault.what for fault in source.check()] == ["which tumour it has cannot be told from its name or folder."]


def test_a_label_that_the_kind_does_not_have(tmp_path):
    write_case(tmp_path / "BraTS-SSA-00002-000", names=NEW)
    first, *others = pieces(open_source(tmp_path))["BraTS-SSA-00002-000"]
    assert [note for note in first.notes if "has the label 4 in its mask, which BraTS-SSA masks do not have" in note]
    assert not any(piece.notes for piece in others)


def test_the_table_is_a_file_of_the_data_wherever_it_lies(tmp_path):
    write_case(tmp_path / "data" / "a")
    assert BratsSource(tmp_path / "data").files() == []
    (tmp_path / "cases.csv").write_text("case;grade\na;HGG\n")
    source = BratsSource(tmp_path / "data")
    assert source.files() == [tmp_path / "cases.csv"] and {piece.label for piece in source.read("a")} == {0, 2}
