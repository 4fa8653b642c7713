"""Files and folders that are no data: hidden ones, and what other systems leave in folders."""

from collections.abc import Iterator
from pathlib import Path, PurePath

# Of unpacked archives and viewed folders; `.DS_Store` and `._NAME` are hidden anyway.
_LEFT_BEHIND = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini")


def is_hidden(path: PurePath | str) -> bool:
    """Whether any part of a relative path is hidden or left behind by a system."""
    return any(
        (part.startswith(".") and part not in (".", "..")) or part.lower() in _LEFT_BEHIND
        for part in PurePath(path).parts
    )


def visible_entries(folder: Path) -> list[Path]:
    """Files and folders in a folder, sorted, but for hidden ones.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(path for path in folder.iterdir() if not is_hidden(path.name))


def visible_below(folder: Path, pattern: str) -> Iterator[Path]:
    """What lies below a folder at any depth and matches a pattern, but for what is hidden."""
    return (path for path in folder.rglob(pattern) if not is_hidden(path.relative_to(folder)))
