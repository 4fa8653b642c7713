"""kgp console listen: receives studies, makes a result of each, and sends the result on.

All that has to outlive the process is in one folder:

    inbox/      what was received
    ledger/     what became of each study
    results/    what was made of each study

A new process learns from inbox and ledger which studies wait, so a process that is killed loses
nothing, and nothing is done twice.
"""

import contextlib
import logging
import signal
import threading
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.folder_lock import locked_folder
from serving.listen.arrivals import Arrivals
from serving.listen.durable import make_private_folder
from serving.listen.forwarder import Forwarder
from serving.listen.inbox import Inbox, uid_name
from serving.listen.ledger import DONE, FAILED, ListenLedger
from serving.listen.options import ServiceOptions
from serving.listen.receiver import DicomReceiver, ReceivedObject, ReceiverOptions
from serving.listen.receptions import Receptions
from serving.listen.worker import Process, Worker, emptied

_log = logging.getLogger(__name__)
_USUAL = ServiceOptions()


class ListenService:
    """Receives, processes and forwards until it is stopped; one study after another.

    Args:
        folder: where everything is kept; one service at a time.
        process: makes the result of a study. It is called with the folder of the study's objects,
            the folder of the result, which appears whole or not at all, and by keyword with
            `incomplete` (whether images may be missing) and `predecessor` (the report of the
            study's earlier result, or None). The objects in dicom/ of the result are sent on. The
            own words of a KgpError's message become the reason in the ledger.
        receiver: how it listens.
        options: what it does besides.

    Raises:
        KgpError: another service works in `folder`, or the address cannot be bound to.
    """

    def __init__(
        self, folder: Path, process: Process, receiver: ReceiverOptions, options: ServiceOptions = _USUAL
    ) -> None:
        self._options = options
        make_private_folder(folder)
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(
            locked_folder(folder, f"Another kgp console listen works in {folder}; give it a folder of its own.")
        )
        scratch = emptied(folder / ".partial")
        self._inbox = Inbox(folder / "inbox", scratch)
        self._ledger = ListenLedger(folder / "ledger", scratch)
        self._receptions = Receptions(folder / "inbox", scratch)
        self._arrivals = Arrivals(options.quiet_seconds, options.max_waiting)
        self._forwarder = None
        if options.forward:
            self._forwarder = Forwarder(options.forward, receiver.aet, self._ledger, folder / "results")
        self._worker = Worker(
            folder,
            process,
            self._inbox,
            self._ledger,
            self._arrivals,
            self._receptions,
            self._forwarder.add if self._forwarder else None,
            options,
        )
        try:
            self._receiver = DicomReceiver(receiver, self._keep, self._receptions.release)
        except KgpError:
            self._lock.close()
            raise
        self.port = self._receiver.port

    def start(self) -> None:
        """Continues with what an earlier process left, and listens."""
        self._worker.start()
        if self._forwarder:
            self._forwarder.start()
        self._receiver.start()

    def stop(self) -> None:
        """Stops receiving, and finishes the present study; the others wait for the next start."""
        self._worker.stop_soon()
        self._receiver.stop()
        self._worker.join()
        if self._forwarder:
            self._forwarder.stop()
        self._lock.close()
        _log.info("stopped")

    def _keep(self, received: ReceivedObject) -> bool:
        """Keeps an object; a failed study is tried again when any of its objects is sent again."""
        study = uid_name(received.study_uid)
        last = None
        if self._inbox.holds(study, received.instance_uid, received.pieces):
            last = self._ledger.last(study)
            finished = last is not None and last.state == DONE and not last.incomplete
            if finished and not self._arrivals.waits(study):
                return True  # a finished study does not wait again for what it has already
        if not self._arrivals.touch(study, received.sender):
            _log.error("a study was refused, since %d wait already", self._options.max_waiting)
            return False
        self._receptions.begin(received.sender, received.title, study)
        stored = self._inbox.store(study, received.instance_uid, received.pieces)
        if not stored and last is not None and last.state == FAILED:
            self._inbox.renew(study, received.instance_uid)
        return True


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
