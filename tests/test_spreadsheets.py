"""kgp.spreadsheets: tables that people make."""

import pytest

from kgp.errors import KgpError
from kgp.spreadsheets import read_spreadsheet, unused_columns

REQUIRED, OPTIONAL = ("id", "label", "label_name"), ("mask", "spacing")
ROW = {"id": "a", "label": "1", "label_name": "x, y"}


@pytest.mark.parametrize(
    "text",
    [
        'id,label,label_name\na,1,"x, y"\n',
        "id;label;label_name\na;1;x, y\n",
        "id\tlabel\tlabel_name\na\t1\tx, y\n",
        "sep=;\r\nid;label;label_name\r\na;1;x, y\r\n",
        '"sep=,"\nid,label,label_name\na,1,"x, y"\n',
        "sep=|\nid|label|label_name\na|1|x, y\n",
        '"id";"label";"label_name"\n"a";"1";"x, y"\n',
        "ID;Label;LABEL_NAME\na;1;x, y\n",
        " id ; Label ; Label Name \n a ; 1 ; x, y \n",
        'id, label, "label-name"\na, 1, "x, y"\n',
        '\ufeffid,label,label_name\ra,1,"x, y"\r',
        "\n\nid;label;label_name;;\na;1;x, y;;\n;;;;\n",
        'label_name,"id",label,\n"x, y",a,1,\n',
        'id;"label";label_name\na;1;"x, y"\n\n',
    ],
)
def test_a_table_however_it_is_written(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    table = read_spreadsheet(tmp_path / "t.csv", REQUIRED, OPTIONAL)
    assert table.rows == [ROW] and set(table.columns) == set(ROW)


def test_the_known_columns_tell_the_separator(tmp_path):
    """Commas stand in more cells of the first line than semicolons, which separate them."""
    (tmp_path / "t.csv").write_text("id;label;label_name;T1, T2, T3, FLAIR, PD\na;1;x;y\n")
    table = read_spreadsheet(tmp_path / "t.csv", REQUIRED)
    assert table.columns == ("id", "label", "label_name", "T1, T2, T3, FLAIR, PD")


def test_a_table_of_one_column(tmp_path):
    (tmp_path / "t.csv").write_text("id\nx;y\nz\n")
    assert [row["id"] for row in read_spreadsheet(tmp_path / "t.csv", ("id",)).rows] == ["x;y", "z"]


def test_lines_are_counted_as_in_the_file(tmp_path):
    (tmp_path / "t.csv").write_text('\nsep=,\nid,label,label_name\na,1,"two\nlines"\n\nb,2\n')
    table = read_spreadsheet(tmp_path / "t.csv", REQUIRED)
    assert table.lines == [5, 7] and table.rows[1] == {"id": "b", "label": "2", "label_name": ""}


def test_columns_without_a_name_and_twice(tmp_path):
    (tmp_path / "t.csv").write_text(",id,label,label_name,id,\n0,a,1,x,a,\n1,b,1,x,b,\n")
    table = read_spreadsheet(tmp_path / "t.csv", REQUIRED)
    assert table.columns == ("column 1 (without a name)", "id", "label", "label_name")


@pytest.mark.parametrize(
    ("separator", "text", "whole", "number"),
    [
        (",", "1", 1, 1.0),
        (",", "1.0", 1, 1.0),
        (",", "2.", 2, 2.0),
        (",", "-3.000", -3, -3.0),
        (";", "1,0", 1, 1.0),
        (";", "1.0", 1, 1.0),
        ("\t", "0,50", None, 0.5),
        (";", "1,5", None, 1.5),
        (",", "1.5", None, 1.5),
        (",", "1_0", None, 10.0),
        (",", "", None, None),
        (";", "1.000,5", None, None),
        (",", "x", None, None),
    ],
)
def test_numbers(tmp_path, separator, text, whole, number):
    (tmp_path / "t.csv").write_text(f"id{separator}label\n")
    table = read_spreadsheet(tmp_path / "t.csv", ("id", "label"))
    for read, value in ((table.whole_number, whole), (table.number, number)):
        if value is None:
            with pytest.raises(ValueError, match="number|float"):
                read(text)
        else:
            assert read(text) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"t\.csv is missing\."),
        (b"", r"lacks the column 'id'; needed are id, label, label_name\. It has none\."),
        (b"id;label\n", r"lacks the column 'label_name'; needed are id, label, label_name\. It has id, label\."),
        ("id,label,label_name\n".encode("utf-16"), "is not a table: it is a text in UTF-16; save it as CSV in UTF-8"),
        ("id,label,label_name\n".encode("utf-16-le"), "is not a table: it is a text in UTF-16"),
        (
            "id,label,label_name\na,1,fälle\n".encode("latin-1"),
            "is not a table: line 2 is not in UTF-8; save it as CSV",
        ),
        (b"PK\x03\x04 a workbook", "is not a table: it is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0 an old one", "is not a table: it is an Excel workbook"),
        (
            b"id,label,label_name\na,1,x,y\n",
            "line 2 has 4 cells where the first line names 3 columns; a cell that holds",
        ),
        (b"id,label,label_name,mask,Mask\na,1,x,m,\n", "has two columns 'mask', which differ in line 2"),
        (b"id,label,label_name\na,1," + b"x" * 200_000, "is not a table: field larger than field limit"),
    ],
)
def test_what_is_no_such_table(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(KgpError, match=message):
        read_spreadsheet(tmp_path / "t.csv", REQUIRED, OPTIONAL)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(KgpError, match="is not a table: it is a folder"):
        read_spreadsheet(tmp_path)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (("id", "mask"), ""),
        (("id", "age", "sex"), "has columns that are not used: age, sex."),
        (("id", "masks"), "has columns that are not used: masks (did you mean mask?)."),
        (("id", "Maks"), "has columns that are not used: Maks (did you mean mask?)."),
        (("id", "Seg Path"), "has columns that are not used: Seg Path (did you mean mask?)."),
        (("id", "spacin"), "has columns that are not used: spacin (did you mean spacing?)."),
        (("id", "mask", "masks", "age"), "has columns that are not used: masks, age."),
    ],
)
def test_columns_that_are_not_used(columns, sentence):
    assert unused_columns(columns, ("id", "mask", "spacing"), {"mask": ("seg", "seg_path")}) == sentence


def test_long_names_that_share_a_word_are_not_meant_for_each_other():
    said = unused_columns(("patient_grade", "patient_gruop"), ("patient_group",), {})
    assert said == "has columns that are not used: patient_grade, patient_gruop (did you mean patient_group?)."
