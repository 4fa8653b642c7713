"""Files and folders that survive a power cut once the function has returned.

As in `kgp.files`, a file or folder appears whole or not at all: it is made elsewhere and renamed.
Here it is also synchronised with the disk (fsync) before it is renamed, and the folder that it
appears in afterwards.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_file_durably(path: Path, pieces: Iterable[bytes | memoryview], scratch: Path) -> None:
    """Writes a file as `kgp.files.atomic_path` does, and synchronises it with the disk.

    Where this raises, an earlier file at `path` stays as it was.

    Args:
        path: the file; folders above it are made, for their owner only.
        pieces: the content, in order.
        scratch: a folder of the same file system for the unfinished file, so that the folder of
            `path` only ever lists finished files.

    Raises:
        OSError: the file cannot be written; the disk is full, for example.
    """
    descriptor, name = tempfile.mkstemp(dir=scratch)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        make_private_folder(path.parent)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _synchronise(path.parent)


def move_folder_durably(source: Path, target: Path) -> None:
    """Renames a finished folder as `kgp.files.atomic_folder` does, with everything on the disk.

    Args:
        source: the folder.
        target: its new path in the same file system; must not exist.
    """
    for folder, _, names in os.walk(source):
        for name in names:
            _synchronise(Path(folder, name))
        _synchronise(Path(folder))
    make_private_folder(target.parent)
    os.replace(source, target)
    _synchronise(target.parent)


def make_private_folder(path: Path) -> None:
    """Makes a folder, and missing ones above it, on the disk and for its owner only."""
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        _synchronise(path.parent)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
