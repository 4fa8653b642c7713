"""Columns that the tables of slices and of volumes have in common: persons, and what a column may
have been meant for.
"""

from kgp.errors import KgpError
from kgp.spreadsheets import Spreadsheet

GROUPS = ("patient_group", "group")  # two names of one column
# What other tables call the columns that ours call so.
MEANT = {
    "mask": ("masks", "seg", "segmentation", "segmentations", "seg_path", "mask_path", "mask_file", "label_map",
             "labelmap", "annotation", "annotations", "ground_truth", "gt", "roi", "truth", "contour", "lesion_mask",
             "tumour_mask", "tumor_mask"),
    "patient_group": ("person", "person_id", "subject", "subject_id", "individual", "patient_id", "groups", "pid"),
}  # fmt: skip


def group_of(row: dict[str, str]) -> str:
    """The person of a row: its group, else its patient."""
    return next((row[name] for name in GROUPS if row.get(name)), row["patient"])


def check_groups(table: Spreadsheet) -> None:
    """Refuses a table that says two things of a person.

    Raises:
        KgpError: a line has a patient_group and another group.
    """
    for row, line in zip(table.rows, table.lines, strict=True):
        one, other = (row.get(name, "") for name in GROUPS)
        if one and other and one != other:
            raise KgpError(
                f"{table.path} line {line} has the patient_group {one!r} and the group {other!r}, which mean the same; "
                "keep one of the two columns."
            )
