"""kgp console listen: takes studies from the network, turns each into a result, and sends the result on.

All that has to outlive the process is in one folder: inbox/ (what was received), ledger/ (what became of each study), results/
(what was made of it). Studies that wait are found anew from inbox and ledger, so a process that was killed loses nothing and
does nothing twice.
"""

import contextlib
import dataclasses
import datetime
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from serving.listen.arrivals import Arrivals
from serving.listen.durable import make_folder, move_durably
from serving.listen.forwarder import Forwarder
from serving.listen.inbox import Content, Inbox, uid_name
from serving.listen.ledger import DONE, FAILED, RUNNING, Ledger, Run
from serving.listen.log_privacy import place_of
from serving.listen.receiver import DicomReceiver, ReceivedObject, ReceiverOptions
from serving.listen.sender import Destination

_log = logging.getLogger(__name__)
Process = Callable[[Path, Path], Any]
_POLL_SECONDS = 0.1
_MOST_WAITING = 256
_MOST_STARTS = 3


@dataclasses.dataclass(frozen=True)
class ServiceOptions:
    """What the service does around receiving.

    Attributes:
        quiet_seconds: a study is complete when none of its senders has been connected for so long, and nothing of it came.
        forward: where results are sent, or None.
        discard_received: remove what was received once a study succeeded.
    """

    quiet_seconds: float = 10.0
    forward: Destination | None = None
    discard_received: bool = False


