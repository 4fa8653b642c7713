"""`kgp batch` over phantom studies: one and two workers, memory, and a resume after SIGKILL.

    kgp train --arch reconresnet
    python benchmarks/batch.py runs/demo-reconresnet --studies 200

Writes the studies as NIfTI (four contrasts, 10 slices of 64 x 64), segments them all with one
worker, with two, and with two in a start that is killed after a third of them and a second start.
Exits with 1 unless every study is there exactly once and what was done before the kill was not
touched again. Linux only (it reads /proc).
"""

import argparse
import contextlib
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from kgp.data.phantom.anatomy import FIELD_OF_VIEW
from kgp.data.sources.phantom import PhantomSource
from kgp.scans.volume import Volume, write_nifti

_SLAB_MM = 8.0


def main() -> int:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="run or export that was trained on the phantom")
    parser.add_argument("--studies", type=int, default=200, help="(default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        write_archive(archive, arguments.studies)
        print("| workers | studies/s | whole command, s | CPU of all workers, s | peak memory of a worker, MiB |")
        print("|---|---|---|---|---|", flush=True)
        rates = [_measure(archive, arguments.model, Path(folder) / f"out{workers}", workers) for workers in (1, 2)]
        print(f"\nTwo workers against one: {rates[1] / rates[0]:.2f}\n", flush=True)
        return _kill_and_resume(archive, arguments.model, Path(folder) / "killed", arguments.studies)


def write_archive(archive: Path, studies: int) -> None:
    """Writes phantom patients as folders of NIfTI files."""
    source = PhantomSource(patients=studies)
    spacing = FIELD_OF_VIEW / source.size
    # Rows run from front to back, columns from right to left, slices upwards.
    affine = np.array([[0, -spacing, 0, 0], [-spacing, 0, 0, 0], [0, 0, _SLAB_MM, 0], [0, 0, 0, 1.0]])
    for case in source.cases():
        data = np.stack([part.image for part in source.read(case)], axis=2).astype(np.float32)
        volume = Volume(data, affine, source.contrasts)
        (archive / case).mkdir(parents=True)
        for channel, contrast in enumerate(source.contrasts):
            write_nifti(data[..., channel], volume, archive / case / f"{case}_{contrast.lower()}.nii.gz")


def _measure(archive: Path, model: str, out: Path, workers: int) -> float:
    """Prints a line of the table; returns studies a second between the first and the last."""
    _wait_for_no_worker()
    begin = time.monotonic()
    process = _start(archive, model, out, workers)
    peak, seconds = 0.0, {}
    while process.poll() is None:
        for folder in _workers():
            with contextlib.suppress(OSError):  # it may end meanwhile
                peak = max(peak, _peak_mib(folder))
                seconds[folder.name] = _cpu_seconds(folder)
        time.sleep(0.5)
    whole = time.monotonic() - begin
    if process.returncode:
        raise SystemExit(f"kgp batch ended with status {process.returncode}")
    moments = sorted(path.stat().st_mtime for path in (out / "ledger").iterdir())
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    print(f"| {workers} | {rate:.2f} | {whole:.0f} | {sum(seconds.values()):.0f} | {peak:.0f} |", flush=True)
    return rate


def _kill_and_resume(archive: Path, model: str, out: Path, studies: int) -> int:
    process = _start(archive, model, out, workers=2)
    while _count(out) < studies // 3:
        if process.poll() is not None:
            raise SystemExit("kgp batch ended before it could be killed; give more --studies.")
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _wait_for_no_worker()
    before = {path: path.stat().st_mtime_ns for path in (out / "ledger").iterdir() if path.name[0] != "."}
    status = _start(archive, model, out, workers=2).wait()
    with open(out / "studies.csv", newline="", encoding="utf-8") as stream:
        times = Counter(line["study"] for line in csv.DictReader(stream))
    results = sorted(path.name for path in (out / "studies").iterdir() if (path / "summary.json").is_file())
    once = set(times.values()) == {1} and sorted(times) == results and len(results) == studies
    kept = all(path.stat().st_mtime_ns == moment for path, moment in before.items())
    print(
        f"killed with SIGKILL after {len(before)} of {studies} studies; second start: status {status}, {len(results)} results"
    )
    print(f"every study exactly once: {once}; those of the first start untouched: {kept}")
    return int(bool(status) or not once or not kept)


def _start(archive: Path, model: str, out: Path, workers: int) -> "subprocess.Popen[bytes]":
    words = ["--input", str(archive), "--model", model, "--out", str(out), "--workers", str(workers)]
    command = [sys.executable, "-m", "kgp.batch", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"KGP_BENCHMARK": str(os.getpid())})


def _count(out: Path) -> int:
    return sum(path.name[0] != "." for path in (out / "ledger").iterdir()) if (out / "ledger").is_dir() else 0


def _workers() -> list[Path]:
    """Folders in /proc of the workers that this benchmark started."""
    workers = []
    mark = f"KGP_BENCHMARK={os.getpid()}\0".encode()
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdecimal() or mark not in (folder / "environ").read_bytes():
                continue
            if b"ray::MapWorker" in (folder / "cmdline").read_bytes():
                workers.append(folder)
        except OSError:
            continue
    return workers


def _wait_for_no_worker() -> None:
    """Workers of an earlier start end a little later than it does."""
    while _workers():
        time.sleep(0.1)


def _peak_mib(process: Path) -> float:
    """Peak of a process's resident memory."""
    lines = (process / "status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _cpu_seconds(process: Path) -> float:
    """CPU time of a process so far, its threads together."""
    values = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main())
