"""Studies that are arriving, and when each is complete: its senders are gone and it is quiet."""

import dataclasses
import threading
import time


@dataclasses.dataclass
class _Arrival:
    active_at: float
    senders: set[threading.Thread]
    not_before: float = 0.0


class Arrivals:
    """The queue of studies, in memory. May be used by several threads.

    Args:
        quiet_seconds: a study is complete when for so long none of its objects arrived and no
            sender of it was connected.
        max_waiting: how many studies may wait.
    """

    def __init__(self, quiet_seconds: float, max_waiting: int) -> None:
        self._quiet_seconds = quiet_seconds
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._waiting: dict[str, _Arrival] = {}

    def waits(self, study: str) -> bool:
        """Whether a study is in the queue."""
        with self._lock:
            return study in self._waiting

    def touch(self, study: str, sender: threading.Thread | None = None) -> bool:
        """Notes that something of a study arrived.

        Args:
            study: its name.
            sender: the thread of the connection it arrived over, which is alive as long as the
                connection is open; None for a study that is on disk already, which is never
                refused.

        Returns:
            False where `max_waiting` studies wait already and this is another one; then nothing is
            noted.
        """
        with self._lock:
            if study not in self._waiting and sender is not None and len(self._waiting) >= self._max_waiting:
                return False
            arrival = self._waiting.setdefault(study, _Arrival(0.0, set()))
            arrival.active_at = time.monotonic()
            if sender is not None:
                arrival.senders.add(sender)
            return True

    def postpone(self, study: str, seconds: float) -> None:
        """Puts a study back that was taken; it is not taken again for so long."""
        with self._lock:
            now = time.monotonic()
            arrival = self._waiting.setdefault(study, _Arrival(now, set()))
            arrival.not_before = now + seconds

    def take(self) -> str | None:
        """Removes and returns the complete study that has waited longest, or None."""
        now = time.monotonic()
        with self._lock:
            for arrival in self._waiting.values():
                arrival.senders = {sender for sender in arrival.senders if sender.is_alive()}
                if arrival.senders:
                    arrival.active_at = now
            complete = [
                (arrival.active_at, study)
                for study, arrival in self._waiting.items()
                if not arrival.senders and now >= max(arrival.active_at + self._quiet_seconds, arrival.not_before)
            ]
            if not complete:
                return None
            study = min(complete)[1]
            del self._waiting[study]
            return study
