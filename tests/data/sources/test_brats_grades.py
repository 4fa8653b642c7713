"""kgp.data.sources.brats_grades: tables of grades, and where they are looked for."""

import pytest

from kgp.data.sources.brats_grades import find_grades, read_grades
from kgp.errors import KgpError


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("Grade,BraTS_2020_subject_ID", "HGG,c"),
        ("grade,BRATS_2019_SUBJECT_ID", "hgg,c"),
        ("BraTS_2018_subject_ID,Grade,Age", "c,HGG,60"),
        ("Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID", "HGG,c,NA"),
        ("Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID", "HGG,NA,C"),
        ("BraTS2021 ID,Grade", "c,HGG"),
        (" Grade , CASE ", "HGG , c"),
        ("Grade,case,Grade_source,site", "HGG,c,registry,18"),
        ("\ufeffcase,grade", "c,HGG"),
        ("case,grade,patient", "c,HGG,p"),
    ],
)
def test_columns_of_all_years(tmp_path, columns, row):
    table = tmp_path / "t.csv"
    table.write_text(f"{columns}\n{row}\n", encoding="utf-8")
    found = read_grades(table)
    assert found.grades["c"].upper() == "HGG" and found.lists(["C", "d"]) == 1
    assert "na" not in found.grades


@pytest.mark.parametrize("word", ["NA", "n/a", "NaN", "", "none", "-"])
def test_values_that_are_none(tmp_path, word):
    table = tmp_path / "t.csv"
    table.write_text(f"case,grade,patient\nc,{word},{word}\nd,LGG,{word}\n{word},HGG,x\n{word},HGG,y\n")
    found = read_grades(table)
    assert found.grades == {"c": "", "d": "LGG"} and found.patients == {"c": "", "d": ""}


def test_an_older_name_with_two_grades_has_none(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("Grade,BraTS_2020_subject_ID,BraTS_2018_subject_ID\nHGG,a,old\nLGG,b,old\n")
    assert read_grades(table).grades == {"a": "HGG", "b": "LGG", "old": ""}


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 4])
def test_a_table_above_counts_up_to_three_levels(tmp_path, levels):
    folder = tmp_path.joinpath(*"abcd"[:levels], "data")
    (folder / "case1").mkdir(parents=True)
    (tmp_path / "cases.csv" if levels else folder / "cases.csv").write_text("case,grade\ncase1,HGG\n")
    table, others = find_grades(folder, {"case1": folder / "case1"})
    assert (table is not None) == (levels + 1 <= 3 or not levels) and others == []


def test_a_table_of_other_data_does_not_count(tmp_path):
    folder = tmp_path / "data"
    (folder / "case1").mkdir(parents=True)
    (tmp_path / "cases.csv").write_text("case,grade\nother,HGG\n")
    (folder / "case1" / "name_mapping.csv").write_text("no,table\n")
    (folder / "name_mapping_validation_data.csv").write_text("BraTS_2020_subject_ID\ncase1\n")
    assert find_grades(folder, {"case1": folder / "case1"}) == (None, [])


def test_a_broken_table_in_the_folder_itself_is_an_error_unless_another_fits(tmp_path):
    (tmp_path / "cases.csv").write_text("case,label\na,1\n")
    with pytest.raises(KgpError, match="needs the columns grade"):
        find_grades(tmp_path, {"a": tmp_path / "a"})
    (tmp_path / "Name_Mapping.csv").write_text("grade,case\nHGG,a\n")
    table, _ = find_grades(tmp_path, {"a": tmp_path / "a"})
    assert table is not None and table.grades == {"a": "HGG"}
