"""One process at a time in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kgp.errors import KgpError


@contextlib.contextmanager
def locked_folder(folder: Path, held_elsewhere: str) -> Iterator[None]:
    """Holds the lock FOLDER/.lock while the block runs.

    The operating system frees the lock when the process ends, also by kill -9. The file stays.

    Args:
        folder: an existing folder.
        held_elsewhere: the message of the error where another process holds the lock.

    Raises:
        KgpError: another process, or another block of this one, holds the lock.
    """
    import filelock

    lock = filelock.FileLock(folder / ".lock", thread_local=False)  # another thread may free it
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise KgpError(held_elsewhere) from None
    try:
        yield
    finally:
        lock.release()
