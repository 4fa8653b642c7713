"""How far a long task is, as lines of the log."""

import logging
import time

_log = logging.getLogger(__name__)
_SHORT_SECONDS = 1.0


def show_progress(verb: str, done: int, total: int, started: float) -> None:
    """Logs a line such as "Prepared 20 of 200 cases, 9 s left." for each tenth of the cases, once
    the task has lasted a second, and for the last one.

    Args:
        verb: what is done with a case, such as "Prepared".
        done: cases done, of `total`.
        started: `time.monotonic()` when the task began.
    """
    step = max(total // 10, 1)
    spent = time.monotonic() - started
    if done == total or (done % step == 0 and total - done >= step and spent > _SHORT_SECONDS):
        _log.info("%s %d of %d cases, %d s left.", verb, done, total, round(spent / done * (total - done)))
