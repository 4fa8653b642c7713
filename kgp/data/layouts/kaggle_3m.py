"""The LGG slices of Buda et al. as Kaggle has them (kaggle_3m, "Brain MRI segmentation").

A folder for each patient, TCGA_CS_4941_19960909, with TCGA_CS_4941_19960909_7.tif (256 x 256, three
channels: before contrast, FLAIR, after contrast) and TCGA_CS_4941_19960909_7_mask.tif; data.csv says
the grade, coded 1 and 2, which are grades II and III by the counts in the paper (51 and 58).

The table holds the slices that the package's results are of: all with tumour, and of each patient
at most as many without, evenly spread over those that show a head (FLAIR above 20 on more than 12 %
of the pixels) and lie at least two slices away from every tumour slice. A second table has all.

M. Buda et al., Computers in Biology and Medicine 109, 2019.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from kgp.data.layouts.draft import SLICES_TABLE, Draft, Layout
from kgp.data.sources.folder_contents import visible_files
from kgp.data.sources.mask_pictures import read_mask_picture
from kgp.errors import KgpError
from kgp.scans.pictures import read_picture
from kgp.spreadsheets import read_spreadsheet

_SLICE = re.compile(r"(TCGA_[A-Z0-9]{2}_[A-Z0-9]{4})_\d{8}_(\d+)\.tif", re.IGNORECASE)
_NO_TUMOUR = (0, "no_tumour_slice")
_GRADES = {
    "1": (1, "lgg_grade2"), "G2": (1, "lgg_grade2"), "2": (2, "lgg_grade3"), "G3": (2, "lgg_grade3"),
}  # fmt: skip
_UNGRADED = (3, "lgg_grade_unknown")
_FLAIR = 1  # channel
_DARK = 20  # FLAIR of 8 bits
_LEAST_HEAD = 0.12  # of the pixels
_LEAST_GAP = 2  # slices between a tumour slice and one without


def _fits(path: Path) -> bool:
    return any(_SLICE.fullmatch(file.name) and _mask_of(file).is_file() for file in visible_files(path))


def _draft(path: Path) -> Draft:
    slices: dict[str, Path] = {}
    copies, without_mask = 0, 0
    for file in visible_files(path):
        if not _SLICE.fullmatch(file.name):
            continue
        if not _mask_of(file).is_file():
            without_mask += 1
        elif slices.setdefault(file.stem, file) != file:
            copies += 1
    grades = _grades(path)
    patients: dict[str, list[dict[str, Any]]] = defaultdict(list)
    damaged = []
    for identifier, file in slices.items():
        try:
            row = _row(identifier, file, grades)
        except KgpError as error:
            damaged.append(str(error))
        else:
            patients[row["patient"]].append(row)
    for rows in patients.values():
        rows.sort(key=lambda row: row["slice"])
    every = [row for rows in patients.values() for row in rows]
    chosen = [row for rows in patients.values() for row in _choose(rows)]
    said = _said(patients, len(chosen), bool(grades))
    if copies:
        said.append(f"{copies} slices stand in two folders, as in Kaggle's archive, and are taken once.")
    if without_mask:
        said.append(f"{without_mask} slices have no _mask.tif and are left out.")
    if damaged:
        said.append(f"{len(damaged)} slices cannot be read and are left out ({damaged[0]})")
    # Only the table of all slices has whole volumes.
    return Draft([_public(row) for row in chosen], said, [_public(row) | {"volume": row["patient"]} for row in every])


def _mask_of(file: Path) -> Path:
    return file.with_name(f"{file.stem}_mask{file.suffix}")


def _row(identifier: str, file: Path, grades: dict[str, str]) -> dict[str, Any]:
    """The row of one slice; keys that begin with "_" are not written.

    Raises:
        KgpError: the picture or its mask cannot be read, or has not three channels.
    """
    name = _SLICE.fullmatch(file.name)
    image, (mask, _) = read_picture(file), read_mask_picture(_mask_of(file))
    if image.shape[2] != 3 or name is None:
        raise KgpError(f"{file} has {image.shape[2]} channel(s) where three are expected.")
    patient = name[1].upper()
    grade = _GRADES.get(grades.get(patient, "").upper(), _UNGRADED)
    label = grade if mask.any() else _NO_TUMOUR
    return {
        "id": identifier,
        "image": file,
        "mask": _mask_of(file),
        "label": label[0],
        "label_name": label[1],
        "patient": patient,
        "slice": int(name[2]),
        "_head": float((image[..., _FLAIR] > _DARK).mean()),
        "_missing": [bool((image[..., channel] == image[..., _FLAIR]).all()) for channel in (0, 2)],
    }


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {column: cell for column, cell in row.items() if column[0] != "_"}


def _choose(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slices of one patient that the results are of, in order."""
    tumour = [row["slice"] for row in rows if row["label"]]
    free = [
        row
        for row in rows
        if not row["label"]
        and row["_head"] > _LEAST_HEAD
        and all(abs(row["slice"] - number) >= _LEAST_GAP for number in tumour)
    ]
    if len(free) > len(tumour):
        free = [free[index] for index in np.linspace(0, len(free) - 1, len(tumour)).round().astype(int)]
    return [row for row in rows if row["label"] or row in free]


def _grades(path: Path) -> dict[str, str]:
    """The code of the grade by patient, of the first data.csv."""
    file = next((file for file in visible_files(path) if file.name == "data.csv"), None)
    if file is None:
        return {}
    table = read_spreadsheet(file, ("Patient", "neoplasm_histologic_grade"))
    return {row["Patient"].upper(): row["neoplasm_histologic_grade"] for row in table.rows}


def _said(patients: dict[str, list[dict[str, Any]]], chosen: int, graded: bool) -> list[str]:
    every = [row for rows in patients.values() for row in rows]
    tumour = sum(row["label"] > 0 for row in every)
    missing = [sum(all(row["_missing"][number] for row in rows) for rows in patients.values()) for number in (0, 1)]
    said = [
        f"{len(patients)} patients by the TCGA ids in the file names, {len(every)} slices, {tumour} of them with a mask "
        "that is not empty.",
        f"{chosen} slices are listed: all with tumour, and of each patient at most as many without, which show a head and "
        f"lie {_LEAST_GAP} or more slices away from the tumour.",
        "the channels are T1, FLAIR, T1ce (--contrasts T1 FLAIR T1ce); "
        f"{missing[0]} patients have FLAIR in the place of T1, {missing[1]} in the place of T1ce.",
    ]
    if graded:
        unknown = len({row["patient"] for row in every if row["label"] == _UNGRADED[0]})
        said.append(
            f"the grade is the neoplasm_histologic_grade of data.csv, 1 for II and 2 for III; {unknown} patients have none."
        )
    else:
        said.append("there is no data.csv with grades, so every tumour slice is of an unknown grade.")
    return [*said, "label 0 is of patients with a tumour too: there are no healthy people here."]


LAYOUT = Layout("the LGG slices of Buda et al. (kaggle_3m)", SLICES_TABLE, _fits, _draft)
