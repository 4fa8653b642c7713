"""What was received, on disk: a folder for each study, a file for each object, with names that tell nothing of the patient."""

import dataclasses
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from kgp.files import sha256
from serving.listen.durable import write_durably

_NAME_DIGITS = 32


@dataclasses.dataclass(frozen=True)
class Content:
    """What a study consisted of at one moment.

    Attributes:
        names: the files, sorted.
        digest: equal for two moments where no file was added, removed or replaced in between.
    """

    names: tuple[str, ...]
    digest: str


class Inbox:
    """The folder INBOX/STUDY/OBJECT.dcm; STUDY and OBJECT are hashes of the UIDs.

    Args:
        folder: the inbox.
        scratch: a folder of the same file system for unfinished files.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._lock = threading.Lock()  # between replacing a file and discarding a study

    def store(self, study: str, instance_uid: str, pieces: Sequence[bytes | memoryview]) -> bool:
        """Keeps an object; it is on the disk when this returns. A later object of the same UID takes the earlier one's place.

        Args:
            study: the study's name, from `uid_name`.
            instance_uid: SOPInstanceUID.
            pieces: the bytes of the file.

        Returns:
            False where the very same bytes were there already, and nothing was written.

        Raises:
            OSError: the disk is full, or anything else forbids it; what was there stays.
        """
        path = self._path(study, instance_uid)
        if _holds(path, pieces):
            return False
        with self._lock:
            write_durably(path, pieces, self._scratch)
        return True

    def renew(self, study: str, instance_uid: str) -> None:
        """Makes an object count as a new one, though its bytes are those that were there."""
        with self._lock:
            path = self._path(study, instance_uid)
            if path.exists():
                os.utime(path)

    def studies(self) -> list[str]:
        """The names of all studies."""
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def folder(self, study: str) -> Path:
        """Where a study's objects lie."""
        return self._folder / study

    def content(self, study: str) -> Content:
        """What a study consists of now; nothing where it is not there."""
        folder = self.folder(study)
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        lines = [(path.name, (status := path.stat()).st_size, status.st_mtime_ns) for path in paths]
        return Content(tuple(path.name for path in paths), hashlib.sha256(repr(lines).encode()).hexdigest())

    def discard(self, study: str, content: Content) -> None:
        """Removes a study's objects, unless something changed since `content`."""
        with self._lock:
            if not content.names or self.content(study) != content:
                return
            # All at once, so that a process that is killed here does not leave a part, which would be a study of its own.
            condemned = Path(tempfile.mkdtemp(dir=self._scratch))
            os.replace(self.folder(study), condemned)
        shutil.rmtree(condemned)

    def _path(self, study: str, instance_uid: str) -> Path:
        return self.folder(study) / f"{uid_name(instance_uid)}.dcm"


def uid_name(uid: str) -> str:
    """A name for files and logs: equal for equal UIDs, and without what a UID may tell of place, device and date."""
    return hashlib.sha256(uid.encode()).hexdigest()[:_NAME_DIGITS]


def _holds(path: Path, pieces: Sequence[bytes | memoryview]) -> bool:
    """Whether the file is there with exactly these bytes."""
    if not path.is_file() or path.stat().st_size != sum(len(piece) for piece in pieces):
        return False
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return sha256(path) == digest.hexdigest()
