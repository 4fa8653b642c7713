"""Classes of a training run from the labels of a cohort."""

import dataclasses

from kgp.data.cohort import Cohort, SliceRow
from kgp.errors import KgpError, UsageError

PARTS = 3  # a class has to stand in training, validation and test


@dataclasses.dataclass(frozen=True)
class LabelledCohort:
    """The slices that take part, each with its class.

    Attributes:
        cohort: the prepared data.
        rows: slices kept.
        targets: class index of each row.
        class_names: K names, in the order of the logits.
        no_tumour_class: index of the class made of label 0 only, or None.
        dropped: one sentence for each label that was left out.
    """

    cohort: Cohort
    rows: tuple[SliceRow, ...]
    targets: tuple[int, ...]
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    dropped: tuple[str, ...]


def choose_labels(cohort: Cohort, labels: tuple[str, ...] = (), *, split: bool = True) -> LabelledCohort:
    """Chooses and merges labels.

    Args:
        cohort: the prepared data.
        labels: NAME=LABEL[,LABEL], with labels by number or name and * for all that are not named; labels not named
            are left out. Empty: every label of the data is a class, but for those of fewer than three patients, which
            cannot stand in training, validation and test.
        split: whether the slices are to be split; without it no number of patients is asked for.

    Raises:
        UsageError: the option is malformed, names an unknown label or one label twice.
        KgpError: fewer than two classes are left, or a class named has fewer than three patients.
    """
    names = {row.label: row.label_name for row in cohort.rows}
    classes = _parse(labels, names) if labels else {names[label]: (label,) for label in sorted(names)}
    patients = {name: len({row.group for row in cohort.rows if row.label in members})
                for name, members in classes.items()}
    few = [name for name in classes if split and patients[name] < PARTS]
    if labels and few:
        raise KgpError(f"class {few[0]!r} has {patients[few[0]]} patient(s) in {cohort.folder}; "
                       f"{PARTS} are needed for training, validation and test.")
    dropped = [f"Label {name!r} is left out: its {patients[name]} patient(s) cannot stand in training, validation and "
               "test (choose or merge labels with --labels)." for name in few]
    used = {label for members in classes.values() for label in members}
    dropped += [f"Label {name!r} is left out, as --labels does not name it." for label, name in sorted(names.items())
                if label not in used]
    classes = {name: members for name, members in classes.items() if name not in few}
    if len(classes) < 2:
        raise KgpError(f"{cohort.folder} gives {len(classes)} class(es) with enough patients; two are needed.")
    index = {label: number for number, members in enumerate(classes.values()) for label in members}
    rows = tuple(row for row in cohort.rows if row.label in index)
    free = [number for number, members in enumerate(classes.values()) if set(members) == {0}]
    return LabelledCohort(cohort, rows, tuple(index[row.label] for row in rows), tuple(classes),
                          free[0] if free else None, tuple(dropped))


def _parse(labels: tuple[str, ...], names: dict[int, str]) -> dict[str, tuple[int, ...]]:
    known = {str(label): label for label in names} | {name: label for label, name in names.items()}
    classes: dict[str, list[int]] = {}
    rest = None
    for word in labels:
        name, equals, members = word.partition("=")
        if not name or not equals or not members or name in classes:
            raise UsageError(f"--labels takes NAME=LABEL[,LABEL] with each NAME once, not {word!r}.")
        classes[name] = []
        for member in members.split(","):
            if member == "*":
                rest = name
            elif member not in known:
                raise UsageError(f"--labels names the unknown label {member!r}; the data have "
                                 f"{', '.join(f'{label} ({text})' for label, text in sorted(names.items()))}.")
            else:
                classes[name].append(known[member])
    named = [label for members in classes.values() for label in members]
    if len(named) != len(set(named)):
        raise UsageError("--labels names a label twice.")
    if rest is not None:
        classes[rest] += [label for label in sorted(names) if label not in named]
    empty = [name for name, members in classes.items() if not members]
    if empty:
        raise UsageError(f"--labels leaves no label for class {empty[0]!r}.")
    return {name: tuple(members) for name, members in classes.items()}
