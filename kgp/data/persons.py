"""Whether the patients of a data set are persons: a person under several names lands in training and
test.
"""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from kgp.data.cohort import SliceRow
from kgp.data.near_duplicates import find_near_duplicates

_FEWEST_SLICES = 10  # with fewer, one slice a person is no wonder
_NEARLY_ALL = 0.95
_SHOWN = 3  # persons named in a sentence
_SIGN = "[-_. /:|]+"
# What is told apart of one person, with or without a number behind.
_OCCASION = (
    "visits?|sessions?|ses|scans?|rescan|stud(?:y|ies)|series|ser|exams?|timepoints?|time|tp|followups?|fup?|baseline|bl|"
    "initial|pre|post|preop|postop|intraop|days?|weeks?|wk|months?|mo|years?|yr|runs?|acq|repeat|slices?|slc?|images?|img|"
    "frames?|left|right|axial|ax|coronal|cor|sagittal|sag|first|second|third|1st|2nd|3rd|t1c?e?|t1w|t2w?|flair|dwi|crop|aug|"
    "copy|flip(?:ped)?|rot(?:ated)?"
)
_LONG_OCCASION = "visit|session|ses|scan|study|series|exam|timepoint|followup|baseline|preop|postop|slice|img|image"
_OCCASIONS = (
    re.compile(f"(.+?){_SIGN}(?:{_OCCASION})(?:{_SIGN})?[0-9]*[a-z]?"),
    re.compile(f"(.*[0-9])(?:{_LONG_OCCASION})(?:{_SIGN})?[0-9]*"),
    re.compile(f"(.*[0-9].*?){_SIGN}[vtmdwy][0-9]{{1,3}}"),
)
_DATE = re.compile(f"(.+?){_SIGN}([0-9]{{8}}|[0-9]{{4}}[-_.][0-9]{{1,2}}[-_.][0-9]{{1,2}})")
_LETTER = re.compile(f"(.*[0-9])(?:{_SIGN})?[a-z]")
# Visits, or the patients of a site: only their numbers tell.
_SHORT_NUMBER = re.compile(f"(.*[0-9].*?)((?:{_SIGN}s?|[vtms])[0-9]{{1,2}}[a-z]?|{_SIGN}00[0-9])")
_CODE = re.compile(".*[0-9](?:[a-z]+[0-9]|[a-z]{2}).*")  # letters among digits, such as A5R5: no visit's letter


def doubtful_persons(rows: Sequence[SliceRow], pictures: Sequence[np.ndarray]) -> list[str]:
    """Sentences on persons that may stand in training and test under several names.

    Args:
        pictures: of `kgp.data.near_duplicates.small_pictures`, one a row.
    """
    persons = [row.group for row in rows]
    sentences = person_warnings(persons)
    pairs = find_near_duplicates(pictures, persons)
    if pairs:
        one, other = (rows[number].id for number in pairs[0])
        sentences.append(
            f"{len(pairs)} slice(s) are nearly the same picture as one of another patient, such as {one} and {other}; in "
            "training and test they make figures too good (kgp prepare --check lists them)."
        )
    return [f"all: {sentence}" for sentence in sentences]


def person_warnings(persons: Iterable[str]) -> list[str]:
    """Sentences on what makes the persons of a data set doubtful.

    Args:
        persons: whose slice each slice is: its group, else its patient.
    """
    slices = Counter(persons)
    sentences = []
    if sum(slices.values()) >= _FEWEST_SLICES and _NEARLY_ALL * len(slices) <= list(slices.values()).count(1):
        sentences.append(
            f"the {sum(slices.values())} slices have {len(slices)} patients; where several slices are of one person, give "
            "them one patient or patient_group, or the person stands in training and test."
        )
    shared = [] if sentences else list(persons_with_several_ids(slices).values())
    if shared:
        listed = "; ".join(", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "") for ids in shared[:_SHOWN])
        sentences.append(
            f"{sum(map(len, shared))} patients seem to be {len(shared)} person(s), as their ids begin alike ({listed}"
            f"{'; ...' if len(shared) > _SHOWN else ''}); where they are, give them one patient_group, or the person stands "
            "in training and test."
        )
    return sentences


def persons_with_several_ids(ids: Iterable[str]) -> dict[str, list[str]]:
    """The ids that seem to be of one person, sorted, by what they have in common.

    Such are ids that differ in capitals, signs or leading zeros, or in what follows a common
    beginning: a visit or series (p1-visit2), a date, a letter behind a number (P01_a, MR04B), or a
    short number, where more beginnings than such numbers are there (P01_1, P01_2, P02_1).
    """
    names = {name: name.strip().casefold() for name in sorted(set(ids))}
    codes = any(_CODE.fullmatch(re.split(_SIGN, name)[-1]) for name in names.values())
    stems = {name: _stem(plain, codes) for name, plain in names.items()}
    numbered = {name: match for name, stem in stems.items() if (match := _SHORT_NUMBER.fullmatch(stem))}
    beginnings, numbers = ({match[part] for match in numbered.values()} for part in (1, 2))
    if len(beginnings) >= max(len(numbers), 2):
        stems |= {name: match[1] for name, match in numbered.items()}
    members: dict[str, list[str]] = defaultdict(list)
    for name, stem in stems.items():
        members[_plain(stem)].append(name)
    return {
        stem: found
        for stem, found in members.items()
        if len(found) > 1 and len(members) > 1 and (re.search("[0-9]", stem) or len(found) <= len(members))
    }


def _plain(stem: str) -> str:
    """What is left of an id without leading zeros, and with one kind of sign."""
    return re.sub(_SIGN, "-", re.sub("(?<![0-9])0+(?=[0-9])", "", stem))


def _stem(name: str, codes: bool) -> str:
    """An id without what surely is an occasion: visits, series, dates, letters behind numbers.

    Args:
        codes: whether letters behind numbers say nothing, as ids hold letters anywhere.
    """
    shorter = name
    while shorter:
        name, shorter = shorter, _without_occasion(shorter, codes)
    return name


def _without_occasion(name: str, codes: bool) -> str:
    """An id without its last part, "" where that part is no occasion."""
    for pattern in _OCCASIONS:
        if match := pattern.fullmatch(name):
            return match[1]
    match = _DATE.fullmatch(name)
    if match and _is_date(match[2]):
        return match[1]
    match = _LETTER.fullmatch(name)
    return match[1] if match and not (codes and name[-2].isdigit()) else ""


def _is_date(text: str) -> bool:
    """Whether a text is a day of 1900 to 2099, year first or last."""
    digits = [int(part) for part in re.findall("[0-9]+", text)]
    orders = (
        [digits]
        if len(digits) == 3
        else [[int(text[:4]), int(text[4:6]), int(text[6:])], [int(text[4:]), int(text[2:4]), int(text[:2])]]
    )
    for year, month, day in orders:
        try:
            datetime.date(year, month, day)
        except ValueError:
            continue
        if 1900 <= year < 2100:
            return True
    return False
