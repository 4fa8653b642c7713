"""The files of BraTS case folders, of whatever year they are and whichever tool unpacked them."""

import re
from collections import Counter
from pathlib import Path

from kgp.data.sources.folder_contents import visible_files
from kgp.scans.contrast_names import contrast_of

MASK = "seg"
_WORDS = "t1|t1ce|t2|flair|segm?|gtv|t1n|t1c|t2w|t2f"
# BraTS20_Training_355 calls its mask W39_1998.09.19_Segm; BraTS-MEN-RT calls masks gtv.
_FILE = re.compile(rf".*[_-]({_WORDS})\.nii(\.gz)?", re.IGNORECASE)
_FOLDER = re.compile(rf".*[_-]({_WORDS})", re.IGNORECASE)
_MASK_FILE = re.compile(r".*[_-](segm?|gtv)\.nii(\.gz)?", re.IGNORECASE)


def has_masks(path: Path) -> bool:
    """Whether a folder holds a file or a folder that is called as BraTS masks are."""
    return any(
        _MASK_FILE.fullmatch(name)
        for file in visible_files(path)
        if file.name.lower().endswith((".nii", ".nii.gz"))
        for name in (file.name, file.parent.name)
    )


def find_cases(path: Path) -> tuple[dict[str, dict[str, Path]], dict[str, Path], dict[str, str]]:
    """Looks for case folders at any depth.

    A case is the folder of its files, or the folder above where each file has a folder of its own:
    X/X_flair.nii/X_flair.nii, or X/X_flair.nii/00000057_brain_flair.nii, as some tools unpack them.

    Returns:
        Files of each case by contrast (MASK for the mask), the folder of each case, and a sentence
        for each case whose files contradict each other.
    """
    volumes = [file for file in visible_files(path) if file.name.lower().endswith((".nii", ".nii.gz"))]
    in_folder = Counter(file.parent for file in volumes)
    cases: dict[str, dict[str, Path]] = {}
    folders: dict[str, Path] = {}
    faults: dict[str, str] = {}
    for file in volumes:
        own_folder = file.parent != path and _is_folder_of_one_file(file.parent.name, in_folder[file.parent])
        kind, inner = _kind(file.parent.name) if own_folder else "", _kind(file.name)
        if not (kind or inner):
            continue
        folder = file.parent.parent if own_folder else file.parent
        case = folder.name or folder.resolve().name
        folders.setdefault(case, folder)
        files = cases.setdefault(case, {})
        if kind and inner and kind != inner:
            faults.setdefault(case, f"{file} is the {inner} by its own name, but the {kind} by its folder's.")
        kind = kind or inner
        if kind in files:
            faults.setdefault(case, f"{file} and {files[kind]} are both the {kind} of case {case}.")
        files.setdefault(kind, file)
    return cases, folders, faults


def _is_folder_of_one_file(name: str, files: int) -> bool:
    """Whether a folder is what became of one file: it has a file's name, or is alone with a file."""
    return bool(_FILE.fullmatch(name)) or (files == 1 and bool(_FOLDER.fullmatch(name)))


def _kind(name: str) -> str:
    """The contrast that a file or its folder holds, MASK, or "" where the name does not say."""
    word = _FILE.fullmatch(name) or _FOLDER.fullmatch(name)
    if not word:
        return ""
    return MASK if word[1].lower().startswith(("seg", "gtv")) else str(contrast_of(name))
