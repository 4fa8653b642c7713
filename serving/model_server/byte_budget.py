"""How many bytes of requests may be in memory at the same time, over both protocols."""

import contextlib
from collections.abc import Callable, Iterator

import grpc

from serving.model_server.tensors import Refused


class ByteBudget:
    """Counts the bytes of requests that are being received or answered, in one thread.

    Args:
        limit: how many there may be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0

    @contextlib.contextmanager
    def request(self) -> Iterator[Callable[[int], None]]:
        """Yields what takes bytes for one request; they are given back at the end of the block.

        Raises:
            Refused: by what is yielded: there is no room for so many bytes.
        """
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.taken + count > self._limit:
                raise Refused(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"requests of {self.taken} bytes are being answered already"
                )
            mine += count
            self.taken += count

        try:
            yield take
        finally:
            self.taken -= mine
