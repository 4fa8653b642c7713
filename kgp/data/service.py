"""Dispatcher and worker of tf.data service."""

import socket

import tensorflow as tf

from kgp.errors import KgpError, UsageError

_SECONDS = 5.0
_HIGHEST_PORT = 65535


def start_dispatcher(port: int) -> tuple[tf.data.experimental.service.DispatchServer, int]:
    """A dispatcher on this host and its port; 0 takes any.

    Raises:
        KgpError: the port is taken.
    """
    config = tf.data.experimental.service.DispatcherConfig(port=port)
    try:
        server = tf.data.experimental.service.DispatchServer(config)
    except tf.errors.OpError as error:
        raise KgpError(f"The dispatcher cannot listen on port {port}: {error.message}.") from None
    return server, int(server.target.rpartition(":")[2])


def start_worker(dispatcher: str, host: str) -> tf.data.experimental.service.WorkerServer:
    """A worker on any port of this host.

    Args:
        dispatcher: HOST:PORT.
        host: name under which trainings reach this host.
    """
    return tf.data.experimental.service.WorkerServer(
        tf.data.experimental.service.WorkerConfig(dispatcher, worker_address=f"{host}:%port%")
    )


def check_reachable(address: str) -> None:
    """Makes sure that a dispatcher listens.

    Raises:
        UsageError: the address is not HOST:PORT.
        KgpError: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise UsageError(f"The address of a data service is HOST:PORT, not {address!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise KgpError(
            f"The data service cannot be reached at {address}: {error}; start it with kgp data-service."
        ) from None
