"""Peak memory of a training on a cohort and on one of twice its size.

    python benchmarks/memory.py --patients 40

Trains GP-UNet with the preset `demo` for two epochs on phantoms of N and 2N patients, each in a process of its own, and
prints the peak resident memory of each (operating system's accounting) and the ratio.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--patients", type=int, default=40, help="patients of the smaller phantom (default: %(default)s)"
    )
    parser.add_argument("--size", type=int, default=96, help="side of the slices in pixels (default: %(default)s)")
    arguments = parser.parse_args()
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for patients in (arguments.patients, 2 * arguments.patients):
            data = Path(folder) / f"phantom-{patients}"
            _prepare(data, patients, arguments.size)
            peaks[patients] = _peak(
                [
                    sys.executable,
                    "-m",
                    "kgp.train",
                    "--preset",
                    "demo",
                    "--data",
                    str(data),
                    "--epochs",
                    "2",
                    "--out",
                    f"{folder}/run-{patients}",
                ]
            )
    print("| patients | peak memory |\n|---|---|")
    for patients, peak in peaks.items():
        print(f"| {patients} | {peak / 2**20:.0f} MiB |")
    small, large = peaks.values()
    print(f"\nRatio: {large / small:.3f}")


def _prepare(folder: Path, patients: int, size: int) -> None:
    from kgp.data.prepare import prepare
    from kgp.data.sources.phantom import PhantomSource

    prepare(PhantomSource(patients=patients, size=size), folder)


def _peak(command: list[str]) -> int:
    """Bytes of resident memory at the peak of a command."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    return usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
