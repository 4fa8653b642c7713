"""What a source is: a reader that yields raw slices case by case, and says what is wrong with its
files.
"""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class SourceSlice:
    """One slice as it comes from a source, before any resizing.

    Attributes:
        image: raw intensities [H, W, C] in the source's own type (uint8, uint16, int16, float32).
        mask: bool [H, W], or None where the source has no mask.
        spacing: millimetres between pixel centres along rows axis and columns axis, or None where
        unknown.
        notes: sentences on what was done to read the slice and may be wrong, each beginning with a
            verb ("has a mask with ..."); a note on a whole volume stands at its first slice only.

    The other fields are as in `kgp.data.cohort.SliceRow`.
    """

    id: str
    patient: str
    group: str
    label: int
    label_name: str
    image: np.ndarray
    mask: np.ndarray | None = None
    spacing: tuple[float, float] | None = None
    volume: str = ""
    index: int = 0
    spacing_slice: float | None = None
    plane: str = ""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class DataFault:
    """One thing that is wrong, or worth knowing, about a data set.

    Attributes:
        severity: "error" (the case cannot be used) or "warning".
        where: file, case or slice id.
        what: one sentence.
    """

    severity: str
    where: str
    what: str


class Source(Protocol):
    """A data set on disk. Nothing is read until asked, and only one case is held at a time."""

    @property
    def name(self) -> str:
        """Name of the kind of source."""

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Name of each image channel, in order."""

    def cases(self) -> list[str]:
        """Identifiers of the cases (a patient's volume, or one slice), sorted."""

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one case.

        Raises:
            KgpError: a file of the case is missing, cut short, or does not fit the others.
        """

    def check(self) -> list[DataFault]:
        """Findings that concern the data set as a whole (duplicate ids, missing files).

        No pixels are read.
        """
