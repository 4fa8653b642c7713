"""BIDS: `sub-XX/[ses-YY/]anat/sub-XX_[ses-YY_]..._T1w.nii.gz`, masks under derivatives.

A case is a subject, or a session of it. Contrasts are the suffixes T1w, T2w, FLAIR and others; T1w
with ce-... is T1ce. A tumour mask is a file of the same subject and session under derivatives (or,
as older sets have it, beside the scan) that ends in _mask, _dseg, _roi or _seg and speaks of no
other structure: brains, tissues and parcellations are masks too. participants.tsv may say what
group or diagnosis a subject has.

Names and entities: the BIDS specification, "Anatomy imaging data" and "Derivatives".
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from kgp.data.layouts.draft import VOLUMES_TABLE, Draft, Layout
from kgp.data.sources.folder_contents import visible_files
from kgp.scans.contrast_names import contrast_of
from kgp.spreadsheets import read_spreadsheet

_SCAN = re.compile(r"(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?((?:_[a-z]+-[A-Za-z0-9]+)*)_([A-Za-z0-9]+)\.nii(\.gz)?")
_MASK = re.compile(r"(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?(.*)_(mask|dseg|roi|seg)\.nii(\.gz)?")
_NO_SCANS = {"mask", "dseg", "roi", "seg", "probseg", "defacemask"}
_OF_A_TUMOUR = re.compile(r"tumou?r|lesion|glioma|meningioma|metast", re.IGNORECASE)
_OF_SOMETHING_ELSE = re.compile(
    r"brain|gm\b|wm\b|csf|aseg|aparc|tissue|head|skull|hippocamp|ventric|cavity", re.IGNORECASE
)
_GROUPS = ("tumor_type", "tumour_type", "diagnosis", "pathology", "histology", "grade", "dx", "group", "label")
_HEALTHY = re.compile(r"controls?|hc|healthy.*|normal|no|none|no[ _-]?tumou?r", re.IGNORECASE)
_NOT_KNOWN = {"", "n/a", "na", "nan"}
_CONTRAST_ORDER = ("T1", "T2", "T1ce", "FLAIR")


def _fits(path: Path) -> bool:
    return any(_place(path, file) for file in visible_files(path))


def _draft(path: Path) -> Draft:
    scans: dict[tuple[str, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    masks: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for file in visible_files(path):
        scan, mask = _place(path, file), _MASK.fullmatch(file.name)
        if scan:
            scans[scan[1], scan[2] or ""][_contrast(scan)].append(file)
        elif mask and (_OF_A_TUMOUR.search(mask[3]) or not _OF_SOMETHING_ELSE.search(mask[3])):
            masks[mask[1], mask[2] or ""].append(file)
    contrasts = sorted(
        {contrast for found in scans.values() for contrast in found},
        key=lambda name: (_CONTRAST_ORDER.index(name) if name in _CONTRAST_ORDER else len(_CONTRAST_ORDER), name),
    )
    column, groups = _groups(path)
    numbers = _numbers(groups)
    doubts: list[str] = []
    rows = []
    for (subject, session), found in sorted(scans.items()):
        case = f"{subject}_{session}" if session else subject
        # The mask of a subject's only session may not name it.
        lone = sum(other == subject for other, _ in scans) == 1
        found_masks = masks.get((subject, session), []) or (masks.get((subject, ""), []) if lone else [])
        mask_file = _the_mask(case, found_masks, doubts)
        tumour = (1, "tumour") if mask_file and not groups else ("", "")
        label = numbers[groups[subject]] if subject in groups else tumour
        files = {contrast: _one(case, contrast, found[contrast], doubts) for contrast in contrasts}
        cells = {"case": case, "patient": subject, "label": label[0], "label_name": label[1]}
        rows.append(cells | files | {"mask": mask_file})
    return Draft(rows, [*_said(rows, contrasts, column, numbers), *doubts])


def _place(path: Path, file: Path) -> re.Match[str] | None:
    """The parts of the name of a scan of the raw data: it lies in an anat folder of its subject."""
    place = file.relative_to(path).parts
    name = _SCAN.fullmatch(file.name)
    if name is None or name[1] not in place or name[4] in _NO_SCANS or "label-" in file.name:
        return None
    return name if "anat" in place and "derivatives" not in place else None


def _contrast(name: re.Match[str]) -> str:
    known = contrast_of(name[4]) or name[4]
    return "T1ce" if known == "T1" and "_ce-" in name[3] else known


def _one(case: str, contrast: str, files: list[Path], doubts: list[str]) -> Path | str:
    """The file of a contrast: of several runs the first, which is a doubt."""
    if len(files) > 1:
        doubts.append(f"{case} has {len(files)} files of {contrast}; {files[0].name} is listed, not {files[1].name}.")
    return files[0] if files else ""


def _the_mask(case: str, files: list[Path], doubts: list[str]) -> Path | str:
    """The tumour mask of a case, or "" where there is none, or several that cannot be told apart."""
    sure = [file for file in files if _OF_A_TUMOUR.search(file.name)] or files
    if len(sure) > 1:
        doubts.append(
            f"{case} has {len(sure)} files that may be its tumour mask ({', '.join(file.name for file in sure)}); none "
            "is listed."
        )
    return sure[0] if len(sure) == 1 else ""


def _groups(path: Path) -> tuple[str, dict[str, str]]:
    """The column of participants.tsv that says what a subject has, and its value by subject."""
    file = path / "participants.tsv"
    if not file.is_file():
        return "", {}
    table = read_spreadsheet(file, optional=("participant_id",))
    column = next((name for word in _GROUPS for name in table.columns if name.lower() == word), "")
    if "participant_id" not in table.columns or not column:
        return "", {}
    known = {row["participant_id"]: row[column] for row in table.rows}
    return column, {subject: value for subject, value in known.items() if value.lower() not in _NOT_KNOWN}


def _numbers(groups: dict[str, str]) -> dict[str, tuple[int, str]]:
    """Number and name of the label of each group; 0 is "no tumour" and nothing else."""
    healthy = sorted(value for value in set(groups.values()) if _HEALTHY.fullmatch(value))
    others = sorted(set(groups.values()) - set(healthy))
    return dict.fromkeys(healthy, (0, "no_tumour")) | {
        value: (number, value) for number, value in enumerate(others, start=1)
    }


def _said(
    rows: list[dict[str, Any]], contrasts: list[str], column: str, numbers: dict[str, tuple[int, str]]
) -> list[str]:
    patients = {row["patient"] for row in rows}
    said = [
        f"{len(patients)} patients by the ids of the subjects (sub-...), {len(rows)} volumes, {', '.join(contrasts)}.",
        f"{sum(bool(row['mask']) for row in rows)} volumes have a tumour mask; every label of it above 0 is taken for tumour.",
    ]
    if numbers:
        listed = ", ".join(f"{label} {name} ({value})" for value, (label, name) in numbers.items())
        said.append(f"labels are the column {column} of participants.tsv: {listed}.")
    else:
        said.append("participants.tsv says no diagnosis, so a volume with a tumour mask has label 1, 'tumour'.")
    unlabelled = [row["case"] for row in rows if row["label"] == ""]
    if unlabelled:
        said.append(f"{len(unlabelled)} volumes have no label, which has to be filled in (such as {unlabelled[0]}).")
    for contrast in contrasts:
        without = [row["case"] for row in rows if not row[contrast]]
        if without:
            said.append(
                f"{len(without)} volumes have no {contrast} (such as {without[0]}); leave the column or the rows out."
            )
    return said


LAYOUT = Layout("BIDS data (sub-.../anat)", VOLUMES_TABLE, _fits, _draft)
