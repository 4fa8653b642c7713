"""kgp console listen: receives studies, makes a result of each, and sends the result on.

All that has to outlive the process is in one folder:

    inbox/      what was received
    ledger/     what became of each study
    results/    what was made of each study

A new process learns from inbox and ledger which studies wait, so a process that is killed loses
nothing, and nothing is done twice.
"""

import contextlib
import dataclasses
import datetime
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.folder_lock import locked_folder
from kgp.runtime.artifact import version_folders
from serving.listen.arrivals import Arrivals
from serving.listen.durable import make_private_folder, move_folder_durably
from serving.listen.forwarder import Forwarder
from serving.listen.inbox import Content, Inbox, uid_name
from serving.listen.ledger import DONE, FAILED, RUNNING, Attempt, ListenLedger
from serving.listen.log_privacy import where_raised
from serving.listen.receiver import DicomReceiver, ReceivedObject, ReceiverOptions
from serving.listen.sender import Destination

_log = logging.getLogger(__name__)
Process = Callable[[Path, Path], Any]
_POLL_SECONDS = 0.1
_MAX_WAITING = 256
_MAX_STARTS = 3


@dataclasses.dataclass(frozen=True)
class ServiceOptions:
    """What the service does around receiving.

    Attributes:
        quiet_seconds: a study is complete when for so long none of its objects arrived and no
            sender of it was connected.
        forward: where results are sent, or None.
        discard_received: whether to remove what was received once the study has a result.
    """

    quiet_seconds: float = 10.0
    forward: Destination | None = None
    discard_received: bool = False


