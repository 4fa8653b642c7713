"""A data source of one's own: whatever yields slices case by case."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.cohort import Cohort
from kgp.data.prepare import prepare
from kgp.data.sources.source import DataFault, SourceSlice


class DiscSource:
    """Drawn discs: a patient has one slice with a bright disc and one without."""

    name = "discs"
    contrasts = ("brightness",)

    def cases(self) -> list[str]:
        """Identifiers of the cases."""
        return [f"patient{number:02d}" for number in range(25)]

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one case: raw intensities, label and mask."""
        rng = np.random.default_rng(int(case[-2:]))
        rows, columns = np.mgrid[:32, :32]
        row, column = rng.integers(10, 22, size=2)
        disc = np.hypot(rows - row, columns - column) < 6
        for label, mask in enumerate((np.zeros_like(disc), disc)):
            image = rng.normal(100.0, 10.0, (32, 32, 1)) + 80.0 * mask[..., None]
            yield SourceSlice(
                id=f"{case}_{label}",
                patient=case,
                group=case,  # splits go by it: the person
                label=label,  # 0 means "no tumour"
                label_name=("none", "disc")[label],
                image=image.astype(np.float32),
                mask=mask,
            )

    def check(self) -> list[DataFault]:
        """What is wrong with the data as a whole."""
        return []


def prepare_discs(folder: Path) -> Cohort:
    """Writes the slices once; kgp.train(data=folder) trains on them."""
    return prepare(DiscSource(), folder)
