"""Which reading cuts the best masks, judged on the validation part of runs; no test mask is looked at.

    python benchmarks/readings.py runs/best-unet runs/best-reconresnet

Prints the median Dice over the tumour slices of the validation part, as delivered, for each run and reading.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from kgp.data.parts import part_of_run
from kgp.evaluation.known_slices import predict_known
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, REFINED
from kgp.run_folder import read_run
from kgp.runtime import load_runtime

READINGS = {
    "multiotsu": dataclasses.replace(HYSTERESIS, rule="multiotsu", value=None),
    "otsu": dataclasses.replace(HYSTERESIS, rule="otsu", value=None),
    "zero": dataclasses.replace(HYSTERESIS, rule="zero", value=None),
    "hysteresis 0.1": dataclasses.replace(HYSTERESIS, value=0.1),
    "hysteresis 0.15": HYSTERESIS,
    "hysteresis 0.2": dataclasses.replace(HYSTERESIS, value=0.2),
    "hysteresis 0.15, refined twice": dataclasses.replace(HYSTERESIS, refinements=2),
    "zero, refined twice": dataclasses.replace(HYSTERESIS, rule="zero", value=None, refinements=2),
    "image_level": IMAGE_LEVEL,
    "image_level, refined once": dataclasses.replace(IMAGE_LEVEL, refinements=1),
    "refined (image_level, refined twice)": REFINED,
    "image_level, refined three times": dataclasses.replace(IMAGE_LEVEL, refinements=3),
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
    for known in predict_known(runtime, cohort, rows, READINGS):
        if known.truth is not None and known.truth.any():
            for name, prediction in known.predictions.items():
                values[name].append(dice(prediction.mask, known.truth))
    return {name: float(np.median(values)) for name, values in values.items()}


if __name__ == "__main__":
    main()
