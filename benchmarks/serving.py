"""`kgp serve` under load: new versions, killed clients, a killed server, memory over time.

    python benchmarks/serving.py MODELS/kgp --minutes 10 --clients 4

The newest version is copied to a temporary folder. Clients in processes of their own ask for all
signatures in turn with TensorFlow Serving's own stubs; every minute a copy appears as the next
version; after a third of the time a client is killed in the middle of its requests and another
takes its place. In the end the server is killed and started again. Exits with 1 if a request
failed. Linux only (it reads /proc).
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from kgp.runtime.artifact import version_folders

SIGNATURES = ("serving_default", "classify", "segment", "explain")
GRPC, REST = 18500, 18501


def main() -> int:
    """Runs the load and prints what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="folder of the versions of a model")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    newest = max(version_folders(arguments.models).items())[1]
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / arguments.models.resolve().name
        _publish(newest, models, 1)
        server = _start(models)
        try:
            failed = _load(server, newest, models, arguments.minutes * 60, arguments.clients)
            server.send_signal(signal.SIGKILL)
            server.wait()
            start = time.monotonic()
            server = _start(models)
            print(f"server killed with SIGKILL, started again: answers after {time.monotonic() - start:.1f} s")
        finally:
            server.kill()
            server.wait()
    return 1 if failed else 0


def _load(server: subprocess.Popen[bytes], newest: Path, models: Path, seconds: float, clients: int) -> int:
    """Lets clients ask while versions roll over; prints the counts and returns the failures."""
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    started = [context.Process(target=_client, args=(models.name, stop, results)) for _ in range(clients)]
    for process in started:
        process.start()
    start, version, killed, memory = time.monotonic(), 1, False, []
    while time.monotonic() - start < seconds:
        time.sleep(5)
        elapsed = time.monotonic() - start
        memory.append((elapsed, _resident_mib(server.pid)))
        if elapsed > version * 60:
            version += 1
            _publish(newest, models, version)
        if elapsed > seconds / 3 and not killed:
            killed = True
            os.kill(started[0].pid or 0, signal.SIGKILL)
            started.append(context.Process(target=_client, args=(models.name, stop, results)))
            started[-1].start()
    stop.set()
    counts = [results.get(timeout=120) for _ in range(clients)]
    for process in started:
        process.join()
    answered, failures = sum(count["answered"] for count in counts), [f for count in counts for f in count["failures"]]
    versions = sorted(set().union(*(count["versions"] for count in counts)))
    print(f"{answered} requests of {clients} clients in {seconds:.0f} s, {len(failures)} failed; one client killed")
    print(f"versions that answered: {', '.join(map(str, versions))}")
    for failure in failures[:5]:
        print(failure)
    print("| minute | resident memory of the server, MiB (least to most) |\n|---|---|")
    for minute, group in itertools.groupby(memory, key=lambda item: int(item[0] // 60)):
        values = [value for _, value in group]
        print(f"| {minute + 1} | {min(values):.0f} to {max(values):.0f} |")
    return len(failures)


def _client(model: str, stop: Any, results: Any) -> None:
    """Asks for all signatures in turn until `stop` is set."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

    channel = grpc.insecure_channel(f"127.0.0.1:{GRPC}", options=[("grpc.max_receive_message_length", -1)])
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = model
    packed = stub.GetModelMetadata(request, timeout=60).metadata["signature_def"]
    signatures = get_model_metadata_pb2.SignatureDefMap.FromString(packed.value)
    shape = signatures.signature_def["segment"].inputs["images"].tensor_shape.dim
    generator = np.random.default_rng(os.getpid())
    answered, failures, versions = 0, [], set()
    while not stop.is_set():
        signature = SIGNATURES[answered % len(SIGNATURES)]
        images = generator.uniform(0, 200, (int(generator.integers(1, 9)), *(d.size for d in shape[1:])))
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(images.astype(np.float32)))
        try:
            response = stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            failures.append(f"{signature}: {error.code().name}, {error.details()}")
            continue
        answered += 1
        versions.add(response.model_spec.version.value)
    results.put({"answered": answered, "failures": failures, "versions": versions})


def _resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _publish(source: Path, models: Path, version: int) -> None:
    """Makes a copy of a version folder appear at once under another number."""
    temporary = models / f".{version}.part"
    shutil.copytree(source, temporary)
    os.replace(temporary, models / str(version))


def _start(models: Path) -> subprocess.Popen[bytes]:
    """A server that is ready."""
    command = [sys.executable, "-m", "kgp.serve", str(models), "--grpc-port", str(GRPC), "--rest-port", str(REST)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while True:
        time.sleep(0.1)
        if server.poll() is not None:
            raise SystemExit(f"the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{REST}/ready", timeout=5):
                return server
        except OSError:
            continue


if __name__ == "__main__":
    raise SystemExit(main())
