"""The server under the receiver: pynetdicom's, with bounds on connections and on waiting."""

import logging
import socketserver
import time
from typing import Any

from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from serving.listen.connections import Connection, Connections

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.1


class AssociationServer(ThreadedAssociationServer):
    """Hands a connection on once its peer sends something, and logs errors without their message."""

    connections: Connections
    daemon_threads = True
    request_queue_size = 64

    def serve_on(self) -> None:
        """Serves until `shutdown`; too little memory for a connection does not end it."""
        while True:
            try:
                return self.serve_forever(poll_interval=_PAUSE_SECONDS)
            except MemoryError:
                time.sleep(_PAUSE_SECONDS)

    def get_request(self) -> Any:
        """Accepts a connection."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_PAUSE_SECONDS)  # or else too many open files would keep a core busy
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Called for each connection; makes room for it."""
        self.connections.add(request, client_address[0])
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Called in a thread of the connection's own."""
        connection = self.connections.of(request)
        if connection is not None and connection.waits_for_first_byte():
            super().finish_request(request, client_address)
        else:
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called where a connection could not be set up."""
        _log.warning("a connection failed before it was an association")

    def shutdown(self) -> None:
        """Stops listening; the library's method looks the server up in a list that it is not in."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()


def connection_of(association: Any) -> Connection:
    """The connection of an association, once `limit_connection` was called."""
    return association.dul.socket.connection


def limit_connection(event: Event) -> None:
    """Called on opening."""
    association: Any = event.assoc
    transport = association.dul.socket
    connection = association._server.connections.of(transport.socket)
    if connection is None:
        raise ConnectionAbortedError("closed for another connection")
    connection.association = association
    transport.connection = connection
    transport.recv = connection.receive


def end_waiting(event: Event) -> None:
    """Called on closing: pynetdicom would wait for an association request."""
    association: Any = event.assoc
    if association.requestor.primitive is None and association.dul.to_user_queue.empty():
        association.dul.to_user_queue.put(None)  # which pynetdicom takes for a timeout
