"""Which connections may stay open: no peer that is silent or slow can lock others out.

Connections without an association are bounded apart from associations. Where there are too many,
the oldest one is closed for the newcomer, as one that means it asks at once. Where there are too
many associations, one that brings nothing is closed for a newcomer, which else is rejected.
"""

import contextlib
import dataclasses
import logging
import socket
import threading
import time
from collections import Counter
from typing import Any

_log = logging.getLogger(__name__)
_MAX_PDU_BYTES = 1 << 20  # the largest that is read; association requests may be larger than data
_PIECE_BYTES = 1 << 16
_SECONDS_BETWEEN_WARNINGS = 60.0


@dataclasses.dataclass(frozen=True)
class ConnectionLimits:
    """How many connections may be open, and for how long.

    Attributes:
        associations: how many associations may be open.
        others: how many connections without an association may be open.
        request_seconds: within so many from its opening, a connection must have asked for an
            association, whole.
        stall_seconds: how long a PDU or a message may take in which nothing arrives.
        idle_seconds: how long an association may be open without a PDU.
        least_rate: bytes a second at which a PDU and a message must arrive at least, after the
            first `stall_seconds`.
        yield_seconds: an association that for so long brought no object, and less data than at
            `least_rate`, is closed where another is asked for and there are too many.
    """

    associations: int = 8
    others: int = 32
    request_seconds: float = 15.0
    stall_seconds: float = 30.0
    idle_seconds: float = 60.0
    least_rate: float = 10_000.0
    yield_seconds: float = 10.0


class Connection:
    """One connection.

    Args:
        stream: its socket.
        address: the peer's host.
        limits: what it must keep to.
    """

    def __init__(self, stream: socket.socket, address: str, limits: ConnectionLimits) -> None:
        self.stream = stream
        self.address = address
        self.association: Any = None
        self.has_asked = False  # for an association
        self.is_admitted = False
        self.is_storing = False  # and the peer waits for us
        self.opened_at = self.useful_at = time.monotonic()
        self._limits = limits
        self._received = 0
        self._received_when_useful = 0
        self._message_began = (0.0, 0)  # when, and the bytes received by then

    @property
    def is_open(self) -> bool:
        """Whether the peer may still send."""
        thread = self.association
        has_ended = thread is not None and thread.ident is not None and not thread.is_alive()
        return self.stream.fileno() >= 0 and not has_ended

    @property
    def is_association(self) -> bool:
        """Whether an association is being set up or is established."""
        association = self.association
        return self.is_admitted and not (association.is_released or association.is_aborted or association.is_rejected)

    @property
    def may_yield(self) -> bool:
        """Whether it has brought nothing lately."""
        return not self.is_storing and time.monotonic() - self.useful_at > self._limits.yield_seconds

    def waits_for_first_byte(self) -> bool:
        """Waits until the peer sends something; returns False where it sends nothing in time."""
        self.stream.settimeout(self._limits.request_seconds)
        try:
            return bool(self.stream.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def receive(self, count: int) -> bytearray:
        """Stands in for pynetdicom's reading, which waits for ever and believes any length.

        Returns:
            So many bytes; fewer where the peer closed the connection.

        Raises:
            OSError: they are too many, or did not arrive in time.
        """
        if count > _MAX_PDU_BYTES:
            raise OSError("the PDU is larger than is taken")
        try:
            data = self._receive_until(self._deadline(count), count)
        except TimeoutError:
            if self.has_asked:
                _log.warning("the association from %s was ended, as its data came too slowly", self.address)
            raise
        self.stream.settimeout(self._limits.stall_seconds)  # for sending
        self._received += len(data)
        if self._received - self._received_when_useful >= self._limits.least_rate * self._limits.yield_seconds:
            self.mark_useful()
        return data

    def begin_message(self) -> None:
        """Notes that the PDU that was received last begins a message."""
        self._message_began = (time.monotonic(), self._received)

    def mark_useful(self) -> None:
        """Notes that the peer brought something."""
        self.useful_at = time.monotonic()
        self._received_when_useful = self._received

    def close(self) -> None:
        """Ends the connection at once; its threads notice."""
        self.is_admitted = False
        with contextlib.suppress(OSError):  # it is closed already
            self.stream.shutdown(socket.SHUT_RDWR)

    def _receive_until(self, deadline: float, count: int) -> bytearray:
        data = bytearray()
        while len(data) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.stream.settimeout(left)
            piece = self.stream.recv(min(count - len(data), _PIECE_BYTES))
            if not piece:
                break
            data += piece
        return data

    def _deadline(self, count: int) -> float:
        """When so many further bytes must be there."""
        if not self.has_asked:
            return self.opened_at + self._limits.request_seconds
        now, rate = time.monotonic(), self._limits.least_rate
        deadline = now + self._limits.stall_seconds + count / rate
        if self.association.dimse.message is not None:  # the message is not complete
            began, received = self._message_began
            bytes_of_message = self._received - received + count
            deadline = min(deadline, began + self._limits.stall_seconds + bytes_of_message / rate)
        return deadline


class Connections:
    """All open connections. May be used by several threads.

    Args:
        limits: see `ConnectionLimits`.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._all: list[Connection] = []
        self._warned_at = -_SECONDS_BETWEEN_WARNINGS

    def add(self, stream: socket.socket, address: str) -> None:
        """Notes a new connection; the oldest one without an association is closed where there are
        too many, of the peer that has most.
        """
        with self._lock:
            self._all = [connection for connection in self._all if connection.is_open]
            others = [connection for connection in self._all if not connection.is_association]
            if len(others) >= self._limits.others:
                count = Counter(connection.address for connection in others)
                others.sort(key=lambda each: (each.has_asked, -count[each.address], each.opened_at))
                self._warn(others[0].address)
                others[0].close()
                self._all.remove(others[0])
            self._all.append(Connection(stream, address, self._limits))

    def of(self, stream: socket.socket) -> Connection | None:
        """The connection of a socket; None where it was closed meanwhile."""
        with self._lock:
            return next((connection for connection in self._all if connection.stream is stream), None)

    def admit(self, connection: Connection) -> bool:
        """Whether a connection may become an association."""
        with self._lock:
            present = [each for each in self._all if each.is_association and each.is_open]
            if len(present) >= self._limits.associations:
                idle = min((each for each in present if each.may_yield), key=lambda each: each.useful_at, default=None)
                if idle is None:
                    return False
                _log.warning(
                    "the association from %s was ended: it brought nothing, and others ask for one", idle.address
                )
                idle.close()
            connection.is_admitted = True
            connection.mark_useful()
            return True

    def open(self, *, associations: bool) -> list[Connection]:
        """Those that are open, with or without an association."""
        with self._lock:
            return [each for each in self._all if each.is_open and each.is_association == associations]

    def _warn(self, address: str) -> None:
        """Tells of a connection that is closed, but not of each of thousands."""
        now = time.monotonic()
        if now - self._warned_at >= _SECONDS_BETWEEN_WARNINGS:
            self._warned_at = now
            _log.warning(
                "more than %d connections are open without an association; the oldest, from %s, is closed",
                self._limits.others, address,
            )  # fmt: skip
