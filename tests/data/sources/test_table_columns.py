"""kgp.data.sources.table_columns: persons in tables of slices and of volumes."""

import pytest

from kgp.data.sources.table_columns import GROUPS, check_groups, group_of
from kgp.errors import KgpError
from kgp.spreadsheets import read_spreadsheet


@pytest.mark.parametrize(
    ("row", "group"),
    [
        ({"patient": "p"}, "p"),
        ({"patient": "p", "group": "g"}, "g"),
        ({"patient": "p", "patient_group": "g"}, "g"),
        ({"patient": "p", "patient_group": "", "group": "g"}, "g"),
        ({"patient": "p", "patient_group": "g", "group": ""}, "g"),
        ({"patient": "p", "patient_group": "", "group": ""}, "p"),
    ],
)
def test_the_person_of_a_row(row, group):
    assert group_of(row) == group


def test_two_persons_of_a_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("patient,group,Patient Group\na,x,x\nb,x,\nc,,x\nd,,\n")
    check_groups(read_spreadsheet(path, ("patient",), GROUPS))
    path.write_text("patient,group,patient_group\na,x,x\nb,x,y\n")
    with pytest.raises(KgpError, match="t.csv line 3 has the patient_group 'y' and the group 'x', which mean the same"):
        check_groups(read_spreadsheet(path, ("patient",), GROUPS))
