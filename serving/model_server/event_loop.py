"""An event loop in a thread of its own, which both protocols answer on."""

import asyncio
import errno
import logging
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_Result = TypeVar("_Result")


_log = logging.getLogger(__name__)
_SWITCH_SECONDS = 0.0005
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TOLD_SECONDS = 60.0  # between two lines about connections that cannot be opened


class EventLoop:
    """Runs coroutines for callers in other threads, until it is closed.

    Other threads of the process let go of Python ten times as often as usual, as the loop waits for
    them anew with each of its many calls.
    """

    def __init__(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._tell)
        self._next_line = 0.0
        self._thread = threading.Thread(target=self._loop.run_forever, name="event loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Result], seconds: float | None = None) -> _Result:
        """The result of a coroutine.

        Raises:
            TimeoutError: it is not there within `seconds`.
        """
        return self.begin(work).result(seconds)

    def begin(self, work: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Has a coroutine run, and does not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _tell(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Logs what nobody awaits; connections that cannot be opened now and then, as they are many."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _TOLD_SECONDS
            _log.error("connections have to wait: %s", error.strerror)

    def close(self) -> None:
        """Ends the thread, once what is running let go of the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()