class ConsoleService:
    """Receives, processes and forwards until it is stopped. Studies are worked on one after another.

    Args:
        folder: where everything is kept; one service at a time.
        process: makes the result of a study: called with the folder of its objects and the folder that is to appear, whole or
            not at all; objects to be sent on lie in dicom/ of it. A KgpError is the sentence a failed study is recorded with.
        receiver: how it listens.
        options: the rest.

    Raises:
        KgpError: another service works in `folder`, or the address cannot be bound to.
    """

    def __init__(
        self, folder: Path, process: Process, receiver: ReceiverOptions, options: ServiceOptions = ServiceOptions()
    ) -> None:
        self._process = process
        self._options = options
        self._exclusive = contextlib.ExitStack()
        self._exclusive.enter_context(_only_one(folder))
        scratch = _emptied(folder / ".partial")
        self._work_folder = _emptied(folder / ".work")
        self._results = folder / "results"
        self._inbox = Inbox(folder / "inbox", scratch)
        self._ledger = Ledger(folder / "ledger", scratch)
        self._arrivals = Arrivals(options.quiet_seconds, _MOST_WAITING)
        self._forwarder = None
        if options.forward:
            self._forwarder = Forwarder(options.forward, receiver.aet, self._ledger, self._results)
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._work, name="worker")
        try:
            self._receiver = DicomReceiver(receiver, self._keep)
        except KgpError:
            self._exclusive.close()
            raise
        self.port = self._receiver.port

    def start(self) -> None:
        """Goes on with what an earlier process left, and listens."""
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
        """Takes nothing more, finishes the study that is worked on, and leaves the others for the next start."""
        self._stopping.set()
        self._receiver.stop()
        self._worker.join()
        if self._forwarder:
            self._forwarder.stop()
        self._exclusive.close()
        _log.info("stopped")

    def _keep(self, received: ReceivedObject) -> bool:
        """Keeps an object; called by the receiver. A study that failed is tried again when any of it is sent again."""
        study = uid_name(received.study_uid)
        if not self._arrivals.touch(study, received.sender):
            _log.error("a study was refused, since %d wait already", _MOST_WAITING)
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
                self._settle(study)
            except KgpError as error:
                _log.error("study %s is left: %s", study, error)
            except OSError as error:
                _log.error("study %s waits, since its state cannot be written: %s", study, error.strerror)
                self._arrivals.touch(study)
            except Exception as error:  # noqa: BLE001 - the worker must live on for the other studies
                _log.error("study %s is left: %s in %s", study, type(error).__name__, place_of(error.__traceback__))

    def _settle(self, study: str) -> None:
        """Works on a study unless what it consists of was worked on already."""
        content = self._inbox.content(study)
        last = self._ledger.last(study)
        if last is not None and last.state == RUNNING:
            last = self._after_a_kill(study, last)
        if content.names and (last is None or last.state == RUNNING or last.content != content.digest):
            self._run(study, content, last)
        elif last is not None and last.state == DONE:
            self._discard(study, content)

    def _after_a_kill(self, study: str, last: Run) -> Run:
        """The state of a run in whose middle the service ended."""
        if self._result(study, last).is_dir():
            return self._finished(study, last)
        if last.starts >= _MOST_STARTS:
            return self._failed(study, last, f"The service ended {last.starts} times while it worked on this study.")
        return last

    def _run(self, study: str, content: Content, last: Run | None) -> None:
        """Works on a study: again, where `last` is still running, or as a further run."""
        if last is not None and last.state == RUNNING:
            run = dataclasses.replace(last, content=content.digest, objects=len(content.names), starts=last.starts + 1)
        else:
            run = Run(self._next_number(study, last), content.digest, len(content.names), began=_now())
        run = dataclasses.replace(run, forward=self._forwarder is not None)
        self._ledger.record(study, run)
        _log.info("study %s: working on %d objects", study, run.objects)
        began = time.monotonic()
        made = _emptied(self._work_folder) / f"{study}-{run.number}"
        reason = self._attempt(study, made)
        if reason:
            self._failed(study, run, reason)
            return
        move_durably(made, self._result(study, run))
        self._finished(study, run)
        _log.info("study %s: result %d after %.1f s", study, run.number, time.monotonic() - began)
        self._discard(study, content)

    def _attempt(self, study: str, made: Path) -> str:
        """Makes the result; the reason in one sentence where that failed, else nothing."""
        try:
            self._process(self._inbox.folder(study), made)
        except KgpError as error:
            return str(error)
        except OSError as error:
            return (
                f"The study cannot be read or its result cannot be written: {error.strerror or type(error).__name__}."
            )
        except Exception as error:  # noqa: BLE001 - one study that nobody foresaw must not stop the others
            # Its message may quote a header.
            return f"An unexpected {type(error).__name__} was raised in {place_of(error.__traceback__)}."
        return ""

    def _finished(self, study: str, run: Run) -> Run:
        done = dataclasses.replace(run, state=DONE, ended=_now())
        self._ledger.record(study, done)
        if self._forwarder and done.forward:
            self._forwarder.add(study, run.number)
        return done

    def _failed(self, study: str, run: Run, reason: str) -> Run:
        failed = dataclasses.replace(run, state=FAILED, ended=_now(), reason=reason)
        self._ledger.record(study, failed)
        _log.error("study %s failed: %s", study, reason)
        return failed

    def _discard(self, study: str, content: Content) -> None:
        if self._options.discard_received:
            self._inbox.discard(study, content)

    def _next_number(self, study: str, last: Run | None) -> int:
        """A number that neither ledger nor results have: who wants a study done again may have removed its ledger."""
        folder = self._results / study
        made = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
        return max([last.number if last else 0, *made]) + 1

    def _result(self, study: str, run: Run) -> Path:
        return self._results / study / str(run.number)


def _emptied(folder: Path) -> Path:
    """A folder without what an earlier process left unfinished in it."""
    if folder.is_dir():
        shutil.rmtree(folder)
    make_folder(folder)
    return folder


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Holds a lock on the folder, which ends with the process.

    Raises:
        KgpError: another process holds it.
    """
    import fcntl  # Linux and macOS

    make_folder(folder)
    with open(folder / ".lock", "w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KgpError(f"Another kgp console listen works in {folder}; give it a folder of its own.") from None
        yield


def run_until_told_to_stop(service: ConsoleService) -> None:
    """Runs the service until SIGTERM or Ctrl-C; a second one ends the process at once and leaves the study for the next."""
    told = threading.Event()

    def stop(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    service.start()
    try:
        told.wait()
    finally:
        service.stop()
