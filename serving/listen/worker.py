"""Makes results of complete studies, one after the other, over restarts too."""

import contextlib
import dataclasses
import datetime
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.runtime.artifact import version_folders
from serving.listen.arrivals import Arrivals
from serving.listen.durable import make_private_folder, move_folder_durably
from serving.listen.inbox import Content, Inbox
from serving.listen.ledger import DONE, FAILED, RUNNING, UNFINISHED, WAITING, Attempt, ListenLedger
from serving.listen.log_privacy import own_words, where_raised
from serving.listen.options import ServiceOptions
from serving.listen.passing_faults import passing_fault
from serving.listen.receptions import Receptions

_log = logging.getLogger(__name__)
Process = Callable[..., Any]
_POLL_SECONDS = 0.1
_MAX_STARTS = 3


class Worker:
    """A thread that works on the studies that are complete.

    Args:
        folder: where results/ is made; .work/ in it is for the unfinished one.
        process: see `serving.listen.service.ListenService`.
        inbox: what was received.
        ledger: what became of it.
        arrivals: which studies wait.
        receptions: which studies may be incomplete.
        forward: called with study and number of each new result, or None.
        options: see `ServiceOptions`.
    """

    def __init__(
        self,
        folder: Path,
        process: Process,
        inbox: Inbox,
        ledger: ListenLedger,
        arrivals: Arrivals,
        receptions: Receptions,
        forward: Callable[[str, int], None] | None,
        options: ServiceOptions,
    ) -> None:
        self._folder = folder
        self._results = folder / "results"
        self._work_folder = emptied(folder / ".work")
        self._process = process
        self._inbox = inbox
        self._ledger = ledger
        self._arrivals = arrivals
        self._receptions = receptions
        self._forward = forward
        self._options = options
        self._pauses: dict[str, float] = {}  # of the studies that are tried again
        self._to_discard: list[str] = []  # finished by an earlier process
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker")

    def start(self) -> None:
        """Continues with what an earlier process left."""
        for study in self._inbox.studies():
            if not self._is_settled(study, self._inbox.content(study), self._ledger.last(study)):
                self._arrivals.touch(study)
            elif self._options.discard_received:
                self._to_discard.append(study)
        self._thread.start()

    def stop_soon(self) -> None:
        """Begins with no further study."""
        self._stopping.set()

    def join(self) -> None:
        """Waits for the present study to be finished, after `stop_soon`."""
        self._thread.join()

    def _run(self) -> None:
        for study in self._to_discard:
            self._guarded(study, self._discard_finished)
        while not self._stopping.is_set():
            try:
                complete = self._arrivals.take()
                if complete is None:
                    self._stopping.wait(_POLL_SECONDS)
                else:
                    self._guarded(complete, self._process_if_new)
            except MemoryError:
                self._stopping.wait(_POLL_SECONDS)

    def _guarded(self, study: str, work: Callable[[str], None]) -> None:
        """Calls `work`; whatever it raises, the worker lives on for the other studies."""
        try:
            work(study)
        except Exception as error:  # noqa: BLE001 - see above
            reason = passing_fault(error)
            if reason:
                pause = self._postpone(study)
                _log.error(
                    "study %s waits, since its state cannot be written: %s; next attempt in %.0f s",
                    study, reason, pause,
                )  # fmt: skip
            else:
                _log.error("study %s is left: %s", study, self._reason(error))

    def _is_settled(self, study: str, content: Content, last: Attempt | None) -> bool:
        """Whether there is nothing to do for a study: its present content was worked on."""
        if not content.names:
            return True
        if last is None or last.state in UNFINISHED or last.content != content.digest:
            return False
        return not last.incomplete or self._receptions.is_cut_short(study)

    def _process_if_new(self, study: str) -> None:
        """Processes a study unless its present content was processed already."""
        content = self._inbox.content(study)
        last = self._ledger.last(study)
        if last is not None and last.state in UNFINISHED:
            last = self._recover(study, last)
        if not self._is_settled(study, content, last):
            self._attempt(study, content, last)
            return
        self._pauses.pop(study, None)
        if last is not None and last.state == DONE:
            self._discard(study, content, last)

    def _recover(self, study: str, last: Attempt) -> Attempt:
        """Settles an attempt that was not finished: done, failed, or to be repeated."""
        if self._result_folder(study, last).is_dir():
            return self._record_done(study, last)
        if last.state == WAITING or study in self._pauses:
            return dataclasses.replace(last, starts=0)  # the service did not end meanwhile
        if last.starts >= _MAX_STARTS:
            return self._record_failed(
                study, last, f"The service ended {last.starts} times while it worked on this study."
            )
        return last

    def _attempt(self, study: str, content: Content, last: Attempt | None) -> None:
        """Processes a study: repeats `last` if it is unfinished, or begins another attempt."""
        incomplete = self._receptions.is_cut_short(study)
        if last is None or last.state not in UNFINISHED:
            last = Attempt(self._next_number(study, last), content.digest, len(content.names), starts=0, began=_now())
        attempt = dataclasses.replace(
            last, content=content.digest, objects=len(content.names), state=RUNNING, starts=last.starts + 1, reason="",
            incomplete=incomplete, forward=self._forward is not None,
        )  # fmt: skip
        self._ledger.record(study, attempt)
        whole = ", of which some may be missing, as their association was not released" if incomplete else ""
        _log.info("study %s: working on %d objects%s", study, attempt.objects, whole)
        began = time.monotonic()
        try:
            unfinished = emptied(self._work_folder) / f"{study}-{attempt.number}"
            self._process(
                self._inbox.folder(study), unfinished, incomplete=incomplete, predecessor=self._predecessor(study)
            )
            move_folder_durably(unfinished, self._result_folder(study, attempt))
        except Exception as error:  # noqa: BLE001 - a study that nobody foresaw must not stop the others
            self._record_fault(study, attempt, error)
            return
        self._record_done(study, attempt)
        _log.info("study %s: result %d after %.1f s", study, attempt.number, time.monotonic() - began)
        self._discard(study, content, attempt)

    def _predecessor(self, study: str) -> Path | None:
        """The report of the study's newest result that is there."""
        for attempt in reversed(self._ledger.attempts(study)):
            report = self._result_folder(study, attempt) / "dicom" / "report.dcm"
            if attempt.state == DONE and report.is_file():
                return report
        return None

    def _record_fault(self, study: str, attempt: Attempt, error: Exception) -> None:
        """Puts a study back where trying again can help; it has failed otherwise."""
        with contextlib.suppress(OSError):  # the next attempt does it again
            emptied(self._work_folder)  # what is there may be what fills the disk
        reason = passing_fault(error)
        if not reason:
            self._record_failed(study, attempt, self._reason(error))
            return
        pause = self._postpone(study)
        _log.error("study %s waits, since its result cannot be made: %s; next attempt in %.0f s", study, reason, pause)
        with contextlib.suppress(OSError):  # the same may be in the way of the ledger
            waiting = f"The result cannot be made at present: {reason}. It is tried again."
            self._ledger.record(study, dataclasses.replace(attempt, state=WAITING, ended=_now(), reason=waiting))

    def _postpone(self, study: str) -> float:
        """Puts a study back; returns for how many seconds."""
        pause = self._pauses.get(study, self._options.first_pause)
        self._pauses[study] = min(2 * pause, self._options.max_pause)
        self._arrivals.postpone(study, pause)
        return pause

    def _record_done(self, study: str, attempt: Attempt) -> Attempt:
        done = dataclasses.replace(attempt, state=DONE, ended=_now(), reason="")
        self._ledger.record(study, done)
        self._pauses.pop(study, None)
        if self._forward and done.forward:
            self._forward(study, done.number)
        return done

    def _record_failed(self, study: str, attempt: Attempt, reason: str) -> Attempt:
        failed = dataclasses.replace(attempt, state=FAILED, ended=_now(), reason=reason)
        self._ledger.record(study, failed)
        self._pauses.pop(study, None)
        _log.error("study %s failed: %s", study, reason)
        return failed

    def _discard_finished(self, study: str) -> None:
        content, last = self._inbox.content(study), self._ledger.last(study)
        if last is not None and last.state == DONE and self._is_settled(study, content, last):
            self._discard(study, content, last)

    def _discard(self, study: str, content: Content, attempt: Attempt) -> None:
        if self._options.discard_received and not attempt.incomplete:
            self._inbox.discard(study, content)

    def _reason(self, error: Exception) -> str:
        """Why a study failed, in one sentence without values of its headers."""
        if isinstance(error, KgpError):
            return own_words(str(error), self._folder)
        # Without the message, which may quote a header.
        return f"An unexpected {type(error).__name__} was raised in {where_raised(error.__traceback__)}."

    def _next_number(self, study: str, last: Attempt | None) -> int:
        """A number that is neither in the ledger, which users may remove, nor among the results."""
        return max([last.number if last else 0, *version_folders(self._results / study)]) + 1

    def _result_folder(self, study: str, attempt: Attempt) -> Path:
        return self._results / study / str(attempt.number)


def emptied(folder: Path) -> Path:
    """Makes the folder, and removes what an earlier process left in it."""
    if folder.is_dir():
        shutil.rmtree(folder)
    make_private_folder(folder)
    return folder


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
