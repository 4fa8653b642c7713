"""Medical Segmentation Decathlon and nnU-Net raw data: imagesTr, labelsTr and dataset.json.

Decathlon (Task01_BrainTumour): imagesTr/BRATS_001.nii.gz holds all contrasts, named by "modality".
nnU-Net: imagesTr/CASE_0000.nii.gz, CASE_0001.nii.gz, ... hold one contrast each, named by
"channel_names" (version 2) or "modality" (version 1). labelsTr/CASE.nii.gz is the mask of either.
"""

import re
from pathlib import Path
from typing import Any

import nibabel
from nibabel.filebasedimages import ImageFileError

from kgp.data.layouts.draft import VOLUMES_TABLE, Draft, Layout
from kgp.data.sources.brats_kinds import patient_of
from kgp.data.sources.folder_contents import visible_files
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.scans.contrast_names import contrast_of
from kgp.scans.hidden_files import is_hidden
from kgp.scans.not_nifti import what_stands_instead

_TUMOUR = (1, "tumour")
_ENDINGS = (".nii.gz", ".nii")
_CAVITY = re.compile(r"cavity|\brc\b", re.IGNORECASE)


def _fits(path: Path) -> bool:
    return bool(_roots(path))


def _roots(path: Path) -> list[Path]:
    """Folders with dataset.json and imagesTr: the one named, or those up to two levels below."""
    near = [path, *sorted(path.glob("*/")), *sorted(path.glob("*/*/"))]
    return [
        folder
        for folder in near
        if not is_hidden(folder.relative_to(path))
        and (folder / "dataset.json").is_file()
        and (folder / "imagesTr").is_dir()
    ]


def _draft(path: Path) -> Draft:
    roots = _roots(path)
    if len(roots) > 1:
        listed = ", ".join(folder.relative_to(path).as_posix() for folder in roots)
        raise KgpError(f"{path} holds {len(roots)} data sets ({listed}); name one of them.")
    root = roots[0]
    header = read_json(root / "dataset.json")
    channels = _channels(root / "dataset.json", header)
    images = {file.name: file for file in visible_files(root / "imagesTr") if _stem(file.name)}
    masks = {_stem(file.name): file for file in visible_files(root / "labelsTr") if _stem(file.name)}
    split = any(re.search(r"_\d{4}$", _stem(name)) for name in images)
    cases = sorted({re.sub(r"_\d{4}$", "", _stem(name)) if split else _stem(name) for name in images})
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for case in cases:
        files = _split_files(case, len(channels), images) if split else _whole_file(case, len(channels), images, faults)
        if case not in masks:
            faults.append(f"case {case} has no mask in labelsTr and is left out.")
        elif files:
            rows.append(_row(case, dict(zip(channels, files, strict=True)), masks[case]))
    kind = "a file for each contrast" if split else "all contrasts in one file, [0] being the first"
    said = [f"{len(rows)} volumes of imagesTr, {kind}: {', '.join(channels)}.", *_labels_in_words(header)]
    said += [*faults[:3], *([f"... and {len(faults) - 3} more such cases."] if len(faults) > 3 else [])]
    left = len(list(visible_files(root / "imagesTs"))) if (root / "imagesTs").is_dir() else 0
    if left:
        said.append(f"{left} files in imagesTs have no mask and are not listed.")
    return Draft(rows, [*said, _patients_in_words(rows)])


def _channels(path: Path, header: Any) -> list[str]:
    """Names of the contrasts in order, in the package's words where it knows them.

    Raises:
        KgpError: dataset.json names no channel.
    """
    named = (header.get("channel_names") or header.get("modality")) if isinstance(header, dict) else None
    if not isinstance(named, dict) or not named or not all(str(key).isdecimal() for key in named):
        raise KgpError(f"{path} has no channel_names (or modality) such as {{'0': 'FLAIR'}}.")
    raw = [str(named[key]) for key in sorted(named, key=int)]
    known = [contrast_of(name) or name for name in raw]
    return known if len(set(known)) == len(known) else [f"{name}_{number}" for number, name in enumerate(raw)]


def _stem(name: str) -> str:
    """A file name without the ending of a volume; "" where it is none."""
    return next((name[: -len(ending)] for ending in _ENDINGS if name.endswith(ending)), "")


def _split_files(case: str, channels: int, images: dict[str, Path]) -> list[Path | str]:
    """The file of each contrast of a case, empty where it is missing."""
    return [
        next((images[name] for ending in _ENDINGS if (name := f"{case}_{number:04d}{ending}") in images), "")
        for number in range(channels)
    ]


def _whole_file(case: str, channels: int, images: dict[str, Path], faults: list[str]) -> list[Path | str]:
    """The one file of a case with the number of each contrast; none where it holds another number."""
    file = next(images[f"{case}{ending}"] for ending in _ENDINGS if f"{case}{ending}" in images)
    try:
        shape: tuple[int, ...] = nibabel.load(file).shape  # type: ignore[attr-defined]
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        why = f"it {instead}" if (instead := what_stands_instead(file)) else error
        faults.append(f"{file} cannot be read as NIfTI and is left out: {why}.")
        return []
    if shape[3:] in ((), (1,)) and channels == 1:
        return [file]
    if shape[3:] != (channels,):
        faults.append(f"{file} has the shape {shape}, not {channels} contrasts along a fourth axis, and is left out.")
        return []
    return [file.with_name(f"{file.name}[{number}]") for number in range(channels)]


def _row(case: str, files: dict[str, Path | str], mask: Path) -> dict[str, Any]:
    return {
        "case": case,
        "patient": patient_of(case),
        "label": _TUMOUR[0],
        "label_name": _TUMOUR[1],
        **files,
        "mask": mask,
    }


def _labels_in_words(header: dict[str, Any]) -> list[str]:
    """What the labels of the masks are, and that all of them are taken for tumour."""
    labels = header.get("labels")
    if not isinstance(labels, dict):
        return ["dataset.json does not say what the labels of the masks are; all above 0 are taken for tumour."]
    # Version 1 maps numbers to names, version 2 names to numbers.
    named = [(value, key) if str(key).isdecimal() else (key, value) for key, value in labels.items()]
    above = [f"{name} ({number})" for name, number in named if str(number) not in ("0", "[0]")]
    said = [f"every label above 0 of a mask is taken for tumour: {', '.join(above)}."]
    cavities = [text for text in above if _CAVITY.search(text)]
    if cavities:
        said.append(f"{', '.join(cavities)} IS NO TUMOUR, which the table cannot say: set it to 0 in the masks first.")
    return said


def _patients_in_words(rows: list[dict[str, Any]]) -> str:
    patients = {row["patient"] for row in rows}
    return (
        f"{len(patients)} patients: THE LAYOUT HAS NO PATIENT IDS, so each case is taken for a patient of its own (visits "
        "of a BraTS name are one); where a person has several cases, give them one id in the column patient, or they may "
        "stand in training and test."
    )


LAYOUT = Layout("Medical Decathlon or nnU-Net raw data (imagesTr, labelsTr)", VOLUMES_TABLE, _fits, _draft)
