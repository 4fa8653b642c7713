"""BraTS case folders of 2018 to 2024.

A case is a folder with one file for each contrast and `seg`: NAME_t1, NAME_t1ce, NAME_t2,
NAME_flair, NAME_seg (to 2021) or NAME-t1n, NAME-t1c, NAME-t2w, NAME-t2f, NAME-seg (2023, 2024),
.nii or .nii.gz. The grade comes from a folder HGG or LGG above the case (2018), from
name_mapping.csv (2020), or from a table with the columns case and grade. Slices with an empty mask
have label 0, the others the grade of their patient: 1 LGG, 2 HGG. Nearly empty slices are left out.

Any label of a mask is tumour, but for the resection cavity of 2024 (BraTS-GLI-..., label 4, which
earlier years give to the enhancing tumour).
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kgp.data.sources.nifti import cut_slices, read_mask_volume
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.errors import KgpError, UsageError
from kgp.scans.contrast_names import contrast_of
from kgp.scans.volume import read_volume
from kgp.spreadsheets import read_spreadsheet

CONTRASTS = ("T1", "T2", "T1ce", "FLAIR")
GRADES = {"LGG": (1, "LGG"), "HGG": (2, "HGG")}
_UNGRADED = (1, "tumour")
_TABLES = ("name_mapping.csv", "cases.csv")
# BraTS20_Training_355 calls its mask W39_1998.09.19_Segm.
_FILE = re.compile(r".*[_-](t1|t1ce|t2|flair|segm?|t1n|t1c|t2w|t2f)\.nii(\.gz)?", re.IGNORECASE)
_RESECTION_CAVITY = 4
_CASE_COLUMNS = ("case", "BraTS_2020_subject_ID", "BraTS_2019_subject_ID", "BraTS_2018_subject_ID")


class BratsSource:
    """Reader of BraTS case folders, at any depth.

    Args:
        path: the folder.
        contrasts: contrasts to use, of CONTRASTS, in order; default all.
        csv_path: table of grades; default name_mapping.csv or cases.csv in the folder.

    Raises:
        KgpError: there is no case, a contrast is unknown, or the table has no grades.
    """

    name = "brats"

    def __init__(self, path: Path, contrasts: tuple[str, ...] = (), csv_path: Path | None = None) -> None:
        self.path = Path(path)
        unknown = [name for name in contrasts if name not in CONTRASTS]
        if unknown:
            raise UsageError(f"--contrasts must be of {', '.join(CONTRASTS)} for BraTS data, not {unknown[0]!r}.")
        self.contrasts = tuple(contrasts) or CONTRASTS
        self._files, self._doubled = _find_cases(self.path)
        if not self._files:
            raise KgpError(f"No data found in {self.path}: no folder holds BraTS contrasts such as NAME_flair.nii.gz.")
        table = csv_path or next((self.path / name for name in _TABLES if (self.path / name).is_file()), None)
        self._table = _read_grades(table) if table else {}
        self._graded = any(self._grade(case) for case in self._files)

    def cases(self) -> list[str]:
        """Names of the case folders, sorted."""
        return sorted(self._files)

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one case, from below upwards."""
        problem = next((fault for fault in self._check_case(case) if fault.severity == "error"), None)
        if problem:
            raise KgpError(f"case {case}: {problem.what}")
        files = self._files[case]
        volume = read_volume({contrast: files[contrast] for contrast in self.contrasts})
        label = GRADES[self._grade(case)] if self._graded else _UNGRADED
        patient = self._table.get(case, {}).get("patient") or _patient(case)
        no_tumour = (_RESECTION_CAVITY,) if files["seg"].name.upper().startswith("BRATS-GLI-") else ()
        mask = read_mask_volume(files["seg"], volume, no_tumour)
        yield from cut_slices(volume, mask, case=case, patient=patient, group=patient, label=label)

    def check(self) -> list[DataFault]:
        """Missing contrasts, masks and grades, and folders of one name."""
        return [fault for case in self.cases() for fault in self._check_case(case)]

    def _check_case(self, case: str) -> list[DataFault]:
        files = self._files[case]
        faults = [
            DataFault("error", case, f"the contrast {contrast} is missing in {self._folder(case)}.")
            for contrast in self.contrasts
            if contrast not in files
        ]
        if "seg" not in files:
            faults.append(
                DataFault("error", case, f"the mask (seg) is missing in {self._folder(case)}, so no slice has a label.")
            )
        if case in self._doubled:
            faults.append(DataFault("error", case, self._doubled[case]))
        folder, table = self._grades(case)
        if folder and table and folder != table:
            faults.append(DataFault("error", case, f"the folder says {folder}, but the table says {table}."))
        if self._graded and not self._grade(case):
            faults.append(DataFault("error", case, "no grade is known from the folder or the table."))
        return faults

    def _folder(self, case: str) -> Path:
        return next(iter(self._files[case].values())).parent

    def _grade(self, case: str) -> str:
        """HGG, LGG or "" where unknown."""
        folder, table = self._grades(case)
        return folder or table

    def _grades(self, case: str) -> tuple[str, str]:
        """Grade by the folder above the case and by the table, each "" where unknown."""
        names = (self._folder(case).parent.name.upper(), self._table.get(case, {}).get("grade", "").strip().upper())
        folder, table = (name if name in GRADES else "" for name in names)
        return folder, table


def _find_cases(path: Path) -> tuple[dict[str, dict[str, Path]], dict[str, str]]:
    """Files of each case folder by contrast ("seg" for the mask), and a sentence for each case that
    has one twice.
    """
    cases: dict[str, dict[str, Path]] = {}
    doubled: dict[str, str] = {}
    for file in sorted([*path.rglob("*.nii"), *path.rglob("*.nii.gz")]):
        if file.name[0] == "." or not file.is_file():
            continue
        word = _FILE.fullmatch(file.name)
        if not word:
            continue
        kind = "seg" if word[1].lower().startswith("seg") else str(contrast_of(file.name))
        files = cases.setdefault(file.parent.name, {})
        if kind in files:
            doubled.setdefault(
                file.parent.name, f"{file} and {files[kind]} are both the {kind} of case {file.parent.name}."
            )
        files.setdefault(kind, file)
    return cases, doubled


def _patient(case: str) -> str:
    """The patient of a case name: BraTS-GLI-00000-001 is a visit of BraTS-GLI-00000."""
    visit = re.fullmatch(r"(BraTS-[A-Za-z]+-\d+)-\d+", case)
    return visit.group(1) if visit else case


def _read_grades(path: Path) -> dict[str, dict[str, str]]:
    """Grade and patient by case name.

    Raises:
        KgpError: the table is missing or has no column for case and grade, or a case twice.
    """
    table = read_spreadsheet(path, optional=("grade", "patient", *_CASE_COLUMNS))
    columns, rows = table.columns, table.rows
    lowered = {column.lower(): column for column in columns}
    keys = [column for column in _CASE_COLUMNS if column in columns]
    if "grade" not in lowered or not keys:
        raise KgpError(
            f"{path} needs the columns grade and one of {', '.join(_CASE_COLUMNS)}; it has {', '.join(columns)}."
        )
    twice = [name for name, count in Counter(row[keys[0]] for row in rows).items() if count > 1 and name]
    if twice:
        raise KgpError(f"{path} lists case {twice[0]} more than once.")
    return {
        row[key]: {"grade": row[lowered["grade"]], "patient": row.get("patient", "")}
        for row in rows
        for key in keys
        if row[key]
    }
