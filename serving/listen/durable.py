"""Files and folders that are there after a power cut once a function returned: synchronised, then renamed into place."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_durably(path: Path, pieces: Iterable[bytes | memoryview], scratch: Path) -> None:
    """Writes a file so that it is at `path` completely or, where this raises, as it was before.

    Args:
        path: the file; folders above it are made, for their owner only.
        pieces: the content, in order.
        scratch: a folder of the same file system for the unfinished file, so that nobody who lists `path`'s folder meets it.

    Raises:
        OSError: the disk is full, or anything else forbids it.
    """
    handle, name = tempfile.mkstemp(dir=scratch)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        make_folder(path.parent)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def move_durably(source: Path, target: Path) -> None:
    """Renames a folder within its file system once everything in it is on the disk; `target` must not exist."""
    for folder, _, names in os.walk(source):
        for name in names:
            _sync(Path(folder, name))
        _sync(Path(folder))
    make_folder(target.parent)
    os.replace(source, target)
    _sync(target.parent)


def make_folder(path: Path) -> None:
    """Makes a folder, for its owner only, and those above it where they are missing."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
