"""What a training says of the class that means "no tumour", and whether the masks contradict it."""

from collections import defaultdict

from kgp.data.cohort import SliceRow, read_mask
from kgp.data.labels import LabelledCohort
from kgp.data.no_tumour import no_tumour_classes
from kgp.errors import KgpError

_LOOKED_AT = 200  # most masks read a class
_MOST = 0.5
_NEARLY_ALL = 0.9


def no_tumour_sentence(labelled: LabelledCohort) -> str:
    """One sentence: which class means "no tumour", and of which labels it is made."""
    number = labelled.no_tumour_class
    if number is None:
        return 'No class means "no tumour" (if one does, name it with --no-tumour).'
    labels = sorted(
        {row.label for row, target in zip(labelled.rows, labelled.targets, strict=True) if target == number}
    )
    word = "label" if len(labels) == 1 else "labels"
    return f'"No tumour" is class {labelled.class_names[number]!r} ({word} {", ".join(map(str, labels))}).'


def check_no_tumour(labelled: LabelledCohort, option: str = "") -> None:
    """Refuses classes that cannot mean what they are taken for.

    At most _LOOKED_AT masks of each class are read, evenly spread.

    Args:
        labelled: the classes.
        option: as --no-tumour; what it says is not doubted where no class means "no tumour".

    Raises:
        KgpError: several classes mean "no tumour"; most slices of the class that means it have a
            mask that is not empty; or most of a class that is taken for a tumour have an empty one.
    """
    _check_only_one(labelled, option)
    full = _full_masks(labelled)
    names, healthy = labelled.class_names, labelled.no_tumour_class
    if healthy is not None and _share(full, healthy) > _MOST:
        raise KgpError(
            f'Class {names[healthy]!r} is taken for "no tumour", but {_counted(full, healthy)} of its slices with masks '
            "have a mask that is not empty; name the class without tumour with --no-tumour (or none)."
        )
    tumours = [number for number in full if number != healthy]
    if not tumours:
        return
    emptiest = min(tumours, key=lambda number: _share(full, number))
    fullest = max(full, key=lambda number: _share(full, number))
    empty = 1 - _share(full, emptiest)
    if healthy is None:
        contradicted = not option and empty > _NEARLY_ALL and _share(full, fullest) > _MOST
    else:
        contradicted = empty > _MOST and _share(full, healthy) > _share(full, emptiest)
    if contradicted:
        raise KgpError(
            f"Class {names[emptiest]!r} is taken for a tumour, but {_counted(full, emptiest, False)} of its slices with "
            f"masks have an empty mask, where those of class {names[fullest]!r} have not; name the class without "
            "tumour with --no-tumour (or none)."
        )


def _check_only_one(labelled: LabelledCohort, option: str) -> None:
    """Refuses several classes that mean "no tumour"."""
    members: dict[int, set[int]] = defaultdict(set)
    for row, target in zip(labelled.rows, labelled.targets, strict=True):
        members[target].add(row.label)
    classes = {name: tuple(sorted(members[number])) for number, name in enumerate(labelled.class_names)}
    found = no_tumour_classes(option, classes, {row.label: row.label_name for row in labelled.cohort.rows})
    if len(found) > 1:
        first, second, *_ = (labelled.class_names[number] for number in found)
        raise KgpError(
            f'Classes {first!r} and {second!r} both mean "no tumour"; merge them with --labels, or name one with '
            "--no-tumour."
        )


def _full_masks(labelled: LabelledCohort) -> dict[int, list[bool]]:
    """For each class whether the masks looked at hold anything; classes without masks are left out."""
    rows: dict[int, list[SliceRow]] = defaultdict(list)
    for row, target in zip(labelled.rows, labelled.targets, strict=True):
        if row.mask:
            rows[target].append(row)
    found = {}
    for number, members in rows.items():
        chosen = members[:: max(1, -(-len(members) // _LOOKED_AT))]
        masks = (read_mask(labelled.cohort, row) for row in chosen)
        found[number] = [mask is not None and bool(mask.any()) for mask in masks]
    return found


def _share(full: dict[int, list[bool]], number: int) -> float:
    """The share of a class's masks that hold something; 0 without masks."""
    return sum(full[number]) / len(full[number]) if number in full else 0.0


def _counted(full: dict[int, list[bool]], number: int, filled: bool = True) -> str:
    return f"{full[number].count(filled)} of {len(full[number])}"
