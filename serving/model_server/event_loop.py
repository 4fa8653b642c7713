"""An event loop in a thread of its own, which both protocols answer on."""

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_Result = TypeVar("_Result")


_SWITCH_SECONDS = 0.0005


class EventLoop:
    """Runs coroutines for callers in other threads, until it is closed.

    Other threads of the process let go of Python ten times as often as usual, as the loop waits for
    them anew with each of its many calls.
    """

    def __init__(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._loop = asyncio.new_event_loop()
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

    def close(self) -> None:
        """Ends the thread, once what is running let go of the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()
