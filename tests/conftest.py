"""A tiny prepared cohort that tests train and judge on."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from kgp.data.cohort import FORMAT, SliceRow, read_cohort


@pytest.fixture(scope="session")
def tiny_cohort(tmp_path_factory):
    """Ten patients with two slices each, 16x16x2: noise, and in one slice of each a bright 5x5 square (label 1)."""
    return write_tiny_cohort(tmp_path_factory.mktemp("tiny"), patients=10)


def write_tiny_cohort(folder, patients, size=16, masks=True):
    """Writes the cohort into `folder` and reads it back."""
    rng = np.random.default_rng(0)
    rows = []
    for name in ("slices", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for patient in range(patients):
        for label in (0, 1):
            identifier = f"p{patient:02d}_{label}"
            image = rng.integers(80, 120, size=(size, size, 2)).astype(np.uint8)
            mask = np.zeros((size, size), np.uint8)
            if label:
                row, column = rng.integers(1, size - 6, size=2)
                mask[row : row + 5, column : column + 5] = 1
                image[mask > 0] = 240
            np.save(folder / "slices" / f"{identifier}.npy", image)
            np.save(folder / "masks" / f"{identifier}.npy", mask)
            rows.append(
                SliceRow(
                    id=identifier,
                    patient=f"p{patient:02d}",
                    group=f"p{patient:02d}",
                    label=label,
                    label_name=["no_tumour", "tumour"][label],
                    index=label,
                    image=f"slices/{identifier}.npy",
                    mask=f"masks/{identifier}.npy" if masks else "",
                )
            )
    with open(folder / "cohort.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in dataclasses.fields(SliceRow)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in rows)
    header = {
        "format": FORMAT,
        "source": "slices",
        "contrasts": ["T1", "FLAIR"],
        "shape": [size, size, 2],
        "dtype": "uint8",
    }
    (folder / "cohort.json").write_text(json.dumps(header))
    return read_cohort(folder)
