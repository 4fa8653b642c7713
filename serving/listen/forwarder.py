"""Sends the DICOM objects of finished runs on, until each was accepted or refused; goes on after a restart."""

import collections
import dataclasses
import logging
import threading
from pathlib import Path

from serving.listen.ledger import DONE, Ledger
from serving.listen.log_privacy import place_of
from serving.listen.sender import ACCEPTED, LATER, Destination, NotReached, send_files

_log = logging.getLogger(__name__)
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 600.0


class Forwarder:
    """A thread that sends results to one destination, with pauses that double while it does not take them.

    An object is recorded as accepted as soon as the answer is there, so it is sent a second time only where the process is
    killed between the two.

    Args:
        destination: where to.
        aet: our AE title.
        ledger: says which runs are to be sent, and is told what became of them.
        results: the folder RESULTS/STUDY/NUMBER of results, each with its objects in dicom/.
    """

    def __init__(self, destination: Destination, aet: str, ledger: Ledger, results: Path) -> None:
        self._destination = destination
        self._aet = aet
        self._ledger = ledger
        self._results = results
        self._stopping = threading.Event()
        self._added = threading.Event()
        self._waiting: collections.deque[tuple[str, int]] = collections.deque()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begins with what an earlier process left."""
        for study in self._ledger.studies():
            for run in self._ledger.runs(study):
                if run.state == DONE and run.forward and self._unsent(study, run.number):
                    self.add(study, run.number)
        self._thread.start()

    def add(self, study: str, number: int) -> None:
        """Has the objects of a run sent."""
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
                self._waiting.rotate(-1)  # one that is not taken does not hold up the others
                _log.info(
                    "%d results wait for %s; next attempt in %.0f s", len(self._waiting), self._destination, pause
                )
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _unsent(self, study: str, number: int) -> list[Path]:
        """The objects of a run that were neither accepted nor refused."""
        sent = next((run.sent for run in self._ledger.runs(study) if run.number == number), {})
        folder = self._results / study / str(number) / "dicom"
        return sorted(path for path in folder.glob("*.dcm") if path.name not in sent)

    def _send(self, study: str, number: int) -> bool:
        """Sends what is left of a run; whether nothing is left now."""
        try:
            paths = self._unsent(study, number)
            if not paths:
                return True
            for answer in send_files(paths, self._destination, self._aet):
                if answer.verdict != LATER:
                    word = answer.verdict if answer.verdict == ACCEPTED else f"{answer.verdict} (0x{answer.status:04X})"
                    self._record(study, number, answer.path.name, word)
                if self._stopping.is_set():
                    break
        except NotReached as error:
            _log.warning("%s", error)
        except OSError as error:
            _log.error("result %d of study %s cannot be sent: %s", number, study, error.strerror)
        except Exception as error:  # noqa: BLE001 - the thread must live on for the other results
            place = place_of(error.__traceback__)
            _log.error("result %d of study %s cannot be sent: %s in %s", number, study, type(error).__name__, place)
        left = self._unsent(study, number)
        if not left:
            _log.info("result %d of study %s was sent to %s", number, study, self._destination)
        return not left

    def _record(self, study: str, number: int, name: str, word: str) -> None:
        run = next(run for run in self._ledger.runs(study) if run.number == number)
        self._ledger.record(study, dataclasses.replace(run, sent=run.sent | {name: word}))
        if word != ACCEPTED:
            _log.warning("%s %s %s of study %s", self._destination, word, name, study)
