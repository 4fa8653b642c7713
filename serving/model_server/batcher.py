"""Joins requests that wait at the same time into one batch, as TensorFlow Serving does."""

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np

from serving.model_server.version import ModelVersion

Tensors = dict[str, np.ndarray]  # inputs or outputs by name; the first dimension counts rows
_EXPIRED = "The deadline passed, or the client went away, before the answer was there."


class QueueFull(RuntimeError):
    """More requests wait than the server takes."""


class Expired(RuntimeError):
    """The client's deadline passed, or the client went away, before the answer was there."""


@dataclasses.dataclass
class _Request:
    version: ModelVersion
    signature: str
    inputs: Tensors
    is_wanted: Callable[[], bool]
    future: "Future[Tensors]"

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    def can_join(self, other: "_Request") -> bool:
        """Whether both can go through the network together."""
        return (
            self.version is other.version
            and self.signature == other.signature
            and all(self.inputs[name].shape[1:] == other.inputs[name].shape[1:] for name in self.inputs)
        )


class Batcher:
    """A queue of requests and one thread that answers them; TensorFlow itself uses all cores.

    A batch takes the requests that wait, up to the largest size that the version was warmed up
    with. Its last row is repeated until it has one of those sizes. A request larger than the
    largest size goes through in pieces.

    Args:
        waiting: how many requests may wait; further ones are refused.
        linger: seconds that a lone request waits for others to join it.
        observe: called with the rows of each batch that was run.
    """

    def __init__(
        self, waiting: int = 64, linger: float = 0.002, observe: Callable[[int], None] = lambda rows: None
    ) -> None:
        self._queue: queue.Queue[_Request | None] = queue.Queue(waiting)
        self._linger = linger
        self._observe = observe
        self._postponed: _Request | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._queue.qsize()

    def submit(
        self, version: ModelVersion, signature: str, inputs: Tensors, is_wanted: Callable[[], bool] = lambda: True
    ) -> "Future[Tensors]":
        """Queues a request whose inputs have a common first dimension.

        Args:
            version: answers the request.
            signature: name of the signature.
            inputs: the named inputs.
            is_wanted: asked before the request runs, and between its pieces; where it returns
                False, the request is dropped.

        Returns:
            The named outputs, or the error Expired where the request was dropped.

        Raises:
            QueueFull: too many requests wait.
        """
        request = _Request(version, signature, inputs, is_wanted, Future())
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
        """Answers one batch, and keeps no reference to it, so that its version can be freed."""
        first = self._postponed or self._queue.get()
        self._postponed = None
        if first is None:
            self._ended = True
            return
        batch = [request for request in self._gather(first) if self._keep_if_wanted(request)]
        if batch:
            self._run(batch)

    def _gather(self, first: _Request) -> Iterator[_Request]:
        """The first request and those behind it that can run together with it."""
        yield first
        rows, max_rows, end = first.rows, first.version.batch_sizes[-1], time.monotonic() + self._linger
        while rows < max_rows:
            try:
                following = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return
            if following is None:
                self._ended = True
                return
            if not following.can_join(first) or rows + following.rows > max_rows:
                self._postponed = following
                return
            rows += following.rows
            yield following

    @staticmethod
    def _keep_if_wanted(request: _Request) -> bool:
        """Whether the client still waits; ends the request with Expired where it does not."""
        if request.is_wanted():
            return True
        request.future.set_exception(Expired(_EXPIRED))
        return False

    def _run(self, batch: list[_Request]) -> None:
        version, signature = batch[0].version, batch[0].signature
        try:
            inputs = {name: np.concatenate([request.inputs[name] for request in batch]) for name in batch[0].inputs}
            outputs = self._in_pieces(version, signature, inputs, batch[0].is_wanted)
        except Exception as error:  # noqa: BLE001 - it must reach those who wait, and the thread must live on
            for request in batch:
                request.future.set_exception(error)
            return
        start = 0
        for request in batch:
            end = start + request.rows
            request.future.set_result({name: value[start:end] for name, value in outputs.items()})
            start = end

    def _in_pieces(
        self, version: ModelVersion, signature: str, inputs: Tensors, is_wanted: Callable[[], bool]
    ) -> Tensors:
        """The outputs of any number of rows; only a lone request has more than one piece."""
        rows, max_rows = len(next(iter(inputs.values()))), version.batch_sizes[-1]
        pieces = []
        for start in range(0, rows, max_rows):
            if start and not is_wanted():
                raise Expired(_EXPIRED)
            piece = {name: value[start : start + max_rows] for name, value in inputs.items()}
            count = min(max_rows, rows - start)
            size = next(size for size in version.batch_sizes if size >= count)
            filled = {
                name: np.concatenate([value, np.repeat(value[-1:], size - count, axis=0)])
                for name, value in piece.items()
            }
            self._observe(count)
            pieces.append({name: value[:count] for name, value in version.call(signature, filled).items()})
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
