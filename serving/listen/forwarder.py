"""Sends the DICOM objects of results on until each is accepted or refused, over restarts too."""

import collections
import dataclasses
import logging
import threading
from pathlib import Path

from serving.listen.ledger import DONE, ListenLedger
from serving.listen.log_privacy import where_raised
from serving.listen.sender import ACCEPTED, LATER, Destination, NotReached, StoreResponse, send_files

_log = logging.getLogger(__name__)
FIRST_PAUSE = 2.0
MAX_PAUSE = 600.0


class Forwarder:
    """A thread that sends results to one destination; pauses double while it takes none.

    An object is recorded as accepted as soon as the destination says so. It is sent a second time
    only if the process is killed between the two.

    Args:
        destination: where to send.
        aet: our AE title.
        ledger: says which results are to be sent, and records what became of each object.
        results: the folder RESULTS/STUDY/NUMBER of results, each with its objects in dicom/.
    """

    def __init__(self, destination: Destination, aet: str, ledger: ListenLedger, results: Path) -> None:
        self._destination = destination
        self._aet = aet
        self._ledger = ledger
        self._results = results
        self._stopping = threading.Event()
        self._added = threading.Event()
        self._waiting: collections.deque[tuple[str, int]] = collections.deque()
        # What became of objects of a result while the ledger cannot be written.
        self._unrecorded: dict[tuple[str, int], dict[str, str]] = {}
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begins with the results that an earlier process did not send."""
        for study in self._ledger.studies():
            for attempt in self._ledger.attempts(study):
                if attempt.state == DONE and attempt.forward and self._unsent(study, attempt.number):
                    self.add(study, attempt.number)
        self._thread.start()

    def add(self, study: str, number: int) -> None:
        """Queues the objects of a result."""
        self._waiting.append((study, number))
        self._added.set()

    def stop(self) -> None:
        """Ends after the object that is being sent."""
        self._stopping.set()
        self._added.set()
        self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            self._added.clear()
            if not self._waiting:
                self._added.wait()
            elif self._send(*self._waiting[0]):
                self._waiting.popleft()
                pause = FIRST_PAUSE
            elif not self._stopping.is_set():
                self._waiting.rotate(-1)  # one that is not taken must not hold up the others
                _log.info(
                    "%d results wait for %s; next attempt in %.0f s", len(self._waiting), self._destination, pause
                )
                self._stopping.wait(pause)
                pause = min(2 * pause, MAX_PAUSE)

    def _unsent(self, study: str, number: int) -> list[Path]:
        """The objects of a result that were neither accepted nor refused."""
        attempt = self._ledger.attempt(study, number)
        if attempt is None:
            return []  # somebody removed its ledger to have the study done again
        folder = self._results / study / str(number) / "dicom"
        return sorted(path for path in folder.glob("*.dcm") if path.name not in attempt.sent)

    def _send(self, study: str, number: int) -> bool:
        """Sends the unsent objects of a result; returns whether none is left."""
        left = True
        try:
            self._record(study, number)
            paths = self._unsent(study, number)
            if not paths:
                return True
            for response in send_files(paths, self._destination, self._aet):
                if response.verdict != LATER:
                    self._note(study, number, response)
                    self._record(study, number)
                if self._stopping.is_set():
                    break
            left = bool(self._unsent(study, number))
        except NotReached as error:
            _log.warning("%s", error)
        except OSError as error:
            _log.error("result %d of study %s cannot be sent: %s", number, study, error.strerror)
        except Exception as error:  # noqa: BLE001 - the thread must live on for the other results
            raised = f"{type(error).__name__} in {where_raised(error.__traceback__)}"
            _log.error("result %d of study %s cannot be sent: %s", number, study, raised)
        if not left:
            _log.info("result %d of study %s was sent to %s", number, study, self._destination)
        return not left

    def _note(self, study: str, number: int, response: StoreResponse) -> None:
        """Notes in memory what the destination said to an object."""
        name, outcome = response.path.name, response.verdict
        if outcome != ACCEPTED:
            outcome += f" (0x{response.status:04X})"
            _log.warning("%s %s %s of study %s", self._destination, outcome, name, study)
        self._unrecorded.setdefault((study, number), {})[name] = outcome

    def _record(self, study: str, number: int) -> None:
        """Writes into the ledger what is noted.

        Raises:
            OSError: it cannot be written; nothing more of the result is sent until it can.
        """
        noted, attempt = self._unrecorded.get((study, number)), self._ledger.attempt(study, number)
        if noted and attempt is not None:
            self._ledger.record(study, dataclasses.replace(attempt, sent=attempt.sent | noted))
        self._unrecorded.pop((study, number), None)
