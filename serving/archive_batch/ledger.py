"""What a batch has done: a small file for each study, and the model and the archive that all of them are of.

    OUT/batch.json          model and archive
    OUT/studies/STUDY/      what `kgp segment` writes
    OUT/ledger/STUDY.json   its line of studies.csv

Result and file appear at once each, the file after the result. A process killed at any moment leaves a whole result or none;
a study counts as done when both are there, so one whose file is missing is made again in the same place.
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import read_json, write_json
from kgp.report.case_folder import SUMMARY

FORMAT = "kgp-batch-1"
_log = logging.getLogger(__name__)


class Ledger:
    """The ledger of a batch.

    Args:
        out: the batch's folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._head = out / "batch.json"
        self._lines = out / "ledger"
        self._results = out / "studies"

    @contextlib.contextmanager
    def claimed(self, identity: str, model: str, archive: Path) -> Iterator[None]:
        """Keeps other batches out of the folder for as long as the block runs.

        Args:
            identity: `kgp.runtime.runtime.Runtime.identity` of the model.
            model: where the model lies, for messages.
            archive: the archive.

        Raises:
            KgpError: another batch is at work in the folder, or it holds something else or results of another model or archive.
        """
        import filelock

        self._check(identity, model, archive)
        self._out.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._out / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise KgpError(f"{self._out} is being written by another kgp batch.") from None
        try:
            write_json(self._head, {"format": FORMAT, "identity": identity, "model": model, "archive": str(archive)})
            self._remove_fragments()
            yield
            self._remove_fragments()
        finally:
            lock.release()

    def result(self, study: str) -> Path:
        """The folder of a study's result."""
        return self._results / study

    def begin(self, study: str) -> int:
        """Notes that work on a study begins; returns how often it has begun without an end in this start of the batch."""
        self._tries(study).parent.mkdir(parents=True, exist_ok=True)
        with open(self._tries(study), "ab") as stream:
            stream.write(b".")
            return stream.tell()

    def end(self, study: str) -> None:
        """Notes that work on a study has ended, well or not."""
        self._tries(study).unlink(missing_ok=True)

    def record(self, study: str, line: dict[str, Any]) -> None:
        """Notes that the study's result is there.

        Args:
            study: its name.
            line: its line of studies.csv.
        """
        write_json(self._lines / f"{study}.json", line)

    def lines(self) -> dict[str, dict[str, Any]]:
        """The lines of all studies that are done, by name and in its order."""
        lines = {}
        for path in self._lines.rglob("*.json"):
            study = path.relative_to(self._lines).as_posix().removesuffix(".json")
            if path.name.startswith(".") or not (self.result(study) / SUMMARY).is_file():
                continue
            try:
                lines[study] = dict(read_json(path))
            except (KgpError, TypeError, ValueError):
                _log.warning("%s is damaged, so its study is segmented again.", path)
        return dict(sorted(lines.items()))

    def _tries(self, study: str) -> Path:
        path = self._lines / study
        return path.with_name(f".{path.name}.tries")

    def _check(self, identity: str, model: str, archive: Path) -> None:
        if not self._head.is_file():
            if self._out.is_dir() and any(path.name[0] != "." for path in self._out.iterdir()):
                raise KgpError(f"{self._out} is not empty and holds no batch; name another --out.")
            return
        head = read_json(self._head)
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise KgpError(f"{self._head} does not describe a batch in format {FORMAT}.")
        if head.get("identity") != identity:
            raise KgpError(
                f"{self._out} holds results of another model ({head.get('model')}) than {model}; name another --out."
            )
        if head.get("archive") != str(archive):
            raise KgpError(
                f"{self._out} holds results of another archive ({head.get('archive')}) than {archive}; name another --out."
            )

    def _remove_fragments(self) -> None:
        """Removes what processes that were killed had begun to write; such names begin with a dot."""
        for top in (self._results, self._lines):
            for folder, folders, files in os.walk(top):
                for name in [name for name in folders if name.startswith(".")]:
                    shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
                    folders.remove(name)
                for name in files:
                    if name.startswith("."):
                        Path(folder, name).unlink(missing_ok=True)
