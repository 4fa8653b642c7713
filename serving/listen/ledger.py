"""What became of each study: a small file for each, which is always complete."""

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import read_json
from serving.listen.durable import write_file_durably

RUNNING, WAITING, DONE, FAILED = "running", "waiting", "done", "failed"
UNFINISHED = (RUNNING, WAITING)
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One attempt to turn a study into a result.

    Attributes:
        number: 1 for the study's first; also the name of the result's folder.
        content: digest of what the study consisted of; see `serving.listen.inbox.Content`.
        objects: how many objects that were.
        state: RUNNING; WAITING for another try, as the machine was in the way (a full disk); DONE or
            FAILED.
        starts: how often work on it began; more than once where the service ended meanwhile.
        began, ended: when, ISO 8601 in UTC.
        reason: why it failed or waits, in one sentence.
        incomplete: whether images may be missing; see `serving.listen.receptions`.
        forward: whether its DICOM objects are to be sent on.
        sent: what became of each object, by file name: "accepted", or "refused" with the status.
    """

    number: int
    content: str
    objects: int
    state: str = RUNNING
    starts: int = 1
    began: str = ""
    ended: str = ""
    reason: str = ""
    incomplete: bool = False
    forward: bool = False
    sent: dict[str, str] = dataclasses.field(default_factory=dict)


class ListenLedger:
    """The files FOLDER/STUDY.json. May be used by several threads.

    Args:
        folder: the folder of the ledger.
        scratch: a folder of the same file system for unfinished files.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._lock = threading.Lock()

    def studies(self) -> list[str]:
        """The names of all studies that were ever worked on."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def attempts(self, study: str) -> list[Attempt]:
        """A study's attempts, oldest first.

        Raises:
            KgpError: the study's file is not a ledger.
        """
        path = self._path(study)
        if not path.exists():
            return []
        return _parse_attempts(path, read_json(path))

    def attempt(self, study: str, number: int) -> Attempt | None:
        """A study's attempt of that number, or None."""
        return next((attempt for attempt in self.attempts(study) if attempt.number == number), None)

    def last(self, study: str) -> Attempt | None:
        """A study's newest attempt, or None."""
        attempts = self.attempts(study)
        return attempts[-1] if attempts else None

    def record(self, study: str, attempt: Attempt) -> None:
        """Replaces the attempt of the same number, or appends it; it is on the disk afterwards.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        with self._lock:
            attempts = {earlier.number: earlier for earlier in self.attempts(study)} | {attempt.number: attempt}
            # Files have called attempts "runs" since their first format.
            value = {"format": _FORMAT, "runs": [dataclasses.asdict(each) for each in attempts.values()]}
            text = json.dumps(value, indent=2)
            write_file_durably(self._path(study), [f"{text}\n".encode()], self._scratch)

    def _path(self, study: str) -> Path:
        return self._folder / f"{study}.json"


def _parse_attempts(path: Path, value: Any) -> list[Attempt]:
    try:
        if value["format"] != _FORMAT:
            raise KgpError(f"{path} has the format {value['format']} where {_FORMAT} is expected.")
        return [Attempt(**values) for values in value["runs"]]
    except (TypeError, KeyError):
        raise KgpError(f"{path} is not a ledger of kgp console listen.") from None
