"""The embedded model server, for laptops, tests and small sites."""

import contextlib
import dataclasses
import functools
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from grpc_health.v1 import health, health_pb2

from kgp.errors import KgpError
from serving.model_server.answers import Answerer
from serving.model_server.batcher import Batcher
from serving.model_server.grpc_server import bind_grpc_server, grpc_server
from serving.model_server.grpc_services import ModelService, PredictionService
from serving.model_server.metrics import Metrics
from serving.model_server.rest import RestServer
from serving.model_server.store import ServedModels

_log = logging.getLogger(__name__)
READY = ("ready", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_GRACE_SECONDS = 30.0
_REST_POLL_SECONDS = 0.1  # how soon the REST server notices that it is to stop


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """How the server listens and what it takes.

    Attributes:
        host: address to bind to.
        grpc_port, rest_port: ports; 0 takes a free one, and a negative REST port none at all.
        poll_seconds: how often the folders are searched for new versions.
        waiting: how many requests may wait; further ones are refused with RESOURCE_EXHAUSTED.
        threads: requests that are unpacked and answered at the same time.
        message_mb: largest message, in 10^6 bytes.
        certificate, key: files in PEM format for TLS, or None for none.
        token: what clients must send as "authorization: Bearer TOKEN", or "" for nothing.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 8500
    rest_port: int = 8501
    poll_seconds: float = 1.0
    waiting: int = 64
    threads: int = 16
    message_mb: int = 256
    certificate: Path | None = None
    key: Path | None = None
    token: str = ""

    @property
    def max_bytes(self) -> int:
        """Largest message in bytes."""
        return self.message_mb * 10**6


class ModelServer:
    """Serves the newest version of each model until it is stopped.

    The server is alive when it answers: the empty service name of gRPC health, and /alive over
    HTTP. It is ready when every model has a version that went through its warm-up: the service
    names in READY, and /ready over HTTP.

    Args:
        folders: the folder of the versions of each model, by name.
        options: how it listens.

    Raises:
        KgpError: an address cannot be bound to, or a TLS file cannot be read.
    """

    def __init__(self, folders: dict[str, Path], options: ServerOptions) -> None:
        self._options = options
        self._tls = _tls_context(options)
        self._metrics = Metrics(lambda: self.models.names)
        self._health = health.HealthServicer()
        self.models = ServedModels(folders, self._report_health)
        self._batcher = Batcher(options.waiting, observe=self._metrics.observe_batch)
        self._metrics.watch("kgp_waiting_requests", "Requests that wait for a batch.", lambda: self._batcher.waiting)
        answerer = Answerer(self.models, self._batcher, options.max_bytes)
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._report_health()
        self._grpc = grpc_server(
            PredictionService(answerer, self._metrics),
            ModelService(self.models, self._metrics),
            self._health,
            threads=options.threads,
            waiting=options.waiting,
            max_bytes=options.max_bytes,
            token=options.token,
        )
        with self._batcher_stopped_on_error():
            self.grpc_port = bind_grpc_server(
                self._grpc, options.host, options.grpc_port, options.certificate, options.key
            )
            self._rest = self._rest_server(answerer) if options.rest_port >= 0 else None
        self.rest_port = self._rest.server_address[1] if self._rest else None

    def start(self) -> None:
        """Listens, and then loads the models; requests before that are refused with NOT_FOUND."""
        self._grpc.start()
        if self._rest:
            self._run(functools.partial(self._rest.serve_forever, _REST_POLL_SECONDS))
        self._run(self._watch)
        rest = f", REST on port {self.rest_port}" if self._rest else ""
        _log.info("gRPC on %s:%d%s", self._options.host, self.grpc_port, rest)

    def wait(self) -> None:
        """Returns once `stop` was called."""
        self._stopped.wait()

    def stop(self) -> None:
        """Refuses new requests, answers those that wait, and frees the models."""
        if self._stopped.is_set():
            return
        self._health.enter_graceful_shutdown()
        self._stopped.set()
        grpc_stopped = self._grpc.stop(_GRACE_SECONDS)
        if self._rest and self._threads:  # a REST server that was never started cannot be stopped
            self._rest.stop(_GRACE_SECONDS)
        grpc_stopped.wait()
        self._batcher.stop()
        for thread in self._threads:
            thread.join()
        self.models.unload()
        _log.info("stopped")

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _watch(self) -> None:
        while True:
            try:
                self.models.refresh()
            except OSError as error:
                _log.error("the models' folders cannot be read: %s", error)
            if self._stopped.wait(self._options.poll_seconds):
                return

    def _report_health(self) -> None:
        """Sets the answers of gRPC health."""
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        self._health.set("", serving)
        for name in READY:
            self._health.set(name, serving if self.models.ready else not_serving)

    def _rest_server(self, answerer: Answerer) -> RestServer:
        options = self._options
        try:
            server = RestServer(
                (options.host, options.rest_port),
                self.models,
                answerer,
                self._metrics,
                options.max_bytes,
                options.threads + options.waiting,
                options.token,
            )
            if self._tls:
                server.socket = self._tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            return server
        except OSError as error:
            raise KgpError(f"The REST server cannot listen on {options.host}:{options.rest_port}: {error}.") from None

    @contextlib.contextmanager
    def _batcher_stopped_on_error(self) -> Iterator[None]:
        """Ends the batcher's thread if the block raises KgpError; `stop` cannot be called then."""
        try:
            yield
        except KgpError:
            self._batcher.stop()
            raise


def _tls_context(options: ServerOptions) -> ssl.SSLContext | None:
    """Certificate and key for TLS, or None where there are none.

    Raises:
        KgpError: they cannot be used.
    """
    if not options.certificate or not options.key:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The empty password keeps a key with a password from asking for it on the terminal.
        context.load_cert_chain(options.certificate, options.key, password="")
    except OSError as error:
        raise KgpError(
            f"{options.certificate} and {options.key} are no certificate and its key without a password: {error}."
        ) from None
    return context
