"""The slices of one part of a split, with their class indices: of a split at hand, or of a finished
run.
"""

import dataclasses
from collections.abc import Sequence

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.labels import LabelledCohort, choose_labels
from kgp.data.run_data import cohort_of_run
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


def part_of_run(
    run: Run, part: str, cohort: Cohort | None = None
) -> tuple[Cohort, tuple[SliceRow, ...], tuple[int, ...]]:
    """The cohort of a run, and rows and class indices of one part of its split.

    Args:
        run: the run.
        part: "train", "validation" or "test".
        cohort: the run's data from elsewhere (`kgp.data.run_data.cohort_from`); default those that
            it recorded.

    Raises:
        KgpError: the prepared data are gone, lack a slice of the split, or give a slice another
            person or class than the split has.
    """
    cohort = cohort or cohort_of_run(run, part)
    split = read_split(run.folder / "split.csv")
    target_of = _targets(run, cohort)
    row_of = {row.id: row for row in cohort.rows}
    ids = split.parts[part]
    where = run.folder / "split.csv"
    missing = [identifier for identifier in ids if identifier not in target_of]
    if missing:
        raise KgpError(
            f"{cohort.name} lacks slice {missing[0]!r} of {where}; of the {len(ids)} slices of the {part} part "
            f"{len(missing)} are missing."
        )
    names = {identifier: run.class_names[target_of[identifier]] for identifier in ids}
    for what, there, here in (
        ("person", split.groups, {identifier: row_of[identifier].group for identifier in ids}),
        ("class", split.classes, names),
    ):
        other = [identifier for identifier in ids if there.get(identifier, here[identifier]) != here[identifier]]
        if other:
            raise KgpError(
                f"{cohort.name} gives slice {other[0]!r} the {what} {here[other[0]]!r} where {where} has "
                f"{there[other[0]]!r}; of the {len(ids)} slices of the {part} part {len(other)} differ."
            )
    return cohort, tuple(row_of[identifier] for identifier in ids), tuple(target_of[identifier] for identifier in ids)


def _targets(run: Run, cohort: Cohort) -> dict[str, int]:
    """Index among the run's classes of each slice that has one of them."""
    labelled = choose_labels(cohort, run.config.data.labels, split=False)
    index = {name: number for number, name in enumerate(run.class_names)}
    return {
        row.id: index[labelled.class_names[target]]
        for row, target in zip(labelled.rows, labelled.targets, strict=True)
        if labelled.class_names[target] in index
    }


def _part(labelled: LabelledCohort, ids: Sequence[str]) -> Part:
    """The slices with these ids, in their order.

    A KeyError names the first id that the cohort does not have.
    """
    position = {row.id: index for index, row in enumerate(labelled.rows)}
    chosen = [position[identifier] for identifier in ids]
    return Part(tuple(labelled.rows[index] for index in chosen), tuple(labelled.targets[index] for index in chosen))
