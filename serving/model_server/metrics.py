"""What the server counts, in the text format of Prometheus."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.model_server.tensors import Refused


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
        self._loads = prometheus_client.Counter(
            "kgp_version_loads_total", "Tries to load a version.", ["model", "result"], registry=self._registry
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
        except (asyncio.CancelledError, ConnectionError):
            code = "CANCELLED"  # the client went away
            raise
        except BaseException:
            code = "INTERNAL"
            raise
        finally:
            known = model if not model or model in self._models() else "unknown"
            self._requests.labels(method, known, code).inc()
            self._seconds.labels(method, known).observe(time.perf_counter() - start)

    def count_refusal(self, method: str, code: str) -> None:
        """Counts what was refused before it was known which model it is for."""
        self._requests.labels(method, "", code).inc()

    def observe_batch(self, rows: int) -> None:
        """Counts a batch and its rows."""
        self._rows.observe(rows)

    def count_load(self, model: str, succeeded: bool) -> None:
        """Counts a try to load a version."""
        self._loads.labels(model, "served" if succeeded else "refused").inc()

    def watch_versions(self, states: Callable[[], Iterable[tuple[str, int, str]]]) -> None:
        """Adds a gauge of 1 for each (model, version, state) that there is whenever they are read."""

        class Versions(Collector):
            """Reads the states."""

            def collect(self) -> Iterable[GaugeMetricFamily]:
                family = GaugeMetricFamily(
                    "kgp_version_state", "States of the versions.", labels=("model", "version", "state")
                )
                for model, version, state in states():
                    family.add_metric((model, str(version), state), 1.0)
                yield family

        self._registry.register(Versions())

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Adds a gauge whose value is read whenever the metrics are."""
        prometheus_client.Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """The metrics as Prometheus reads them."""
        return prometheus_client.generate_latest(self._registry)
