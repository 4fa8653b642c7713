"""Which studies came over associations that were not released, so that images may be missing.

An association that brings an object of a study leaves a mark on the disk before the object is
answered, and takes it away when it is released. So a mark stays of an association that was aborted
or lost, and of one that was open when the process ended. The same sender (calling AE title) takes
it away by a later association that brings something of the study and is released: it has sent
again what it wanted to send.
"""

import contextlib
import secrets
import threading
from pathlib import Path

from serving.listen.durable import write_file_durably
from serving.listen.inbox import MARKS, uid_name


class Receptions:
    """The marks INBOX/STUDY.open/SENDER.NUMBER. May be used by several threads.

    Args:
        folder: the inbox.
        scratch: a folder of the same file system for unfinished files.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._lock = threading.Lock()
        # For each open association and study its own mark, and earlier ones that its release takes
        # away too.
        self._open: dict[threading.Thread, dict[str, list[Path]]] = {}

    def begin(self, sender: threading.Thread, title: str, study: str) -> None:
        """Notes that an association is about to bring something of a study.

        Args:
            sender: the thread of the association, alive as long as it is open.
            title: its calling AE title.
            study: the study's name.

        Raises:
            OSError: the mark cannot be written.
        """
        with self._lock:
            marks = self._open.setdefault(sender, {})
            if study in marks:
                return
            own = self._marks(study) / f"{uid_name(title)}.{secrets.token_hex(4)}"
            earlier = [path for path in self._left(study) if path.stem == own.stem]
            write_file_durably(own, [], self._scratch)
            marks[study] = [own, *earlier]

    def release(self, sender: threading.Thread) -> None:
        """Notes that an association was released."""
        with self._lock:
            for study, paths in self._open.pop(sender, {}).items():
                with contextlib.suppress(OSError):  # then the study is said to be incomplete, which it may be
                    for path in paths:
                        path.unlink(missing_ok=True)
                    self._marks(study).rmdir()  # unless there are others

    def is_cut_short(self, study: str) -> bool:
        """Whether an association that brought something of the study ended without a release."""
        with self._lock:
            return bool(self._left(study))

    def _left(self, study: str) -> list[Path]:
        """The marks of associations that are not open any more."""
        self._open = {sender: marks for sender, marks in self._open.items() if sender.is_alive()}
        open_now = {marks[study][0] for marks in self._open.values() if study in marks}
        folder = self._marks(study)
        return [path for path in folder.iterdir() if path not in open_now] if folder.is_dir() else []

    def _marks(self, study: str) -> Path:
        return self._folder / f"{study}{MARKS}"
