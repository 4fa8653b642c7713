"""Received objects on disk: STUDY/OBJECT.dcm, under names that tell nothing of a patient."""

import dataclasses
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from kgp.files import sha256
from serving.listen.durable import write_file_durably

_NAME_DIGITS = 32
MARKS = ".open"  # what stands beside a study ends so; see serving.listen.receptions


@dataclasses.dataclass(frozen=True)
class Content:
    """What a study consisted of at one moment.

    Attributes:
        names: the files, sorted.
        digest: equal at two moments if no file was added, removed or replaced between them.
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
        self._lock = threading.Lock()  # so that no file is replaced while its study is discarded

    def store(self, study: str, instance_uid: str, pieces: Sequence[bytes | memoryview]) -> bool:
        """Keeps an object, in place of an earlier one of its UID; it is on the disk afterwards.

        Args:
            study: the study's name, from `uid_name`.
            instance_uid: SOPInstanceUID.
            pieces: the bytes of the file.

        Returns:
            False where the same bytes were there already; then nothing is written.

        Raises:
            OSError: it cannot be written (the disk is full, for example); an earlier object stays.
        """
        if self.holds(study, instance_uid, pieces):
            return False
        with self._lock:
            write_file_durably(self._path(study, instance_uid), pieces, self._scratch)
        return True

    def holds(self, study: str, instance_uid: str, pieces: Sequence[bytes | memoryview]) -> bool:
        """Whether an object is there already, with the same bytes."""
        return _has_content(self._path(study, instance_uid), pieces)

    def renew(self, study: str, instance_uid: str) -> None:
        """Makes an object count as new although its bytes are unchanged."""
        with self._lock:
            path = self._path(study, instance_uid)
            if path.exists():
                os.utime(path)

    def studies(self) -> list[str]:
        """The names of all studies."""
        names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        return sorted(name for name in names if not name.endswith(MARKS))

    def folder(self, study: str) -> Path:
        """Where a study's objects lie."""
        return self._folder / study

    def content(self, study: str) -> Content:
        """What a study consists of now; no names where there is no such study."""
        folder = self.folder(study)
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        files = []
        for path in paths:
            status = path.stat()
            files.append((path.name, status.st_size, status.st_mtime_ns))
        return Content(tuple(path.name for path in paths), hashlib.sha256(repr(files).encode()).hexdigest())

    def discard(self, study: str, content: Content) -> None:
        """Removes a study's objects, unless one was added or replaced since `content`."""
        with self._lock:
            if not content.names or self.content(study) != content:
                return
            # Moved at once: a process killed while it removes files would leave a part of a study.
            removed = Path(tempfile.mkdtemp(dir=self._scratch))
            os.replace(self.folder(study), removed)
        shutil.rmtree(removed)

    def _path(self, study: str, instance_uid: str) -> Path:
        return self.folder(study) / f"{uid_name(instance_uid)}.dcm"


def uid_name(uid: str) -> str:
    """A name for files and logs: equal for equal UIDs, and telling nothing that a UID tells."""
    return hashlib.sha256(uid.encode()).hexdigest()[:_NAME_DIGITS]


def _has_content(path: Path, pieces: Sequence[bytes | memoryview]) -> bool:
    """Whether the file exists and consists of exactly these bytes."""
    if not path.is_file() or path.stat().st_size != sum(len(piece) for piece in pieces):
        return False
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return sha256(path) == digest.hexdigest()
