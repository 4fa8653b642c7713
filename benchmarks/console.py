"""Seconds and memory of `kgp console run` by phase, for each model, as a markdown table; and how
long `listen` takes to start.

    python benchmarks/exports.py RUN ... --cohort PREPARED --keep MODELS
    python benchmarks/console.py MODELS/*.tflite

The study is one phantom patient with a tumour in four contrasts, written as DICOM: 155 slices of
240 x 240, 1.35 mm apart. Each model runs in a process of its own, from the start of Python to the
last file; the phases are those of summary.json. The start is that of Python until the first C-ECHO
is answered, with the first model. Nothing else should run meanwhile, and the environment should
hold `kgp[console]` alone, as others take longer to import.
"""

import argparse
import json
import os
import runpy
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pynetdicom

from kgp.data.sources.phantom import PhantomSource

COLUMNS = ("model", "MB", "start to end, s", "read", "first slice", "all slices", "ms a slice", "write", "peak MiB")
STEP = 1.35  # between the slices, mm
STARTS = 5
DicomStudy = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "dicom_study.py"))["DicomStudy"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help=".tflite files of kgp export")
    parser.add_argument("--slices", type=int, default=155, help="slices of the study (default: %(default)s)")
    parser.add_argument("--size", type=int, default=240, help="rows and columns (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        _write_study(study, arguments.slices, arguments.size)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for model in arguments.models:
            out = Path(folder) / model.stem
            seconds, peak = _run(study, model, out)
            phases = json.loads((out / "summary.json").read_text(encoding="utf-8"))["seconds"]
            cells = [
                model.stem,
                f"{model.stat().st_size / 1e6:.1f}",
                f"{seconds:.1f}",
                f"{phases['read']:.1f}",
                f"{phases['first_slice']:.2f}",
                f"{phases['infer']:.1f}",
                f"{1000 * phases['infer'] / arguments.slices:.0f}",
                f"{phases['write']:.1f}",
                f"{peak:.0f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
        starts = sorted(_start(arguments.models[0], Path(folder) / f"listen{number}") for number in range(STARTS))
        median = statistics.median(starts)
        print(f"\nStart of listen: {median:.2f} s ({starts[0]:.2f} to {starts[-1]:.2f}, {STARTS} starts).")


def _run(study: Path, model: Path, out: Path) -> tuple[float, float]:
    """Wall seconds and MiB of peak memory of one command."""
    began = time.monotonic()
    command = [sys.executable, "-m", "kgp.console", "run", str(study), "--model", str(model), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    return time.monotonic() - began, used.ru_maxrss / 1024


def _start(model: Path, out: Path) -> float:
    """Seconds from the start of `kgp console listen` until it answers a C-ECHO."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    caller = pynetdicom.AE()
    caller.add_requested_context(pynetdicom.sop_class.Verification)
    began = time.monotonic()
    words = ["--port", str(port), "--model", str(model), "--out", str(out)]
    command = [sys.executable, "-m", "kgp.console", "listen", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            association = caller.associate("127.0.0.1", port, ae_title="KGP")
            if association.is_established:
                status = association.send_c_echo()
                seconds = time.monotonic() - began
                association.release()
                if status.Status == 0:
                    return seconds
            time.sleep(0.01)
        raise SystemExit(f"{' '.join(command)} ended before it answered.")
    finally:
        process.terminate()
        process.wait()


def _write_study(folder: Path, slices: int, size: int) -> None:
    """One series a contrast; every slice of the phantom's first patient."""
    source = PhantomSource(patients=1, slices=slices, size=size)
    drawn = list(source.read("phantom0000"))
    images = np.stack([one.image for one in drawn])
    pixels = {contrast: images[..., number] for number, contrast in enumerate(source.contrasts)}
    DicomStudy(contrasts=source.contrasts, pixels=pixels, spacing=drawn[0].spacing, step=STEP).write(folder)


if __name__ == "__main__":
    main()
