"""What the server counts, in the text format of Prometheus."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator

import prometheus_client

from serving.model_server.answers import Refused


class Metrics:
    """Counters and times of one server, in a registry of its own.

    Args:
        models: returns the names of the served models. Requests for other names are counted as
            "unknown", so that clients cannot fill the memory with names.
    """

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "kgp_requests_total", "Requests answered.", ["method", "model", "code"], registry=self._registry
        )
        self._seconds = prometheus_client.Histogram(
            "kgp_request_seconds", "Time from request to answer.", ["method", "model"], registry=self._registry
        )
        self._rows = prometheus_client.Histogram(
            "kgp_batch_rows", "Slices in a batch.", buckets=(1, 2, 4, 8, 16, 32), registry=self._registry
        )

    @contextlib.contextmanager
    def timed(self, method: str, model: str) -> Iterator[None]:
        """Counts and times the request that the block answers; `model` may be ""."""
        start, code = time.perf_counter(), "OK"
        try:
            yield
        except Refused as refused:
            code = refused.code.name
            raise
        except BaseException:
            code = "INTERNAL"
            raise
        finally:
            known = model if not model or model in self._models() else "unknown"
            self._requests.labels(method, known, code).inc()
            self._seconds.labels(method, known).observe(time.perf_counter() - start)

    def observe_batch(self, rows: int) -> None:
        """Counts a batch and its rows."""
        self._rows.observe(rows)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Adds a gauge whose value is read whenever the metrics are."""
        prometheus_client.Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """The metrics as Prometheus reads them."""
        return prometheus_client.generate_latest(self._registry)
