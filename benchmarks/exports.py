"""What every kind of export costs and keeps, as a markdown table: a SavedModel and LiteRT files in each precision.

    python benchmarks/exports.py RUN ...

Each is exported into a temporary folder and compared with its run on slices of the run's validation part, as `kgp export`
does; latency is that of one slice as a ratio to the run's in the same minute, each in a process of its own. Nothing else
should run meanwhile.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from export.litert import PRECISIONS, export_litert
from export.savedmodel import export_savedmodel
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.runtime.artifact import litert_manifest

COLUMNS = (
    "run", "export", "MB", "logits", "heatmap", "called alike", "mask Dice", "Dice to truth, run and export",
    "ms a slice (ratio)", "peak MiB", "layers in 32 bits",
)  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for run in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as folder:
            _, found = export_savedmodel(run, Path(folder) / "model")
            _print(run, "SavedModel", found, "all")
            for precision in PRECISIONS:
                path = Path(folder) / f"{precision}.tflite"
                try:
                    found = export_litert(run, path, precision=precision)
                except KgpError as error:
                    print(f"| {run.name} | LiteRT {precision} | {error} |")
                    continue
                kept = read_json(litert_manifest(path)).get("float_layers", ["all"])
                _print(run, f"LiteRT {precision}", found, ", ".join(kept))


def _print(run: Path, name: str, found: dict[str, Any], kept: str) -> None:
    truth, speed, memory = found.get("dice_to_truth"), found["milliseconds"], found["peak_mib"]
    cells = [
        run.name,
        name,
        f"{found['megabytes']:.2f}",
        f"{found['logits_difference']:.1e}",
        f"{found['heatmap_difference']:.1e}",
        f"{found['class_agreement']:.1%}",
        "–" if found["mask_dice"] is None else f"{found['mask_dice']:.4f}",
        f"{truth['run']:.3f}, {truth['export']:.3f}" if truth else "–",
        f"{speed['export']:.1f} ({speed['export'] / speed['run']:.2f})",
        f"{memory['export']:.0f} (run {memory['run']:.0f})",
        kept,
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
