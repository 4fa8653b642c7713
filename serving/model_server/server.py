"""The embedded model server, for laptops, tests and small sites."""

import asyncio
import dataclasses
import logging
import queue
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from grpc_health.v1 import health, health_pb2
from tensorflow_serving.apis import get_model_status_pb2

from kgp.errors import KgpError
from serving.model_server.answers import Answerer
from serving.model_server.batcher import Batcher
from serving.model_server.byte_budget import ByteBudget
from serving.model_server.event_loop import EventLoop
from serving.model_server.grpc_messages import MessageHandlers
from serving.model_server.grpc_server import bind_grpc_server, grpc_server
from serving.model_server.grpc_services import ModelService, PredictionService
from serving.model_server.metrics import Metrics
from serving.model_server.model_configuration import Configuration
from serving.model_server.rest import RestApplication
from serving.model_server.rest_server import bind_rest, rest_server
from serving.model_server.store import Events, ServedModels
from serving.model_server.trusted_versions import check_trusted
from serving.model_server.version import ModelVersion

_log = logging.getLogger(__name__)
READY = ("ready", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_HEALTH_SECONDS = 5.0  # between two looks whether the network has hung
_HUNG_SECONDS = 300.0  # a batch that takes longer has hung: the slowest takes some seconds
_MESSAGES = 2  # of the largest size that may be in memory at the same time
_LAST_SECONDS = 5.0  # for a thread to end when all else has


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """How the server listens and what it takes.

    Attributes:
        host: address to bind to.
        grpc_port, rest_port: ports; 0 takes a free one, and a negative REST port none at all.
        poll_seconds: how often the folders are searched for new versions.
        waiting: how many requests may wait; further ones are refused with RESOURCE_EXHAUSTED.
        message_mb: largest message, in 10^6 bytes; all that are being answered may have twice that.
        drain_seconds: how long requests have to end when the server stops.
        certificate, key: files in PEM format for TLS, or None for none.
        token: what clients must send as "authorization: Bearer TOKEN", or "" for nothing.
        trusted: SHA-256 of the manifests that versions may have, or None for any.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 8500
    rest_port: int = 8501
    poll_seconds: float = 1.0
    waiting: int = 64
    message_mb: int = 256
    drain_seconds: float = 30.0
    certificate: Path | None = None
    key: Path | None = None
    token: str = ""
    trusted: frozenset[str] | None = None

    @property
    def max_bytes(self) -> int:
        """Largest message in bytes."""
        return self.message_mb * 10**6


class ModelServer:
    """Serves the newest version of each model until it is stopped.

    The server is alive when it answers and the network has not hung: the empty service name of gRPC
    health, and /alive over HTTP. It is ready when every model has a version that went through its
    warm-up: the service names in READY, and /ready over HTTP.

    Both protocols answer on one event loop; one thread runs the networks, and one searches for new
    versions and serves other models when told to.

    Args:
        configuration: the folder of the versions of each model, and its version by label; by name.
        options: how it listens.

    Raises:
        KgpError: an address cannot be bound to, or a TLS file cannot be read.
    """

    def __init__(self, configuration: Configuration, options: ServerOptions) -> None:
        self._options = options
        tls = _tls_context(options)
        self._metrics = Metrics(lambda: self.models.names)
        events = Events(
            changed=self._models_changed,
            loaded=self._metrics.count_load,
            admit=self._admit,
            warm_up=self._warm_up,
        )
        self.models = ServedModels(configuration, events)
        self._listener = bind_rest(options.host, options.rest_port) if options.rest_port >= 0 else None
        self.rest_port = self._listener.getsockname()[1] if self._listener else None
        self._batcher = Batcher(options.waiting, observe=self._metrics.observe_batch)
        self._metrics.watch("kgp_waiting_requests", "Requests that wait for a batch.", lambda: self._batcher.waiting)
        self._metrics.watch_versions(self._version_states)
        self._answerer = Answerer(self.models, self._batcher, options.max_bytes)
        self._budget = ByteBudget(_MESSAGES * options.max_bytes)
        self._reloads: queue.Queue[tuple[Configuration, Future[None]]] = queue.Queue()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        application = RestApplication(
            self.models, self._answerer, self._metrics, self._budget, lambda: self.alive, options.token
        )
        self._rest = rest_server(application, self._metrics, tls, options.drain_seconds)
        self._loop = EventLoop()
        try:
            self.grpc_port = self._loop.run(self._bind_grpc())
        except KgpError:
            self._close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the network answers; one call of it that never ends holds all requests up."""
        return self._batcher.seconds_in_call < _HUNG_SECONDS

    def start(self) -> None:
        """Listens, and then loads the models; requests before that are refused with UNAVAILABLE."""
        self._loop.run(self._start())
        self._watcher.start()
        rest = f", REST on port {self.rest_port}" if self._listener else ""
        _log.info("gRPC on %s:%d%s", self._options.host, self.grpc_port, rest)

    def wait(self) -> None:
        """Returns once `stop` was called."""
        self._stopped.wait()

    def stop(self) -> None:
        """Refuses new requests, answers those that wait, and frees the models.

        Requests have the seconds to drain, and what hangs then is left behind.
        """
        if self._stopped.is_set():
            return
        self._stopped.set()
        seconds = self._options.drain_seconds
        try:
            self._loop.run(self._stop(), seconds + _LAST_SECONDS)
        except TimeoutError:
            _log.warning("requests were still being answered after %g s", seconds)
        self._close()
        _log.info("stopped")

    def reload(self, configuration: Configuration) -> "Future[None]":
        """Has other models served, unless the returned future is cancelled before it comes to that.

        Its errors are those of `ServedModels.configure`.
        """
        future: Future[None] = Future()
        self._reloads.put((configuration, future))
        return future

    async def _bind_grpc(self) -> int:
        options = self._options
        self._health = health.aio.HealthServicer()
        self._grpc = grpc_server(
            PredictionService(self._answerer, self._metrics),
            ModelService(self.models, self._metrics, self.reload),
            self._health,
            MessageHandlers(self._answerer, self._metrics, self._budget),
            self._metrics,
            max_bytes=options.max_bytes,
            token=options.token,
        )
        return bind_grpc_server(self._grpc, options.host, options.grpc_port, options.certificate, options.key)

    async def _start(self) -> None:
        await self._set_health()
        await self._grpc.start()
        self._tasks = [asyncio.ensure_future(self._report_health())]
        if self._listener:
            self._tasks.append(asyncio.ensure_future(self._rest.serve(sockets=[self._listener])))

    async def _stop(self) -> None:
        """Ends both protocols; does nothing where they were not started."""
        if not hasattr(self, "_tasks"):
            return
        self._tasks[0].cancel()
        await self._health.enter_graceful_shutdown()
        self._rest.should_exit = True
        await asyncio.gather(self._grpc.stop(self._options.drain_seconds), *self._tasks[1:])

    def _close(self) -> None:
        """Ends the threads and frees the models."""
        ended = self._batcher.stop(_LAST_SECONDS)
        if self._watcher.is_alive():
            self._watcher.join(_LAST_SECONDS)
        if not ended or self._watcher.is_alive():
            _log.warning("the network or the models' storage hangs; it is left behind")
        if not self._watcher.is_alive():
            self.models.unload(0.0)
        self._answerer.close()
        self._loop.close()
        if self._listener:
            self._listener.close()

    def _watch(self) -> None:
        """Searches for new versions, and serves other models when told to, until the server stops."""
        while not self._stopped.is_set():
            self.models.refresh()
            try:
                configuration, future = self._reloads.get(timeout=self._options.poll_seconds)
            except queue.Empty:
                continue
            if not future.set_running_or_notify_cancel():
                continue  # the caller gave up
            try:
                self.models.configure(configuration)
                future.set_result(None)
            except Exception as error:  # noqa: BLE001 - it must reach the caller, and the thread must live on
                future.set_exception(error)

    def _admit(self, folder: Path) -> None:
        if self._options.trusted is not None:
            check_trusted(folder, self._options.trusted)

    def _warm_up(self, version: ModelVersion) -> None:
        """Sends warm-up requests the way that requests of clients go."""
        version.warm_up(lambda signature, inputs: self._batcher.submit(version, signature, inputs).result())

    def _models_changed(self) -> None:
        if not self._stopped.is_set():
            self._loop.begin(self._set_health())

    def _version_states(self) -> Iterator[tuple[str, int, str]]:
        names = get_model_status_pb2.ModelVersionStatus.State
        for model in self.models.names:
            for number, state in self.models.get(model).states.items():
                yield model, number, names.Name(state.state)

    async def _report_health(self) -> None:
        """Looks whether the network has hung meanwhile."""
        while True:
            await asyncio.sleep(_HEALTH_SECONDS)
            await self._set_health()

    async def _set_health(self) -> None:
        """Sets the answers of gRPC health."""
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set("", serving if self.alive else not_serving)
        for name in READY:
            await self._health.set(name, serving if self.alive and self.models.ready else not_serving)


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
