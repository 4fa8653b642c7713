"""What a batch has done: a small file for each study, and the model and the archive of all of them.

    OUT/batch.json          model and archive
    OUT/studies/STUDY/      what `kgp segment` writes
    OUT/ledger/STUDY.json   its line of studies.csv

First the result of a study appears, whole, and then its file in the ledger. A study counts as done
when both are there, so a process that is killed at any moment leaves no study half done: one
without its file is segmented again.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import read_json, remove_fragments, write_json
from kgp.folder_lock import locked_folder
from kgp.report.case_folder import SUMMARY

FORMAT = "kgp-batch-1"
_TRIES = ".{}.tries"
_log = logging.getLogger(__name__)


class ArchiveLedger:
    """The ledger of a batch.

    Args:
        out: the batch's folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._batch_file = out / "batch.json"
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
            KgpError: another batch works in the folder, or it holds something else, or results of
                another model or archive.
        """
        self._check(identity, model, archive)
        self._out.mkdir(parents=True, exist_ok=True)
        with locked_folder(self._out, f"{self._out} is being written by another kgp batch."):
            write_json(
                self._batch_file, {"format": FORMAT, "identity": identity, "model": model, "archive": str(archive)}
            )
            self._remove_fragments()
            yield
            self._remove_fragments()

    def result(self, study: str) -> Path:
        """The folder of a study's result."""
        return self._results / study

    def begin(self, study: str) -> int:
        """Notes that work on a study begins; returns how often it has begun without an `end`."""
        self._tries(study).parent.mkdir(parents=True, exist_ok=True)
        with open(self._tries(study), "ab") as stream:
            stream.write(b".")
            return stream.tell()

    def end(self, study: str) -> None:
        """Notes that work on a study has ended, with a result or without."""
        self._tries(study).unlink(missing_ok=True)

    def record(self, study: str, line: dict[str, Any]) -> None:
        """Notes that the study's result is there.

        Args:
            study: the study's name.
            line: its line of studies.csv.
        """
        write_json(self._lines / f"{study}.json", line)

    def lines(self) -> dict[str, dict[str, Any]]:
        """The lines of all studies that are done, by name and in the order of names."""
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
        return path.with_name(_TRIES.format(path.name))

    def _check(self, identity: str, model: str, archive: Path) -> None:
        if not self._batch_file.is_file():
            if self._out.is_dir() and any(path.name[0] != "." for path in self._out.iterdir()):
                raise KgpError(f"{self._out} is not empty and holds no batch; name another --out.")
            return
        batch = read_json(self._batch_file)
        if not isinstance(batch, dict) or batch.get("format") != FORMAT:
            raise KgpError(f"{self._batch_file} does not describe a batch in format {FORMAT}.")
        if batch.get("identity") != identity:
            raise KgpError(
                f"{self._out} holds results of another model ({batch.get('model')}) than {model}; name another --out."
            )
        if batch.get("archive") != str(archive):
            raise KgpError(
                f"{self._out} holds results of another archive ({batch.get('archive')}) than {archive}; name another --out."
            )

    def _remove_fragments(self) -> None:
        """Removes what killed processes left unfinished, and their counts of tries."""
        remove_fragments(self._out)
        for path in self._lines.rglob(_TRIES.format("*")):
            path.unlink(missing_ok=True)
