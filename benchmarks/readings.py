"""Which reading cuts the best masks, judged on the validation part of runs; no test mask is looked at.

    python benchmarks/readings.py runs/best-unet runs/best-reconresnet

Prints the median Dice over the tumour slices of the validation part, as delivered, for each run and reading.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from kgp.data.parts import part_of_run
from kgp.evaluation.judge import masks_of, predictions
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import BEST, Reading
from kgp.run_folder import read_run
from kgp.runtime import load_runtime

READINGS = {
    "multiotsu": dataclasses.replace(BEST, rule="multiotsu", value=None),
    "otsu": dataclasses.replace(BEST, rule="otsu", value=None),
    "zero": dataclasses.replace(BEST, rule="zero", value=None),
    "hysteresis 0.1": dataclasses.replace(BEST, rule="hysteresis", value=0.1),
    "hysteresis 0.15": dataclasses.replace(BEST, rule="hysteresis", value=0.15),
    "hysteresis 0.2": dataclasses.replace(BEST, rule="hysteresis", value=0.2),
    "hysteresis 0.3": dataclasses.replace(BEST, rule="hysteresis", value=0.3),
    "hysteresis 0.4": dataclasses.replace(BEST, rule="hysteresis", value=0.4),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    runs = parser.parse_args().runs
    columns = {run.name: medians(run) for run in runs}
    print(f"| reading | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for name in READINGS:
        print(f"| {name} | {' | '.join(f'{values[name]:.3f}' for values in columns.values())} |")


def medians(folder: Path) -> dict[str, float]:
    """Median Dice of each reading over the tumour slices of a run's validation part."""
    run, runtime = read_run(folder), load_runtime(folder)
    cohort, rows, _ = part_of_run(run, "validation")
    values: dict[str, list[float]] = {name: [] for name in READINGS}
    for prediction in predictions(runtime, cohort, rows, range(cohort.shape[2]), {1}):
        if prediction.mask is not None and prediction.mask.any():
            for name, reading in READINGS.items():
                values[name].append(_dice(prediction, reading, runtime.description.no_tumour_class))
    return {name: float(np.median(found)) for name, found in values.items()}


def _dice(prediction, reading: Reading, no_tumour_class: int | None) -> float:  # type: ignore[no-untyped-def]
    return dice(masks_of(prediction, reading, no_tumour_class)[0].mask, prediction.mask)


if __name__ == "__main__":
    main()
