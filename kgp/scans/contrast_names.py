"""Which contrast a file holds, told by the words in its name."""

import re
from pathlib import Path

from kgp.errors import KgpError

# A file with one of these words is no contrast, whatever else its name says.
_NO_CONTRAST = {"seg", "segm", "segmentation", "mask", "label", "labels"}
# Words in file names that tell the contrast, as BraTS of all years and common converters write them.
_WORDS = {
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
    """The NIfTI file of each contrast in a folder, told by the words in the file names.

    A contrast may be asked for by any of its known words (T1Gd is T1ce) or, where it has none, by a word of the file name.
    Masks and hidden files are passed over.

    Raises:
        KgpError: a contrast has no file, or several.
    """
    files = sorted(path for path in folder.iterdir() if path.name.endswith((".nii", ".nii.gz")) and path.name[0] != ".")
    found: dict[str, list[Path]] = {}
    for path in files:
        contrast = contrast_of(path.name)
        if _NO_CONTRAST.intersection(_words(path.name)):
            continue
        if contrast:
            found.setdefault(contrast.lower(), []).append(path)
        else:
            # A contrast that is called by a name of its own, as the run has it.
            for name in contrasts:
                if name.lower() in _words(path.name):
                    found.setdefault(name.lower(), []).append(path)
    result = {}
    for contrast in contrasts:
        paths = found.get(_WORDS.get(contrast.lower(), contrast).lower(), [])
        if len(paths) != 1:
            what = "no file" if not paths else f"{len(paths)} files ({', '.join(path.name for path in paths)})"
            raise KgpError(
                f"{folder} has {what} for the contrast {contrast}; it holds "
                f"{', '.join(path.name for path in files) or 'no NIfTI file'}."
            )
        result[contrast] = paths[0]
    return result


def contrast_of(name: str) -> str | None:
    """The contrast that a file name tells by its last known word, or None."""
    known = [_WORDS[word] for word in _words(name) if word in _WORDS]
    return known[-1] if known else None


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower().removesuffix(".gz").removesuffix(".nii"))
