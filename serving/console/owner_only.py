"""Results that name a patient are for their owner only."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def owner_only(folder: Path) -> Iterator[None]:
    """Closes a folder to all but its owner while the block fills it, and then all that is in it.

    Args:
        folder: an existing folder, empty so far.
    """
    folder.chmod(0o700)
    yield
    for where, folders, files in os.walk(folder):
        for name in folders:
            Path(where, name).chmod(0o700)
        for name in files:
            Path(where, name).chmod(0o600)
