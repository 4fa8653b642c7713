"""Classes of a training run from the labels of a cohort."""

import dataclasses

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.no_tumour import no_tumour_classes
from kgp.errors import KgpError, UsageError

_FEWEST_PATIENTS = 3  # a class has to stand in training, validation and test


@dataclasses.dataclass(frozen=True)
class LabelledCohort:
    """The slices that take part, each with its class.

    Attributes:
        cohort: the prepared data.
        rows: slices kept.
        targets: class index of each row.
        class_names: K names, in the order of the logits.
        no_tumour_class: index of the class all of whose labels mean "no tumour" (the first, where
            several do; see `kgp.data.no_tumour`), or None.
        dropped: one sentence for each label that was left out.
    """

    cohort: Cohort
    rows: tuple[SliceRow, ...]
    targets: tuple[int, ...]
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    dropped: tuple[str, ...]


def choose_labels(
    cohort: Cohort, labels: tuple[str, ...] = (), *, split: bool = True, no_tumour: str = ""
) -> LabelledCohort:
    """Chooses and merges labels.

    Args:
        cohort: the prepared data.
        labels: NAME=LABEL[,LABEL], with labels by number or name and * for all that are not named;
            labels not named are left out. Empty: every label of the data is a class, but for those
            of fewer than three patients, which cannot stand in training, validation and test.
        split: whether the slices are to be split; without it no number of patients is asked for.
        no_tumour: as --no-tumour: the class, or the name or number of the label, that means "no
            tumour"; "none" for no class; "" for what the labels say by themselves.

    Raises:
        UsageError: an option is malformed, names an unknown label or one label twice.
        KgpError: fewer than two classes are left to train on, or none to judge; there are fewer
            than three patients in all or in a class named; or names and numbers of labels do not go
            one to one.
    """
    names = _label_names(cohort)
    persons = len({row.group for row in cohort.rows})
    if split and persons < _FEWEST_PATIENTS:
        raise KgpError(
            f"{cohort.name} has {persons} patient(s); at least {_FEWEST_PATIENTS} are needed for training, "
            "validation and test."
        )
    classes: dict[str, tuple[int, ...]] = {names[label]: (label,) for label in sorted(names)}
    if labels:
        classes = _parse(labels, names)
    patients = {
        name: len({row.group for row in cohort.rows if row.label in members}) for name, members in classes.items()
    }
    few = [name for name in classes if split and patients[name] < _FEWEST_PATIENTS]
    if labels and few:
        raise KgpError(
            f"Class {few[0]!r} has {patients[few[0]]} patient(s) in {cohort.name}; at least "
            f"{_FEWEST_PATIENTS} are needed for training, validation and test."
        )
    dropped = _dropped(classes, names, few, patients)
    classes = {name: members for name, members in classes.items() if name not in few}
    if len(classes) < (2 if split else 1):
        raise KgpError(
            f"{cohort.name} gives {len(classes)} class(es) with enough patients; at least two are needed "
            f"(its labels: {_listed(names)})."
        )
    index = {label: number for number, members in enumerate(classes.values()) for label in members}
    rows = tuple(row for row in cohort.rows if row.label in index)
    without_tumour = no_tumour_classes(no_tumour, classes, names)
    return LabelledCohort(
        cohort,
        rows,
        tuple(index[row.label] for row in rows),
        tuple(classes),
        without_tumour[0] if without_tumour else None,
        dropped,
    )


def _label_names(cohort: Cohort) -> dict[int, str]:
    """Name of each label.

    Raises:
        KgpError: a label has two names, or two labels have one.
    """
    names: dict[int, str] = {}
    for row in cohort.rows:
        if names.setdefault(row.label, row.label_name) != row.label_name:
            raise KgpError(f"{cohort.name} calls label {row.label} both {names[row.label]!r} and {row.label_name!r}.")
    if len(set(names.values())) < len(names):
        raise KgpError(f"{cohort.name} has two labels of one name ({_listed(names)}).")
    return names


def _dropped(
    classes: dict[str, tuple[int, ...]], names: dict[int, str], few: list[str], patients: dict[str, int]
) -> tuple[str, ...]:
    used = {label for members in classes.values() for label in members}
    sentences = [
        f"Label {name!r} is left out: its {patients[name]} patient(s) cannot stand in training, validation and "
        "test (choose or merge labels with --labels)."
        for name in few
    ]
    sentences += [
        f"Label {names[label]!r} is left out, as --labels does not name it."
        for label in sorted(names)
        if label not in used
    ]
    return tuple(sentences)


def _listed(names: dict[int, str]) -> str:
    return ", ".join(f"{label} ({name})" for label, name in sorted(names.items()))


def _parse(labels: tuple[str, ...], names: dict[int, str]) -> dict[str, tuple[int, ...]]:
    """Labels of each class of the option."""
    known = {name: label for label, name in names.items()} | {str(label): label for label in names}
    classes: dict[str, list[int]] = {}
    rest = []
    for word in labels:
        name, equals, members = word.partition("=")
        if not name or not equals or not members or name in classes:
            raise UsageError(f"--labels takes NAME=LABEL[,LABEL] with each NAME once, not {word!r}.")
        classes[name] = []
        for member in members.split(","):
            if member == "*":
                rest.append(name)
            elif member not in known:
                raise UsageError(f"--labels names the unknown label {member!r}; the data have {_listed(names)}.")
            else:
                classes[name].append(known[member])
    named = [label for members in classes.values() for label in members]
    twice = [names[label] for label in named if named.count(label) > 1] or ["*"] * (len(rest) > 1)
    if twice:
        raise UsageError(f"--labels names the label {twice[0]!r} twice.")
    if rest:
        classes[rest[0]] += [label for label in sorted(names) if label not in named]
    empty = [name for name, members in classes.items() if not members]
    if empty:
        raise UsageError(f"--labels leaves no label for class {empty[0]!r}; the data have {_listed(names)}.")
    return {name: tuple(members) for name, members in classes.items()}
