"""Kills a training with SIGKILL, resumes it, and compares the weights with those of an uninterrupted one.

    python benchmarks/resume.py --arch unet --epochs 4

Trains on the phantom with the preset `demo`, three times the same command but for the kills. Prints the SHA-256 of the
weights' values of both runs and exits with 1 where they differ.
"""

import argparse
import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py


def main() -> int:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="unet", help="network (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each training (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=2, help="kills before the last resume (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills (default: %(default)s)")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kgp.train"]
        fresh = [*command, "--cache", f"{folder}/prepared", "--arch", arguments.arch, "--epochs", str(arguments.epochs)]
        subprocess.run([*fresh, "--out", f"{folder}/whole"], check=True)
        interrupted = Path(folder) / "killed"
        start = [*fresh, "--out", str(interrupted)]
        for kill in range(arguments.kills):
            _run_and_kill(start, interrupted / "history.csv", kill + 1, moments.uniform(0.0, 5.0))
            print(f"killed after {_epochs(interrupted / 'history.csv')} epochs", flush=True)
            start = [*command, "--resume", str(interrupted)]
        subprocess.run(start, check=True)
        digests = [_digest(Path(folder) / name / "model.weights.h5") for name in ("whole", "killed")]
    print(f"uninterrupted      {digests[0]}\nkilled and resumed {digests[1]}")
    return int(digests[0] != digests[1])


def _run_and_kill(command: list[str], history: Path, epochs: int, delay: float) -> None:
    process = subprocess.Popen(command)
    while process.poll() is None and _epochs(history) < epochs:
        time.sleep(0.2)
    time.sleep(delay)
    if process.poll() is not None:
        raise SystemExit("The training ended before it could be killed; give more --epochs.")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def _epochs(history: Path) -> int:
    if not history.is_file():
        return 0
    with open(history, newline="", encoding="utf-8") as stream:
        return sum(1 for _ in csv.DictReader(stream))


def _digest(path: Path) -> str:
    """SHA-256 over names and values of all arrays of an HDF5 file, in order of their names."""
    digest = hashlib.sha256()

    def add(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset):
            digest.update(name.encode())
            digest.update(node[()].tobytes())

    with h5py.File(path) as file:
        file.visititems(add)
    return digest.hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