class ListenService:
    """Receives, processes and forwards until it is stopped; one study after another.

    Args:
        folder: where everything is kept; one service at a time.
        process: makes the result of a study. It is called with the folder of the study's objects
            and the folder of the result, which appears whole or not at all; the objects in dicom/
            of the result are sent on. The message of a KgpError becomes the reason in the ledger.
        receiver: how it listens.
        options: what it does besides.

    Raises:
        KgpError: another service works in `folder`, or the address cannot be bound to.
    """

    def __init__(
        self, folder: Path, process: Process, receiver: ReceiverOptions, options: ServiceOptions = ServiceOptions()
    ) -> None:
        self._process = process
        self._options = options
        make_private_folder(folder)
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(
            locked_folder(folder, f"Another kgp console listen works in {folder}; give it a folder of its own.")
        )
        scratch = _emptied(folder / ".partial")
        self._work_folder = _emptied(folder / ".work")
        self._results = folder / "results"
        self._inbox = Inbox(folder / "inbox", scratch)
        self._ledger = ListenLedger(folder / "ledger", scratch)
        self._arrivals = Arrivals(options.quiet_seconds, _MAX_WAITING)
        self._forwarder = None
        if options.forward:
            self._forwarder = Forwarder(options.forward, receiver.aet, self._ledger, self._results)
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._work, name="worker")
        try:
            self._receiver = DicomReceiver(receiver, self._keep)
        except KgpError:
            self._lock.close()
            raise
        self.port = self._receiver.port

    def start(self) -> None:
        """Continues with what an earlier process left, and listens."""
        for study in self._inbox.studies():
            last = self._ledger.last(study)
            settled = last is not None and last.state != RUNNING and last.content == self._inbox.content(study).digest
            if not settled or self._options.discard_received:
                self._arrivals.touch(study)
        if self._forwarder:
            self._forwarder.start()
        self._worker.start()
        self._receiver.start()

    def stop(self) -> None:
        """Stops receiving, and finishes the present study; the others wait for the next start."""
        self._stopping.set()
        self._receiver.stop()
        self._worker.join()
        if self._forwarder:
            self._forwarder.stop()
        self._lock.close()
        _log.info("stopped")

    def _keep(self, received: ReceivedObject) -> bool:
        """Keeps an object; a failed study is tried again when any of its objects is sent again."""
        study = uid_name(received.study_uid)
        if not self._arrivals.touch(study, received.sender):
            _log.error("a study was refused, since %d wait already", _MAX_WAITING)
            return False
        if not self._inbox.store(study, received.instance_uid, received.pieces):
            last = self._ledger.last(study)
            if last is not None and last.state == FAILED:
                self._inbox.renew(study, received.instance_uid)
        return True

    def _work(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            study = self._arrivals.take()
            if study is None:
                continue
            try:
                self._process_if_new(study)
            except KgpError as error:
                _log.error("study %s is left: %s", study, error)
            except OSError as error:
                _log.error("study %s waits, since its state cannot be written: %s", study, error.strerror)
                self._arrivals.touch(study)
            except Exception as error:  # noqa: BLE001 - the worker must live on for the other studies
                _log.error("study %s is left: %s in %s", study, type(error).__name__, where_raised(error.__traceback__))

    def _process_if_new(self, study: str) -> None:
        """Processes a study unless its present content was processed already."""
        content = self._inbox.content(study)
        last = self._ledger.last(study)
        if last is not None and last.state == RUNNING:
            last = self._recover(study, last)
        if content.names and (last is None or last.state == RUNNING or last.content != content.digest):
            self._attempt(study, content, last)
        elif last is not None and last.state == DONE:
            self._discard(study, content)

    def _recover(self, study: str, last: Attempt) -> Attempt:
        """Settles an attempt during which the service ended: done, failed, or to be repeated."""
        if self._result_folder(study, last).is_dir():
            return self._record_done(study, last)
        if last.starts >= _MAX_STARTS:
            return self._record_failed(
                study, last, f"The service ended {last.starts} times while it worked on this study."
            )
        return last

    def _attempt(self, study: str, content: Content, last: Attempt | None) -> None:
        """Processes a study: repeats `last` if it is still running, or begins another attempt."""
        if last is not None and last.state == RUNNING:
            attempt = dataclasses.replace(
                last, content=content.digest, objects=len(content.names), starts=last.starts + 1
            )
        else:
            attempt = Attempt(self._next_number(study, last), content.digest, len(content.names), began=_now())
        attempt = dataclasses.replace(attempt, forward=self._forwarder is not None)
        self._ledger.record(study, attempt)
        _log.info("study %s: working on %d objects", study, attempt.objects)
        began = time.monotonic()
        unfinished = _emptied(self._work_folder) / f"{study}-{attempt.number}"
        reason = self._make_result(study, unfinished)
        if reason:
            self._record_failed(study, attempt, reason)
            return
        move_folder_durably(unfinished, self._result_folder(study, attempt))
        self._record_done(study, attempt)
        _log.info("study %s: result %d after %.1f s", study, attempt.number, time.monotonic() - began)
        self._discard(study, content)

    def _make_result(self, study: str, result: Path) -> str:
        """Makes the result; returns the reason in one sentence where that failed, or ""."""
        try:
            self._process(self._inbox.folder(study), result)
        except KgpError as error:
            return str(error)
        except OSError as error:
            return (
                f"The study cannot be read or its result cannot be written: {error.strerror or type(error).__name__}."
            )
        except Exception as error:  # noqa: BLE001 - a study that nobody foresaw must not stop the others
            # Without the message, which may quote a header.
            return f"An unexpected {type(error).__name__} was raised in {where_raised(error.__traceback__)}."
        return ""

    def _record_done(self, study: str, attempt: Attempt) -> Attempt:
        done = dataclasses.replace(attempt, state=DONE, ended=_now())
        self._ledger.record(study, done)
        if self._forwarder and done.forward:
            self._forwarder.add(study, done.number)
        return done

    def _record_failed(self, study: str, attempt: Attempt, reason: str) -> Attempt:
        failed = dataclasses.replace(attempt, state=FAILED, ended=_now(), reason=reason)
        self._ledger.record(study, failed)
        _log.error("study %s failed: %s", study, reason)
        return failed

    def _discard(self, study: str, content: Content) -> None:
        if self._options.discard_received:
            self._inbox.discard(study, content)

    def _next_number(self, study: str, last: Attempt | None) -> int:
        """A number that is neither in the ledger, which users may remove, nor among the results."""
        return max([last.number if last else 0, *version_folders(self._results / study)]) + 1

    def _result_folder(self, study: str, attempt: Attempt) -> Path:
        return self._results / study / str(attempt.number)


def _emptied(folder: Path) -> Path:
    """Makes the folder, and removes what an earlier process left in it."""
    if folder.is_dir():
        shutil.rmtree(folder)
    make_private_folder(folder)
    return folder


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def run_until_signalled(service: ListenService) -> None:
    """Runs the service until SIGTERM or Ctrl-C; a second signal ends the process at once."""
    signalled = threading.Event()

    def stop(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        signalled.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    service.start()
    try:
        signalled.wait()
    finally:
        service.stop()
