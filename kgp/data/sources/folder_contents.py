"""The files of a folder that a reader may take: all but hidden ones."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kgp.scans.hidden_files import visible_below

_MOST_ENDINGS = 6  # in a sentence
_DOUBLE_ENDINGS = (".nii.gz", ".tar.gz")


def visible_files(folder: Path) -> Iterator[Path]:
    """The files of a folder at any depth, sorted, links without a target too."""
    return (path for path in sorted(visible_below(folder, "*")) if not path.is_dir())


def endings_in_words(folder: Path) -> str:
    """How many files of each ending a folder holds, such as "12 .jpg, 3 .txt"."""
    count = Counter(ending(path.name) for path in visible_files(folder))
    listed = [f"{number} {name or 'without ending'}" for name, number in count.most_common(_MOST_ENDINGS)]
    left = sum(count.values()) - sum(number for _, number in count.most_common(_MOST_ENDINGS))
    return ", ".join([*listed, *([f"{left} others"] if left else [])]) or "no file"


def ending(name: str) -> str:
    """The ending of a file name in lower case, ".nii.gz" as one."""
    lower = name.lower()
    return next((double for double in _DOUBLE_ENDINGS if lower.endswith(double)), Path(lower).suffix)
