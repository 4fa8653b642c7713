"""The folders of a cache of prepared cohorts: found by content, listed, in use, removed."""

import contextlib
import dataclasses
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from kgp.data.cohort import FORMAT
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.folder_lock import locked_folder

_USED = ".used"  # its time says when the folder was last used
_IN_USE = ".in-use-"  # and some letters: a folder that a running training holds the lock of
_NAME_IN_CACHE = re.compile(r".+-[0-9a-f]{10}")
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\..+-[0-9a-f]{10}")  # as kgp.files.atomic_folder names what it fills
_ABANDONED_SECONDS = 3600.0


@dataclasses.dataclass(frozen=True)
class PreparedFolder:
    """What is to be said of one prepared folder.

    Attributes:
        folder: where it lies.
        data: where the data lay that it was made from, or "" where an earlier version made it.
        slices: number of slices.
        size: bytes of all its files.
        made, used: when it was made and last used, in seconds since 1970.
        by_cache: whether it was made for a cache, and not by `kgp prepare --out`.
    """

    folder: Path
    data: str
    slices: int
    size: int
    made: float
    used: float
    by_cache: bool


def list_prepared(cache: Path) -> list[PreparedFolder]:
    """The prepared folders directly in a cache, last used first; what is anything else is passed
    over.
    """
    found = [_describe(folder) for folder in _folders(cache) if _header(folder)]
    return sorted(found, key=lambda prepared: (-prepared.used, prepared.folder.name))


def find_content(content: str, caches: list[Path]) -> Path | None:
    """The prepared folder in one of the caches whose content has this digest, or None."""
    for cache in caches:
        for folder in _folders(cache):
            header = _header(folder)
            if content and content in (header.get("content"), header.get("fitted_content")):
                return folder
    return None


def remove_prepared(folder: Path) -> None:
    """Removes a prepared folder as a whole.

    Raises:
        KgpError: it is no prepared folder, or a running training uses it.
    """
    if not folder.is_dir():
        raise KgpError(f"{folder.parent} has no prepared folder {folder.name!r}.")
    if not _header(folder):
        raise KgpError(f"{folder} is not a prepared folder (it has no cohort.json of kgp), so it is not removed.")
    for mark in folder.glob(f"{_IN_USE}*"):
        with contextlib.suppress(FileNotFoundError), locked_folder(mark, _held(folder)):
            pass
    leaving = folder.with_name(f".{secrets.token_hex(4)}.{folder.name}")
    os.replace(folder, leaving)  # so that nobody finds half of it meanwhile
    shutil.rmtree(leaving)


def remove_leftovers(cache: Path) -> int:
    """Removes what preparations that were killed left in a cache, and tells how many they were.

    Nothing is removed that was written to within the last hour.
    """
    left = [path for path in cache.glob(".*") if _TEMPORARY.fullmatch(path.name) and path.is_dir()]
    left = [path for path in left if time.time() - _last_written(path) > _ABANDONED_SECONDS]
    for path in left:
        shutil.rmtree(path)
    return len(left)


def _last_written(folder: Path) -> float:
    places = [folder, *(path for path in folder.iterdir() if path.is_dir())]
    return max(path.stat().st_mtime for path in places)


def note_use(folder: Path) -> None:
    """Remembers that a prepared folder is used now, where it can be written to."""
    with contextlib.suppress(OSError):
        (folder / _USED).touch()


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keeps a folder of a cache from being removed while the block runs, also by other processes.

    The operating system ends this with the process, also by kill -9. A file system that knows no
    locks, or where nothing can be written, keeps nothing.
    """
    mark = folder / f"{_IN_USE}{secrets.token_hex(4)}"
    with contextlib.ExitStack() as stack:
        if _NAME_IN_CACHE.fullmatch(folder.name) and os.access(folder, os.W_OK):
            stack.callback(shutil.rmtree, mark, ignore_errors=True)
            with contextlib.suppress(OSError, NotImplementedError):
                mark.mkdir()
                stack.enter_context(locked_folder(mark, _held(folder)))
        yield


def _held(folder: Path) -> str:
    return f"{folder} is used by a training that is running, so it is not removed."


def _folders(cache: Path) -> list[Path]:
    if not cache.is_dir():
        return []
    return sorted(path for path in cache.iterdir() if path.is_dir() and path.name[0] != ".")


def _header(folder: Path) -> dict:
    """What cohort.json says; nothing where this is no prepared folder."""
    try:
        header = read_json(folder / "cohort.json")
    except KgpError:
        return {}
    return header if isinstance(header, dict) and header.get("format") == FORMAT else {}


def _describe(folder: Path) -> PreparedFolder:
    header = _header(folder)
    made = (folder / "cohort.json").stat().st_mtime
    used = (folder / _USED).stat().st_mtime if (folder / _USED).is_file() else made
    return PreparedFolder(
        folder=folder,
        data=str(header.get("data", "")),
        slices=int(header.get("slices", 0)),
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        made=made,
        used=used,
        by_cache=_NAME_IN_CACHE.fullmatch(folder.name) is not None,
    )
