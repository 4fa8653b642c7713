"""One worker of a batch: a process of its own that segments one study after the other."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import printable
from kgp.report.case_folder import check_pictures, write_case_folder
from kgp.runtime import load_runtime
from serving.archive_batch.ledger import ArchiveLedger
from serving.archive_batch.studies import study_folder

_MAX_STARTS = 3


@dataclasses.dataclass(frozen=True)
class BatchJob:
    """What a batch is to do.

    Attributes:
        archive: folder of the studies.
        model: whatever `kgp.runtime.load_runtime` takes.
        out: folder for the results.
        workers: processes at the same time.
        address: of a Ray cluster, or None for processes on this host.
    """

    archive: Path
    model: str
    out: Path
    workers: int = 1
    address: str | None = None


def model_identity(model: str) -> str:
    """See `kgp.runtime.runtime.Runtime.identity`."""
    return load_runtime(model).identity


class StudyWorker:
    """Segments studies.

    Args:
        job: the batch.
        identity: the identity that the model must have.

    Raises:
        KgpError: the model cannot be used, or has another identity.
    """

    def __init__(self, job: BatchJob, identity: str) -> None:
        self._job = job
        self._ledger = ArchiveLedger(job.out)
        self._runtime = load_runtime(job.model)
        if self._runtime.identity != identity:
            raise KgpError(f"{job.model} has changed since the batch began.")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Segments the study that row["study"] names (bytes, as the file system has it).

        Returns:
            "study" as it was, and in "reason" one sentence why there is no result, or "".
        """
        reason = self.segment(os.fsdecode(row["study"]))
        return {"study": row["study"], "reason": printable(reason)}

    def segment(self, study: str) -> str:
        """Writes a study's result and its line of the ledger; returns why it failed, or ""."""
        try:
            if self._ledger.begin(study) > _MAX_STARTS:
                return f"its worker died {_MAX_STARTS} times while it was at work on it, perhaps for lack of memory."
            self._ledger.record(study, self._write_result(study))
        except (KgpError, OSError) as error:
            return " ".join(str(error).split())
        self._ledger.end(study)
        return ""

    def _write_result(self, study: str) -> dict[str, Any]:
        """Writes a study's result; returns its line of studies.csv."""
        start = time.monotonic()
        reading = self._runtime.description.default_reading
        folder, result = study_folder(self._job.archive, study), self._ledger.result(study)
        summary = write_case_folder(self._runtime, folder, result, reading, overwrite=True)
        check_pictures(summary)
        strongest = summary["strongest_slice"] or {"class": "", "probability": ""}
        return {
            "study": study,
            "class": strongest["class"],
            "probability": strongest["probability"],
            "mask_volume_mm3": summary.get("mask_volume_mm3", ""),
            "seconds": round(time.monotonic() - start, 3),
        }
