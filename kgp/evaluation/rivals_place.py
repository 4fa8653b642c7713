"""What the place of a slice tells of its class: its plane, or its position in its volume.

Where pituitary tumours are shown from the side and gliomas from above, or where tumours lie in the
middle of volumes, a network can be right without having seen a tumour.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from kgp.data.cohort import Cohort, SliceRow

TENTHS = 10
PLANE = "the plane of the slice alone"
POSITION = "the position of the slice in its volume alone"
UNKNOWN = "The data name neither the plane of a slice (column plane) nor its position in its volume (column slice)."


@dataclasses.dataclass(frozen=True)
class KnownPlaces:
    """Where the slices of two sets lie.

    Attributes:
        what: `PLANE` or `POSITION`.
        known, judged: the place of each slice of either set; "" where it is not known.
    """

    what: str
    known: tuple[str, ...]
    judged: tuple[str, ...]


def known_places(
    known_cohort: Cohort, known: Sequence[SliceRow], judged_cohort: Cohort, judged: Sequence[SliceRow]
) -> KnownPlaces | None:
    """The planes of the slices, where both sets name planes and they differ; else their positions;
    None where neither is known of both.

    Args:
        known: slices of `known_cohort` whose classes are to be learned from.
        judged: slices of `judged_cohort` whose classes are to be told.
    """
    planes = tuple(row.plane for row in known), tuple(row.plane for row in judged)
    if len(set(planes[0]) - {""}) > 1 and any(planes[1]):
        return KnownPlaces(PLANE, *planes)
    positions = _tenths(known_cohort, known), _tenths(judged_cohort, judged)
    if any(positions[0]) and any(positions[1]):
        return KnownPlaces(POSITION, *positions)
    return None


def classes_by_place(places: KnownPlaces, targets: Sequence[int], classes: int) -> np.ndarray:
    """The class of each judged slice by its place alone.

    It is the class of whose slices the largest share lies at that place, so that frequent classes
    have no advantage, the first of equals; at a place where no known slice lies, the most frequent
    class.

    Args:
        places: of known and judged slices.
        targets: class index of each known slice.
        classes: number of classes.

    Returns:
        int [number of judged slices].
    """
    slices_of = np.bincount(targets, minlength=classes)
    at: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(classes, int))
    for place, target in zip(places.known, targets, strict=True):
        at[place][target] += 1
    call = {place: int((counts / np.maximum(slices_of, 1)).argmax()) for place, counts in at.items()}
    return np.array([call.get(place, int(slices_of.argmax())) for place in places.judged], int)


def _tenths(cohort: Cohort, rows: Sequence[SliceRow]) -> tuple[str, ...]:
    """In which tenth of its volume each slice lies, "0" to "9" in the order of the slices' numbers;
    "" where the cohort has no other slice of the volume.

    The slices of a patient that belong to no volume are one.
    """
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in cohort.rows:
        numbers[row.patient, row.volume].append(row.index)
    ends = {volume: (min(own), max(own)) for volume, own in numbers.items()}

    def tenth(row: SliceRow) -> str:
        first, last = ends[row.patient, row.volume]
        return str(min(TENTHS * (row.index - first) // (last - first), TENTHS - 1)) if last > first else ""

    return tuple(map(tenth, rows))
