"""Throughput and latency of running servers, side by side.

    kgp serve MODELS/kgp --grpc-port 18520 --rest-port 18521 &
    python benchmarks/serving_speed.py MODELS/kgp 18520:18521 [GRPC:REST ...]

Each server serves the model of that folder, for example by two versions of kgp. Clients in
processes of their own ask `classify` for one slice at a time, over gRPC and over REST, 1, 8 and 64
at a time; the servers take turns, and medians of the rounds are printed.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from kgp.runtime.artifact import version_folders

CLIENTS = (1, 8, 64)
SECONDS, ROUNDS = 4.0, 3
_PROCESSES = 8  # at most; each has several connections


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="folder of the versions of the model")
    parser.add_argument("servers", nargs="+", metavar="GRPC:REST", help="ports of a server")
    arguments = parser.parse_args()
    newest = max(version_folders(arguments.models).items())[1]
    shape = json.loads((newest / "manifest.json").read_text())["network"]["shape"]
    name = arguments.models.resolve().name
    print(
        "| protocol, clients | "
        + " | ".join(f"{server}: answers/s, p50, p99 ms" for server in arguments.servers)
        + " |"
    )
    print("|---|" + "---|" * len(arguments.servers))
    for protocol in ("gRPC", "REST"):
        for clients in CLIENTS:
            rounds: dict[str, list[list[float]]] = {server: [] for server in arguments.servers}
            for _ in range(ROUNDS):
                for server, measured in rounds.items():
                    measured.append(_measured(protocol, server, name, shape, clients))
            cells = [
                f"{statistics.median(len(times) / SECONDS for times in measured):.0f}, "
                f"{statistics.median(1e3 * float(np.percentile(times, 50)) for times in measured):.1f}, "
                f"{statistics.median(1e3 * float(np.percentile(times, 99)) for times in measured):.1f}"
                for measured in rounds.values()
            ]
            print(f"| {protocol}, {clients} | " + " | ".join(cells) + " |", flush=True)
    return 0


def _measured(protocol: str, server: str, name: str, shape: list[int], clients: int) -> list[float]:
    """Seconds of each answer that came within SECONDS to so many clients."""
    processes = min(clients, _PROCESSES)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        work = [(protocol, server, name, shape, clients // processes)] * processes
        return [seconds for times in pool.starmap(_ask, work) for seconds in times]


def _ask(protocol: str, server: str, name: str, shape: list[int], connections: int) -> list[float]:
    """Asks over several connections, a thread each, and returns the times of the answers."""
    from concurrent.futures import ThreadPoolExecutor

    ports = server.split(":")
    images = np.random.default_rng(0).uniform(0, 255, (1, *shape)).round(1).astype(np.float32)
    make = _grpc_client if protocol == "gRPC" else _rest_client
    asks = [make(ports, name, images) for _ in range(connections)]
    for ask in asks:
        ask()
    end = time.monotonic() + SECONDS

    def run(ask: Any) -> list[float]:
        times = []
        while time.monotonic() < end:
            start = time.perf_counter()
            ask()
            times.append(time.perf_counter() - start)
        return times

    with ThreadPoolExecutor(connections) as threads:
        return [seconds for times in threads.map(run, asks) for seconds in times]


def _grpc_client(ports: list[str], name: str, images: np.ndarray) -> Any:
    import grpc
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    options = [("grpc.use_local_subchannel_pool", 1)]
    stub = prediction_service_pb2_grpc.PredictionServiceStub(
        grpc.insecure_channel(f"127.0.0.1:{ports[0]}", options=options)
    )
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, "classify"
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=images.tobytes())
    for size in images.shape:
        tensor.tensor_shape.dim.add(size=size)
    request.inputs["images"].CopyFrom(tensor)
    return lambda: stub.Predict(request, timeout=60)


def _rest_client(ports: list[str], name: str, images: np.ndarray) -> Any:
    body = json.dumps({"signature_name": "classify", "instances": images.astype(float).round(1).tolist()})
    connection = http.client.HTTPConnection("127.0.0.1", int(ports[1]), timeout=60)

    def ask() -> None:
        connection.request("POST", f"/v1/models/{name}:predict", body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the server answered {answer.status}")

    return ask


if __name__ == "__main__":
    raise SystemExit(main())
