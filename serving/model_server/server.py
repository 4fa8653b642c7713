"""The embedded model server: TensorFlow Serving's gRPC and REST protocols for laptops, tests and small sites."""

import dataclasses
import logging
import ssl
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from kgp.errors import KgpError
from serving.model_server.answers import Answerer
from serving.model_server.authorisation import is_authorised
from serving.model_server.batcher import Batcher
from serving.model_server.grpc_services import ModelService, PredictionService
from serving.model_server.metrics import Metrics
from serving.model_server.rest import RestServer
from serving.model_server.store import ServedModels

_log = logging.getLogger(__name__)
READY = ("ready", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_GRACE_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """How the server listens and what it takes.

    Attributes:
        host: address to bind to.
        grpc_port, rest_port: ports; 0 takes a free one, and a negative REST port none at all.
        poll_seconds: how often the folders are looked at for new versions.
        waiting: most requests that may wait; further ones are refused with RESOURCE_EXHAUSTED.
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


class ModelServer:
    """Serves the newest version of each model until it is stopped.

    Alive is the empty service name of gRPC health and /alive over HTTP; ready, which means that every model has a version that
    went through its warm-up, the names in READY and /ready.

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
        self.models = ServedModels(folders, self._tell_health)
        self._batcher = Batcher(options.waiting, observe=self._metrics.observe_batch)
        self._metrics.watch("kgp_waiting_requests", "Requests that wait for a batch.", lambda: self._batcher.waiting)
        most_bytes = options.message_mb * 10**6
        answerer = Answerer(self.models, self._batcher, most_bytes)
        self._stopped = threading.Event()
        self._tell_health()
        self._grpc = self._grpc_server(answerer, most_bytes)
        self.grpc_port = self._bind_grpc()
        self._rest = self._rest_server(answerer, most_bytes) if options.rest_port >= 0 else None
        self.rest_port = self._rest.server_address[1] if self._rest else None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listens, and then loads the models; requests before that are refused with NOT_FOUND."""
        self._grpc.start()
        if self._rest:
            self._run(self._rest.serve_forever)
        self._run(self._watch)
        _log.info(
            "gRPC on %s:%d%s",
            self._options.host,
            self.grpc_port,
            f", REST on port {self.rest_port}" if self._rest else "",
        )

    def wait(self) -> None:
        """Returns once `stop` was called."""
        self._stopped.wait()

    def stop(self) -> None:
        """Refuses new requests, answers those that wait, and frees the models."""
        if self._stopped.is_set():
            return
        self._health.enter_graceful_shutdown()
        self._stopped.set()
        answered = self._grpc.stop(_GRACE_SECONDS)
        if self._rest and self._threads:  # one that was never started cannot be told to stop
            self._rest.stop(_GRACE_SECONDS)
        answered.wait()
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

    def _tell_health(self) -> None:
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        self._health.set("", serving)
        for name in READY:
            self._health.set(name, serving if self.models.ready else not_serving)

    def _grpc_server(self, answerer: Answerer, most_bytes: int) -> grpc.Server:
        interceptors = [_TokenNeeded(self._options.token)] if self._options.token else []
        server = grpc.server(
            futures.ThreadPoolExecutor(self._options.threads, thread_name_prefix="grpc"),
            interceptors=interceptors,
            options=[
                ("grpc.max_receive_message_length", most_bytes),
                ("grpc.max_send_message_length", most_bytes),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=self._options.threads + self._options.waiting,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(answerer, self._metrics), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.models, self._metrics), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        return server

    def _bind_grpc(self) -> int:
        options = self._options
        address = (
            f"[{options.host}]:{options.grpc_port}" if ":" in options.host else f"{options.host}:{options.grpc_port}"
        )
        try:
            if options.certificate and options.key:
                pair = (options.key.read_bytes(), options.certificate.read_bytes())
                return self._grpc.add_secure_port(address, grpc.ssl_server_credentials([pair]))
            return self._grpc.add_insecure_port(address)
        except (RuntimeError, OSError) as error:
            self._batcher.stop()
            raise KgpError(f"The gRPC server cannot listen on {address}: {error}.") from None

    def _rest_server(self, answerer: Answerer, most_bytes: int) -> RestServer:
        options = self._options
        try:
            server = RestServer(
                (options.host, options.rest_port),
                self.models,
                answerer,
                self._metrics,
                most_bytes,
                options.threads + options.waiting,
                options.token,
            )
            if self._tls:
                server.socket = self._tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            return server
        except OSError as error:
            self._batcher.stop()
            raise KgpError(f"The REST server cannot listen on {options.host}:{options.rest_port}: {error}.") from None


def _tls_context(options: ServerOptions) -> ssl.SSLContext | None:
    """Certificate and key for TLS, or None where there are none.

    Raises:
        KgpError: they cannot be used.
    """
    if not options.certificate or not options.key:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The empty password is for a key that wants one, which would ask for it on the terminal.
        context.load_cert_chain(options.certificate, options.key, password="")
    except OSError as error:
        raise KgpError(
            f"{options.certificate} and {options.key} are no certificate and its key without a password: {error}."
        ) from None
    return context


class _TokenNeeded(grpc.ServerInterceptor):
    """Refuses calls without the token; health can be asked without."""

    def __init__(self, token: str) -> None:
        self._token = token

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")

        self._refusal = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        """Lets the call through or refuses it."""
        sent = str(dict(details.invocation_metadata).get("authorization", ""))
        if details.method.startswith("/grpc.health.") or is_authorised(sent, self._token):
            return continuation(details)
        return self._refusal
