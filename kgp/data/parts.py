"""The slices of one part of a split, with their class indices: of a split at hand, or of a finished
run.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from kgp.data.cohort import Cohort, SliceRow, read_cohort
from kgp.data.labels import LabelledCohort, choose_labels
from kgp.data.split import Split, read_split
from kgp.errors import KgpError
from kgp.run_folder import Run


@dataclasses.dataclass(frozen=True)
class Part:
    """The slices of one part of a split.

    Attributes:
        rows: rows of the cohort.
        targets: class index of each row.
    """

    rows: tuple[SliceRow, ...]
    targets: tuple[int, ...]


def parts_of(labelled: LabelledCohort, split: Split) -> dict[str, Part]:
    """The parts "train", "validation" and "test" of a split.

    Raises:
        KgpError: the split names a slice that the cohort does not have.
    """
    try:
        return {name: _part(labelled, ids) for name, ids in split.parts.items()}
    except KeyError as error:
        raise KgpError(f"the split names slice {error}, which the data at hand do not have.") from None


def part_of_run(run: Run, part: str) -> tuple[Cohort, tuple[SliceRow, ...], tuple[int, ...]]:
    """The cohort of a run, and rows and class indices of one part of its split.

    Raises:
        KgpError: the prepared data are gone or lack a slice of the split.
    """
    if not run.data:
        raise KgpError(f"{run.folder} was not trained here, so it has no {part} part; judge it with --data.")
    labelled = choose_labels(read_cohort(Path(run.data)), run.config.data.labels)
    split = read_split(run.folder / "split.csv")
    try:
        chosen = _part(labelled, split.parts[part])
    except KeyError as error:
        raise KgpError(f"{run.data} lacks slice {error} of {run.folder / 'split.csv'}.") from None
    return labelled.cohort, chosen.rows, chosen.targets


def _part(labelled: LabelledCohort, ids: Sequence[str]) -> Part:
    """The slices with these ids, in their order.

    A KeyError names the first id that the cohort does not have.
    """
    position = {row.id: index for index, row in enumerate(labelled.rows)}
    chosen = [position[identifier] for identifier in ids]
    return Part(tuple(labelled.rows[index] for index in chosen), tuple(labelled.targets[index] for index in chosen))
