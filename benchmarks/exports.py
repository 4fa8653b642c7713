"""What every kind of export costs and keeps, as a markdown table: a SavedModel and LiteRT files in each precision.

    python benchmarks/exports.py RUN ...
    python benchmarks/exports.py RUN ... --cohort PREPARED --slices 24

Each is exported into a temporary folder and compared with its run on slices of the run's validation part, as `kgp export`
does; latency is that of one slice as a ratio to the run's in the same minute, each in a process of its own. With --cohort
the runs are taken at the size of that cohort (weights do not depend on it), which must hold the run's slices; --slices
thins out training and validation part where all would take hours; --keep keeps the LiteRT files. Nothing else should run
meanwhile.
"""

import argparse
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

from export.litert import PRECISIONS, export_litert
from export.samples import SLICES
from export.savedmodel import export_savedmodel
from kgp.data.cohort import read_cohort
from kgp.data.split import read_split, write_split
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.run_folder import build_run_network, read_run, write_run
from kgp.runtime.artifact import litert_manifest

COLUMNS = (
    "run", "export", "MB", "logits", "heatmap", "called alike", "mask Dice", "Dice to truth, run and export",
    "ms a slice (ratio)", "peak MiB", "layers in 32 bits",
)  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--cohort", type=Path, help="prepared slices (kgp prepare) of another size")
    parser.add_argument("--slices", type=int, default=SLICES, help="slices of each part (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the LiteRT files")
    arguments = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for trained in arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            run = _resized(trained, arguments.cohort, arguments.slices, Path(folder) / trained.name)
            _, found = export_savedmodel(run, Path(folder) / "model")
            _print(run, "SavedModel", found, "all")
            for precision in PRECISIONS:
                path = (arguments.keep or Path(folder)) / f"{trained.name}-{precision}.tflite"
                try:
                    found = export_litert(run, path, precision=precision)
                except KgpError as error:
                    print(f"| {run.name} | LiteRT {precision} | {error} |")
                    continue
                kept = read_json(litert_manifest(path)).get("float_layers", ["all"])
                _print(run, f"LiteRT {precision}", found, ", ".join(kept))


def _resized(folder: Path, cohort: Path | None, slices: int, out: Path) -> Path:
    """A copy of a run at the size of a cohort, with so many slices in training and validation part."""
    run = read_run(folder)
    shape, data = run.shape, run.data
    if cohort is not None:
        shape, data = read_cohort(cohort).shape, str(cohort.resolve())
    shutil.copytree(folder, out)
    split = read_split(folder / "split.csv")
    parts = {name: ids[:: max(1, len(ids) // slices)][:slices] for name, ids in split.parts.items()}
    write_split(dataclasses.replace(split, parts=parts), out / "split.csv")
    write_run(
        out,
        run.config.override(size=shape[0]),
        build_run_network(run, *shape[:2]),
        class_names=run.class_names,
        no_tumour_class=run.no_tumour_class,
        contrasts=run.contrasts,
        shape=shape,
        data=data,
    )
    return out


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
