"""The HTTP server of the REST interface: uvicorn, with a deadline for everything a peer does."""

import asyncio
import json
import socket
import ssl
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from kgp.errors import KgpError
from serving.model_server.metrics import Metrics
from serving.model_server.rest import REQUEST_SECONDS, RestApplication

_HEAD_SECONDS = 30.0  # for a head, or for the rest of a body after its answer
_LINGER_SECONDS = 5.0  # for a peer to see that what it sends is no HTTP
_RECEIVED_BYTES = 1 << 15  # at a time; with more, many large bodies keep each other's turn back
_ANSWER_SECONDS = 60.0  # beyond those of the request, for a peer to take its answer
_IDLE_SECONDS = 20
_BACKLOG = 2048  # connections that wait to be accepted
_ACCEPTED = 16  # at a time; asyncio tries as many again, and tells each, when no file can be opened
_MOST_BYTES_OF_HEAD = 1 << 16


def bind_rest(host: str, port: int) -> socket.socket:
    """A socket bound to an address; the system chooses the port where it is 0.

    Raises:
        KgpError: the address cannot be bound to.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, as else asyncio leaves Nagle's delay on, which holds each answer back for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise KgpError(f"The REST server cannot listen on {host}:{port}: {error}.") from None
    return listener


def rest_server(
    application: RestApplication, metrics: Metrics, tls: ssl.SSLContext | None, drain_seconds: float
) -> uvicorn.Server:
    """The server; its `serve` runs on an event loop until `should_exit` is set.

    Args:
        application: answers the requests.
        metrics: counts what is refused before it is a request.
        tls: certificate and key, or None.
        drain_seconds: how long requests have to end when the server stops.
    """

    class Connection(_Connection):
        """A connection of this server."""

        counts = metrics

    config = uvicorn.Config(
        application,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_ACCEPTED,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
        h11_max_incomplete_event_size=_MOST_BYTES_OF_HEAD,
    )
    config.load()
    config.ssl = tls
    return _Server(config)


class _Server(uvicorn.Server):
    """A server for which more connections may wait than are accepted at a time."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)


class _Connection(H11Protocol):
    """A connection that is cut when its peer takes too long, whatever it trickles meanwhile."""

    counts: Metrics
    _deadline: asyncio.TimerHandle | None = None
    _in_request = False
    _is_refused = False

    def connection_made(self, transport: Any) -> None:
        """Starts the time for the first head."""
        super().connection_made(transport)
        transport.max_size = _RECEIVED_BYTES
        self._expect(in_request=False)

    def data_received(self, data: bytes) -> None:
        """Starts the time for a request once its head is there."""
        if self._is_refused:
            return
        super().data_received(data)
        in_request = self.cycle is not None and not self.cycle.response_complete
        if in_request and not self._in_request:
            self._expect(in_request=True)

    def on_response_complete(self) -> None:
        """Starts the time for the next head."""
        self._expect(in_request=False)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the time."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, in JSON as everything else is refused."""
        self.counts.count_refusal("REST", "INVALID_ARGUMENT")
        if self._in_request and self.cycle.response_started:
            self.transport.abort()
            return
        body = json.dumps({"error": msg}).encode()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        # Closed at once, a connection that still receives is reset, and its peer sees no answer.
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._cut_after(_LINGER_SECONDS)

    def _expect(self, in_request: bool) -> None:
        self._in_request = in_request
        self._cut_after(REQUEST_SECONDS + _ANSWER_SECONDS if in_request else _HEAD_SECONDS)

    def _cut_after(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)
