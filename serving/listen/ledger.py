"""What became of each study: a small file a study, written so that it is complete or as it was before."""

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import read_json
from serving.listen.durable import write_durably

RUNNING, DONE, FAILED = "running", "done", "failed"
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Run:
    """One attempt to turn a study into a result.

    Attributes:
        number: 1 for the study's first; also the name of the result's folder.
        content: digest of what the study consisted of; see `serving.listen.inbox.Content`.
        objects: how many that were.
        state: RUNNING, DONE or FAILED.
        starts: how often work on it began; more than once where the service ended in the middle.
        began, ended: when, ISO 8601 in UTC.
        reason: why it failed, in one sentence.
        forward: whether its DICOM objects are to be sent on.
        sent: what became of each, by file name: "accepted", or "refused" with the status.
    """

    number: int
    content: str
    objects: int
    state: str = RUNNING
    starts: int = 1
    began: str = ""
    ended: str = ""
    reason: str = ""
    forward: bool = False
    sent: dict[str, str] = dataclasses.field(default_factory=dict)


class Ledger:
    """The folder LEDGER/STUDY.json. May be used by several threads.

    Args:
        folder: the ledger.
        scratch: a folder of the same file system for unfinished files.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._lock = threading.Lock()

    def studies(self) -> list[str]:
        """The names of all studies ever begun."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def runs(self, study: str) -> list[Run]:
        """A study's runs, oldest first.

        Raises:
            KgpError: the file is not a ledger.
        """
        path = self._path(study)
        if not path.exists():
            return []
        return _runs(path, read_json(path))

    def last(self, study: str) -> Run | None:
        """A study's newest run, or None."""
        runs = self.runs(study)
        return runs[-1] if runs else None

    def record(self, study: str, run: Run) -> None:
        """Puts a run in the place of that with its number, or after the others; it is on the disk when this returns.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        with self._lock:
            runs = {earlier.number: earlier for earlier in self.runs(study)} | {run.number: run}
            text = json.dumps(
                {"format": _FORMAT, "runs": [dataclasses.asdict(each) for each in runs.values()]}, indent=2
            )
            write_durably(self._path(study), [f"{text}\n".encode()], self._scratch)

    def _path(self, study: str) -> Path:
        return self._folder / f"{study}.json"


def _runs(path: Path, value: Any) -> list[Run]:
    try:
        if value["format"] != _FORMAT:
            raise KgpError(f"{path} has the format {value['format']} where {_FORMAT} is expected.")
        return [Run(**run) for run in value["runs"]]
    except (TypeError, KeyError):
        raise KgpError(f"{path} is not a ledger of kgp console listen.") from None
