"""Ray as the engine of a batch: private processes on this host, or an existing cluster."""

import contextlib
import dataclasses
import logging
import math
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from kgp.errors import KgpError, UsageError

_OBJECT_STORE = 128 << 20  # only names and short answers go through it
_CONNECT_SECONDS = 10.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    # Makes the search for studies wait for the workers. By default it waits only while the object
    # store is full, which names never fill.
    "RAY_DATA_DOWNSTREAM_CAPACITY_OBJECT_STORE_BUDGET_UTIL_THRESHOLD": "0",
}
_LOOPBACK = {
    # With 0, Ray listens on the loopback interface alone; despite its name, on every system.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_enable_metrics_collection": "0",
}


@dataclasses.dataclass(frozen=True)
class WorkerResources:
    """What each worker may use.

    Attributes:
        cpus: cores that Ray reserves for it; 0 where there are more workers than cores.
        gpus: share of a GPU.
        threads: threads that it computes with.
    """

    cpus: int
    gpus: float
    threads: int

    def options(self) -> dict[str, Any]:
        """Options of a Ray task or actor."""
        threads = str(self.threads)
        variables = {
            "TF_NUM_INTRAOP_THREADS": threads,
            "TF_NUM_INTEROP_THREADS": "1",
            "OMP_NUM_THREADS": threads,
            "OPENCV_FOR_THREADS_NUM": threads,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        }
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "runtime_env": {"env_vars": variables}}


@contextlib.contextmanager
def ray_engine(address: str | None, workers: int) -> Iterator[WorkerResources]:
    """Starts Ray, or joins the cluster at `address`, for as long as the block runs.

    Args:
        address: HOST:PORT of a cluster, which this host is a part of; None for an engine of this
            process's own.
        workers: workers that share the cores.

    Raises:
        UsageError: the address is not HOST:PORT. KgpError: there is no cluster at it, or Ray cannot
            be started.
    """
    os.environ.update(_QUIET)
    if address is not None:
        _check_address(address)
    else:
        os.environ.update(_LOOPBACK, RAY_AUTH_TOKEN=secrets.token_hex(32))
    import ray
    import ray.data  # its packages are an extra of Ray's own

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    common: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    try:
        with _stderr_silenced():
            if address is None:
                ray.init("local", include_dashboard=False, object_store_memory=_OBJECT_STORE, **common)
            else:
                ray.init(address, **common)
    except (ConnectionError, RuntimeError, ValueError) as error:
        failure = f"The Ray cluster at {address} cannot be joined" if address else "Ray cannot be started on this host"
        first_line = str(error).strip().partition("\n")[0]
        raise KgpError(f"{failure}: {first_line}") from None
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus, gpus = ([int(node.get(kind, 0)) for node in nodes] for kind in ("CPU", "GPU"))
        yield resources_per_worker(cpus, sum(gpus), workers)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Finds out in seconds whether anything answers at the address; Ray itself takes minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--address must be HOST:PORT, not {address!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise KgpError(f"Nothing answers at --address {address}: {error}.") from None


@contextlib.contextmanager
def _stderr_silenced() -> Iterator[None]:
    """Drops what Ray's libraries write to stderr themselves instead of to Python's logging."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def resources_per_worker(cpus: Sequence[int], gpus: int, workers: int) -> WorkerResources:
    """The largest equal share of cores and GPUs with which all workers find room.

    Args:
        cpus: cores of each host.
        gpus: GPUs of all hosts.
        workers: number of workers.
    """
    cores = max(cpus)
    while cores > 0 and sum(count // cores for count in cpus) < workers:
        cores -= 1
    return WorkerResources(cores, 1 / math.ceil(workers / gpus) if gpus else 0, max(1, cores))
