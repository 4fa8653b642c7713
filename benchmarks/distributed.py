"""One device against two devices of one host and two workers on the loopback interface, as a markdown table.

    python benchmarks/distributed.py --arch unet --epochs 3

The same training of the phantom with the same batches (preset `demo`, gradients clipped and accumulated over two batches;
without dropout, of which each device has its own). Prints how far the loss of each epoch lies from that of one device: sums
over devices are rounded differently, and what that changes grows from step to step. How fast it grows is seen from one device
again with oneDNN's convolutions and with TensorFlow's own, of which one or the other is the processor's default. Further
whether all devices and workers end with the same weights, and the seconds of the training, which on one machine say what
the sharing costs and not what it gains.
"""

import argparse
import csv
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

OPTIONS = ("--dropout", "0", "--accumulation", "2", "--clip-value", "0.01")
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {  # options and environment of each
    "one device": ((), {}),
    "one device without oneDNN": ((), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "one device with oneDNN": ((), {"TF_ENABLE_ONEDNN_OPTS": "1"}),
    "2 devices": (("--strategy", "mirrored", "--devices", "2"), {}),
    "2 workers": (("--strategy", "multiworker"), {}),
}


def main() -> None:
    """Trains and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="unet", help="network (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each training (default: %(default)s)")
    arguments = parser.parse_args()
    print("| | loss of each epoch, from one device | weights, from 2 devices | SHA-256 of the workers | s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        common = [
            *OPTIONS,
            "--cache",
            f"{folder}/prepared",
            "--arch",
            arguments.arch,
            "--epochs",
            str(arguments.epochs),
        ]
        for name, (options, environment) in KINDS.items():
            run = Path(folder) / name
            digests = _train([*common, *options, "--out", str(run)], 2 if "workers" in name else 1, environment)
            losses = np.abs(_losses(run) - _losses(Path(folder) / "one device"))
            weights = "" if not options else f"{_apart(run, Path(folder) / '2 devices'):.1e}"
            seconds = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["training_seconds"]
            alike = ("equal" if len(set(digests)) == 1 else "different") if digests else ""
            told = ", ".join(f"{loss:.1e}" for loss in losses)
            print(f"| {name} | {told} | {weights} | {alike} | {seconds:.0f} |", flush=True)


def _apart(run: Path, other: Path) -> float:
    """The largest difference between the weights of two runs."""
    return max(float(np.abs(a - b).max()) for a, b in zip(_weights(run), _weights(other), strict=True))


def _train(words: list[str], workers: int, more: dict[str, str]) -> list[str]:
    """Trains with more variables in the environment and returns the digests that the workers logged."""
    ports = _free_ports(workers)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    started = []
    for index in range(workers):
        place = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        environment = {**os.environ, **more, **({"TF_CONFIG": place} if workers > 1 else {})}
        command = [sys.executable, "-m", "kgp.train", *words]
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    told = [process.communicate()[1] for process in started]
    for process, text in zip(started, told, strict=True):
        if process.returncode:
            raise SystemExit(text)
    return [found for text in told for found in re.findall(r"SHA-256 is (\w+)", text)]


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _losses(run: Path) -> np.ndarray:
    with open(run / "history.csv", newline="", encoding="utf-8") as stream:
        return np.array([float(row["loss"]) for row in csv.DictReader(stream)])


def _weights(run: Path) -> list[np.ndarray]:
    values = []
    with h5py.File(run / "model.weights.h5") as file:
        file.visititems(lambda _, node: values.append(node[()]) if isinstance(node, h5py.Dataset) else None)
    return values


if __name__ == "__main__":
    main()
