"""Joins requests that wait at the same time into one batch, as TensorFlow Serving's batching does."""

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np

from serving.model_server.version import ModelVersion

Answer = dict[str, np.ndarray]
_EXPIRED = "The deadline passed, or the client went away, before the answer was there."


class QueueFull(RuntimeError):
    """More requests wait than the server takes."""


class Expired(RuntimeError):
    """The client's deadline passed, or the client went away, before the answer was there."""


@dataclasses.dataclass
class _Request:
    version: ModelVersion
    signature: str
    inputs: Answer
    wanted: Callable[[], bool]
    future: "Future[Answer]"

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    def joins(self, other: "_Request") -> bool:
        """Whether both can go through the network together."""
        return (
            self.version is other.version
            and self.signature == other.signature
            and all(self.inputs[name].shape[1:] == other.inputs[name].shape[1:] for name in self.inputs)
        )


class Batcher:
    """A queue of requests and one thread that answers them; TensorFlow itself uses all cores.

    A batch takes what waits, up to the largest size that the version was warmed up with, and is filled up to an allowed
    size by repeating its last row. A request larger than that goes through in pieces.

    Args:
        waiting: most requests that may wait; further ones are refused.
        linger: seconds that a lone request waits for company.
        observe: called with the rows of each batch that was run.
    """

    def __init__(
        self, waiting: int = 64, linger: float = 0.002, observe: Callable[[int], None] = lambda rows: None
    ) -> None:
        self._queue: queue.Queue[_Request | None] = queue.Queue(waiting)
        self._linger = linger
        self._observe = observe
        self._left: _Request | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._queue.qsize()

    def submit(
        self, version: ModelVersion, signature: str, inputs: Answer, wanted: Callable[[], bool] = lambda: True
    ) -> "Future[Answer]":
        """Queues a request whose inputs have a common first dimension.

        Args:
            wanted: asked when the request's turn comes, and between its pieces; a request that nobody waits for any more is
                dropped.

        Returns:
            The named outputs, or Expired.

        Raises:
            QueueFull: too many requests wait.
        """
        request = _Request(version, signature, inputs, wanted, Future())
        try:
            self._queue.put_nowait(request)
        except queue.Full:
            raise QueueFull(f"The batch scheduling queue is full; {self._queue.maxsize} requests wait.") from None
        return request.future

    def stop(self) -> None:
        """Answers what waits and ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while not self._ended:
            self._answer_next()

    def _answer_next(self) -> None:
        """Answers one batch; nothing of it stays in the thread, so that a version that was replaced can be freed."""
        first = self._left or self._queue.get()
        self._left = None
        if first is None:
            self._ended = True
            return
        batch = [request for request in self._gather(first) if self._is_wanted(request)]
        if batch:
            self._run(batch)

    def _gather(self, first: _Request) -> Iterator[_Request]:
        """The first request and those behind it that can go with it."""
        yield first
        rows, most, end = first.rows, first.version.batch_sizes[-1], time.monotonic() + self._linger
        while rows < most:
            try:
                following = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return
            if following is None:
                self._ended = True
                return
            if not following.joins(first) or rows + following.rows > most:
                self._left = following
                return
            rows += following.rows
            yield following

    @staticmethod
    def _is_wanted(request: _Request) -> bool:
        if request.wanted():
            return True
        request.future.set_exception(Expired(_EXPIRED))
        return False

    def _run(self, batch: list[_Request]) -> None:
        version, signature = batch[0].version, batch[0].signature
        try:
            inputs = {name: np.concatenate([request.inputs[name] for request in batch]) for name in batch[0].inputs}
            outputs = self._in_pieces(version, signature, inputs, batch[0].wanted)
        except Exception as error:  # noqa: BLE001 - it must reach those who wait, and the thread must live on
            for request in batch:
                request.future.set_exception(error)
            return
        start = 0
        for request in batch:
            end = start + request.rows
            request.future.set_result({name: value[start:end] for name, value in outputs.items()})
            start = end

    def _in_pieces(self, version: ModelVersion, signature: str, inputs: Answer, wanted: Callable[[], bool]) -> Answer:
        """The outputs of any number of rows; only a request that is alone has more than one piece."""
        rows, most = len(next(iter(inputs.values()))), version.batch_sizes[-1]
        pieces = []
        for start in range(0, rows, most):
            if start and not wanted():
                raise Expired(_EXPIRED)
            piece = {name: value[start : start + most] for name, value in inputs.items()}
            count = min(most, rows - start)
            size = next(size for size in version.batch_sizes if size >= count)
            filled = {
                name: np.concatenate([value, np.repeat(value[-1:], size - count, axis=0)])
                for name, value in piece.items()
            }
            self._observe(count)
            pieces.append({name: value[:count] for name, value in version.call(signature, filled).items()})
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
