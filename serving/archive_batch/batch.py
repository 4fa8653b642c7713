"""A whole archive through one model, on Ray Data."""

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kgp.durations import hours_minutes_seconds
from kgp.errors import KgpError
from kgp.files import printable, write_table
from serving.archive_batch.ledger import ArchiveLedger
from serving.archive_batch.ray_engine import WorkerResources, ray_engine
from serving.archive_batch.studies import find_studies
from serving.archive_batch.worker import BatchJob, StudyWorker, model_identity

_log = logging.getLogger(__name__)
_LOG_SECONDS = 5.0  # between two lines of progress
_NO_ANSWER = "no answer came, which is a defect of kgp; kgp segment of this one study shows it."


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a batch ended.

    Attributes:
        done: studies that have a result.
        failed: why the others have none, by the study's name.
    """

    done: int
    failed: dict[str, str]


def run_batch(job: BatchJob) -> Outcome:
    """Segments every study that has no result yet, and writes studies.csv and failed.csv.

    Raises:
        KgpError: the model cannot be used, the folder is of another batch, or the workers cannot be
            started.
    """
    with ray_engine(job.address, job.workers) as resources:
        identity = _ask_model_identity(job.model, resources)
        ledger = ArchiveLedger(job.out)
        with ledger.claimed(identity, job.model, job.archive):
            done_before = frozenset(ledger.lines())
            progress = BatchProgress(job.archive, done_before)
            try:
                for study, reason in _segment_studies(job, identity, done_before, resources):
                    progress.add(study, reason)
                progress.finish()
            except KeyboardInterrupt:
                _log.info("%d studies are done; the same command does the others", len(ledger.lines()))
                raise
            finally:
                lines = ledger.lines()
                _write_tables(job, list(lines.values()), progress.failed)
    return Outcome(len(lines), progress.failed)


class BatchProgress:
    """Counts the studies that workers are done with, and logs the progress every few seconds.

    A thread counts the studies of the archive meanwhile.

    Args:
        archive: folder of the studies.
        done_before: studies that have a result from an earlier start.

    Attributes:
        failed: why studies have no result, by name.
    """

    def __init__(self, archive: Path, done_before: frozenset[str]) -> None:
        self.failed: dict[str, str] = {}
        self._done_before = done_before
        self._answered: set[str] = set()
        self._studies: list[str] = []
        self._search_error: OSError | None = None
        self._first_at = self._logged_at = time.monotonic()
        self._search = threading.Thread(target=self._list_studies, args=(archive,), daemon=True)
        self._search.start()
        if done_before:
            _log.info("%d studies were done before", len(done_before))

    def add(self, study: str, reason: str) -> None:
        """Counts a study: `reason` says why there is no result, or is ""."""
        now = time.monotonic()
        if not self._answered:
            self._first_at = now
        self._answered.add(study)
        if reason:
            self.failed[study] = reason
        if now - self._logged_at > _LOG_SECONDS:
            self._logged_at = now
            _log.info("%s", self.line(now))

    def line(self, now: float) -> str:
        """How many studies are done, how many in a second, and how long the others will take."""
        answered = len(self._answered)
        text = f"{len(self._done_before) + answered}"
        if not self._search.is_alive():
            text += f" of {len(self._studies)}"
        text += f" studies, {len(self.failed)} failed"
        # Before the first study was done, a worker had to load the network; that does not count.
        if answered < 2 or now <= self._first_at:
            return text
        rate = (answered - 1) / (now - self._first_at)
        text += f", {rate:.2f} studies/s"
        if self._search.is_alive():
            return f"{text}, still counting the others"
        left = max(0, len(self._studies) - len(self._done_before) - answered)
        return f"{text}, {hours_minutes_seconds(left / rate)} left"

    def finish(self) -> None:
        """Counts the studies that no worker has answered as failed, and logs the last line.

        Raises:
            KgpError: a folder of the archive could not be read, so there may be studies that were
                not found.
        """
        self._search.join()
        for study in self._studies:
            if study not in self._done_before and study not in self._answered:
                self.failed[study] = _NO_ANSWER
        _log.info("%s", self.line(time.monotonic()))
        if self._search_error:
            raise KgpError(f"The archive could not be looked through to its end: {self._search_error}; start again.")

    def _list_studies(self, archive: Path) -> None:
        try:
            self._studies.extend(find_studies(archive))
        except OSError as error:
            self._search_error = error


def _ask_model_identity(model: str, resources: WorkerResources) -> str:
    """The model's identity, read by another process, so that this one never loads a network."""
    import ray

    remote_identity = ray.remote(**resources.options(), max_calls=1)(model_identity)
    try:
        return str(ray.get(remote_identity.remote(model)))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, KgpError | OSError | ModuleNotFoundError):
            raise error.cause from None
        raise


def _segment_studies(
    job: BatchJob, identity: str, done_before: frozenset[str], resources: WorkerResources
) -> Iterator[tuple[str, str]]:
    """Yields each study when a worker is done with it: its name, and why it failed or ""."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    from serving.archive_batch.ray_source import StudySource

    context = DataContext.get_current()
    context.target_max_block_size = 1  # one study a block, so that each is a task of its own
    context.max_errored_blocks = -1  # a defect that shows in one study does not end the others
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    studies = ray.data.read_datasource(StudySource(job.archive, done_before), override_num_blocks=1, num_cpus=0)
    answers = studies.map(
        StudyWorker,
        fn_constructor_args=(job, identity),
        compute=ActorPoolStrategy(size=job.workers, max_tasks_in_flight_per_actor=1),
        **resources.options(),
    )
    try:
        for row in answers.iter_rows():
            yield os.fsdecode(row["study"]), row["reason"]
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1].strip().removeprefix("kgp.errors.KgpError: ")
        raise KgpError(f"The workers cannot go on: {last}") from None


def _write_tables(job: BatchJob, lines: list[dict[str, Any]], failed: dict[str, str]) -> None:
    """Writes studies.csv of all results and failed.csv of this start, if anything failed in it."""
    if lines:
        write_table([{**line, "study": printable(line["study"])} for line in lines], job.out / "studies.csv")
    if failed:
        table = [{"study": printable(study), "reason": reason} for study, reason in sorted(failed.items())]
        write_table(table, job.out / "failed.csv")
    else:
        (job.out / "failed.csv").unlink(missing_ok=True)
