"""A whole archive through one model, on Ray Data."""

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from kgp.errors import KgpError
from kgp.files import printable, write_table
from serving.archive_batch.ledger import Ledger
from serving.archive_batch.ray_engine import Share, ray_engine
from serving.archive_batch.studies import find_studies
from serving.archive_batch.worker import BatchJob, StudyWorker, model_identity

_log = logging.getLogger(__name__)
_SILENT = "no answer came, which is a defect of kgp; kgp segment of this one study shows it."


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a batch ended.

    Attributes:
        done: studies that have a result.
        failed: why the others have none, by name.
    """

    done: int
    failed: dict[str, str]


def run_batch(job: BatchJob) -> Outcome:
    """Segments every study of an archive that has no result yet, and writes studies.csv and failed.csv.

    Raises:
        KgpError: the model cannot be used, the folder is another batch's, or the workers cannot be started.
    """
    with ray_engine(job.address, job.workers) as share:
        identity = _identity(job, share)
        ledger = Ledger(job.out)
        with ledger.claimed(identity, job.model, job.archive):
            known = frozenset(ledger.lines())
            progress = Progress(job, known)
            try:
                for study, reason in _answers(job, identity, known, share):
                    progress.add(study, reason)
                progress.add_silent()
            except KeyboardInterrupt:
                _log.info("%d studies are done; the same command does the others", len(ledger.lines()))
                raise
            finally:
                lines = ledger.lines()
                _write_tables(job, list(lines.values()), progress.failed)
    return Outcome(len(lines), progress.failed)


class Progress:
    """Counts answers, and tells of them now and then.

    Args:
        job: the batch.
        known: studies that were done before.
    """

    pause = 5.0

    def __init__(self, job: BatchJob, known: frozenset[str]) -> None:
        self.failed: dict[str, str] = {}
        self._known = known
        self._answered: set[str] = set()
        self._found: list[str] = []
        self._lost: OSError | None = None
        self._first = self._told = time.monotonic()
        self._count = threading.Thread(target=self._find, args=(job,), daemon=True)
        self._count.start()
        if known:
            _log.info("%d studies were done before", len(known))

    def add(self, study: str, reason: str) -> None:
        """Takes an answer: the reason why there is no result, or ""."""
        now = time.monotonic()
        if not self._answered:
            self._first = now
        self._answered.add(study)
        if reason:
            self.failed[study] = reason
        if now - self._told > self.pause:
            self._told = now
            _log.info("%s", self.line(now))

    def line(self, now: float) -> str:
        """How far it is, how fast it goes, and how long it will take."""
        answered = len(self._answered)
        text = f"{len(self._known) + answered}"
        if not self._count.is_alive():
            text += f" of {len(self._found)}"
        text += f" studies, {len(self.failed)} failed"
        # The first answer had to wait for the network to be loaded, so the clock starts with it.
        if answered < 2 or now <= self._first:
            return text
        rate = (answered - 1) / (now - self._first)
        text += f", {rate:.2f} studies/s"
        if self._count.is_alive():
            return f"{text}, still counting the others"
        left = int(max(0, len(self._found) - len(self._known) - answered) / rate)
        return f"{text}, {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"

    def add_silent(self) -> None:
        """At the end: studies of which no answer came have failed.

        Raises:
            KgpError: a folder of the archive could not be read, so there may be studies that nobody knows of.
        """
        self._count.join()
        for study in self._found:
            if study not in self._known and study not in self._answered:
                self.failed[study] = _SILENT
        _log.info("%s", self.line(time.monotonic()))
        if self._lost:
            raise KgpError(f"The archive could not be looked through to its end: {self._lost}; start again.")

    def _find(self, job: BatchJob) -> None:
        try:
            self._found.extend(find_studies(job.archive))
        except OSError as error:
            self._lost = error


def _identity(job: BatchJob, share: Share) -> str:
    """Identity of the model, asked of a process of its own, so that this one never holds a network."""
    import ray

    ask = ray.remote(**share.options(), max_calls=1)(model_identity)
    try:
        return str(ray.get(ask.remote(job.model)))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, KgpError | OSError | ModuleNotFoundError):
            raise error.cause from None
        raise


def _answers(job: BatchJob, identity: str, known: frozenset[str], share: Share) -> Iterator[tuple[str, str]]:
    """Name of each study, and why there is no result of it, or "", as they come."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    from serving.archive_batch.ray_source import StudySource

    context = DataContext.get_current()
    context.target_max_block_size = 1  # one study a block, so that each is a task of its own
    context.max_errored_blocks = -1  # a defect that shows in one study does not end the others
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    studies = ray.data.read_datasource(StudySource(job.archive, known), override_num_blocks=1, num_cpus=0)
    answers = studies.map(
        StudyWorker,
        fn_constructor_args=(job, identity),
        compute=ActorPoolStrategy(size=job.workers, max_tasks_in_flight_per_actor=1),
        **share.options(),
    )
    try:
        for row in answers.iter_rows():
            yield os.fsdecode(row["study"]), row["reason"]
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1].strip().removeprefix("kgp.errors.KgpError: ")
        raise KgpError(f"The workers cannot go on: {last}") from None


def _write_tables(job: BatchJob, lines: list[dict[str, Any]], failed: dict[str, str]) -> None:
    """studies.csv of all results there are, and failed.csv of this start, which is missing where nothing failed."""
    if lines:
        write_table([{**line, "study": printable(line["study"])} for line in lines], job.out / "studies.csv")
    if failed:
        table = [{"study": printable(study), "reason": reason} for study, reason in sorted(failed.items())]
        write_table(table, job.out / "failed.csv")
    else:
        (job.out / "failed.csv").unlink(missing_ok=True)
