import socket

import pytest

from kgp.errors import KgpError, UsageError
from serving.archive_batch.ray_engine import WorkerResources, ray_engine, resources_per_worker


@pytest.mark.parametrize(
    ("cpus", "gpus", "workers", "expected"),
    [
        ([2], 0, 1, WorkerResources(2, 0, 2)),
        ([2], 0, 2, WorkerResources(1, 0, 1)),
        ([2], 0, 3, WorkerResources(0, 0, 1)),
        ([8], 0, 3, WorkerResources(2, 0, 2)),
        ([16, 16, 16], 0, 4, WorkerResources(8, 0, 8)),  # 12 each would leave room for three only
        ([0, 16], 0, 1, WorkerResources(16, 0, 16)),
        ([16], 1, 2, WorkerResources(8, 0.5, 8)),
        ([16], 4, 2, WorkerResources(8, 1.0, 8)),
        ([16], 2, 3, WorkerResources(5, 0.5, 5)),  # two thirds of a GPU each would leave room for two only
    ],
)
def test_shares(cpus, gpus, workers, expected):
    assert resources_per_worker(cpus, gpus, workers) == expected


def test_a_share_limits_the_threads():
    options = WorkerResources(3, 0.5, 3).options()
    assert (options["num_cpus"], options["num_gpus"]) == (3, 0.5)
    variables = options["runtime_env"]["env_vars"]
    assert variables["TF_NUM_INTRAOP_THREADS"] == variables["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("address", ["auto", "localhost", ":6379", "host:x"])
def test_an_address_that_is_none(address):
    with pytest.raises(UsageError, match="--address must be HOST:PORT, not"), ray_engine(address, 1):
        pass


def test_nobody_at_the_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(KgpError, match=f"Nothing answers at --address {address}: .*refused"), ray_engine(address, 1):
        pass
