"""Joins requests that wait at the same time into one batch, as TensorFlow Serving does."""

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

import numpy as np

from serving.model_server.tensors import Tensors
from serving.model_server.version import ModelVersion


class QueueFull(RuntimeError):
    """More requests wait than the server takes, or it is stopping."""


@dataclasses.dataclass
class _Request:
    version: ModelVersion
    signature: str
    inputs: Tensors
    future: "Future[Tensors]"
    answered: list[Tensors] = dataclasses.field(default_factory=list)  # the pieces so far
    start: int = 0  # of the next piece

    @property
    def rows(self) -> int:
        """Rows of the next piece."""
        rows = len(next(iter(self.inputs.values())))
        return min(rows - self.start, self.version.batch_sizes[-1])

    @property
    def is_cut(self) -> bool:
        """Whether the request is larger than the largest batch."""
        return len(next(iter(self.inputs.values()))) > self.version.batch_sizes[-1]

    def can_join(self, other: "_Request") -> bool:
        """Whether both can go through the network together."""
        return (
            self.version is other.version
            and self.signature == other.signature
            and not self.is_cut
            and all(self.inputs[name].shape[1:] == other.inputs[name].shape[1:] for name in self.inputs)
        )

    def take(self, outputs: Tensors) -> bool:
        """Takes the outputs of the next piece; returns whether it was the last one."""
        self.start += self.rows
        self.answered.append(outputs)
        return self.rows == 0

    def finish(self) -> None:
        """Hands all outputs over, unless nobody waits for them any more."""
        outputs = {
            name: np.concatenate([piece[name] for piece in self.answered]) if self.is_cut else self.answered[0][name]
            for name in self.answered[0]
        }
        with contextlib.suppress(InvalidStateError):
            self.future.set_result(outputs)


class Batcher:
    """A queue of requests and one thread that answers them; TensorFlow itself uses all cores.

    A batch takes the requests that wait, up to the largest size that the version was warmed up
    with; where they are fewer than in the batch before, it waits a little for as many, so after a
    batch of one request it does not wait. Its last row is repeated until it has one of those sizes.
    A request larger than the largest size goes through in pieces, and after each piece those behind
    it have their turn. A request whose future was cancelled is dropped.

    Args:
        waiting: how many requests may wait; further ones are refused.
        linger: seconds that a batch waits for as many requests as the batch before had.
        observe: called with the rows of each batch that was run.
    """

    def __init__(
        self, waiting: int = 64, linger: float = 0.002, observe: Callable[[int], None] = lambda rows: None
    ) -> None:
        self._most = waiting
        self._linger = linger
        self._observe = observe
        self._requests: collections.deque[_Request] = collections.deque()
        self._changed = threading.Condition()  # held to read and change the two fields around it
        self._ending = False
        self._call_start: float | None = None
        self._expected = 1  # requests that the batch before had
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._requests)

    @property
    def seconds_in_call(self) -> float:
        """How long the network has been at work on the present batch, 0 where there is none."""
        start = self._call_start
        return 0.0 if start is None else time.monotonic() - start

    def submit(self, version: ModelVersion, signature: str, inputs: Tensors) -> "Future[Tensors]":
        """Queues a request whose inputs have a common first dimension.

        Args:
            version: answers the request.
            signature: name of the signature.
            inputs: the named inputs.

        Returns:
            The named outputs; who cancels it needs no answer any more.

        Raises:
            QueueFull: too many requests wait, or the batcher was stopped.
        """
        request = _Request(version, signature, inputs, Future())
        with self._changed:
            if self._ending:
                raise QueueFull("The server is stopping.")
            if len(self._requests) >= self._most:
                raise QueueFull(f"The batch scheduling queue is full; {self._most} requests wait.")
            self._requests.append(request)
            self._changed.notify_all()
        return request.future

    def stop(self, seconds: float | None = None) -> bool:
        """Answers what waits and ends the thread; returns whether it ended within `seconds`."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while self._answer_next():
            pass

    def _answer_next(self) -> bool:
        """Answers one batch, and keeps no reference to it, so that its version can be freed."""
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._ending)
            if not self._requests:
                return False
            batch = self._gather()
        if batch:
            self._run(batch)
        return True

    def _gather(self) -> list[_Request]:
        """The first request and those behind it that can run together with it."""
        first = self._requests.popleft()
        if first.future.cancelled():
            return []
        batch, rows, max_rows = [first], first.rows, first.version.batch_sizes[-1]
        end = time.monotonic() + self._linger
        while rows < max_rows and not first.is_cut:
            if len(batch) < self._expected:
                self._changed.wait_for(lambda: self._requests or self._ending, max(0.0, end - time.monotonic()))
            if not self._requests:
                break
            following = self._requests[0]
            if following.future.cancelled():
                self._requests.popleft()
                continue
            if not following.can_join(first) or rows + following.rows > max_rows:
                break
            batch.append(self._requests.popleft())
            rows += following.rows
        self._expected = len(batch)
        return batch

    def _run(self, batch: list[_Request]) -> None:
        """Sends a batch through the network; what goes wrong reaches those who wait."""
        try:
            self._answer(batch, self._call(batch))
        except Exception as error:  # noqa: BLE001 - the thread must live on
            for request in batch:
                with contextlib.suppress(InvalidStateError):
                    request.future.set_exception(error)

    def _call(self, batch: list[_Request]) -> Tensors:
        """The outputs of the next pieces of all requests, behind each other."""
        inputs = {
            name: np.concatenate([request.inputs[name][request.start :][: request.rows] for request in batch])
            for name in batch[0].inputs
        }
        count, version = sum(request.rows for request in batch), batch[0].version
        size = next(size for size in version.batch_sizes if size >= count)
        filled = {
            name: np.concatenate([value, np.repeat(value[-1:], size - count, axis=0)]) for name, value in inputs.items()
        }
        self._observe(count)
        self._call_start = time.monotonic()
        try:
            return version.call(batch[0].signature, filled)
        finally:
            self._call_start = None

    def _answer(self, batch: list[_Request], outputs: Tensors) -> None:
        """Hands the outputs to those who wait; what has further pieces waits behind the others."""
        start = 0
        for request in batch:
            end = start + request.rows
            if request.take({name: value[start:end] for name, value in outputs.items()}):
                request.finish()
            else:
                with self._changed:
                    self._requests.append(request)
            start = end
