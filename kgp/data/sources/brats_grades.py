"""Tables of grades for BraTS cases: name_mapping.csv of the challenges, or one with case and grade.

The challenges put the table beside the case folders; downloads put either a folder deeper, and a
user may name any of the folders. So tables are looked for below the folder that is named, beside
the cases, and a few folders above, and one that is not in that folder itself counts only where it
lists a case that is there.
"""

import dataclasses
import re
from collections import Counter
from pathlib import Path

from kgp.data.sources.folder_contents import visible_files
from kgp.errors import KgpError
from kgp.scans.hidden_files import visible_entries
from kgp.spreadsheets import read_spreadsheet

LEVELS_ABOVE = 3
_NAMES = ("name_mapping.csv", "cases.csv")
_CASE_COLUMNS = (
    "case", "BraTS_2020_subject_ID", "BraTS_2019_subject_ID", "BraTS_2018_subject_ID", "BraTS_2017_subject_ID",
)  # fmt: skip
_PERSON_COLUMNS = ("patient", "tcga_tcia_subject_id")
_NO_VALUE = {"", "na", "n/a", "nan", "none", "null", "-"}


@dataclasses.dataclass(frozen=True)
class GradeTable:
    """Grades by case.

    Attributes:
        path: the file.
        grades: grade as it stands there, by case name in lower case.
        patients: the patient by case name in lower case, where the table names one.
        rows: what the names of one row share, by case name in lower case: they are one person.
    """

    path: Path
    grades: dict[str, str]
    patients: dict[str, str]
    rows: dict[str, str]

    def lists(self, cases: list[str]) -> int:
        """How many of the cases the table names."""
        return sum(case.lower() in self.grades for case in cases)


def find_grades(path: Path, folders: dict[str, Path]) -> tuple[GradeTable | None, list[Path]]:
    """The table that lists most of the cases, and the paths of others that list some.

    Args:
        path: the folder that the user named.
        folders: the folder of each case.

    Raises:
        KgpError: a table in the named folder itself cannot be read as one.
    """
    fitting, unreadable = [], None
    for candidate in _candidates(path, folders):
        try:
            table = read_grades(candidate)
        except KgpError as error:
            if candidate.parent == path and candidate.name.lower() in _NAMES:
                unreadable = unreadable or error
            continue
        if table.lists(list(folders)):
            fitting.append(table)
    if unreadable and not fitting:
        raise unreadable
    best = max(fitting, key=lambda table: table.lists(list(folders)), default=None)
    return best, [table.path for table in fitting if table is not best]


def _candidates(path: Path, folders: dict[str, Path]) -> list[Path]:
    """Files that are called as tables of grades: nearest to the cases first, then below, then above."""
    above = list(path.resolve().parents)[:LEVELS_ABOVE]
    beside = sorted({folder.parent for folder in folders.values() if folder != path})
    near = [file for folder in (path, *beside) for file in _files_in(folder)]
    below = [file for file in visible_files(path) if file.name.lower().endswith(".csv")]
    found = [*near, *below, *(file for folder in above for file in _files_in(folder))]
    unique: dict[Path, Path] = {}
    for file in found:
        if _is_called_as_table(file.name):
            unique.setdefault(file.resolve(), file)
    return list(unique.values())


def _files_in(folder: Path) -> list[Path]:
    try:
        return [file for file in visible_entries(folder) if file.is_file()]
    except OSError:  # a folder above that may not be looked into
        return []


def _is_called_as_table(name: str) -> bool:
    """The challenges' name_mapping_validation_data.csv lists cases without grade."""
    lower = name.lower()
    return lower in _NAMES or (lower.endswith(".csv") and "name_mapping" in lower and "validation" not in lower)


def read_grades(path: Path) -> GradeTable:
    """Reads a table with the columns grade and one of the case names, in any capitals.

    Raises:
        KgpError: the file is missing or has no column for case and grade, or a case twice.
    """
    table = read_spreadsheet(path, optional=("grade", "patient", *_CASE_COLUMNS))
    columns = [column.lower() for column in table.columns]
    rows = [{column.lower(): _value(cell) for column, cell in row.items()} for row in table.rows]
    keys = [column for column in map(str.lower, _CASE_COLUMNS) if column in columns]
    keys += [column for column in columns if re.fullmatch(r"brats.*20\d\d.*id", column) and column not in keys]
    if "grade" not in columns or not keys:
        raise KgpError(
            f"{path} needs the columns grade and one of {', '.join(_CASE_COLUMNS)}; it has {', '.join(table.columns)}."
        )
    twice = [name for name, count in Counter(row[keys[0]] for row in rows).items() if count > 1 and name]
    if twice:
        raise KgpError(f"{path} lists case {twice[0]} more than once.")
    grades: dict[str, str] = {}
    patients: dict[str, str] = {}
    persons: dict[str, str] = {}
    for number, row in enumerate(rows):
        person = next((row[column] for column in _PERSON_COLUMNS if row.get(column)), f"row {number}")
        for name in {row[key].lower() for key in keys if row[key]}:
            # An older name that stands in two rows with two grades has none.
            grades[name] = row["grade"] if grades.get(name, row["grade"]) == row["grade"] else ""
            patients[name] = row.get("patient", "")
            persons[name] = person
    return GradeTable(path, grades, patients, persons)


def _value(cell: str) -> str:
    return "" if cell.lower() in _NO_VALUE else cell
