"""Which contrast a file holds, by the words in its name."""

import collections
import re
from pathlib import Path

from kgp.errors import KgpError
from kgp.scans.hidden_files import visible_entries

_ENDINGS = (".nii", ".nii.gz")
# A file with one of these words in its name is a mask, whatever else the name says.
_MASK_WORDS = {"seg", "segm", "segmentation", "mask", "label", "labels"}
# The contrast of a word in a file name, as BraTS of all years and common converters write it.
_CONTRAST_OF = {
    "t1": "T1",
    "t1n": "T1",
    "t1w": "T1",
    "t2": "T2",
    "t2w": "T2",
    "t1ce": "T1ce",
    "t1c": "T1ce",
    "t1gd": "T1ce",
    "t1post": "T1ce",
    "flair": "FLAIR",
    "t2f": "FLAIR",
}


def find_contrasts(folder: Path, contrasts: tuple[str, ...]) -> dict[str, Path]:
    """Finds the NIfTI file of each contrast in a folder by the words in the file names.

    A contrast may be asked for by any of its known words (T1Gd is T1ce) or, where it has none, by a
    word of the file name. Masks and hidden files are passed over.

    Raises:
        KgpError: a contrast has no file, or several.
    """
    files = [path for path in visible_entries(folder) if path.name.endswith(_ENDINGS)]
    candidates: dict[str, list[Path]] = collections.defaultdict(list)
    for path in files:
        words = _words(path.name)
        if _MASK_WORDS.intersection(words):
            continue
        known = contrast_of(path.name)
        # A contrast without a known word may have a name of its own, as the run has it.
        names = [known] if known else [contrast for contrast in contrasts if contrast.lower() in words]
        for name in names:
            candidates[name.lower()].append(_file_within(path))
    result = {}
    for contrast in contrasts:
        paths = candidates.get(_CONTRAST_OF.get(contrast.lower(), contrast).lower(), [])
        if len(paths) != 1:
            what = "no file" if not paths else f"{len(paths)} files ({', '.join(path.name for path in paths)})"
            raise KgpError(
                f"{folder} has {what} for the contrast {contrast}; it holds "
                f"{', '.join(path.name for path in files) or 'no NIfTI file'}."
            )
        result[contrast] = paths[0]
    return result


def _file_within(path: Path) -> Path:
    """The one file of a folder that has a file's name, as some tools unpack X.nii.gz to X.nii/X.nii."""
    files = [file for file in visible_entries(path) if file.name.endswith(_ENDINGS)] if path.is_dir() else []
    return files[0] if len(files) == 1 else path


def contrast_of(name: str) -> str | None:
    """The contrast that the last known word of a file name stands for, or None."""
    known = [_CONTRAST_OF[word] for word in _words(name) if word in _CONTRAST_OF]
    return known[-1] if known else None


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower().removesuffix(".gz").removesuffix(".nii"))
