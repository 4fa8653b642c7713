"""Splits by patient: stratified, from sorted ids and a seed, written once and checked when read."""

import dataclasses
import itertools
import logging
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from kgp.data.labels import LabelledCohort
from kgp.errors import KgpError, UsageError
from kgp.files import read_table, write_table

PARTS = ("train", "validation", "test")
SPLIT_UNITS = ("patient", "slice-leaky")  # what a split keeps together
_FRACTION = 0.2  # of the patients, for validation and for test
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which slice is in which part.

    Attributes:
        parts: slice ids of "train", "validation" and "test".
        groups: the group (person) of each slice id.
        by: "patient", or "slice-leaky" where slices of one patient stand in several parts.
        classes: name of the class of each slice id; empty where an earlier version wrote none.

    Raises:
        KgpError: a slice stands in two parts, or, by patient, a group does.
    """

    parts: dict[str, tuple[str, ...]]
    groups: dict[str, str]
    by: str = "patient"
    classes: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        part_of: dict[str, str] = {}
        seen: set[str] = set()
        for part, ids in self.parts.items():
            for identifier in ids:
                if identifier in seen:
                    raise KgpError(f"slice {identifier} stands in the split twice.")
                seen.add(identifier)
                group = self.groups.get(identifier, identifier)
                if self.by == "patient" and part_of.setdefault(group, part) != part:
                    raise KgpError(f"patient {group} stands in the {part_of[group]} part and in the {part} part.")


def split_cohort(
    labelled: LabelledCohort, *, by: str = "patient", folds: int = 0, fold: int = 0, seed: int = 0
) -> Split:
    """Splits 60/20/20, or into k folds of which `fold` is the test part and the next one the
    validation part.

    Patients are stratified by the set of classes that their slices have.

    Raises:
        UsageError: folds and fold do not go together.
        KgpError: there are too few patients, a patient goes with several groups, or a part would
            lack a class.
    """
    if by not in SPLIT_UNITS:
        raise UsageError(f"--split must be one of {', '.join(SPLIT_UNITS)}, not {by!r}.")
    if (folds and folds < 3) or not 0 <= fold < max(folds, 1):
        raise UsageError(f"--folds must be 0 or at least 3, and --fold below it, not {folds} and {fold}.")
    units: dict[str, set[int]] = defaultdict(set)
    unit_of = {}
    for row, target in zip(labelled.rows, labelled.targets, strict=True):
        unit = row.group if by == "patient" else row.id
        unit_of[row.id] = unit
        units[unit].add(target)
    if by == "patient":
        _check_persons(labelled)
    else:
        _log.warning("Splitting by slice: slices of one patient stand in training and test, so the test figures leak.")
    if len(units) < len(PARTS):
        raise KgpError(
            f"{labelled.cohort.name} has {len(units)} patient(s); at least {len(PARTS)} are needed for "
            "training, validation and test."
        )
    if folds > len(units):
        raise KgpError(f"{labelled.cohort.name} has {len(units)} patients, which do not fill {folds} folds.")
    part_of = _assign(units, folds, fold, seed)
    parts = {part: tuple(row.id for row in labelled.rows if part_of[unit_of[row.id]] == part) for part in PARTS}
    class_of = dict(zip((row.id for row in labelled.rows), labelled.targets, strict=True))
    classes = {identifier: labelled.class_names[target] for identifier, target in class_of.items()}
    split = Split(parts, {row.id: row.group for row in labelled.rows}, by, classes)
    _check_classes(split, labelled)
    return split


def _assign(units: dict[str, set[int]], folds: int, fold: int, seed: int) -> dict[str, str]:
    """The part of each unit.

    Without folds the units are dealt to fifths, three of which are the training part.
    """
    number_of = _deal(units, folds or round(1 / _FRACTION), seed)
    if not folds:
        number_of = {unit: min(number, 2) for unit, number in number_of.items()}
    _even_out(number_of, units, folds or len(PARTS))
    roles = {fold: "test", (fold + 1) % (folds or len(PARTS)): "validation"}
    return {unit: roles.get(number, "train") for unit, number in number_of.items()}


def _deal(units: dict[str, set[int]], folds: int, seed: int) -> dict[str, int]:
    """Deals the shuffled units of each stratum to the folds in turn.

    The deal goes on from stratum to stratum.
    """
    strata: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for unit in sorted(units):
        strata[tuple(sorted(units[unit]))].append(unit)
    generator = np.random.default_rng(seed)
    number_of: dict[str, int] = {}
    for stratum in sorted(strata):
        for position in generator.permutation(len(strata[stratum])):
            number_of[strata[stratum][position]] = len(number_of) % folds
    return number_of


def _even_out(number_of: dict[str, int], units: dict[str, set[int]], folds: int) -> None:
    """Moves units, in place, so that rare classes stand in every fold, where another fold can spare
    a unit.
    """
    classes = sorted(set().union(*units.values()))
    counts = Counter((number, target) for unit, number in number_of.items() for target in units[unit])
    for number, target in itertools.product(range(folds), classes):
        if counts[number, target]:
            continue
        spare = [
            unit
            for unit in sorted(units)
            if target in units[unit] and all(counts[number_of[unit], other] > 1 for other in units[unit])
        ]
        if spare:
            moved = max(spare, key=lambda unit: counts[number_of[unit], target])
            counts.subtract((number_of[moved], other) for other in units[moved])
            counts.update((number, other) for other in units[moved])
            number_of[moved] = number


def _check_persons(labelled: LabelledCohort) -> None:
    """Refuses a patient whose slices name several groups, as these may go to several parts."""
    group_of: dict[str, str] = {}
    for row in labelled.rows:
        if group_of.setdefault(row.patient, row.group) != row.group:
            raise KgpError(
                f"patient {row.patient} of {labelled.cohort.name} goes with several groups ({group_of[row.patient]}, "
                f"{row.group}); give all slices of a patient one patient_group."
            )


def _check_classes(split: Split, labelled: LabelledCohort) -> None:
    target_of = dict(zip((row.id for row in labelled.rows), labelled.targets, strict=True))
    for part, ids in split.parts.items():
        present = {target_of[identifier] for identifier in ids}
        for number, name in enumerate(labelled.class_names):
            if number not in present:
                raise KgpError(
                    f"class {name!r} has no slice in the {part} part; it stands with too few patients, so "
                    "merge or leave it out with --labels, or take another --seed."
                )


def write_split(split: Split, path: Path) -> None:
    """Writes split.csv (id, group, part, how the split was made, and class) atomically."""
    write_table(
        [
            {"id": identifier, "group": split.groups[identifier], "part": part, "by": split.by}
            | ({"class": split.classes[identifier]} if split.classes else {})
            for part, ids in split.parts.items()
            for identifier in ids
        ],
        path,
    )


def read_split(path: Path) -> Split:
    """Reads split.csv.

    Raises:
        KgpError: the file is missing, not a split, or has one person in two parts.
    """
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    groups, classes, by = {}, {}, "patient"
    try:
        for row in read_table(path).rows:
            parts[row["part"]].append(row["id"])
            groups[row["id"]] = row["group"]
            by = row["by"]
            if "class" in row:
                classes[row["id"]] = row["class"]
    except KeyError as error:
        raise KgpError(f"{path} is not a split of this format: {error}.") from None
    try:
        return Split({part: tuple(ids) for part, ids in parts.items()}, groups, by, classes)
    except KgpError as error:
        raise KgpError(f"{path}: {error}") from None
