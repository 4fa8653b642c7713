"""The table of NIfTI volumes: which columns are contrasts, masks, and neither."""

import re
from pathlib import Path

from kgp.data.sources.table_columns import GROUPS, MEANT, check_groups
from kgp.errors import KgpError
from kgp.scans.contrast_names import contrast_of
from kgp.scans.part_of_4d import file_of
from kgp.spreadsheets import Spreadsheet, read_spreadsheet

REQUIRED = ("case", "patient", "label", "label_name")
MASKS = ("mask", "seg")
KNOWN = (*REQUIRED, *GROUPS, *MASKS)
_MASK_WORD = re.compile(
    "m?[a-z]*masks?[0-9]*|m[akst]{3}|segm?s?|segmentations?|label(s|maps?)?|annotations?|roi|gt|truth|groundtruth|contours?|"
    "lesions?|delineations?"
)


def read_volumes(path: Path, contrasts: tuple[str, ...] = ()) -> Spreadsheet:
    """The table, checked.

    Args:
        path: the file.
        contrasts: columns that are asked for, whatever capitals they have in the file.

    Raises:
        KgpError: it is missing, lacks a column, has one twice, lists nothing, or a line lacks case
            or patient, has a label that is no whole number from 0, or names two persons.
    """
    table = read_spreadsheet(path, REQUIRED, (*GROUPS, *MASKS, *contrasts))
    if not table.rows:
        raise KgpError(f"{path} lists no volume.")
    for row, line in zip(table.rows, table.lines, strict=True):
        blank = next((column for column in ("case", "patient") if not row[column]), None)
        if blank:
            raise KgpError(f"{path} has no {blank} in line {line}.")
        if not _is_label(table, row["label"]):
            raise KgpError(
                f"{path} has the label {row['label']!r} for case {row['case']} where a whole number is expected."
            )
    check_groups(table)
    return table


def contrast_columns(table: Spreadsheet) -> tuple[str, ...]:
    """The columns whose cells name NIfTI files, in order, but for those that seem to be masks.

    A column called like a contrast is one too where a cell names any file, so that a file of
    another kind is a fault of its case and no silent loss of the contrast.
    """
    return tuple(column for column in table.columns if column not in KNOWN and _is_contrast(table, column))


def meant_for_mask(column: str) -> bool:
    """Whether a column's name is that of masks: taken for a contrast it would show the truth."""
    words = re.findall(r"[a-z]+[0-9]*", column.lower())
    return column.lower() in MEANT["mask"] or any(_MASK_WORD.fullmatch(word) for word in words)


def _is_contrast(table: Spreadsheet, column: str) -> bool:
    cells = [row[column] for row in table.rows if row[column]]
    if not cells or meant_for_mask(column):
        return False
    if contrast_of(column):
        return any("/" in cell or Path(cell).suffix[1:].strip("0123456789") for cell in cells)
    files = [file_of(Path(cell)).name.lower() for cell in cells]
    return 2 * sum(file.endswith((".nii", ".nii.gz")) for file in files) >= len(cells)


def _is_label(table: Spreadsheet, text: str) -> bool:
    try:
        return table.whole_number(text) >= 0
    except ValueError:
        return False
