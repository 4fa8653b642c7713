"""Studies that still arrive, and when each is complete: nobody who sent of it is connected any more, and it is quiet."""

import dataclasses
import threading
import time


@dataclasses.dataclass
class _Arrival:
    busy_at: float
    senders: set[threading.Thread]


class Arrivals:
    """The queue of studies, in memory; what it holds can be found anew from inbox and ledger. May be used by several threads.

    Args:
        quiet_seconds: how long nothing of a study must have come, and none of its senders have been connected.
        most: how many studies may wait.
    """

    def __init__(self, quiet_seconds: float, most: int) -> None:
        self._quiet_seconds = quiet_seconds
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[str, _Arrival] = {}

    def touch(self, study: str, sender: threading.Thread | None = None) -> bool:
        """Notes that something of a study came.

        Args:
            study: its name.
            sender: the connection it came over, which lives as long as its thread; None for none.

        Returns:
            False, and nothing is noted, where it would be one study more than may wait.
        """
        with self._lock:
            if study not in self._waiting and sender is not None and len(self._waiting) >= self._most:
                return False
            arrival = self._waiting.setdefault(study, _Arrival(0.0, set()))
            arrival.busy_at = time.monotonic()
            if sender is not None:
                arrival.senders.add(sender)
            return True

    def take(self) -> str | None:
        """Takes the complete study that waits longest out of the queue; None where none is complete."""
        now = time.monotonic()
        with self._lock:
            for arrival in self._waiting.values():
                arrival.senders = {sender for sender in arrival.senders if sender.is_alive()}
                if arrival.senders:
                    arrival.busy_at = now
            complete = [
                (arrival.busy_at, study)
                for study, arrival in self._waiting.items()
                if not arrival.senders and now - arrival.busy_at >= self._quiet_seconds
            ]
            if not complete:
                return None
            study = min(complete)[1]
            del self._waiting[study]
            return study
