"""Memory of a search over many trials, and one process against two workers, on the phantom.

    python benchmarks/search.py --trials 20 --epochs 2

The same random search twice: one trial after the other, on all cores, while the resident memory of the searching process
is read once a second without the trials (each trains in a process of its own), and with two workers, which share the
cores. CPU seconds are those of all processes together, so that a search that does not gain tells why. Nothing else should
run meanwhile.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIONS = ("--method", "random", "--preset", "demo", "--size", "32", "--width", "4")
_SINGLE = "one at a time"


def main() -> None:
    """Runs the searches and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="trials of each search (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each trial (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        common = [sys.executable, "-m", "kgp.tune", "--cache", f"{folder}/prepared", *OPTIONS]
        _run([*common, "--trials", "1", "--max-epochs", "1", "--out", f"{folder}/warm"])  # prepares the phantom
        common += ["--trials", str(arguments.trials), "--max-epochs", str(arguments.epochs)]
        rows = {}
        memory: dict[int, float] = {}
        for name, options in {_SINGLE: [], "2 workers": ["--workers", "2"]}.items():
            out = Path(folder) / name.replace(" ", "_")
            rows[name] = _run([*common, *options, "--out", str(out)], out, None if options else memory)
    print("| trials done | MiB of the search's process |\n|---|---|")
    for done, size in sorted(memory.items()):
        print(f"| {done} | {size:.0f} |")
    print("\n| | s | ratio | CPU s |\n|---|---|---|---|")
    for name, (seconds, cpu) in rows.items():
        print(f"| {name} | {seconds:.0f} | {seconds / rows[_SINGLE][0]:.2f} | {cpu:.0f} |")


def _run(command: list[str], out: Path | None = None, memory: dict[int, float] | None = None) -> tuple[float, float]:
    """Wall and CPU seconds of a command; where asked, its resident memory by the number of trials that are done."""
    before, began = _cpu(), time.monotonic()
    process = subprocess.Popen(command)
    while process.poll() is None:
        if memory is not None and out is not None:
            done = len(list(out.glob("trial_*/result.json")))
            memory[done] = max(memory.get(done, 0.0), _resident(process.pid))
        time.sleep(1.0)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.monotonic() - began, _cpu() - before


def _resident(pid: int) -> float:
    """MiB of resident memory, 0 where the process has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
