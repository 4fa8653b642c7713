"""What the kinds of BraTS data are: their tumour, the labels of their masks, and their patients.

The kind stands in the name of a case (BraTS-MET-00002-000). The labels of its masks by kind and
year, and which of them is a cavity, no tumour:

    kind     year               labels above 0                           cavity  arXiv
    to 2022  BraTS17_ and so on 1 necrosis, 2 oedema, 4 enhancing        none    2107.02314
    GLI      2023               1 necrosis, 2 oedema, 3 enhancing        none    2107.02314
    GLI      from 2024, treated as 2023, 4 resection cavity              4       2405.18368
    SSA      from 2023          as GLI 2023                              none    2305.19369
    MEN      from 2023          as GLI 2023                              none    2305.07642
    MEN-RT   from 2024          1 target volume, a cavity's margins too  none    2405.18383
    MET      2023, 2024         as GLI 2023                              none    2306.00838
    MET      2025, also treated as GLI 2023, 4 resection cavity          4       2504.12527
    PED      2023               1 non-enhancing, 2 oedema, 3 enhancing   none    2305.17033
    PED      from 2024          1 enhancing, 2 not, 3 cyst, 4 oedema     none    2404.15009
    GoAT     2024               as GLI 2023, of any tumour               none    (synapse.org/brats2024)

The papers name the regions; the numbers are those in the files. So label 4 is a cavity in GLI and
MET, whatever the year, and tumour everywhere else.
"""

import dataclasses
import re
from collections.abc import Set


@dataclasses.dataclass(frozen=True)
class BratsKind:
    """One kind of BraTS data.

    Attributes:
        name: as in the names of its cases, or in words.
        tumour: name of its tumour, of TUMOURS; "" where the kind mixes tumours.
        labels: labels above 0 that its masks may hold.
        cavity: those of them that are a resection cavity, which is no tumour.
    """

    name: str
    tumour: str
    labels: tuple[int, ...] = (1, 2, 3)
    cavity: tuple[int, ...] = ()


BY_TUMOUR = "brats-tumour-types"  # the kind of source whose classes are these
TUMOURS = ("glioma", "meningioma", "metastasis", "paediatric_tumour")
_KINDS = {
    "gli": BratsKind("BraTS-GLI", "glioma", (1, 2, 3, 4), (4,)),
    "ssa": BratsKind("BraTS-SSA", "glioma"),
    "men": BratsKind("BraTS-MEN", "meningioma"),
    "men-rt": BratsKind("BraTS-MEN-RT", "meningioma", (1,)),
    "met": BratsKind("BraTS-MET", "metastasis", (1, 2, 3, 4), (4,)),
    "ped": BratsKind("BraTS-PED", "paediatric_tumour", (1, 2, 3, 4)),
    "goat": BratsKind("BraTS-GoAT", ""),
}
# Files of the years to 2022 whose label 4 was made 3 are common, and no other label is 3 there.
_TO_2022 = BratsKind("BraTS to 2022", "glioma", (1, 2, 3, 4))
_UNKNOWN = BratsKind("other names", "", (1, 2, 3, 4))
_NAME = re.compile(r"brats[-_](gli|ssa|men[-_]rt|men|met|ped|goat)s?(?=[-_])", re.IGNORECASE)
_NAME_TO_2022 = re.compile(r"brats(20)?(1[2-9]|2[0-2])_", re.IGNORECASE)
_VISIT = re.compile(r"(brats[-_](?:gli|ssa|men[-_]rt|men|met|ped)s?(?:[-_][a-z]+)*[-_]\d+)[-_]\d+", re.IGNORECASE)
_AFTER_TREATMENT = re.compile(r"[-_]1\d\d$")  # visits of GLI 2024 are numbered from 100
_SAME_PERSON = re.compile(r"brats(?:2021_|[-_]gli[-_])(\d+)(?:[-_]\d+)?", re.IGNORECASE)


def kind_of(*names: str) -> BratsKind:
    """The kind of a case by the first of some names (of the case, of its files) that says it."""
    for name in names:
        if word := _NAME.match(name):
            return _KINDS[word[1].lower().replace("_", "-")]
        if _NAME_TO_2022.match(name):
            return _TO_2022
    return _UNKNOWN


def patient_of(case: str) -> str:
    """The patient of a case name: BraTS-GLI-00000-001 is a visit of BraTS-GLI-00000."""
    visit = _VISIT.fullmatch(case)
    return visit[1] if visit else case


def person_of(case: str) -> str:
    """What the names of one person's cases share: BraTS-GLI-00006-000 holds the files of
    BraTS2021_00006, as GLI of 2023 took the cases of 2021 with their numbers.
    """
    number = _SAME_PERSON.fullmatch(case)
    return f"BraTS-GLI-{number[1]}" if number else patient_of(case)


def label_notes(case: str, kind: BratsKind, values: Set[int]) -> list[str]:
    """Sentences on labels of a mask that its kind does not have, or that may mean something else.

    Args:
        values: the labels above 0 that the mask holds.
    """
    notes = []
    unknown = sorted(values - set(kind.labels))
    if unknown:
        notes.append(
            f"has the label {', '.join(map(str, unknown))} in its mask, which {kind.name} masks do not have "
            f"(known are {', '.join(map(str, kind.labels))}); it is taken for tumour."
        )
    # GLI of 2023 holds the cases of 2021, whose label 4 may have been left as it was.
    if kind is _KINDS["gli"] and 4 in values and 3 not in values and not _AFTER_TREATMENT.search(case):
        notes.append(
            "has label 4 and no label 3 in its mask; 4 is taken for a resection cavity, which is no tumour, but was "
            "the enhancing tumour up to 2022."
        )
    if kind in (_TO_2022, _UNKNOWN) and {3, 4} <= values:
        notes.append(
            "has both labels 3 and 4 in its mask, as masks after treatment have, where 4 is a resection cavity; "
            "both are taken for tumour, as the case is not called BraTS-GLI or BraTS-MET."
        )
    return notes
