"""Time and memory of one runtime as JSON: python -P -m export.measure PATH, in its own process."""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from kgp.runtime import load_runtime

_REPEATS = 7


def main() -> None:
    """Predicts one slice several times after a warm-up, and prints median time and peak memory."""
    runtime = load_runtime(sys.argv[1])
    images = np.random.default_rng(0).uniform(0.0, 300.0, (1, *runtime.description.shape)).astype(np.float32)
    runtime.predict(images)
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        runtime.predict(images)
        times.append(time.perf_counter() - start)
    sys.stdout.write(json.dumps({"milliseconds": 1000 * statistics.median(times), "peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """Peak resident memory.

    Linux is asked first, as getrusage counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
